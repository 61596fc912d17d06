"""The floors of pages and events."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from redis import Redis
from rest_framework.request import Request
from rest_framework.views import APIView

from core import api_json
from core.auth.drf import get_viewer
from feed import keys, plan_scripts, plans

PAGE_FILE: Final = "bench-page.json"  # The bytes of a page. The bench writes the file to FINISHD_DATA.
PAYLOAD: Final = b'["viewer-0-0-xxxxxxxxxxxxxxxx","bench-0000001","view",1795000000,12,"0123456789abcdef"]'


@lru_cache
def _read_page() -> bytes:
    return (Path(settings.FINISHD_DATA) / PAGE_FILE).read_bytes()


@lru_cache
def _redis() -> "Redis":
    """Return a plain client of redis-py, without circuit breaker and without counting round trips."""
    return Redis.from_url(settings.REDIS_URL, max_connections=64)


def plain(_: HttpRequest) -> HttpResponse:
    """Return the bytes of a page with Django alone."""
    return HttpResponse(_read_page(), content_type=api_json.MEDIA_TYPE)


class Empty(APIView):
    """Return the bytes of a page with DRF, without authentication."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    def get(self, _: Request) -> HttpResponse:
        return HttpResponse(_read_page(), content_type=api_json.MEDIA_TYPE)


class TwoReads(APIView):
    """Join slots and cards, with the API's authentication and throttling and the two round trips of a page.

    It has no cursor, no validation, no circuit breaker and no `meta`.
    """

    throttle_scope = "feed"

    def get(self, request: Request) -> HttpResponse:
        query = request.GET
        viewer, session, limit = get_viewer(request).uid, query["session"], int(query["limit"])
        start, client = int(query["start"]), _redis()
        names = [
            keys.PLAN.name(viewer=viewer, session=session),
            keys.SLOTS.name(viewer=viewer, session=session),
        ]
        names.append(keys.SERVED.name(viewer=viewer))
        args: list[Any] = [session, plans.MAX_SERVED_ITEMS, keys.SERVED.ttl, start, limit + 11, start + limit]
        served: Any = client.evalsha(_load_script(), 3, *names, *args, plans.PLAN_IDLE_TTL)
        slots = [slot.partition(b" ") for slot in served[4][: limit + 1]]
        found: Any = client.mget([f"card:{{{slot[0].decode()}}}" for slot in slots])
        items = [
            card.partition(b"|")[2][:-1] + b"," + slot[2][1:]
            for slot, card in zip(slots[:limit], found, strict=False)
        ]
        return HttpResponse(b'{"feed":[' + b",".join(items) + b"]}", content_type=api_json.MEDIA_TYPE)


class RawEvents(APIView):
    """Append events with a pipeline of XADDs, with the API's authentication and throttling.

    The body is read but not parsed.
    """

    throttle_scope = "events"

    def post(self, request: Request) -> HttpResponse:
        size = len(request.body)
        pipe = _redis().pipeline(transaction=False)
        for _ in range(int(request.GET["events"])):
            pipe.xadd("bench:floor", {b"1": PAYLOAD}, maxlen=2_000_000, approximate=True)
        pipe.execute()
        return HttpResponse(b'{"bytes":%d}' % size, content_type=api_json.MEDIA_TYPE)


@lru_cache
def _load_script() -> str:
    """Load the script and return its digest."""
    return str(_redis().script_load(plan_scripts.SERVE.script))
