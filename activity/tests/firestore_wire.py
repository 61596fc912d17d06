"""A recorder of the RPCs that the Firestore store makes."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rpc:
    name: str
    arguments: dict[str, Any]


class Recorder:
    """Record the RPCs of Google's client, and pass them on."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self.made: list[Rpc] = []

    def __getattr__(self, name: str) -> Any:
        rpc = getattr(self._api, name)

        def recorded(*args: Any, **kwargs: Any) -> Any:
            assert not args
            self.made.append(Rpc(name, kwargs))
            return rpc(**kwargs)

        return recorded

    @property
    def names(self) -> list[str]:
        return [rpc.name for rpc in self.made]
