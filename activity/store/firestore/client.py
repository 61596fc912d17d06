"""Firestore's client: one per process, made when it is first needed.

A client used before a fork hangs every child of it, so none is made at import and a forked
process makes its own. gRPC waits ever longer between attempts to reach a lost server, up to
two minutes; a client that could not reach it is therefore put aside, and the next call
connects afresh.
"""

import os
import threading
from typing import Final, TypeAlias

from django.conf import settings
from google.cloud import firestore

_Key: TypeAlias = tuple[int, str, str, str]

_lock = threading.Lock()
# By process: a child must not even drop its parent's client, whose threads did not come along.
_clients: Final[dict[_Key, firestore.Client]] = {}


def client() -> firestore.Client:
    """This process's client. It connects at the first call, not here. Raises GoogleAuthError without credentials."""
    key = _key()
    there = _clients.get(key)
    if there is not None:
        return there
    with _lock:
        if key not in _clients:
            _clients[key] = firestore.Client(
                project=settings.FIREBASE_PROJECT_ID, database=settings.FIRESTORE_DATABASE
            )
        return _clients[key]


def put_aside(lost: firestore.Client) -> None:
    """The next `client()` is another one; calls that still use the lost one end as they may."""
    with _lock:
        key = _key()
        if _clients.get(key) is lost:
            del _clients[key]


def _key() -> _Key:
    emulator = os.environ.get("FIRESTORE_EMULATOR_HOST", "")  # read by Google's library
    return os.getpid(), emulator, settings.FIREBASE_PROJECT_ID, settings.FIRESTORE_DATABASE
