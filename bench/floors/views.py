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

PAGE_FILE: Final = "bench-page.json"  # a page's bytes, which the bench leaves in FINISHD_DATA
PAYLOAD: Final = b'["viewer-0-0-xxxxxxxxxxxxxxxx","bench-0000001","view",1795000000,12,"0123456789abcdef"]'


@lru_cache
def _page_bytes() -> bytes:
    return (Path(settings.FINISHD_DATA) / PAGE_FILE).read_bytes()


@lru_cache
def _redis() -> "Redis":
    """redis-py as it comes: no breaker, no counting of waits."""
    return Redis.from_url(settings.REDIS_URL, max_connections=64)


def plain(_: HttpRequest) -> HttpResponse:
    """Django alone: a page's bytes."""
    return HttpResponse(_page_bytes(), content_type=api_json.MEDIA_TYPE)


class Empty(APIView):
    """DRF alone: nobody is recognised, a page's bytes."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    def get(self, _: Request) -> HttpResponse:
        return HttpResponse(_page_bytes(), content_type=api_json.MEDIA_TYPE)


class TwoReads(APIView):
    """The API's authentication and throttle, and a page's two waits with the same commands; bytes joined, and no
    more: no cursor, no check of the query, no breaker, no `meta`."""

    throttle_scope = "feed"

    def get(self, request: Request) -> HttpResponse:
        asked = request.GET
        viewer, session, limit = get_viewer(request).uid, asked["session"], int(asked["limit"])
        start, client = int(asked["start"]), _redis()
        names = [
            keys.PLAN.name(viewer=viewer, session=session),
            keys.SLOTS.name(viewer=viewer, session=session),
        ]
        names.append(keys.SERVED.name(viewer=viewer))
        args: list[Any] = [session, plans.SERVED_KEPT, keys.SERVED.ttl, start, limit + 11, start + limit]
        look: Any = client.evalsha(_sha(), 3, *names, *args, plans.KEPT_FOR)
        slots = [slot.partition(b" ") for slot in look[4][: limit + 1]]
        found: Any = client.mget([f"card:{{{slot[0].decode()}}}" for slot in slots])
        items = [
            card.partition(b"|")[2][:-1] + b"," + slot[2][1:]
            for slot, card in zip(slots[:limit], found, strict=False)
        ]
        return HttpResponse(b'{"feed":[' + b",".join(items) + b"]}", content_type=api_json.MEDIA_TYPE)


class RawEvents(APIView):
    """The API's authentication and throttle, the body read but not looked at, and a pipeline of bare XADDs."""

    throttle_scope = "events"

    def post(self, request: Request) -> HttpResponse:
        size = len(request.body)
        pipe = _redis().pipeline(transaction=False)
        for _ in range(int(request.GET["events"])):
            pipe.xadd("bench:floor", {b"1": PAYLOAD}, maxlen=2_000_000, approximate=True)
        pipe.execute()
        return HttpResponse(b'{"bytes":%d}' % size, content_type=api_json.MEDIA_TYPE)


@lru_cache
def _sha() -> str:
    """The script's name, once the server knows it."""
    return str(_redis().script_load(plan_scripts.READ.script))
