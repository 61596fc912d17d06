"""A key endpoint for tests, and three development keys that it can serve."""

import contextlib
import json
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from core.auth import devkeys

PROJECT = "finishd-test"


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


class Endpoint:
    """Google's key endpoint on 127.0.0.1. A test sets what it serves and how it fails; `requests` counts calls."""

    def __init__(self) -> None:
        self.document = b""
        self.status = 200
        self.headers = {"Cache-Control": "public, max-age=21600, must-revalidate"}
        self.delay = 0.0
        self.is_slow = False
        self.requests = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.requests += 1
                time.sleep(endpoint.delay)
                self.send_response(endpoint.status)
                for name, value in endpoint.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):  # the client has closed the connection
                    self._send_document()

            def _send_document(self) -> None:
                if not endpoint.is_slow:
                    self.wfile.write(endpoint.document)
                    return
                for _ in range(80):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"


@cache
def get_kid(directory: Path) -> str:
    return devkeys.ensure_keys(directory).kid


def make_jwks(*directories: Path) -> bytes:
    entries = [entry for one in directories for entry in json.loads((one / "jwks.json").read_bytes())["keys"]]
    return json.dumps({"keys": entries}).encode()


def wait_for_requests(endpoint: Endpoint, requests: int) -> None:
    """Wait until the endpoint had this many requests and the fetching thread has ended."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if endpoint.requests >= requests and not any(
            thread.name == "auth-keys" for thread in threading.enumerate()
        ):
            return
        time.sleep(0.01)
    raise AssertionError(f"{endpoint.requests} requests instead of {requests}")
