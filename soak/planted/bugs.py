"""The bugs. Each replaces one function of the application."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

from activity import undone
from activity.services import delivery
from activity.types import Activity
from analytics import dedup
from analytics.dedup import NEW, DedupEntry
from feed import plans
from feed.plans import PlanSlice


def plant(bug: str) -> None:
    """Plant the bug of this name."""
    _BUGS[bug]()


def _plant_delivery() -> None:
    write = delivery.write_until_stable

    def write_to_most(activity: Activity, viewers: Sequence[str]) -> None:
        write(activity, [viewer for viewer in viewers if crc32(viewer.encode()) % 3])

    delivery.write_until_stable = write_to_most


def _plant_undo() -> None:
    def forget(activity: Activity) -> None:
        pass

    undone.add = forget


def _plant_dedup() -> None:
    def accept_all(entries: Sequence[DedupEntry], *, now: float) -> list[int]:
        return [NEW] * len(entries)

    dedup.register = accept_all


def _plant_slice() -> None:
    serve = plans.serve_slots

    def serve_again(viewer: str, session: str, *, start: int, **limits: Any) -> PlanSlice | None:
        return serve(viewer, session, start=max(start - 1, 0), **limits)

    plans.serve_slots = serve_again


_BUGS: Final[Mapping[str, Callable[[], None]]] = {
    "delivery": _plant_delivery,
    "undo": _plant_undo,
    "dedup": _plant_dedup,
    "slice": _plant_slice,
}
