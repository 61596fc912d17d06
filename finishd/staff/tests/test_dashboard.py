"""The tiles of the admin's dashboard."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from content.services import genres
from core import circuit as breakers
from core.circuit import CircuitBreaker
from core.redis.client import state_redis
from feed.models import IndexBuild
from finishd.health import report
from finishd.staff.dashboard import Tile

pytestmark = pytest.mark.django_db(transaction=True)


class TestDashboard:
    def test_it_shows_what_needs_attention_of_staff(
        self, staff: Client, built: IndexBuild, django_assert_max_num_queries: Callable[[int], Any]
    ) -> None:
        genres.ensure_genre("Space Opera")
        # Session, user; items by status, stale cards, genres to review; jobs; checkpoints, dead letters by reason and
        # those to review; the latest actions of this user.
        with django_assert_max_num_queries(10):
            response = staff.get(reverse("admin:index"))
        tiles = {tile.title: tile for tile in response.context["tiles"]}
        assert tiles["Published items"].value == "12"
        assert (tiles["Genres to review"].value, tiles["Genres to review"].needs_attention) == ("1", True)
        assert (tiles["Cards to write"].value, tiles["Cards to write"].needs_attention) == ("0", False)
        assert tiles["Indexes"].note == f"old, generation {built.pk}"
        assert (tiles["Events"].value, tiles["Events"].needs_attention) == ("0", False)
        assert (tiles["Dead letters"].value, tiles["Dead letters"].needs_attention) == ("0", False)
        assert all(staff.get(tile.link).status_code == 200 for tile in tiles.values())

    def test_it_shows_that_there_is_no_index(self, staff: Client) -> None:
        tiles = {tile.title: tile for tile in staff.get(reverse("admin:index")).context["tiles"]}
        assert (tiles["Indexes"].value, tiles["Indexes"].needs_attention) == ("none", True)

    def test_it_names_the_dependency_whose_circuit_breaker_is_open(
        self, staff: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = CircuitBreaker("store", failure_types=(ValueError,), failure_threshold=1)
        monkeypatch.setattr(breakers, "_registered", {"store": store})
        tiles = {tile.title: tile for tile in staff.get(reverse("admin:index")).context["tiles"]}
        assert (tiles["Dependencies"].value, tiles["Dependencies"].needs_attention) == ("available", False)
        with pytest.raises(ValueError, match="connection lost"), store.protect():
            raise ValueError("connection lost")
        tiles = {tile.title: tile for tile in staff.get(reverse("admin:index")).context["tiles"]}
        assert (tiles["Dependencies"].value, tiles["Dependencies"].needs_attention) == (
            "store unavailable",
            True,
        )

    def test_it_says_why_the_service_is_not_ready(self, staff: Client, built: IndexBuild) -> None:
        tile = get_tile(staff, "Readiness")
        assert (tile.value, tile.needs_attention) == ("ready", False)
        state_redis().config_set("maxmemory-policy", "allkeys-lru")
        report.clear()
        try:
            tile = get_tile(staff, "Readiness")
        finally:
            state_redis().config_set("maxmemory-policy", "noeviction")
        assert (tile.value, tile.needs_attention) == ("not ready: redis", True)
        assert "redis: maxmemory-policy is allkeys-lru" in tile.note


def get_tile(staff: Client, title: str) -> Tile:
    (tile,) = (t for t in staff.get(reverse("admin:index")).context["tiles"] if t.title == title)
    assert isinstance(tile, Tile)
    return tile
