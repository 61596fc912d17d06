"""Fixtures of the whole-system tests."""

from finishd.testing.people import clock, messages, people_store, people_store_down

__all__ = ["clock", "messages", "people_store", "people_store_down"]
