"""Sessions, and the cursors and Redis commands of their next pages."""

import time
from typing import Any

from content import keys as content_keys
from content.services import cards
from core.redis.client import state_redis
from feed import cursor as cursors
from feed import keys as feed_keys
from feed import plan_scripts, plans, recipe, stored_plans
from feed.cursor import Cursor
from feed.services.pages import get_page
from feed.services.sessions import PageRequest

FEED_TYPE = "for_you"


def start_sessions(viewers: list[str], limit: int) -> list[dict[str, Any]]:
    """Start a session for each viewer. The cards of their plans are in Redis afterwards.

    Return `{viewer, session, pages: [{start, cursor}]}` with all next pages of the first chunk.
    """
    return [_start_session(viewer, limit) for viewer in viewers]


def reset_served(viewers: list[str], sessions: dict[str, str]) -> None:
    """Clear the served lists, and mark the plans in `sessions` (session by viewer) as not served."""
    pipe = state_redis().pipeline()
    for viewer in viewers:
        pipe.delete(feed_keys.SERVED.name(viewer=viewer))
        if session := sessions.get(viewer):
            pipe.hset(feed_keys.PLAN.name(viewer=viewer, session=session), "served_to", 0)
    pipe.execute()


def get_page_commands(viewer: str, session: str, start: int, limit: int) -> list[list[str]]:
    """Return the two commands of a page as arguments for redis-benchmark."""
    script = plan_scripts.SERVE
    state_redis().script_load(script.script)
    names = [
        feed_keys.PLAN.name(viewer=viewer, session=session),
        feed_keys.SLOTS.name(viewer=viewer, session=session),
    ]
    args = [
        session,
        plans.MAX_SERVED_ITEMS,
        feed_keys.SERVED.ttl,
        start,
        limit + 11,
        start + limit,
        plans.PLAN_IDLE_TTL,
    ]
    serve = ["EVALSHA", script.sha, "3", *names, feed_keys.SERVED.name(viewer=viewer), *map(str, args)]
    stored = _get_plan(viewer, session, slots=limit + 1)
    return [serve, ["MGET", *(content_keys.CARD.name(item=slot.id) for slot in stored.slots)]]


def _get_plan(viewer: str, session: str, *, slots: int) -> stored_plans.StoredPlan:
    plan = stored_plans.get_plan(viewer, session, count=slots)
    if plan is None:
        raise RuntimeError(f"session {session} has no plan")
    return plan


def _start_session(viewer: str, limit: int) -> dict[str, Any]:
    now = time.time()
    request = PageRequest(viewer, FEED_TYPE, limit, now, refresh=True)
    session = get_page(request).session
    stored = _get_plan(viewer, session, slots=recipe.CHUNK_SIZE)
    cards.get_cards([slot.id for slot in stored.slots])
    started, last = stored.header.started, stored.length - limit - 1
    pages = [
        {
            "start": start,
            "cursor": cursors.sign(
                Cursor(FEED_TYPE, session, start, start // limit, started, int(now)), viewer=viewer
            ),
        }
        for start in range(limit, last + 1, limit)
    ]
    return {"viewer": viewer, "session": session, "pages": pages}
