"""A client of the API that repeats each request until it is accepted, as the app does."""

import random
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from bench.errors import RunFailed
from soak.record import WEB_KILLED, Response, RunRecord

TIMEOUT: Final = 15.0  # Seconds. The app has the same timeout.
MAX_RETRY_SECONDS: Final = 90.0  # If a request is not accepted within this time, the run fails.
# Seconds after which an idle connection is not used again. A server may close such a connection at any moment.
KEEPALIVE_SECONDS: Final = 2.0
DOCUMENTED_STATUSES: Final = {200, 400, 404}
RETRY_STATUSES: Final = {429, 503}


@dataclass(slots=True)
class Phone:
    """One connection to the API. `stopped` is set at the end of the run; requests that are under way are finished."""

    address: str
    tokens: Mapping[str, str]
    record: RunRecord
    rng: random.Random
    stopped: threading.Event
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_connections=1, keepalive_expiry=KEEPALIVE_SECONDS)
        self._client = httpx.Client(base_url=self.address, timeout=TIMEOUT, limits=limits, trust_env=False)

    def __enter__(self) -> "Phone":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, path: str, uid: str, **query: Any) -> dict[str, Any]:
        """Return the body of the response with status 200."""
        return self._send_until_accepted("GET", path, uid, params=query)[1]

    def post(
        self, path: str, uid: str, body: Mapping[str, Any], *, accept: Collection[int] = ()
    ) -> tuple[int, dict[str, Any]]:
        """Return the status (200 or one of `accept`) and the body of the response."""
        return self._send_until_accepted("POST", path, uid, accept=accept, json=body)

    def pause(self, seconds: float) -> None:
        """Wait for about this time, or until the end of the run."""
        self.stopped.wait(self.rng.uniform(0.5, 1.5) * seconds)

    def close(self) -> None:
        self._client.close()

    def _send_until_accepted(
        self, method: str, path: str, uid: str, *, accept: Collection[int] = (), **options: Any
    ) -> tuple[int, dict[str, Any]]:
        """Raise `RunFailed` after MAX_RETRY_SECONDS."""
        deadline = time.monotonic() + MAX_RETRY_SECONDS
        while True:
            response = self._send(method, path, uid, **options)
            if response is not None and (response.status_code == 200 or response.status_code in accept):
                return response.status_code, response.json()
            if time.monotonic() > deadline:
                raise RunFailed(f"{method} {path} of {uid} was not accepted for {MAX_RETRY_SECONDS:.0f} s")
            time.sleep(self.rng.uniform(0.2, 0.6))

    def _send(self, method: str, path: str, uid: str, **options: Any) -> httpx.Response | None:
        """Send a request once and record the response. Return None if there is none."""
        headers = {"Authorization": f"Bearer {self.tokens[uid]}"}
        start = time.monotonic()
        response: httpx.Response | None = None
        try:
            response = self._client.request(method, f"/api/v1{path}", headers=headers, **options)
        except httpx.TransportError as error:
            reason = f"{type(error).__name__}: {error}"
        milliseconds = 1_000 * (time.monotonic() - start)
        endpoint = f"{method} {path.partition('?')[0]}"
        status = response.status_code if response else 0
        self.record.add_response(Response(endpoint, status, start, milliseconds))
        if response is None:
            self._check_web_was_killed(endpoint, reason)
        elif problem := find_undocumented(response):
            self.record.add_violation(f"{endpoint} of {uid}: {problem}")
        return response

    def _check_web_was_killed(self, endpoint: str, reason: str) -> None:
        """Record a violation unless a web process was killed: only then may a connection break."""
        now = time.monotonic()
        if not any(fault.name == WEB_KILLED and now - fault.start < TIMEOUT for fault in self.record.faults):
            self.record.add_violation(f"{endpoint}: no response ({reason}), but no web process was killed")


def find_undocumented(response: httpx.Response) -> str | None:
    """Describe how a response differs from docs/openapi.yaml. Return None if it does not."""
    if response.status_code in DOCUMENTED_STATUSES:
        return None
    description = f"{response.status_code}: {response.text[:300]}"
    if response.status_code not in RETRY_STATUSES:
        return description
    if not response.headers.get("Retry-After", "").isdigit():
        return f"no Retry-After, {description}"
    return None
