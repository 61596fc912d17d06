"""Erasure requests survive lost messages and end with a verification."""

import math
import time
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from activity.services import relations
from core.redis.client import state_redis
from finishd.privacy import erasures
from finishd.privacy import services as privacy
from finishd.privacy.models import Erasure
from finishd.privacy.tasks import erase as erase_task
from finishd.privacy.tests.people import LIKED

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


class TestRequests:
    def test_an_erasure_is_verified_later_and_then_has_no_uid(self) -> None:
        relations.set_relation("ama", "movie:1", LIKED, source=None, now=time.time())
        now = timezone.now()
        request = erasures.request_erasure("ama", now=now)
        assert state_redis().llen("default") == 1
        erase_task.apply(args=(request.pk,), throw=True)
        request.refresh_from_db()
        assert (request.uid, request.verified_at, request.remaining) == ("ama", None, {})
        assert request.erased_at is not None
        assert privacy.find_references("ama") == {}
        # As from a phone whose token is still valid.
        relations.set_relation("ama", "movie:2", LIKED, source=None, now=time.time())
        later = now + erasures.VERIFY_AFTER + timedelta(minutes=1)
        assert erasures.sweep_erasures(now=now + timedelta(minutes=20)) == 0
        assert erasures.sweep_erasures(now=later) == 1
        assert erasures.run_erasure(request.pk, now=later, until=math.inf)
        request.refresh_from_db()
        assert (request.uid, request.verified_at, request.remaining) == ("", later, {})
        assert privacy.find_references("ama") == {}
        assert erasures.sweep_erasures(now=later + timedelta(days=1)) == 0

    def test_a_repeated_request_is_the_same_until_it_is_verified(self) -> None:
        now = timezone.now()
        first = erasures.request_erasure("ama", now=now)
        assert erasures.request_erasure("ama", now=now).pk == first.pk
        Erasure.objects.filter(pk=first.pk).update(verified_at=now, uid="")
        assert erasures.request_erasure("ama", now=now).pk != first.pk

    def test_the_sweep_queues_a_request_whose_message_was_lost(self) -> None:
        now = timezone.now()
        erasures.request_erasure("ama", now=now)
        state_redis().flushall()
        assert erasures.sweep_erasures(now=now + timedelta(minutes=11)) == 1
        assert state_redis().llen("default") == 1

    def test_a_long_erasure_continues_in_another_task(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("finishd.privacy.tasks.ERASE_SLICE_SECONDS", -1.0)
        relations.set_relation("ama", "movie:1", LIKED, source=None, now=time.time())
        request = erasures.request_erasure("ama", now=timezone.now())
        state_redis().delete("default")
        erase_task.apply(args=(request.pk,), throw=True)
        assert state_redis().llen("default") == 1

    @pytest.mark.parametrize("uid", ["", "x" * 129, "a\0b", "a\nb"])
    def test_invalid_uids_are_rejected(self, uid: str) -> None:
        with pytest.raises(ValueError, match="128 printable"):
            erasures.request_erasure(uid, now=timezone.now())
        for command in ("erase_user", "export_user"):
            with pytest.raises(CommandError, match="128 printable"):
                call_command(command, uid)
        assert not Erasure.objects.exists()
