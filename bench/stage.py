"""What families measure on: worlds, made when first asked for and kept until the end."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import naming
from bench.calls import Inside, once
from bench.load import Request
from bench.probe import Stalls, at_rest
from bench.rows import Failed
from bench.scale import Scale
from bench.servers import TEMPLATE, ServerKind, Servers, Web, environment, start_web
from finishd.run import programs
from finishd.run.embedded_redis import RedisServer

Say = Callable[[str], None]
REBUILD_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class Build:
    """A rebuild of the indexes: seconds, peak memory in MB, and the longest stall of another client of Redis in
    milliseconds, at rest, meanwhile, and at the switch alone."""

    seconds: float
    peak_mb: float
    rest: float
    longest: float
    switch: float


@dataclass(frozen=True, slots=True)
class Session:
    """A viewer's session, and where its next pages begin, as (position, cursor)."""

    viewer: str
    session: str
    pages: Sequence[tuple[int, str]]


@dataclass(slots=True)
class World:
    """A catalogue of so many items with a Redis and a database of its own, and a process with Django in it."""

    items: int
    servers: Servers
    redis: RedisServer
    settings: dict[str, str]
    inside: Inside
    build: Build | None = None
    _tokens: dict[str, str] = field(default_factory=dict)
    _web: Web | None = None

    def call(self, name: str, **arguments: Any) -> Any:
        return self.inside.call(name, **arguments)

    @property
    def watched(self) -> dict[str, int | None]:
        """Whose processor time is told beside the server's."""
        cluster = self.servers.cluster
        return {"Redis": self.redis.pid, "PostgreSQL": cluster.pid if cluster else None}

    def token(self, uid: str) -> str:
        return self.tokens([uid])[0]

    def tokens(self, uids: Sequence[str]) -> list[str]:
        missing = [uid for uid in uids if uid not in self._tokens]
        if missing:
            self._tokens.update(zip(missing, self.call("data.tokens", uids=missing), strict=True))
        return [self._tokens[uid] for uid in uids]

    def web(self) -> Web:
        """The server that most is measured on: as `make run` starts it, with two processes."""
        if self._web is None:
            self._web = start_web(self.servers, self.settings)
        return self._web

    def another_web(
        self, *, kind: ServerKind = "granian", processes: int = 2, threads: int = programs.WEB_THREADS
    ) -> Web:
        return start_web(self.servers, self.settings, kind=kind, processes=processes, threads=threads)

    def sessions(self, viewers: Sequence[str], *, limit: int) -> list[Session]:
        """New ones, whose cards are in Redis."""
        found = self.call("paging.sessions", viewers=list(viewers), limit=limit)
        return [
            Session(one["viewer"], one["session"], [(p["start"], p["cursor"]) for p in one["pages"]])
            for one in found
        ]

    def rewind(self, viewers: Sequence[str], sessions: Sequence[Session] = ()) -> None:
        """As if nothing had been served to these viewers."""
        known = {one.viewer: one.session for one in sessions}
        self.call("paging.rewind", viewers=list(viewers), known=known)

    def next_pages(self, sessions: Sequence[Session], *, limit: int) -> list[Request]:
        """All next pages of all sessions, so that neighbours are of different viewers."""
        return self._interleaved(
            sessions, lambda one, start, cursor: f"/api/v1/feed?limit={limit}&cursor={cursor}"
        )

    def floor_pages(self, sessions: Sequence[Session], *, limit: int) -> list[Request]:
        """The same slots and cards by the floor's view."""
        return self._interleaved(
            sessions,
            lambda one, start, cursor: (
                f"/api/v1/floor/page?session={one.session}&start={start}&limit={limit}"
            ),
        )

    def first_pages(self, viewers: Sequence[str]) -> list[Request]:
        return [Request("/api/v1/feed?refresh=true", token) for token in self.tokens(viewers)]

    def _interleaved(
        self, sessions: Sequence[Session], path: Callable[[Session, int, str], str]
    ) -> list[Request]:
        tokens = dict(
            zip((s.viewer for s in sessions), self.tokens([s.viewer for s in sessions]), strict=True)
        )
        if not sessions or not all(one.pages for one in sessions):
            raise Failed("a session has no next page: the catalogue is too small")
        depth = max(len(one.pages) for one in sessions)
        return [
            Request(path(one, *one.pages[place]), tokens[one.viewer])
            for place in range(depth)
            for one in sessions
            if place < len(one.pages)
        ]


class Stage:
    """Worlds by their number of items."""

    def __init__(self, scale: Scale, servers: Servers, say: Say) -> None:
        self.scale = scale
        self.servers = servers
        self.say = say
        self._worlds: dict[int, World] = {}
        self._templated = False
        self._made = 0

    def world(self, items: int | None = None) -> World:
        """The one of this size (the scale's `items` by default), seeded and with indexes. The scale's own has viewers
        of each number of followees, the others of `few`."""
        size = items or self.scale.items
        if size not in self._worlds:
            self._worlds[size] = self._seeded(size)
        return self._worlds[size]

    def viewers(self, followees: int | None = None) -> list[str]:
        number = self.scale.few if followees is None else followees
        return naming.viewers(number, self.scale.viewers)

    def empty(self, name: str, *, sqlite: bool = False) -> World:
        """A world with tables and genres, and nothing else."""
        self._made += 1
        label = f"{name}_{self._made}"
        data = self.servers.folder / label
        data.mkdir()
        redis = self.servers.redis(f"{label}-redis")
        url = f"sqlite:///{data / 'db.sqlite3'}" if sqlite else self._database(label, data, redis)
        settings = environment(data=data, redis_url=redis.url, database_url=url)
        inside = Inside(self.servers, settings)
        inside.call("data.keys")
        if sqlite:
            inside.call("data.migrate")
        return World(0, self.servers, redis, settings, inside)

    def rebuilt(self, world: World) -> Build:
        """Rebuild a world's indexes in a process of its own, with a probe beside it."""
        rest = at_rest(world.redis.url, self.scale.seconds)
        with Stalls(world.redis.url) as probe:
            found = once(self.servers, world.settings, "indexing.rebuild", deadline=REBUILD_SECONDS)
            time.sleep(0.05)
        switch = probe.longest(since=found["switch"], until=found["end"])
        return Build(found["seconds"], found["peak_mb"], rest, probe.longest(), switch)

    def _seeded(self, size: int) -> World:
        world = self.empty(f"items_{size}")
        world.items = size
        followees = list(self.scale.followees) if size == self.scale.items else [self.scale.few]
        took = world.call("data.items", count=size)
        people = world.call("data.people", followees=followees, viewers=self.scale.viewers, items=size)
        world.build = self.rebuilt(world)
        for number in followees:
            world.call("data.warm", uids=self.viewers(number))
        self.say(
            f"a world of {size:,} items: {took:.0f} s for the items, {people:.0f} s for people, "
            f"{world.build.seconds:.1f} s for the indexes"
        )
        return world

    def _database(self, name: str, data: Path, redis: RedisServer) -> str:
        if not self._templated:
            url = self.servers.database(TEMPLATE)
            once(
                self.servers,
                environment(data=data, redis_url=redis.url, database_url=url),
                "data.migrate",
            )
            self._templated = True
        return self.servers.database(name)
