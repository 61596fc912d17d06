"""Firestore's client: one per process, made when it is first needed.

A client that was used before a fork hangs in every child, so none is made at import and a forked process makes its
own. gRPC waits longer and longer between attempts to reach a lost server, up to two minutes, and needs most of a
minute to notice that a connection is dead. So a client that could not reach the server is discarded, and the next call
connects again.
"""

import os
import threading
from typing import Any, Final, TypeAlias

import grpc
from django.conf import settings
from google.cloud import firestore
from google.cloud.firestore_v1.services.firestore import client as generated
from google.cloud.firestore_v1.services.firestore.transports.grpc import FirestoreGrpcTransport

# Without this option channels share connections, and a new channel would wait for the dead connection.
_SEPARATE_CONNECTION: Final = ("grpc.use_local_subchannel_pool", 1)

_Key: TypeAlias = tuple[int, str, str, str]

_lock = threading.Lock()
# By process: a child must not even drop its parent's client, because the client's threads do not exist in the child.
_clients: Final[dict[_Key, firestore.Client]] = {}


class _Transport(FirestoreGrpcTransport):
    @classmethod
    def create_channel(cls, *args: Any, options: Any = (), **kwargs: Any) -> grpc.Channel:
        return super().create_channel(*args, options=[*options, _SEPARATE_CONNECTION], **kwargs)


class _Client(firestore.Client):
    """Google's client with a connection of its own. The library has no public option for this."""

    @property
    def _firestore_api(self) -> Any:
        return self._firestore_api_helper(_Transport, generated.FirestoreClient, generated)

    def _emulator_channel(self, transport: Any) -> grpc.Channel:
        # As in the library, which accepts no options here either. It sends the emulator's token with each call.
        unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        return grpc.insecure_channel(self._emulator_host, options=[*unlimited, _SEPARATE_CONNECTION])


def get_client() -> firestore.Client:
    """Return this process's client. It connects with the first call. Raises GoogleAuthError without credentials."""
    key = _get_key()
    client = _clients.get(key)
    if client is not None:
        return client
    with _lock:
        if key not in _clients:
            _clients[key] = _Client(
                project=settings.FIREBASE_PROJECT_ID, database=settings.FIRESTORE_DATABASE
            )
        return _clients[key]


def discard_client(client: firestore.Client) -> None:
    """Let the next `get_client()` make another client. Calls that are using this one may still end."""
    with _lock:
        key = _get_key()
        if _clients.get(key) is client:
            del _clients[key]


def _get_key() -> _Key:
    emulator = os.environ.get("FIRESTORE_EMULATOR_HOST", "")  # read by Google's library
    return os.getpid(), emulator, settings.FIREBASE_PROJECT_ID, settings.FIRESTORE_DATABASE
