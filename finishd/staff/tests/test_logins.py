"""Logins to the admin are limited by address and by name, with Redis and without."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from core.redis.client import state_redis
from core.throttling.rates import Limits, Rate
from finishd.run.embedded_redis import RedisServer
from finishd.staff import logins
from finishd.staff.models import LoginBucket

pytestmark = pytest.mark.django_db
HOUR = 3600
PASSWORD = "a good long password"
SetLimits = Callable[..., Limits]


@pytest.fixture(autouse=True)
def _staff(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real hasher is slow
    User.objects.create_superuser("staff", password=PASSWORD)


@pytest.fixture
def set_limits(settings: Any) -> SetLimits:
    def set_limits(**rates: Rate) -> Limits:
        limits = Limits("login", **rates)
        settings.THROTTLES = {**settings.THROTTLES, "login": limits}
        return limits

    return set_limits


def sign_in(name: str = "staff", *, is_password_right: bool = False, **headers: str) -> HttpResponse:
    form = {"username": name, "password": PASSWORD if is_password_right else "wrong"}
    return Client().post("/admin/login/", form, **headers)  # type: ignore[arg-type,return-value]


def test_the_right_password_logs_in() -> None:
    response = sign_in(is_password_right=True)
    assert (response.status_code, response.headers["Location"]) == (302, reverse("admin:index"))


def test_reset_login_unlocks_a_name(set_limits: SetLimits, redis_server: RedisServer) -> None:
    set_limits(user=Rate(2, HOUR))
    assert [sign_in().status_code for _ in range(3)] == [200, 200, 429]
    call_command("reset_login", "Staff")
    assert sign_in(is_password_right=True).status_code == 302
    redis_server.stop()  # in SQL, attempts are counted
    assert [sign_in().status_code for _ in range(2)] == [200, 429]
    redis_server.start()
    assert LoginBucket.objects.filter(pk=logins._digest("name:staff")).exists()
    call_command("reset_login", "staff")
    assert not LoginBucket.objects.filter(pk=logins._digest("name:staff")).exists()


def test_attempts_with_one_name_are_limited_across_addresses(set_limits: SetLimits) -> None:
    set_limits(user=Rate(2, HOUR))
    statuses = [sign_in(REMOTE_ADDR=f"192.0.2.{number}").status_code for number in range(3)]
    assert statuses == [200, 200, 429]
    assert sign_in(is_password_right=True).status_code == 429
    assert sign_in("editor").status_code == 200


@pytest.mark.parametrize("spelling", ["STAFF", " staff ", "ｓｔａｆｆ"])  # noqa: RUF001  (Django normalizes it to "staff")
def test_all_spellings_of_a_name_share_a_limit(set_limits: SetLimits, spelling: str) -> None:
    set_limits(user=Rate(1, HOUR))
    assert [sign_in().status_code, sign_in(spelling).status_code] == [200, 429]


def test_attempts_from_one_address_are_limited_across_names(set_limits: SetLimits) -> None:
    set_limits(address=Rate(2, HOUR))
    assert [sign_in(name).status_code for name in ("a", "b", "c")] == [200, 200, 429]
    assert sign_in("c", REMOTE_ADDR="192.0.2.7").status_code == 200


def test_a_rejected_address_locks_out_no_other_user(set_limits: SetLimits) -> None:
    set_limits(user=Rate(3, HOUR), address=Rate(2, HOUR))
    assert [sign_in().status_code for _ in range(9)] == [200, 200] + 7 * [429]
    assert sign_in(is_password_right=True, REMOTE_ADDR="192.0.2.7").status_code == 302


def test_a_rejected_attempt_shows_when_to_try_again(set_limits: SetLimits) -> None:
    set_limits(user=Rate(1, HOUR))
    sign_in()
    response = sign_in()
    assert response.status_code == 429
    assert response.headers["Content-Type"].startswith("text/html")
    assert int(response.headers["Retry-After"]) == pytest.approx(HOUR, abs=2)
    assert b"Wait 60 minutes" in response.content
    assert "no-store" in response.headers["Cache-Control"]


def test_opening_the_login_page_is_no_attempt(set_limits: SetLimits) -> None:
    set_limits(address=Rate(1, HOUR))
    assert [Client().get("/admin/login/").status_code for _ in range(3)] == [200, 200, 200]


def test_redis_contains_no_login_names(set_limits: SetLimits) -> None:
    set_limits(user=Rate(9, HOUR))
    sign_in()
    assert len(state_redis().keys("throttle-login:*")) == 1
    assert not state_redis().keys("*staff*")


class TestWithoutRedis:
    @pytest.fixture(autouse=True)
    def _stop_redis(self, redis_server: RedisServer) -> None:
        redis_server.stop()

    def test_logging_in_works(self) -> None:
        client = Client()
        response = client.post("/admin/login/", {"username": "staff", "password": PASSWORD})
        assert response.status_code == 302
        assert client.get(reverse("admin:auth_user_changelist")).status_code == 200

    def test_attempts_are_counted_in_sql_with_half_the_limits(self, set_limits: SetLimits) -> None:
        set_limits(user=Rate(4, HOUR), address=Rate(8, HOUR))
        assert [sign_in().status_code for _ in range(3)] == [200, 200, 429]
        # The second of these is the fifth attempt from this address.
        assert [sign_in("other").status_code for _ in range(2)] == [200, 429]
        # An attempt that is rejected by address does not count by name.
        assert sign_in("other", REMOTE_ADDR="192.0.2.7").status_code == 200

    def test_a_limit_of_one_is_not_halved(self, set_limits: SetLimits) -> None:
        set_limits(user=Rate(1, HOUR))
        assert [sign_in().status_code for _ in range(2)] == [200, 429]

    def test_without_limits_nothing_is_stored(self, set_limits: SetLimits) -> None:
        set_limits()
        assert [sign_in().status_code for _ in range(3)] == [200, 200, 200]
        assert LoginBucket.objects.count() == 0

    def test_each_allowed_attempt_is_logged_once(
        self, set_limits: SetLimits, caplog: pytest.LogCaptureFixture
    ) -> None:
        set_limits(user=Rate(2, HOUR))
        for _ in range(5):
            sign_in()
        logged = [record for record in caplog.records if record.name == "finishd.staff.logins"]
        assert len(logged) == 1
        assert "staff" not in caplog.text.replace("finishd.staff.logins", "").replace("/admin", "")


class TestCountingInSql:
    NOW = 1_700_000_000_000_000

    def test_expired_attempts_are_deleted(self) -> None:
        limits = Limits("login", user=Rate(4, HOUR), address=Rate(4, HOUR))
        logins.count_attempt_in_sql(limits, "staff", "192.0.2.1", now=self.NOW)
        logins.count_attempt_in_sql(limits, "other", "192.0.2.1", now=self.NOW)
        assert LoginBucket.objects.count() == 1 + 3
        logins.count_attempt_in_sql(limits, "third", "192.0.2.9", now=self.NOW + 3601 * 1_000_000)
        assert LoginBucket.objects.count() == 1 + 2

    def test_the_first_attempt_after_redis_is_back_deletes_expired_attempts(self) -> None:
        limits = Limits("login", user=Rate(4, HOUR))
        logins.count_attempt_in_sql(limits, "staff", "192.0.2.1", now=self.NOW)
        logins.count_attempt(limits, "other", "192.0.2.1")
        assert LoginBucket.objects.count() == 1

    def test_an_attempt_counted_by_a_clock_that_was_ahead_locks_nobody_out(self) -> None:
        limits = Limits("login", user=Rate(2, HOUR))  # halved: one attempt an hour
        ahead = self.NOW + 24 * HOUR * 1_000_000
        logins.count_attempt_in_sql(limits, "staff", "192.0.2.1", now=ahead)
        assert logins.count_attempt_in_sql(limits, "staff", "192.0.2.1", now=self.NOW).retry_after == HOUR
        later = self.NOW + HOUR * 1_000_000
        assert logins.count_attempt_in_sql(limits, "staff", "192.0.2.1", now=later).retry_after == 0

    def test_a_full_table_rejects_new_names_and_counts_existing_ones(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(logins, "MAX_SQL_BUCKETS", 2)
        limits = Limits("login", user=Rate(8, HOUR))
        retry_after_seconds = [
            logins.count_attempt_in_sql(limits, name, "192.0.2.1", now=self.NOW).retry_after
            for name in ("a", "b", "c", "a")
        ]
        assert retry_after_seconds == [0, 0, 60, 0]

    @pytest.mark.django_db(transaction=True, serialized_rollback=True)
    def test_concurrent_attempts_are_allowed_up_to_the_limit(self) -> None:
        limits = Limits("login", user=Rate(10, HOUR), address=Rate(100, HOUR))
        now = time.time_ns() // 1000

        def try_once(_: int) -> float:
            try:
                return logins.count_attempt_in_sql(limits, "staff", "192.0.2.1", now=now).retry_after
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            retry_after_seconds = list(pool.map(try_once, range(24)))
        assert retry_after_seconds.count(0) == 5
