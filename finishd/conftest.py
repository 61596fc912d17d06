"""Fixtures of the whole-system tests."""

import pytest

from finishd.testing.people import (
    activity_store,
    activity_store_unavailable,
    clock,
    long_redis_timeouts,
    messages,
)

__all__ = ["activity_store", "activity_store_unavailable", "clock", "long_redis_timeouts", "messages"]

pytest.register_assert_rewrite("finishd.tests.friends", "finishd.tests.friends_checks")
