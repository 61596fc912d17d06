"""Access to `/metrics`, and the samples of all collectors."""

import time
from collections import Counter
from contextlib import suppress
from typing import Any, NoReturn

import pytest
from django.contrib.auth.models import User
from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError

from activity.services import delivery, follows, metering, relations
from activity.store import get_store
from activity.store.meter import count_calls
from activity.tasks import backfill
from activity.types import Relation
from analytics import stream
from analytics.tests.events import count_all, make_body, send_events
from content.tests.factories import ItemFactory
from core.circuit import get_circuit_breakers
from core.redis import client as redis_module
from core.redis.client import count_round_trips, state_redis
from core.redis.reads import Read
from feed.sources import personalized
from feed.tests import world
from finishd.operations.tests.scraping import TOKEN, scrape
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_client, get_token
from finishd.testing.events import append_and_read_events, make_event

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def _clear_totals(settings: Any) -> None:
    """Remove the totals of other tests in this process."""
    settings.METRICS_TOKEN = TOKEN
    metering._unflushed.sums.clear()


def test_the_backlog_of_pending_history_is_measured() -> None:
    append_and_read_events(make_event("ama", "film-0001", at=int(time.time())))
    samples = scrape()
    assert samples["finishd_pending_history_backlog", ()] == 1
    assert 0 < samples["finishd_pending_history_lag_seconds", ()] < 60


def test_an_open_circuit_breaker_is_shown_until_it_closes() -> None:
    before = scrape()
    opened = ("finishd_circuit_breaker_changes_total", (("dependency", "redis"), ("state", "open")))
    closed = ("finishd_circuit_breaker_changes_total", (("dependency", "redis"), ("state", "closed")))
    breaker = get_circuit_breakers()["redis"]
    for _ in range(5):
        with suppress(RedisConnectionError), breaker.protect():
            raise RedisConnectionError
    samples = scrape()
    assert samples["finishd_circuit_breaker_state", (("dependency", "redis"), ("state", "open"))] == 1
    assert samples["finishd_circuit_breaker_state", (("dependency", "redis"), ("state", "closed"))] == 0
    assert samples[opened] == before.get(opened, 0) + 1
    breaker._open_until = 0.0  # two seconds later
    state_redis().ping()
    samples = scrape()
    assert samples["finishd_circuit_breaker_state", (("dependency", "redis"), ("state", "closed"))] == 1
    assert samples[closed] == before.get(closed, 0) + 1


class TestAccess:
    @pytest.mark.parametrize(
        "authorization", ["", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer né"]
    )
    def test_without_the_token_the_response_is_401(self, authorization: str) -> None:
        response = Client().get("/metrics", HTTP_AUTHORIZATION=authorization)
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert b"finishd_" not in response.content

    @pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer x"])
    def test_without_a_configured_token_the_response_is_404(self, settings: Any, authorization: str) -> None:
        settings.METRICS_TOKEN = ""
        assert Client().get("/metrics", HTTP_AUTHORIZATION=authorization).status_code == 404

    def test_staff_sessions_may_read_and_other_sessions_may_not(self, client: Client) -> None:
        client.force_login(User.objects.create_user("visitor"))
        assert client.get("/metrics").status_code == 401
        client.force_login(User.objects.create_user("staff", is_staff=True))
        assert client.get("/metrics").status_code == 200

    def test_an_id_token_is_not_accepted(self) -> None:
        assert Client().get("/metrics", HTTP_AUTHORIZATION=f"Bearer {get_token('ama')}").status_code == 401

    def test_only_reads_are_allowed(self) -> None:
        assert Client().post("/metrics", HTTP_AUTHORIZATION=f"Bearer {TOKEN}").status_code == 405


class TestCollectors:
    def test_delivery_lag_and_backlog(self) -> None:
        now = time.time()
        follows.follow("ama", "kofi", now=now)
        recorded = relations.set_relation(
            "kofi", "movie:1", Relation(favorite=True), source=None, now=now - 3
        )
        delivery.deliver_batch("kofi", "movie:1", recorded.activity.version, now=now)
        relations.set_relation("kofi", "movie:2", Relation(favorite=True), source=None, now=now - 9)
        samples = scrape()
        assert samples["finishd_delivery_lag_seconds", (("quantile", "0.99"),)] == pytest.approx(3, abs=0.01)
        assert samples["finishd_deliveries_finished", ()] == 1
        assert 9 <= samples["finishd_delivery_oldest_seconds", ()] < 30
        assert samples["finishd_jobs_backlog", (("kind", "deliver"),)] == 1
        assert samples["finishd_collector_up", (("collector", "deliveries"),)] == 1

    def test_backlog_duplicates_and_dead_letters_of_events(self) -> None:
        ItemFactory.create(id="heat")
        batch = [make_body("heat"), make_body("made-up")]
        for _ in range(2):  # a phone that received no response sends the batch again
            send_events("ama", *batch)
        count_all()
        send_events("ama", make_body("heat"))
        samples = scrape()
        counts, shard = ("reader", "counts"), ("shard", str(stream.get_shard("ama")))
        assert samples["finishd_events_backlog", (counts, shard)] == 1
        assert 0 <= samples["finishd_events_lag_seconds", (counts, shard)] < 30
        assert samples["finishd_events_read_total", (counts,)] == 2
        assert samples["finishd_events_duplicate_total", (counts,)] == 2
        assert samples["finishd_dead_letters", (("reason", "unknown_item"),)] == 1
        assert samples["finishd_dead_letters_lost_total", ()] == 0
        assert samples["finishd_stream_resets_total", ()] == 0
        assert samples["finishd_dedup_keys", ()] >= 2
        assert samples["finishd_dedup_keys_evicted_total", ()] == 0
        assert samples["finishd_collector_up", (("collector", "events"),)] == 1

    def test_each_lost_stream_counts_once(self) -> None:
        ItemFactory.create(id="heat")
        for _ in range(2):
            send_events("ama", make_body("heat"))
            count_all()
            state_redis().flushall()
        count_all()
        assert scrape()["finishd_stream_resets_total", ()] == 2

    def test_store_calls_by_endpoint_and_task(self) -> None:
        get_client("ama").post("/api/v1/social/follow", {"target_uid": "kofi", "action": "follow"})
        backfill.apply(args=("ama", "kofi"), throw=True)
        samples = scrape()
        calls = {by: n for (name, by), n in samples.items() if name == "finishd_store_calls_total"}
        written = {
            by: n for (name, by), n in samples.items() if name == "finishd_store_documents_written_total"
        }
        read = {by: n for (name, by), n in samples.items() if name == "finishd_store_documents_read_total"}
        endpoint = (("caller", "POST /api/v1/social/follow"),)
        assert calls.get(endpoint, 0) >= 1, sorted(calls)
        assert written[endpoint] >= 3  # edge, person, job
        assert read[("caller", "activity.tasks.backfill"),] >= 2
        assert calls[("caller", "activity.tasks.backfill"),] >= 2
        before = calls[endpoint]
        get_client("ama").post("/api/v1/social/follow", {"target_uid": "esi", "action": "follow"})
        assert scrape()["finishd_store_calls_total", endpoint] > before

    def test_labels_are_routes_and_not_paths(self) -> None:
        for uid in ("kofi", "esi", "yaw"):
            get_client("ama").get(f"/api/v1/social/stats/{uid}")
        get_client("ama").get("/api/v1/no/such/place")
        labels = {dict(by)["caller"] for name, by in scrape() if name == "finishd_store_calls_total"}
        assert len([label for label in labels if "stats" in label]) == 1
        assert not any("kofi" in label for label in labels)

    def test_plan_lookups_source_durations_and_served_slots(self) -> None:
        world.catalogue(300)
        world.build()
        client, before = get_client("ama"), scrape()
        page = client.get("/api/v1/feed").json()
        client.get("/api/v1/feed")
        client.get("/api/v1/feed", {"cursor": page["meta"]["cursor"]})
        state_redis().unlink(*state_redis().keys("plan:*"), *state_redis().keys("slots:*"))
        client.get("/api/v1/feed", {"cursor": page["meta"]["cursor"]})
        increase = Counter(scrape())
        increase.subtract(before)
        feed = ("feed", "for_you")
        plans = {
            dict(labels)["outcome"]: n
            for (name, labels), n in increase.items()
            if name == "finishd_plan_lookups_total" and n
        }
        assert plans == {"built": 1, "reused": 1, "replaced": 1}
        assert increase["finishd_chunk_build_duration_seconds_count", (feed,)] == 2
        assert increase["finishd_recall_duration_seconds_count", ()] >= 2
        for source in ("trending", "personalized", "friends"):
            assert increase["finishd_source_duration_seconds_count", (("source", source),)] >= 2
        served = {labels: n for (name, labels), n in increase.items() if name == "finishd_slots_served_total"}
        assert sum(served.values()) == 40
        assert served[feed, ("source", "trending")] > 0

    def test_extended_plans_and_failures_of_sources(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world.catalogue(450)
        world.build()
        client, before = get_client("ama"), scrape()

        def fail(*_: Any) -> NoReturn:
            raise ZeroDivisionError

        monkeypatch.setattr(personalized, "read", lambda request: Read(lambda pipe: None, fail))
        page = client.get("/api/v1/feed?limit=100").json()
        for _ in range(2):
            page = client.get("/api/v1/feed", {"limit": 100, "cursor": page["meta"]["cursor"]}).json()
        increase = Counter(scrape())
        increase.subtract(before)
        failure = (("reason", "ZeroDivisionError"), ("source", "personalized"))
        assert increase["finishd_source_failures_total", failure] >= 2
        assert increase["finishd_plan_lookups_total", (("feed", "for_you"), ("outcome", "extended"))] >= 1

    def test_indexes_by_age_and_size(self) -> None:
        world.catalogue(30)
        world.build()
        samples = scrape()
        assert samples["finishd_index_items", (("index", "trending"),)] == 30
        assert len([name for name, _ in samples if name == "finishd_index_items"]) == 1 + len(world.GENRES)
        assert samples["finishd_index_age_seconds", ()] >= 0

    def test_metering_adds_no_round_trip_to_a_page_and_hides_no_store_call(self) -> None:
        world.catalogue(30)
        world.build()
        client = get_client("ama")
        metering._unflushed.flushed_at = 0.0  # long ago, so this request flushes the totals to Redis
        with count_round_trips() as round_trips, count_calls() as tally:
            client.get("/api/v1/feed")
        assert tally.calls
        assert metering._unflushed.sums == {}
        assert not any("HINCRBY" in commands for commands in round_trips)

    def test_without_redis_failed_collectors_are_reported(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        samples = scrape()
        assert samples["finishd_collector_up", (("collector", "deliveries"),)] == 0
        assert samples["finishd_collector_up", (("collector", "store_calls"),)] == 0
        assert samples["finishd_collector_up", (("collector", "events"),)] == 0
        redis_server.start()
        redis_module._circuit_breakers.clear()
        assert scrape()["finishd_collector_up", (("collector", "deliveries"),)] == 1

    def test_store_call_totals_are_kept_until_redis_is_back(self, redis_server: RedisServer) -> None:
        with metering.metered(["somewhere"]):
            get_store().get_profile("ama")
        redis_server.stop()
        metering.flush(at_once=True)
        redis_server.start()
        redis_module._circuit_breakers.clear()
        assert metering.get_totals()["calls"] == {"somewhere": 1}
