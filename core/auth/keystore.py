"""The keys that verify tokens: from Google's endpoint, or from a file in development.

Each process keeps the key set in memory, so a lookup usually makes no call. When the set is stale, one thread fetches a
new one, and requests use the old one meanwhile, for as long as the endpoint fails. Processes share a fetched set
through the cache Redis; without Redis each fetches its own.
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

FETCH_TIMEOUT_SECONDS = 1.0  # for the whole fetch
RETRY_SECONDS = OPEN_SECONDS  # between two fetches while the endpoint fails
UNKNOWN_KEY_RETRY_SECONDS = 30.0  # an unknown key id causes no fetch while the key set is younger than this

_FETCH_WAIT_SECONDS = FETCH_TIMEOUT_SECONDS + 0.1  # callers wait for a fetch this long after its start
_FAILURES = (OSError, HTTPException, BadKeySet)

declare_dependency("auth-keys")
logger = logging.getLogger(__name__)


class KeysUnavailable(Unavailable):
    """There is no key set, so tokens cannot be verified: 503."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(
            "Sign-in cannot be verified right now.", code="auth_unavailable", retry_after=retry_after
        )


def get_key_finder() -> KeyFinder:
    """Return the key lookup for the current settings. There is one per process and configuration."""
    if settings.FIREBASE_KEYS_FILE:
        return _file_keys(Path(settings.FIREBASE_KEYS_FILE)).find
    return _remote_keys(settings.FIREBASE_PROJECT_ID, settings.FIREBASE_KEYS_URL).find


class FileKeys:
    """The keys of a JWKS file, read at the first lookup."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: keyset.Keys | None = None

    def find(self, kid: str) -> RSAPublicKey | None:
        """Return the key with this id, or None. Raises KeysUnavailable if the file cannot be read."""
        if self._keys is None:
            try:
                self._keys = keyset.parse(self._path.read_bytes())
            except (OSError, BadKeySet) as error:
                logger.error("cannot use FIREBASE_KEYS_FILE %s: %s", self._path, error)
                raise KeysUnavailable(RETRY_SECONDS) from error
        return self._keys.get(kid)


class RemoteKeys:
    """The keys at `url`. Thread-safe.

    An unknown key id causes a fetch only if the key set is older than `UNKNOWN_KEY_RETRY_SECONDS`. This bounds the cost
    of invented ids without a list of them. It delays no real key, because Google publishes keys hours before use.
    """

    def __init__(self, project: str, url: str, *, clock: Callable[[], float] = time.time) -> None:
        self._redis_key = redis_keys.AUTH_KEYS.name(project=project)
        self._url = url
        self._clock = clock
        self._key_set: KeySet | None = None
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
        """Return the key with this id, or None if the endpoint does not have it.

        Makes no call while the key set is fresh, and does not wait for the refresh of a stale one. Raises
        KeysUnavailable if there is no key set, after `FETCH_TIMEOUT_SECONDS` at most.
        """
        key_set, now = self._key_set, self._clock()
        if key_set is None:
            key_set = self._load_first()
        elif now >= key_set.fresh_until:
            self._ensure_refresh(key_set)
        key = key_set.keys.get(kid)
        if key is None and self._should_refetch(key_set, now):
            key = self._refetch_and_find(kid, key_set, now)
        return key

    def _should_refetch(self, key_set: KeySet, now: float) -> bool:
        return now - key_set.fetched_at >= UNKNOWN_KEY_RETRY_SECONDS and self._breaker.state != "open"

    def _refetch_and_find(self, kid: str, key_set: KeySet, now: float) -> RSAPublicKey | None:
        """Look for an unknown key in the shared key set, and then, if that is old too, at the endpoint."""
        for _ in ("shared", "fetched"):
            self._ensure_refresh(key_set, wait=True)
            key_set = self._key_set or key_set
            if kid in key_set.keys or not self._should_refetch(key_set, now):
                return key_set.keys.get(kid)
        return None

    def _load_first(self) -> KeySet:
        self._ensure_refresh(None, wait=True)
        if self._key_set is None:
            raise KeysUnavailable(max(self._breaker.retry_after, 1.0))
        return self._key_set

    def _ensure_refresh(self, before: KeySet | None, *, wait: bool = False) -> None:
        """Start a thread that loads a newer key set than `before`, unless there is one or a thread is running.

        A thread, because a DNS lookup has no timeout, and callers must be able to stop waiting for it.
        """
        with self._lock:
            if self._key_set is not before:
                return
            if self._fetching is None or not self._fetching.is_alive():
                if self._breaker.state == "open":
                    return
                self._fetching = threading.Thread(target=self._replace, name="auth-keys", daemon=True)
                self._waited_until = time.monotonic() + _FETCH_WAIT_SECONDS
                self._fetching.start()
            fetching, until = self._fetching, self._waited_until
        if wait:
            fetching.join(max(min(until - time.monotonic(), deadlines.remaining()), 0.0))

    def _replace(self) -> None:
        before = self._key_set
        self._key_set = self._load_newer(before) or before

    def _load_newer(self, before: KeySet | None) -> KeySet | None:
        shared = self._load_shared()
        if shared is not None and (before is None or shared.fetched_at > before.fetched_at):
            return shared
        try:
            with self._breaker.protect():
                fetched = self._fetch()
        except (CircuitOpen, *_FAILURES):  # the circuit breaker has logged it
            return None
        self._share(fetched)
        return fetched

    def _fetch(self) -> KeySet:
        deadline = time.monotonic() + FETCH_TIMEOUT_SECONDS
        with urllib.request.urlopen(self._url, timeout=FETCH_TIMEOUT_SECONDS) as response:  # noqa: S310  (the settings' own URL)
            document = b""
            # A socket timeout limits each read, not the whole response.
            while chunk := response.read1(65_536):
                document += chunk
                if time.monotonic() > deadline:
                    raise TimeoutError("timeout while reading the key set")
                if len(document) > keyset.MAX_DOCUMENT:
                    raise BadKeySet("the key set is too long")
            headers = response.headers
        now = self._clock()
        fresh_for = keyset.get_lifetime(headers.get("Cache-Control", ""), headers.get("Age", ""))
        return KeySet(document, keyset.parse(document), fetched_at=now, fresh_until=now + fresh_for)

    def _load_shared(self) -> KeySet | None:
        """Return the key set that another process shared, if it is still fresh."""
        now = self._clock()
        try:
            packed = client.cache_redis().get(self._redis_key)
            shared = keyset.unpack(packed, now=now) if isinstance(packed, bytes) else None
        except (RedisError, CircuitOpen, BadKeySet) as error:
            logger.warning("cache Redis: shared token keys not read: %s", error)
            return None
        return shared if shared is not None and now < shared.fresh_until else None

    def _share(self, fetched: KeySet) -> None:
        try:
            client.cache_redis().set(self._redis_key, keyset.pack(fetched), ex=redis_keys.AUTH_KEYS.ttl)
        except (RedisError, CircuitOpen) as error:
            logger.warning("cache Redis: token keys not shared: %s", error)


@lru_cache(maxsize=8)
def _file_keys(path: Path) -> FileKeys:
    return FileKeys(path)


@lru_cache(maxsize=8)
def _remote_keys(project: str, url: str) -> RemoteKeys:
    return RemoteKeys(project, url)
