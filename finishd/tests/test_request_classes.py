"""The classes of requests, and what they promise."""

import pytest
from django.conf import settings

from core.front import RequestClass
from finishd import request_classes as classes


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/api/v1/feed", b"", classes.FIRST_PAGE),
        ("/api/v1/feed", b"limit=10&cursor=", classes.FIRST_PAGE),
        ("/api/v1/feed", b"notcursor=abc", classes.FIRST_PAGE),
        ("/api/v1/feed", b"cursor=abc", classes.NEXT_PAGE),
        ("/api/v1/feed", b"limit=10&cursor=abc", classes.NEXT_PAGE),
        ("/api/v1/analytics/event", b"", classes.EVENTS),
        ("/api/v1/search", b"q=film", classes.SEARCHES),
        ("/api/v1/user-titles/sync", b"", classes.OTHER),
        ("/api/v1/nothing-here", b"", classes.OTHER),
        ("/api/v1/health", b"", classes.MONITORING),
        ("/health", b"", classes.MONITORING),
        ("/health/ready", b"", classes.MONITORING),
        ("/metrics", b"", classes.MONITORING),
        ("/admin/", b"", classes.STAFF_PAGES),
        ("/static/admin/css/base.css", b"", classes.STAFF_PAGES),
        ("/api/docs", b"", classes.STAFF_PAGES),
        ("/", b"", classes.STAFF_PAGES),
    ],
)
def test_a_request_has_the_class_of_its_path(path: str, query: bytes, expected: RequestClass) -> None:
    assert classes.classify(path, query) is expected


def test_events_are_rejected_first_and_next_pages_last() -> None:
    api = [each for each in classes.CLASSES if each.lane is classes.API]
    by_room = [each.name for each in sorted(api, key=lambda each: each.room)]
    assert by_room == ["events", "first_page", "other", "next_page"]


def test_a_search_is_answered_before_the_app_gives_up() -> None:
    assert classes.SEARCHES.wait == settings.SEARCH_WAIT == 10  # the app waits for 15 s
    assert classes.SEARCHES.run == settings.REQUEST_DEADLINE
    assert classes.SEARCHES.total == settings.SEARCH_WAIT + settings.REQUEST_DEADLINE


def test_a_started_request_of_the_api_has_half_of_its_deadline_left() -> None:
    for each in classes.CLASSES:
        if each.lane is classes.API:
            assert each.wait + each.run / 2 <= each.total


def test_every_lane_has_threads_and_a_bound() -> None:
    assert {each.lane for each in classes.CLASSES} == set(classes.LANES)
    assert all(lane.threads and lane.queue_limit for lane in classes.LANES)
