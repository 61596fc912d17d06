"""Fixtures of the whole-system tests."""

import pytest

from finishd.testing.people import clock, messages, patient_redis, people_store, people_store_down

__all__ = ["clock", "messages", "patient_redis", "people_store", "people_store_down"]

pytest.register_assert_rewrite("finishd.tests.friends")
