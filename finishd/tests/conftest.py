"""Fixtures of the whole-system tests."""

from finishd.testing.people import clock, messages, patient_redis, people_store, people_store_down

__all__ = ["clock", "messages", "patient_redis", "people_store", "people_store_down"]
