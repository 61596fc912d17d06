"""The Firestore store on a failing network: bounded calls, all RPCs through the wrapper, safe forks."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable

from activity.store import meter
from activity.store.base import ActivityStore
from activity.store.firestore import FirestoreStore, layout
from activity.store.firestore import calls as firestore_calls
from activity.tests.firestore_wire import Recorder
from activity.tests.store_contract import DUE, HOSTILE, LIKED, NOW, record, row
from activity.tests.test_store_bounds import COSTS, PEOPLE, add_data
from activity.types import StoreUnavailable, TimelineRow
from core.circuit import CircuitBreaker
from finishd.testing.firestore import Database
from finishd.testing.proxy import Proxy

Use = Callable[[ActivityStore], Any]

USES: dict[str, Use] = {name: use for name, (use, _) in COSTS.items()} | {
    "trim_timeline": lambda s: s.trim_timeline("ama", keep=2),
    "export": lambda s: list(s.export("ama")),
    "count_references": lambda s: s.count_references("ama"),
    "erase": lambda s: s.erase("ama"),
}
BULK_METHODS = {
    "get_profiles",
    "update_pull_lists",
    "get_existing_edges",
    "put_timeline_rows",
    "delete_timeline_rows",
    "trim_timeline",
    "erase",
    "count_references",
}


@pytest.fixture(autouse=True)
def _breaker_that_never_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a circuit breaker that never opens, so that each method meets the failure itself."""
    monkeypatch.setattr(
        meter,
        "breaker",
        CircuitBreaker("test", failure_types=(StoreUnavailable,), failure_threshold=1_000_000),
    )


@pytest.fixture
def proxy(firestore: Database, monkeypatch: pytest.MonkeyPatch) -> Generator[Proxy, None, None]:
    """A proxy to the emulator that the store uses."""
    proxy = Proxy(firestore.host)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", proxy.host)
    yield proxy
    proxy.close()


class TestCalls:
    def test_every_rpc_has_a_timeout_and_no_retries_of_the_library(self, rpcs: Recorder) -> None:
        store = FirestoreStore()
        add_data(store)
        assert set(USES) == {name for name in vars(ActivityStore) if not name.startswith("_")}
        for name, use in USES.items():
            rpcs.made.clear()
            use(store)
            assert rpcs.made, name
            for rpc in rpcs.made:
                assert 0 < rpc.arguments["timeout"] <= 15.0, (name, rpc.name)
                assert rpc.arguments["retry"] is firestore_calls._NO_RETRY, (name, rpc.name)

    @pytest.mark.parametrize(
        ("use", "rpc_names"),
        [
            (lambda s: s.get_profile("ama"), ["batch_get_documents"]),
            (lambda s: s.get_seen("ama"), ["batch_get_documents"]),
            (lambda s: s.get_timeline("ama"), ["run_query"]),
            (lambda s: s.get_due_jobs(now=DUE), ["run_query"]),
            (lambda s: record(s, "ama", "movie:1", LIKED), ["batch_get_documents", "commit"]),
            (lambda s: s.follow("ama", "kofi", now=NOW, due=DUE), ["batch_get_documents", "commit"]),
            (lambda s: s.unfollow("ama", "kofi", due=DUE), ["batch_get_documents"]),
            (lambda s: s.count_followers("ama"), ["run_aggregation_query"]),
            (lambda s: s.put_timeline_rows([(f"p{n}", row("a", "t")) for n in range(500)]), ["batch_write"]),
            (
                lambda s: s.put_timeline_rows([(f"p{n}", row("a", "t")) for n in range(501)]),
                ["batch_write"] * 2,
            ),
            (lambda s: s.put_timeline_rows([("ama", row("a", "t"))] * 3), ["batch_write"]),
            (lambda s: s.put_timeline_rows([]), []),
        ],
    )
    def test_a_call_makes_these_rpcs(self, rpcs: Recorder, use: Use, rpc_names: list[str]) -> None:
        use(FirestoreStore())
        assert rpcs.names == rpc_names

    def test_a_bulk_of_large_rows_is_split_into_requests_within_the_limit(self, rpcs: Recorder) -> None:
        large = TimelineRow("kofi", "movie:1", NOW, author_name="👻" * 200, author_picture="👻" * 3_000)
        FirestoreStore().put_timeline_rows([(f"p{n}", large) for n in range(1_000)])
        assert 4 < len(rpcs.made) < 10
        assert FirestoreStore().get_timeline("p999") == [large]

    def test_a_permanent_error_is_not_reported_as_unavailable(self, firestore: Database) -> None:
        with pytest.raises(Exception, match=r"(?i)size|bytes|exceed") as error:
            FirestoreStore().save_name("ama", "x" * 1_100_000, None)
        assert not isinstance(error.value, StoreUnavailable)


@pytest.mark.slow
class TestUnavailableServer:
    """Connections are refused, or accepted and never answered."""

    @pytest.mark.parametrize("state", ["refuse", "hang"])
    def test_every_method_raises_within_its_budget(self, proxy: Proxy, state: Any, settings: Any) -> None:
        settings.FIRESTORE_TIMEOUT, settings.FIRESTORE_DEADLINE = 0.1, 0.25
        proxy.switch(state)

        def attempt(name: str) -> float:
            started = time.monotonic()
            with pytest.raises(StoreUnavailable):
                USES[name](FirestoreStore())
            return time.monotonic() - started

        with ThreadPoolExecutor(len(USES)) as pool:
            took = dict(zip(USES, pool.map(attempt, USES), strict=True))
        for name, seconds in took.items():
            allowed = settings.FIRESTORE_DEADLINE * (
                firestore_calls.BULK_BUDGET_FACTOR if name in BULK_METHODS else 1
            )
            assert seconds < allowed + 2.0, (
                f"{name}: {seconds:.2f} s"
            )  # what 36 threads on busy cores may add

    @pytest.mark.parametrize("state", ["refuse", "hang"])
    def test_a_server_that_returns_is_used_within_seconds(
        self, proxy: Proxy, state: Any, settings: Any
    ) -> None:
        store = FirestoreStore()
        store.save_name("ama", "Ama", None)
        settings.FIRESTORE_TIMEOUT, settings.FIRESTORE_DEADLINE = 0.2, 0.4
        proxy.switch(state)
        down_until = time.monotonic() + 6  # gRPC's own backoff would be three more seconds by then
        while time.monotonic() < down_until:
            with pytest.raises(StoreUnavailable):
                store.get_profile("ama")
            time.sleep(0.1)
        proxy.switch("pass")
        returned_at = time.monotonic()
        settings.FIRESTORE_TIMEOUT, settings.FIRESTORE_DEADLINE = 1.5, 4.0
        profile = store.get_profile("ama")
        assert profile is not None
        assert time.monotonic() - returned_at < 2

    def test_a_change_whose_response_was_lost_is_applied_once(self, rpcs: Recorder) -> None:
        """The commit arrives, its response is lost, and the store retries."""
        store, lost = FirestoreStore(), ServiceUnavailable("response lost")
        commit = rpcs._api.commit

        def commit_and_lose_response(**kwargs: Any) -> Any:
            rpcs._api.commit = commit
            commit(**kwargs)
            raise lost

        rpcs._api.commit = commit_and_lose_response
        profile, _ = store.follow("ama", "kofi", now=NOW, due=DUE)
        assert rpcs.names.count("commit") == 2
        assert (profile.following_count, profile.version, store.count_following("ama")) == (1, 1, 1)
        assert store.get_job("backfill", "ama", "kofi") is not None


@pytest.mark.slow
class TestProcesses:
    def test_forked_children_make_their_own_clients(self, firestore: Database) -> None:
        script = """
            import os, threading
            import django
            django.setup()
            from activity.store import get_store
            from activity.store.firestore import client
            store = get_store()
            assert client._clients == {} and threading.active_count() == 1
            children = []
            for number in range(3):
                if (pid := os.fork()) == 0:
                    store.follow("ama", f"p{number}", now=1.0, due=2.0)
                    os._exit(0 if len(client._clients) == 1 else 1)
                children.append(pid)
            assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
            assert client._clients == {}
            print(store.get_profile("ama").following_count)
        """
        environment = {"ACTIVITY_STORE": "firestore", "DJANGO_SETTINGS_MODULE": "finishd.settings"}
        process = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (process.returncode, process.stdout.strip()) == (0, "3"), process.stderr


class TestIds:
    def test_every_name_has_a_valid_id_of_its_own(self) -> None:
        ids = {
            layout.make_document_id(*parts) for a in HOSTILE for parts in ((a,), *((a, b) for b in HOSTILE))
        }
        assert len(ids) == len(HOSTILE) * (len(HOSTILE) + 1)
        for document_id in ids:
            assert 0 < len(document_id.encode()) <= 1_500
            assert "/" not in document_id
            assert document_id not in {".", ".."}
            assert not (document_id.startswith("__") and document_id.endswith("__"))

    def test_an_id_that_would_be_too_long_is_hashed(self) -> None:
        assert layout.make_document_id("x" * 1_400) == "x" * 1_400
        assert len(layout.make_document_id("x" * 1_401)) == 65
        assert layout.make_document_id("x" * 1_401) != layout.make_document_id("x" * 1_402)

    def test_jobs_use_all_shards(self) -> None:
        shards = {layout.get_shard("deliver", uid, f"movie:{n}") for uid in PEOPLE for n in range(10)}
        assert shards == set(range(layout.SHARDS))
