"""A client of the front within one process: an event loop, real threads, and no sockets."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event, Thread
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from core.front import Front, Lane, RequestClass

WAIT_SECONDS = 30.0
Message = dict[str, Any]

API = Lane("api", threads=1, queue_limit=4)
OTHER = Lane("other", threads=1, queue_limit=4)
PAGE = RequestClass(
    name="page",
    lane=API,
    max_fill=1.0,
    wait=20.0,
    run=5.0,
    total=25.0,
    retry_after=1,
    max_body=100,
    body_seconds=20.0,
)
EVENTS = replace(PAGE, name="events", max_fill=0.5, retry_after=10)
HASTY = replace(PAGE, name="hasty", wait=0.2, total=2.0, body_seconds=0.2)
STAFF = replace(PAGE, name="staff", lane=OTHER)
READS = replace(PAGE, name="reads", lane=OTHER, max_body=0, allows_only_reads=True)
CLASSES = {f"/api/{each.name}": each for each in (PAGE, EVENTS, HASTY, STAFF, READS)}


@dataclass
class Application:
    """A WSGI application that keeps the environments of its requests. Those with `?block` wait for `go_on`."""

    environs: list[WSGIEnvironment] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    started: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)
    closed: Event = field(default_factory=Event)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        self.environs.append(environ)
        self.bodies.append(environ["wsgi.input"].read())
        if "raise" in environ["QUERY_STRING"]:
            raise RuntimeError("a bug")
        if "block" in environ["QUERY_STRING"]:
            self.started.set()
            assert self.go_on.wait(WAIT_SECONDS)
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-Name", "é")])
        yield b"hel"
        yield b"lo"


@dataclass
class Response:
    """A response of the front. The status is 0 if the front sent nothing."""

    status: int
    headers: dict[str, str]
    body: bytes


class Request:
    """A request in progress. Its body arrives with `send`, and `disconnect` closes its connection."""

    def __init__(self, client: "FrontClient", scope: Message, *, body: bytes | None) -> None:
        self._loop = client.loop
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._sent: list[Message] = []
        if body is not None:
            self.send(body, more=False)
        self._future = asyncio.run_coroutine_threadsafe(self._run(client.front, scope), self._loop)

    def send(self, body: bytes, *, more: bool = True) -> None:
        self._put({"type": "http.request", "body": body, "more_body": more})

    def disconnect(self) -> None:
        self._put({"type": "http.disconnect"})

    @property
    def is_done(self) -> bool:
        return self._future.done()

    def wait(self) -> Response:
        self._future.result(WAIT_SECONDS)
        if not self._sent:
            return Response(0, {}, b"")
        headers = {name.decode(): value.decode("latin-1") for name, value in self._sent[0]["headers"]}
        return Response(self._sent[0]["status"], headers, self._sent[1]["body"])

    async def _run(self, front: Front, scope: Message) -> None:
        async def send(message: Message) -> None:
            self._sent.append(message)

        await front(scope, self._incoming.get, send)  # type: ignore[arg-type]

    def _put(self, message: Message) -> None:
        self._loop.call_soon_threadsafe(self._incoming.put_nowait, message)


class FrontClient:
    """Sends requests to a front that runs in a thread with an event loop."""

    def __init__(self, application: Application, *, max_bodies: int = 1_000) -> None:
        self.loop = asyncio.new_event_loop()
        self.front = Front(
            application,
            lanes=(API, OTHER),
            classify=lambda path, query: CLASSES.get(path, STAFF),
            live_paths=["/api/reads"],
            max_bodies=max_bodies,
        )
        self._thread = Thread(target=self.loop.run_forever)
        self._thread.start()
        self._lifespan: asyncio.Queue[Message] = asyncio.run_coroutine_threadsafe(
            _make_queue(), self.loop
        ).result()
        self._replies: asyncio.Queue[Message] = asyncio.run_coroutine_threadsafe(
            _make_queue(), self.loop
        ).result()
        self._life = asyncio.run_coroutine_threadsafe(
            self.front({"type": "lifespan"}, self._lifespan.get, self._replies.put),  # type: ignore[arg-type]
            self.loop,
        )
        self._change("startup")

    def start(
        self,
        path: str,
        *,
        method: str = "GET",
        query: bytes = b"",
        body: bytes | None = b"",
        headers: list[tuple[bytes, bytes]] | None = None,
    ) -> Request:
        """Send a request without waiting for its response. With `body=None`, its body arrives later."""
        length = [(b"content-length", str(len(body)).encode())] if body else []
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "root_path": "",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "client": ("10.0.0.1", "4711"),
            "server": ("127.0.0.1", "8000"),
            "headers": [*length, *(headers or [])],
        }
        return Request(self, scope, body=body)

    def get(self, path: str, **options: Any) -> Response:
        return self.start(path, **options).wait()

    def count_waiting(self, lane: Lane) -> int:
        return len(self.front._workers[lane.name].queue)

    def close(self) -> None:
        self._change("shutdown")
        self._life.result(WAIT_SECONDS)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _change(self, event: str) -> None:
        self.loop.call_soon_threadsafe(self._lifespan.put_nowait, {"type": f"lifespan.{event}"})
        reply = asyncio.run_coroutine_threadsafe(self._replies.get(), self.loop).result(WAIT_SECONDS)
        assert reply == {"type": f"lifespan.{event}.complete"}


async def _make_queue() -> "asyncio.Queue[Message]":
    return asyncio.Queue()


@contextmanager
def front_client(application: Application, **options: Any) -> Iterator[FrontClient]:
    client = FrontClient(application, **options)
    try:
        yield client
    finally:
        application.go_on.set()
        client.close()


def wait_for(condition: Callable[[], bool]) -> None:
    pause = Event()
    for _ in range(int(WAIT_SECONDS / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("timeout")
