"""`after_restore` requests the erasures again that a backup lacks. Redis keeps a hash of each erased uid for that."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from activity.services import people
from core.redis.client import state_redis
from finishd.privacy import erasures, recent
from finishd.privacy import services as privacy
from finishd.privacy.keys import RECENT_ERASURES
from finishd.privacy.models import Erasure
from finishd.privacy.tests.people import make_busy

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


def erase_user(uid: str) -> None:
    call_command("erase_user", uid, "--yes", stdout=StringIO())


def after_restore(*options: str) -> str:
    output = StringIO()
    call_command("after_restore", *options, stdout=output)
    return output.getvalue()


def restore_people(*uids: str) -> None:
    """Give SQL and the store the state before any erasure: it has these people and no request."""
    Erasure.objects.all().delete()
    for uid in uids:
        people.sync_name_from_token(uid, f"{uid}'s name", None)


def find_erased(now: datetime) -> list[str]:
    return sorted(recent.iterate_erased_people(now=now))


@pytest.mark.usefixtures("activity_store")
class TestErasures:
    def test_an_erasure_that_finished_is_requested_again_after_a_restore(self) -> None:
        make_busy("ama")
        erase_user("ama")
        assert "0 erasures" in after_restore("--dry-run")  # nothing was restored
        restore_people("ama", "kofi")
        assert "1 erasures of the last 30 days to request" in after_restore("--dry-run")
        assert "1 erasures of the last 30 days requested" in after_restore()
        assert list(Erasure.objects.values_list("uid", flat=True)) == ["ama"]

    def test_also_after_the_second_pass_has_verified_it(self) -> None:
        make_busy("ama")
        erase_user("ama")
        later = timezone.now() + erasures.VERIFY_AFTER + timedelta(minutes=1)
        erasures.run_erasure(Erasure.objects.get().pk, now=later, until=float("inf"))
        assert Erasure.objects.get().verified_at == later
        assert privacy.find_references("ama") == {}
        restore_people("ama", "kofi")
        assert find_erased(later) == ["ama"]


def test_the_record_does_not_contain_the_uid() -> None:
    recent.record("ama", now=timezone.now())
    (member,) = state_redis().zrange(RECENT_ERASURES.name(), 0, -1)
    assert len(member) == 32
    assert b"ama" not in member
    assert privacy.find_references("ama") == {}


def test_an_erasure_is_forgotten_after_thirty_days() -> None:
    now = timezone.now()
    restore_people("ama")
    recent.record("ama", now=now)
    assert find_erased(now + timedelta(days=29)) == ["ama"]
    assert find_erased(now + timedelta(days=31)) == []
    recent.record("kofi", now=now + timedelta(days=31))
    assert state_redis().zcard(RECENT_ERASURES.name()) == 1


def test_the_record_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    monkeypatch.setattr(recent, "MAX_KEPT", 3)
    for second in range(5):
        recent.record(f"uid-{second}", now=now + timedelta(seconds=second))
    restore_people("uid-1", "uid-2")
    assert find_erased(now) == ["uid-2"]
    assert state_redis().ttl(RECENT_ERASURES.name()) > 0


def test_a_new_secret_key_still_finds_what_the_old_one_recorded(settings: Any) -> None:
    now = timezone.now()
    restore_people("ama", "kofi")
    recent.record("ama", now=now)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key" * 5
    assert find_erased(now) == ["ama"]
