"""The ASGI application of the front."""

import asyncio
import time
from asyncio import Task
from collections.abc import Callable, Collection, Sequence
from typing import Final
from wsgiref.types import WSGIApplication

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from core.front.answers import Answer, make_error, make_live_answer, send_answer
from core.front.bodies import BodyReader, BodyRefused
from core.front.classes import Lane, RequestClass
from core.front.queue import RequestQueue, Waiting
from core.front.rejections import Rejections
from core.front.workers import Workers

CHECK_SECONDS: Final = 0.05  # between two checks of the queues
WATCH_AFTER_SECONDS: Final = 0.2
READ_METHODS: Final = ("GET", "HEAD")


class Front:
    """Admits requests to the threads of a WSGI application.

    `classify` returns the class of a path and a query string. `live_paths` are answered without a thread, while the
    event loop runs. `max_bodies` is the memory in bytes that incomplete bodies may hold.
    """

    def __init__(
        self,
        application: WSGIApplication,
        *,
        lanes: Sequence[Lane],
        classify: Callable[[str, bytes], RequestClass],
        live_paths: Collection[str],
        max_bodies: int,
    ) -> None:
        self._workers = {lane.name: Workers(lane, application) for lane in lanes}
        self._classify = classify
        self._live_paths = frozenset(live_paths)
        self._bodies = BodyReader(max_bodies)
        self._rejections = Rejections()
        self._queue_check: Task[None] | None = None

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            answer = await self._respond(scope, receive)
            if answer is not None:
                await send_answer(answer, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Start the threads, and stop them when the server has finished all requests."""
        await receive()
        for workers in self._workers.values():
            workers.start()
        self._queue_check = asyncio.create_task(self._check_queues())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._queue_check.cancel()
        self._rejections.flush()
        for workers in self._workers.values():
            workers.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _respond(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> Answer | None:
        """Return the response, or None if the client has gone."""
        request_class = self._classify(scope["path"], scope["query_string"])
        if request_class.allows_only_reads and scope["method"] not in READ_METHODS:
            message, allow = "This method is not allowed here.", (b"allow", b"GET, HEAD")
            return make_error(scope, 405, "method_not_allowed", message, headers=[allow])
        if scope["path"] in self._live_paths:
            return make_live_answer(scope)
        queue = self._workers[request_class.lane.name].queue
        if not queue.has_room(request_class):
            return self._rejections.reject(scope, request_class, "full")
        try:
            body = await self._bodies.read(scope, receive, request_class)
        except BodyRefused as refused:
            return make_error(scope, refused.status, refused.code, refused.message)
        try:
            return await self._wait_for_answer(scope, receive, request_class, body)
        finally:
            self._bodies.release(body)

    async def _wait_for_answer(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, request_class: RequestClass, body: bytes
    ) -> Answer | None:
        """Return the response of a thread. None if the client closed the connection before a thread was free."""
        queue = self._workers[request_class.lane.name].queue
        if not queue.has_room(request_class):  # it may have filled up while the body arrived
            return self._rejections.reject(scope, request_class, "full")
        loop = asyncio.get_running_loop()
        waiting = Waiting(scope, body, request_class, time.monotonic(), loop, receive)
        queue.put(waiting)
        try:
            return await waiting.answer
        finally:
            if waiting.watcher is not None:
                waiting.watcher.cancel()

    async def _check_queues(self) -> None:
        """Reject requests that have waited too long, so that they are answered although all threads are busy.

        A client is watched only after WATCH_AFTER_SECONDS, because a watcher costs as much as a rejection.
        """
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            for queue in [workers.queue for workers in self._workers.values() if len(workers.queue)]:
                for waiting in queue.remove_overdue():
                    waiting.resolve(self._rejections.reject(waiting.scope, waiting.request_class, "late"))
                for waiting in queue.get_unwatched(WATCH_AFTER_SECONDS):
                    waiting.watcher = asyncio.create_task(self._watch(waiting, queue))
            self._rejections.flush()

    async def _watch(self, waiting: Waiting, queue: RequestQueue) -> None:
        """Remove a waiting request from its queue when its client closes the connection."""
        while (await waiting.receive())["type"] != "http.disconnect":
            pass
        if queue.remove(waiting):
            self._rejections.count_gone(waiting.request_class)
            waiting.resolve(None)
