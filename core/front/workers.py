"""The threads of a lane, which run the WSGI application."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable
from io import BufferedReader
from typing import Any, Final
from wsgiref.types import WSGIApplication

from core import telemetry
from core.front.answers import Answer, make_error
from core.front.classes import Lane
from core.front.environ import make_environ
from core.front.queue import RequestQueue, Waiting

STOP_SECONDS: Final = 5.0
logger = logging.getLogger(__name__)


class Workers:
    """The threads of a lane, and the queue that they serve."""

    def __init__(self, lane: Lane, application: WSGIApplication) -> None:
        self.queue = RequestQueue()
        self._application = application
        self._threads = [
            threading.Thread(target=self._work, name=f"{lane.name}-{number}", daemon=True)
            for number in range(1, lane.threads + 1)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the threads finish the queue, and wait for them for STOP_SECONDS."""
        self.queue.close()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _work(self) -> None:
        while (waiting := self.queue.get()) is not None:
            answer = self._run(waiting)
            try:
                waiting.loop.call_soon_threadsafe(waiting.resolve, answer)
            except RuntimeError:  # the event loop has ended
                return

    def _run(self, waiting: Waiting) -> Answer:
        """Return the application's response, or a 500 if it raises."""
        now = time.monotonic()
        telemetry.labelled(telemetry.QUEUE_TIME, waiting.request_class.name).observe(now - waiting.arrived)
        try:
            environ = make_environ(waiting.scope, waiting.body, deadline=waiting.get_deadline(now))
            return run_application(self._application, environ)
        except Exception:  # Django answers its own errors, so this is a bug outside of it
            logger.exception("the application raised an exception")
            return make_error(waiting.scope, 500, "server_error", "Something went wrong on our side.")


class _StartResponse:
    """The `start_response` of WSGI. Keeps status and headers."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[..., Any]:
        self.status = int(status.partition(" ")[0])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return sys.stdout.write  # the deprecated way to write a body; Django does not use it


def run_application(application: WSGIApplication, environ: dict[str, Any]) -> Answer:
    """Return the complete response of a WSGI application. A file is named, and not read."""
    started = _StartResponse()
    body: Iterable[bytes] = application(environ, started)
    try:
        file = _get_file_name(body)
        content = b"" if file else b"".join(body)  # a generator calls start_response only now
        return Answer(started.status, started.headers, content, file)
    finally:
        if hasattr(body, "close"):
            body.close()


def _get_file_name(body: Any) -> str:
    """Return the name of the file that is the whole body: of a FileResponse of Django or WhiteNoise. Else ""."""
    file = getattr(body, "file_to_stream", None)
    return str(file.name) if type(file) is BufferedReader and file.tell() == 0 else ""
