"""Skipped writes: what a request remembers of them."""

from collections.abc import Iterator

import pytest
from redis.exceptions import OutOfMemoryError, ResponseError

from core.redis import rejections
from core.redis.rejections import Skippable


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    rejections.forget()
    yield
    rejections.forget()


def reject() -> None:
    raise OutOfMemoryError("command not allowed")


def skip_rejected(what: Skippable) -> None:
    with rejections.skipping(what):
        reject()


def test_a_request_that_skipped_a_write_makes_no_other() -> None:
    rejections.check()
    skip_rejected("served")
    with pytest.raises(OutOfMemoryError):
        rejections.check()
    rejections.forget()
    rejections.check()


def test_a_full_cache_does_not_keep_a_request_from_writing_to_the_state_redis() -> None:
    skip_rejected("cache")
    rejections.check()


def test_other_errors_are_not_skipped() -> None:
    with pytest.raises(ResponseError), rejections.skipping("cache"):
        raise ResponseError("WRONGTYPE")
