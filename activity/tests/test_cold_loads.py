"""Deliveries that run while a timeline is loaded from the store."""

import threading

import pytest
from django.db import connection

from activity import timeline_cache
from activity.tests.scenarios import (
    EMPTY,
    KOFIS_LIKE,
    NOW,
    get_cached_rows,
    get_durable_rows,
    make_followers,
    meanwhile,
    read_timeline,
    set_relation,
    undo,
)
from finishd.testing.people import Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store"),
]


class TestColdLoads:
    @pytest.mark.usefixtures("clock")
    def test_a_delivery_during_a_load_is_not_lost(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        timeline_cache.invalidate("ama")
        set_relation("kofi")
        meanwhile(monkeypatch, "get_timeline", messages.run_all)
        assert read_timeline("ama") == KOFIS_LIKE
        assert get_cached_rows("ama") == KOFIS_LIKE

    @pytest.mark.usefixtures("clock")
    def test_an_undo_during_a_load_is_not_lost(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        set_relation("kofi")
        messages.run_all()
        timeline_cache.invalidate("ama")
        meanwhile(monkeypatch, "get_timeline", lambda: undo(messages))
        assert read_timeline("ama") == []
        assert get_cached_rows("ama") == []

    @pytest.mark.usefixtures("clock")
    def test_a_load_with_a_write_on_every_attempt_is_not_cached(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        timeline_cache.invalidate("ama")
        for time in range(1, timeline_cache.MAX_LOAD_ATTEMPTS + 1):
            meanwhile(
                monkeypatch, "get_timeline", lambda: timeline_cache.remove_author("ama", "nobody"), time=time
            )
        assert read_timeline("ama") == []
        assert get_cached_rows("ama") is None

    @pytest.mark.usefixtures("clock")
    def test_concurrent_loads_and_deliveries_lose_no_row(self, messages: Messages) -> None:
        viewers = ["ama", "mei", "zuri"]
        make_followers(messages, *viewers)
        ended = threading.Event()
        failures: list[BaseException] = []

        def load() -> None:
            try:
                while not ended.is_set():
                    for viewer in viewers:
                        timeline_cache.invalidate(viewer)
                        read_timeline(viewer)
            except BaseException as failure:
                failures.append(failure)
            finally:
                connection.close()

        loaders = [threading.Thread(target=load) for _ in range(2)]
        for loader in loaders:
            loader.start()
        for number in range(40):
            set_relation("kofi", f"movie:{number}", now=NOW + number)
            if number % 4 == 3:
                set_relation("kofi", f"movie:{number - 2}", EMPTY, now=NOW + number)
            messages.run_all()
        ended.set()
        for loader in loaders:
            loader.join()
        assert not failures
        expected = [f"kofi movie:{n}" for n in reversed(range(40)) if n % 4 != 1]
        for viewer in viewers:
            assert read_timeline(viewer) == get_durable_rows(viewer) == expected
