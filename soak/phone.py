"""A client of the API that repeats each request until it is accepted, as the app does."""

import random
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from bench.errors import RunFailed
from soak.checks.answers import PHONE_TIMEOUT
from soak.observing import Sent, make_operation
from soak.record import RunRecord

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
        self._client = httpx.Client(
            base_url=self.address, timeout=PHONE_TIMEOUT, limits=limits, trust_env=False
        )

    def __enter__(self) -> "Phone":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, path: str, uid: str, **query: Any) -> dict[str, Any]:
        """Return the body of the response with status 200."""
        return self._send_until_accepted(Sent("GET", path, uid, query))[1]

    def post(
        self, path: str, uid: str, body: Mapping[str, Any], *, accept: Collection[int] = ()
    ) -> tuple[int, dict[str, Any]]:
        """Return the status (200 or one of `accept`) and the body of the response."""
        return self._send_until_accepted(Sent("POST", path, uid, body), accept=accept)

    def pause(self, seconds: float) -> None:
        """Wait for about this time, or until the end of the run."""
        self.stopped.wait(self.rng.uniform(0.5, 1.5) * seconds)

    def close(self) -> None:
        self._client.close()

    def _send_until_accepted(self, sent: Sent, *, accept: Collection[int] = ()) -> tuple[int, dict[str, Any]]:
        """Raise `RunFailed` after MAX_RETRY_SECONDS."""
        deadline = time.monotonic() + MAX_RETRY_SECONDS
        while True:
            response = self._send(sent)
            if response is not None and (response.status_code == 200 or response.status_code in accept):
                return response.status_code, response.json()
            if time.monotonic() > deadline:
                raise RunFailed(
                    f"{sent.endpoint} of {sent.uid} was not accepted for {MAX_RETRY_SECONDS:.0f} s"
                )
            time.sleep(self.rng.uniform(0.2, 0.6))

    def _send(self, sent: Sent) -> httpx.Response | None:
        """Send a request once and record the operation. Return None if there is no response."""
        headers = {"Authorization": f"Bearer {self.tokens[sent.uid]}"}
        values: dict[str, Any] = {"params" if sent.method == "GET" else "json": sent.values}
        start = time.monotonic()
        response: httpx.Response | None = None
        try:
            response = self._client.request(sent.method, f"/api/v1{sent.path}", headers=headers, **values)
            problem = find_undocumented(response)
        except httpx.TransportError as error:
            problem = f"no response ({type(error).__name__}: {error}), but no web process was killed"
        end = time.monotonic()
        operation = make_operation(sent, response, start=start, end=end, problem=problem or "")
        self.record.add([operation])
        return response


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
