"""Where the verifying keys come from: Google's endpoint, or in development a file.

A process keeps the set in memory, so a warm check waits for nothing. When the set
has passed its time one thread fetches the next, and all requests go on with the
old one meanwhile, for as long as the endpoint fails. Redis carries a set from the
process that fetched it to the others; without Redis each fetches its own.
"""

import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings
from redis.exceptions import RedisError

from core import deadlines
from core.auth import keys as redis_keys
from core.auth import keyset
from core.auth.keyset import BadKeySet, KeySet
from core.auth.tokens import KeyFinder
from core.circuit import (
    OPEN_SECONDS,
    CircuitBreaker,
    CircuitOpen,
    declare_dependency,
    register_circuit_breaker,
)
from core.errors import Unavailable
from core.redis import client

FETCH_TIMEOUT_SECONDS = 1.0  # seconds for one fetch, all told
RETRY_SECONDS = OPEN_SECONDS  # seconds between two fetches while the endpoint fails
UNKNOWN_KEY_RETRY_SECONDS = 30.0  # a set younger than this is the last word on a key that it lacks

_PATIENCE = (
    FETCH_TIMEOUT_SECONDS + 0.1
)  # seconds after its begin that a fetch is waited for; one that hangs is left to itself
_FAILURES = (OSError, HTTPException, BadKeySet)

declare_dependency("auth-keys")
logger = logging.getLogger(__name__)


class KeysUnavailable(Unavailable):
    """No key could be had, so nobody can be recognised: 503."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(
            "Sign-in cannot be verified right now.", code="auth_unavailable", retry_after=retry_after
        )


def get_key_finder() -> KeyFinder:
    """The key lookup that the settings ask for. One per process and configuration."""
    if settings.FIREBASE_KEYS_FILE:
        return _file_keys(Path(settings.FIREBASE_KEYS_FILE)).find
    return _remote_keys(settings.FIREBASE_PROJECT_ID, settings.FIREBASE_KEYS_URL).find


class FileKeys:
    """The keys of a JWKS file, read at the first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: keyset.Keys | None = None

    def find(self, kid: str) -> RSAPublicKey | None:
        """The key of that id, or None. Raises `KeysUnavailable` when the file cannot be used."""
        if self._keys is None:
            try:
                self._keys = keyset.parse(self._path.read_bytes())
            except (OSError, BadKeySet) as error:
                logger.error("cannot use FIREBASE_KEYS_FILE %s: %s", self._path, error)
                raise KeysUnavailable(RETRY_SECONDS) from error
        return self._keys.get(kid)


class RemoteKeys:
    """The keys behind `url`. Thread-safe.

    An unknown key id causes a fetch only when the set at hand is older than
    `UNKNOWN_KEY_RETRY_SECONDS`. That bounds what invented ids can cost, whatever their number,
    and without a list of them: Google publishes a key hours before it signs with it.
    """

    def __init__(self, project: str, url: str, *, clock: Callable[[], float] = time.time) -> None:
        self._redis_key = redis_keys.AUTH_KEYS.name(project=project)
        self._url = url
        self._clock = clock
        self._held: KeySet | None = None
        self._lock = threading.Lock()
        self._fetching: threading.Thread | None = None
        self._waited_until = 0.0
        self._breaker = register_circuit_breaker(
            CircuitBreaker(
                "auth-keys",
                failure_types=_FAILURES,
                failure_threshold=1,
                open_seconds=RETRY_SECONDS,
                clock=clock,
            )
        )

    def find(self, kid: str) -> RSAPublicKey | None:
        """The key of that id, or None when the endpoint does not know it.

        Costs nothing while the set is fresh, or stale with the endpoint failing. Raises
        `KeysUnavailable` when there is no set at all, after `FETCH_TIMEOUT_SECONDS` at most.
        """
        held, now = self._held, self._clock()
        if held is None:
            held = self._first()
        elif now >= held.fresh_until:
            self._refresh(held)
        key = held.keys.get(kid)
        if key is None and self._may_be_new(held, now):
            key = self._find_new(kid, held, now)
        return key

    def _may_be_new(self, held: KeySet, now: float) -> bool:
        return now - held.fetched_at >= UNKNOWN_KEY_RETRY_SECONDS and self._breaker.state != "open"

    def _find_new(self, kid: str, held: KeySet, now: float) -> RSAPublicKey | None:
        """Look for an unknown key in the shared set, and if that is old as well at the endpoint."""
        for _ in ("shared", "fetched"):
            self._refresh(held, wait=True)
            held = self._held or held
            if kid in held.keys or not self._may_be_new(held, now):
                return held.keys.get(kid)
        return None

    def _first(self) -> KeySet:
        self._refresh(None, wait=True)
        if self._held is None:
            raise KeysUnavailable(max(self._breaker.retry_after, 1.0))
        return self._held

    def _refresh(self, before: KeySet | None, *, wait: bool = False) -> None:
        """Have something newer brought, unless it is there, by a thread of its own, one at a time.

        Whoever waits for it can leave: looking up a name has no time-out.
        """
        with self._lock:
            if self._held is not before:
                return
            if self._fetching is None or not self._fetching.is_alive():
                if self._breaker.state == "open":
                    return
                self._fetching = threading.Thread(target=self._replace, name="auth-keys", daemon=True)
                self._waited_until = time.monotonic() + _PATIENCE
                self._fetching.start()
            fetching, until = self._fetching, self._waited_until
        if wait:
            fetching.join(max(min(until - time.monotonic(), deadlines.remaining()), 0.0))

    def _replace(self) -> None:
        before = self._held
        self._held = self._newer(before) or before

    def _newer(self, before: KeySet | None) -> KeySet | None:
        shared = self._from_redis()
        if shared is not None and (before is None or shared.fetched_at > before.fetched_at):
            return shared
        try:
            with self._breaker.protect():
                fetched = self._fetch()
        except (CircuitOpen, *_FAILURES):  # the breaker has logged it
            return None
        self._to_redis(fetched)
        return fetched

    def _fetch(self) -> KeySet:
        deadline = time.monotonic() + FETCH_TIMEOUT_SECONDS
        with urllib.request.urlopen(self._url, timeout=FETCH_TIMEOUT_SECONDS) as answer:  # noqa: S310  (the settings' own URL)
            document = b""
            # A socket's time-out is for each read alone; an answer in drops would go on for ever.
            while chunk := answer.read1(65_536):
                document += chunk
                if time.monotonic() > deadline:
                    raise TimeoutError("the answer takes too long")
                if len(document) > keyset.MAX_DOCUMENT:
                    raise BadKeySet("the answer is too long")
            headers = answer.headers
        now = self._clock()
        fresh_for = keyset.lifetime(headers.get("Cache-Control", ""), headers.get("Age", ""))
        return KeySet(document, keyset.parse(document), fetched_at=now, fresh_until=now + fresh_for)

    def _from_redis(self) -> KeySet | None:
        """The set that another process shared, if it is still fresh."""
        now = self._clock()
        try:
            packed = client.cache_redis().get(self._redis_key)
            shared = keyset.unpack(packed, now=now) if isinstance(packed, bytes) else None
        except (RedisError, CircuitOpen, BadKeySet) as error:
            logger.warning("cannot read the shared keys of ID tokens: %s", error)
            return None
        return shared if shared is not None and now < shared.fresh_until else None

    def _to_redis(self, fetched: KeySet) -> None:
        try:
            client.cache_redis().set(self._redis_key, keyset.pack(fetched), ex=redis_keys.AUTH_KEYS.ttl)
        except (RedisError, CircuitOpen) as error:
            logger.warning("cannot share the keys of ID tokens: %s", error)


@lru_cache(maxsize=8)
def _file_keys(path: Path) -> FileKeys:
    return FileKeys(path)


@lru_cache(maxsize=8)
def _remote_keys(project: str, url: str) -> RemoteKeys:
    return RemoteKeys(project, url)
