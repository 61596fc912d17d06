"""The bottom layer: the breaker, the one way to Redis, and the spelling of its keys."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from activity import keys as activity_keys
from core import circuit as breakers
from core.circuit import CircuitBreaker, CircuitOpen
from core.redis.client import REDIS_UNAVAILABLE, count_round_trips, state_redis
from core.redis.keys import escape_hash_tag, get_declared_keys
from core.redis.script import Script
from feed import keys as feed_keys
from feed.tests import world
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_item_ids, walk_feed
from finishd.testing.inspection import find_key_violations


class Down(Exception):
    """What the breaker counts."""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class BreakerMachine(RuleBasedStateMachine):
    """Calls that begin and end in any order, slow ones among them, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = CircuitBreaker(
            "part", failure_types=(Down,), failure_threshold=3, open_seconds=2.0, clock=self.clock
        )
        self.running: list[AbstractContextManager[None]] = []
        self.probe: AbstractContextManager[None] | None = None

    @rule()
    def begin(self) -> None:
        before = self.breaker.state
        call = self.breaker.protect()
        if before == "open" or self.probe:
            with pytest.raises(CircuitOpen) as refused:
                call.__enter__()
            assert 0 <= refused.value.retry_after <= 2.0
            return
        call.__enter__()
        self.running.append(call)
        if before == "half-open":
            self.probe = call

    @precondition(lambda self: self.running)
    @rule(data=st.data(), fails=st.booleans())
    def end(self, data: st.DataObject, fails: bool) -> None:
        call = data.draw(st.sampled_from(self.running))
        before = self.breaker.state
        self.running.remove(call)
        if fails:
            assert not call.__exit__(Down, Down(), None)  # it goes on up
        else:
            call.__exit__(None, None, None)
        if call is self.probe:
            self.probe = None
            assert self.breaker.state == ("open" if fails else "closed")
        elif before != "closed":
            assert self.breaker.state == before, "only the probe decides"

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def teardown(self) -> None:
        """Whatever was, a part that answers again closes it within its time."""
        for call in self.running:
            call.__exit__(None, None, None)
        self.clock.now += 2.0
        with self.breaker.protect():
            pass
        assert self.breaker.state == "closed"


TestBreakerAlways = BreakerMachine.TestCase


class TestBreaker:
    def breaker(self, clock: Clock, failure_threshold: int = 3) -> CircuitBreaker:
        return CircuitBreaker(
            "part", failure_types=(Down,), failure_threshold=failure_threshold, open_seconds=2.0, clock=clock
        )

    def fail(self, breaker: CircuitBreaker) -> None:
        with pytest.raises(Down), breaker.protect():
            raise Down

    def test_opens_after_failures_in_a_row_and_fails_at_once(self) -> None:
        clock = Clock()
        breaker = self.breaker(clock)
        self.fail(breaker)
        self.fail(breaker)
        with breaker.protect():
            pass  # in a row, not in all
        for _ in range(3):
            assert breaker.state == "closed"
            self.fail(breaker)
        assert breaker.state == "open"
        clock.now = 0.5
        with pytest.raises(CircuitOpen) as refused, breaker.protect():
            pytest.fail("the call was made")
        assert refused.value.retry_after == 1.5

    def test_a_failed_probe_opens_it_again_and_a_good_one_closes_it(self) -> None:
        clock = Clock()
        breaker = self.breaker(clock)
        for _ in range(3):
            self.fail(breaker)
        states = [breaker.state]
        clock.now = 2.0
        states.append(breaker.state)
        self.fail(breaker)
        states.append(breaker.state)
        clock.now = 4.0
        with breaker.protect():
            pass
        assert [*states, breaker.state] == ["open", "half-open", "open", "closed"]

    def test_an_error_that_it_does_not_count_is_an_answer(self) -> None:
        breaker = self.breaker(Clock())
        for _ in range(10):
            self.fail(breaker)
            with pytest.raises(ValueError, match="no"), breaker.protect():
                raise ValueError("no")
        assert breaker.state == "closed"

    def test_an_error_that_it_counts_may_be_judged_an_answer(self) -> None:
        breaker = CircuitBreaker(
            "part",
            failure_types=(Down,),
            is_failure=lambda reason: "busy" not in str(reason),
            failure_threshold=1,
        )
        with pytest.raises(Down), breaker.protect():
            raise Down("busy")
        assert breaker.state == "closed"

    def test_it_tells_who_listens_and_counts_how_often_it_opened(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        heard: list[tuple[str, str]] = []
        monkeypatch.setattr(breakers, "_listeners", [])
        breakers.add_state_listener(lambda breaker, state: heard.append((breaker.name, state)))
        clock = Clock()
        breaker = self.breaker(clock, failure_threshold=1)
        for _ in range(2):
            self.fail(breaker)
            clock.now += 2.0
        with breaker.protect():
            pass
        assert [state for _, state in heard] == ["open", "half-open", "open", "half-open", "closed"]
        assert {name for name, _ in heard} == {"part"}
        assert breaker.times_opened == 1, "an outage, however many probes it takes"

    def test_what_is_registered_is_listed_by_its_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(breakers, "_registered", {})
        first, second = (
            breakers.register_circuit_breaker(CircuitBreaker(name, failure_types=(Down,)))
            for name in ("sql", "broker")
        )
        assert list(breakers.get_circuit_breakers().items()) == [("broker", second), ("sql", first)]
        newer = breakers.register_circuit_breaker(CircuitBreaker("sql", failure_types=(Down,)))
        assert breakers.get_circuit_breakers()["sql"] is newer

    def test_an_outage_is_logged_when_it_begins_and_when_it_ends(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        clock = Clock()
        breaker = self.breaker(clock)
        for _ in range(20):
            self.fail(breaker)
            clock.now += 0.5
            if breaker.state == "open":
                clock.now += 2.0
        with breaker.protect():
            pass
        assert len(caplog.records) == 2

    def test_a_slow_call_holds_up_nobody(self) -> None:
        breaker = CircuitBreaker("part", failure_types=(Down,))
        inside, leave = threading.Event(), threading.Event()

        def slow() -> None:
            with breaker.protect():
                inside.set()
                leave.wait(10)

        thread = threading.Thread(target=slow)
        thread.start()
        try:
            assert inside.wait(10)
            began = time.monotonic()
            for _ in range(100):
                self.fail(breaker)
                with breaker.protect():
                    pass
            assert time.monotonic() - began < 1
        finally:
            leave.set()
            thread.join()

    def test_of_many_threads_at_once_one_probes(self) -> None:
        clock = Clock()
        breaker = self.breaker(clock, failure_threshold=1)
        self.fail(breaker)
        clock.now = 2.0
        start, made = threading.Barrier(16), []

        def call() -> None:
            start.wait(10)
            try:
                with breaker.protect():
                    made.append(1)
                    time.sleep(0.2)
            except CircuitOpen:
                pass

        threads = [threading.Thread(target=call) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == [1]
        assert breaker.state == "closed"


@pytest.fixture
def server(redis_server: RedisServer) -> Iterator[RedisServer]:
    """A Redis to break; afterwards this process's breaker is closed again, for the next test."""
    yield redis_server
    redis_server.resume()
    redis_server.start()
    deadline = time.monotonic() + 10
    while not answers():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers() -> bool:
    try:
        return bool(state_redis().ping())
    except REDIS_UNAVAILABLE:
        return False


def ask_in_a_pipeline() -> None:
    pipe = state_redis().pipeline()
    pipe.get("anything")
    pipe.execute()


class TestRedis:
    def test_a_hanging_server_costs_its_time_out_until_the_breaker_opens(self, server: RedisServer) -> None:
        server.pause()
        for _ in range(5):
            began = time.monotonic()
            with pytest.raises(RedisTimeoutError):
                state_redis().get("anything")
            assert time.monotonic() - began < 0.15 + 0.5
        began = time.monotonic()
        with pytest.raises(CircuitOpen):
            state_redis().get("anything")
        with pytest.raises(CircuitOpen):
            ask_in_a_pipeline()
        assert time.monotonic() - began < 0.15  # both together
        server.resume()
        time.sleep(2)
        assert state_redis().get("anything") is None

    def test_nothing_is_silently_sent_twice(self, server: RedisServer) -> None:
        state_redis().ping()
        server.pause()
        with pytest.raises(RedisTimeoutError):
            state_redis().incr("counted")
        server.resume()
        assert int(state_redis().incr("counted")) == 2  # the one that nobody waited for, and this one

    def test_a_stopped_server_is_refused_at_once_and_found_again(self, server: RedisServer) -> None:
        state_redis().set("key", "value")
        server.stop()
        with pytest.raises(RedisConnectionError):  # no time-out
            state_redis().get("key")
        server.start()
        assert state_redis().get("key") is None

    def test_a_mistake_of_ours_is_no_outage(self, server: RedisServer) -> None:
        state_redis().set("key", "value")
        for _ in range(10):
            with pytest.raises(ResponseError):
                state_redis().lpush("key", 1)
        assert state_redis().get("key") == b"value"

    def test_a_pipeline_of_nothing_waits_for_nobody(self, server: RedisServer) -> None:
        server.stop()
        with count_round_trips() as waits:
            assert state_redis().pipeline().execute() == []
        assert waits == []

    def test_waits_are_counted_for_the_thread_that_asks(self) -> None:
        with count_round_trips() as waits:
            state_redis().set("a", 1)
            pipe = state_redis().pipeline()
            pipe.get("a")
            pipe.get("b")
            pipe.execute()
            other = threading.Thread(target=lambda: state_redis().get("a"))
            other.start()
            other.join()
        state_redis().get("a")
        assert waits == ["SET", "pipeline of 2"]


class TestScripts:
    ECHO = Script("return {KEYS[1], ARGV[1]}")

    def test_one_wait_and_one_more_where_the_server_forgot_it(self) -> None:
        state_redis().script_flush()
        for expected in (2, 1, 1):
            with count_round_trips() as waits:
                assert self.ECHO.run(state_redis(), keys=["k"], args=["v"]) == [b"k", b"v"]
            assert len(waits) == expected
        state_redis().script_flush()
        assert self.ECHO.run(state_redis(), keys=["k"], args=["v"]) == [b"k", b"v"]

    def test_several_calls_are_one_wait_and_one_more_each_where_the_server_forgot_it(self) -> None:
        state_redis().script_flush()
        for expected in (3, 1, 1):
            with count_round_trips() as waits:
                answers = self.ECHO.run_many(state_redis(), [(["k"], ["v"]), (["l"], ["w"])])
            assert answers == [[b"k", b"v"], [b"l", b"w"]]
            assert len(waits) == expected

    def test_an_error_of_one_of_several_calls_is_raised(self) -> None:
        state_redis().set("words", "no number")
        with pytest.raises(ResponseError, match="not an integer"):
            Script("return redis.call('INCR', KEYS[1])").run_many(
                state_redis(), [(["new"], []), (["words"], [])]
            )

    def test_it_runs_in_a_pipeline_on_a_server_that_forgot_it(self) -> None:
        for _ in range(2):
            state_redis().script_flush()
            pipe = state_redis().pipeline()
            self.ECHO.run(pipe, keys=["k"], args=["v"])
            pipe.set("after", 1)
            assert pipe.execute() == [[b"k", b"v"], True]

    @pytest.mark.django_db(transaction=True, serialized_rollback=True)
    def test_a_session_survives_a_server_that_forgets_all_scripts(self) -> None:
        everything = world.catalogue(60)
        world.build()
        pages = walk_feed("ama", limit=20, pages=2)
        state_redis().script_flush()
        rest = walk_feed("ama", limit=20, cursor=pages[-1]["meta"]["cursor"])
        assert sorted(get_item_ids(*pages, *rest)) == everything


# What a token's `sub` may be: printable, at most 128 characters.
uids = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs"]), min_size=1, max_size=128) | st.text(
    "{}: *?[]%<>~/\\ä😀", min_size=1, max_size=40
)


def slot_part(name: str) -> str:
    """The part of a key that a cluster hashes: between the first brace and the next one that closes."""
    found = re.search(r"\{([^}]+)\}", name)
    return found[1] if found else name


class TestKeys:
    OF_A_VIEWER = [key for key in get_declared_keys() if "<viewer>" in key.pattern]

    @given(uids)
    def test_a_viewers_keys_share_one_hash_tag_whatever_the_uid(self, uid: str) -> None:
        others: dict[str, str | int] = {"session": "s1", "feed": "for_you", "chunk": 0, "scope": "read"}
        names = [key.name(viewer=uid, **others) for key in self.OF_A_VIEWER]
        assert {slot_part(name) for name in names} == {escape_hash_tag(uid)}
        assert all(name.isascii() and not re.search(r"\s", name) for name in names)
        assert all(name.count("{") == name.count("}") == 1 for name in names)

    @given(uids, uids)
    def test_no_two_viewers_share_a_key(self, one: str, other: str) -> None:
        assert (one == other) == (
            activity_keys.PROFILE.name(viewer=one) == activity_keys.PROFILE.name(viewer=other)
        )
        assert (one == other) == (
            feed_keys.PLAN.name(viewer=one, session="s") == feed_keys.PLAN.name(viewer=other, session="s")
        )

    @given(uids)
    def test_a_key_is_known_for_what_it_is_and_nothing_else(self, uid: str) -> None:
        values: dict[str, str | int] = {
            "viewer": uid,
            "session": "5e551011",
            "feed": "for_you",
            "chunk": 200,
            "item": "dQw4w9WgXcQ",
            "title": "movie:603",
            "generation": 12,
            "name": "genre:drama",
            "project": "finishd",
            "queue": "indexes",
            "worker": "celery@host",
            "shard": 3,
            "partition": 7,
            "scope": "feed",
            "address": "2001:db8:1:2::/64",
        }
        for key in get_declared_keys():
            name = key.name(**values)
            assert [other for other in get_declared_keys() if other.matches(name)] == [key]

    def test_what_is_harmless_stays_readable(self) -> None:
        assert feed_keys.SERVED.name(viewer="Ama.O-1_2@finishd") == "served:{Ama.O-1_2@finishd}"
        assert feed_keys.SERVED.name(viewer="{ama} o") == "served:{%7Bama%7D%20o}"

    @pytest.mark.django_db(transaction=True, serialized_rollback=True)
    @pytest.mark.parametrize("uid", ["}{", "{ama}:for_you", "a m a", "ama*", "%7B", "😀" * 128])
    def test_a_hostile_uid_has_a_feed_like_anybody(self, uid: str) -> None:
        everything = world.catalogue(30)
        world.build()
        world.choose(uid, "Drama")
        assert sorted(get_item_ids(*walk_feed(uid, limit=12))) == everything
        assert find_key_violations() == []
