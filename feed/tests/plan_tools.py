"""Plans in tests: their keys, TTLs and items."""

from typing import Any

from core.redis.client import state_redis
from feed import keys as feed_keys
from feed import stored_plans


def plan_keys(session: str, uid: str = "ama") -> list[str]:
    return [
        feed_keys.PLAN.name(viewer=uid, session=session),
        feed_keys.SLOTS.name(viewer=uid, session=session),
    ]


def get_plan_ttl(session: str) -> int:
    """Return the plan's TTL, which its two keys share."""
    plan, slots = (int(state_redis().ttl(name)) for name in plan_keys(session))
    assert abs(plan - slots) <= 1
    return plan


def set_plan_ttl(session: str, left: int) -> None:
    """Set the plan's TTL, as if time had passed."""
    for name in plan_keys(session):
        state_redis().expire(name, left)


def get_planned_items(uid: str, session: str) -> list[str]:
    stored = stored_plans.get_plan(uid, session, count=1_000)
    assert stored is not None
    return [slot.id for slot in stored.slots]


def get_shown_slots(page: dict[str, Any]) -> list[tuple[str, str, str, float]]:
    return [(item["id"], item["source"], item["reason"], item["score"]) for item in page["feed"]]
