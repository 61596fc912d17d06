"""The API as a phone calls it: again and again, until it is told that its word was taken."""

import random
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from bench.errors import RunFailed
from soak.record import WEB_KILLED, Answer, Record

TIMEOUT: Final = 15.0  # seconds after which the app gives up
GIVE_UP: Final = 90.0  # seconds after which a word that is never taken ends the run
IDLE: Final = (
    2.0  # seconds; a server may close what is silent for longer, just when the phone begins to speak
)


@dataclass(slots=True)
class Phone:
    """One connection's worth of calls. `over` is set when the run ends; what is under way is finished all the same."""

    address: str
    tokens: Mapping[str, str]
    record: Record
    rng: random.Random
    over: threading.Event
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_connections=1, keepalive_expiry=IDLE)
        self._client = httpx.Client(base_url=self.address, timeout=TIMEOUT, limits=limits, trust_env=False)

    def __enter__(self) -> "Phone":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, path: str, uid: str, **query: Any) -> dict[str, Any]:
        return self._until_taken("GET", path, uid, params=query)[1]

    def post(
        self, path: str, uid: str, body: Mapping[str, Any], *, also: Collection[int] = ()
    ) -> tuple[int, dict[str, Any]]:
        """Status (200 or one of `also`) and body."""
        return self._until_taken("POST", path, uid, also=also, json=body)

    def pause(self, seconds: float) -> None:
        """About so long, or until the run is over."""
        self.over.wait(self.rng.uniform(0.5, 1.5) * seconds)

    def close(self) -> None:
        self._client.close()

    def _until_taken(
        self, method: str, path: str, uid: str, *, also: Collection[int] = (), **options: Any
    ) -> tuple[int, dict[str, Any]]:
        """Raises RunFailed when it is not in GIVE_UP seconds."""
        deadline = time.monotonic() + GIVE_UP
        while True:
            answer = self._once(method, path, uid, **options)
            if answer is not None and (answer.status_code == 200 or answer.status_code in also):
                return answer.status_code, answer.json()
            if time.monotonic() > deadline:
                raise RunFailed(f"{method} {path} of {uid} was not taken for {GIVE_UP:.0f} s")
            time.sleep(self.rng.uniform(0.2, 0.6))

    def _once(self, method: str, path: str, uid: str, **options: Any) -> httpx.Response | None:
        headers = {"Authorization": f"Bearer {self.tokens[uid]}"}
        began = time.monotonic()
        answer: httpx.Response | None = None
        try:
            answer = self._client.request(method, f"/api/v1{path}", headers=headers, **options)
        except httpx.TransportError as error:
            why = f"{type(error).__name__}: {error}"
        took = 1_000 * (time.monotonic() - began)
        endpoint = f"{method} {path.partition('?')[0]}"
        self.record.answered(Answer(endpoint, answer.status_code if answer else 0, began, took))
        if answer is None:
            self._unanswered(endpoint, why)
        elif complaint := undocumented(answer):
            self.record.violation(f"{endpoint} of {uid}: {complaint}")
        return answer

    def _unanswered(self, endpoint: str, why: str) -> None:
        """A connection may break only while a process dies."""
        now = time.monotonic()
        faults = [f for f in self.record.faults if f.name == WEB_KILLED and now - f.began < TIMEOUT]
        if not faults:
            self.record.violation(f"{endpoint} was not answered ({why}), and no web process had died")


def undocumented(answer: httpx.Response) -> str | None:
    """What is wrong with an answer, if it is none that docs/openapi.yaml and the README name."""
    if answer.status_code in {200, 400, 404}:
        return None
    said = f"{answer.status_code}: {answer.text[:300]}"
    if answer.status_code not in {429, 503}:
        return said
    if not answer.headers.get("Retry-After", "").isdigit():
        return f"without Retry-After, {said}"
    return None
