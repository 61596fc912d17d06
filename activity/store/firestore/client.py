"""Firestore's client: one per process, made when it is first needed.

A client used before a fork hangs every child of it, so none is made at import and a forked
process makes its own. gRPC waits ever longer between attempts to reach a lost server, up to
two minutes, and takes most of one to notice that a connection leads nowhere; a client that
could not reach it is therefore put aside, and the next call connects afresh.
"""

import os
import threading
from typing import Any, Final, TypeAlias

import grpc
from django.conf import settings
from google.cloud import firestore
from google.cloud.firestore_v1.services.firestore import client as generated
from google.cloud.firestore_v1.services.firestore.transports.grpc import FirestoreGrpcTransport

# Without it channels share connections, and a new one would wait as the lost one does.
_OWN_CONNECTION: Final = ("grpc.use_local_subchannel_pool", 1)

_Key: TypeAlias = tuple[int, str, str, str]

_lock = threading.Lock()
# By process: a child must not even drop its parent's client, whose threads did not come along.
_clients: Final[dict[_Key, firestore.Client]] = {}


class _Transport(FirestoreGrpcTransport):
    @classmethod
    def create_channel(cls, *args: Any, options: Any = (), **kwargs: Any) -> grpc.Channel:
        return super().create_channel(*args, options=[*options, _OWN_CONNECTION], **kwargs)


class _Client(firestore.Client):
    """Google's, with a connection of its own; the library leaves no other way to say so."""

    @property
    def _firestore_api(self) -> Any:
        return self._firestore_api_helper(_Transport, generated.FirestoreClient, generated)

    def _emulator_channel(self, transport: Any) -> grpc.Channel:
        # As the library's, which takes no options either; it sends the emulator's token with each call.
        unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        return grpc.insecure_channel(self._emulator_host, options=[*unlimited, _OWN_CONNECTION])


def client() -> firestore.Client:
    """This process's client. It connects at the first call, not here. Raises GoogleAuthError without credentials."""
    key = _key()
    there = _clients.get(key)
    if there is not None:
        return there
    with _lock:
        if key not in _clients:
            _clients[key] = _Client(
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
