"""A deployment of Finishd that measurements run on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.errors import RunFailed
from bench.load import Request
from bench.rpc import DjangoProcess
from bench.servers import Servers
from bench.web import WEB_THREADS, ServerKind, WebServer, start_web
from finishd.run.embedded_redis import RedisServer


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """A rebuild of the indexes.

    The stalls are the longest response times of Redis for another client, in milliseconds: without load, during the
    rebuild, and while the index pointer moves.
    """

    seconds: float
    peak_mb: float
    idle_stall: float
    longest_stall: float
    publish_stall: float


@dataclass(frozen=True, slots=True)
class PagedSession:
    """A viewer's session. `pages` has the position and the cursor of each next page."""

    viewer: str
    session: str
    pages: Sequence[tuple[int, str]]


@dataclass(slots=True)
class Deployment:
    """A catalogue with its own Redis and database, and a process with Django that measurements call."""

    items: int
    servers: Servers
    redis: RedisServer
    settings: dict[str, str]
    django: DjangoProcess
    rebuild: RebuildResult | None = None
    _tokens: dict[str, str] = field(default_factory=dict)
    _web: WebServer | None = None

    def call(self, name: str, **arguments: Any) -> Any:
        return self.django.call(name, **arguments)

    def close(self) -> None:
        """Stop Redis and the process with Django. The database remains."""
        self.django.close()
        self.redis.stop()

    @property
    def monitored_processes(self) -> dict[str, int | None]:
        """The processes whose processor time is reported in addition to the web server's."""
        cluster = self.servers.cluster
        return {"Redis": self.redis.pid, "PostgreSQL": cluster.pid if cluster else None}

    def get_token(self, uid: str) -> str:
        return self.get_tokens([uid])[0]

    def get_tokens(self, uids: Sequence[str]) -> list[str]:
        missing = [uid for uid in uids if uid not in self._tokens]
        if missing:
            signed = self.call("bench.remote.seed.sign_tokens", uids=missing)
            self._tokens.update(zip(missing, signed, strict=True))
        return [self._tokens[uid] for uid in uids]

    def get_web(self) -> WebServer:
        """Return the shared web server, with two processes as `make run` starts it. The first call starts it."""
        if self._web is None:
            self._web = self.start_web()
        return self._web

    def start_web(
        self, *, kind: ServerKind = "granian", processes: int = 2, threads: int = WEB_THREADS
    ) -> WebServer:
        """Start another web server. The caller stops it."""
        return start_web(self.servers, self.settings, kind=kind, processes=processes, threads=threads)

    def start_sessions(self, viewers: Sequence[str], *, limit: int) -> list[PagedSession]:
        """Start a session for each viewer. The cards of their plans are in Redis afterwards."""
        found = self.call("bench.remote.pages.start_sessions", viewers=list(viewers), limit=limit)
        return [
            PagedSession(each["viewer"], each["session"], [(p["start"], p["cursor"]) for p in each["pages"]])
            for each in found
        ]

    def reset_served(self, viewers: Sequence[str], sessions: Sequence[PagedSession] = ()) -> None:
        """Clear the served lists of these viewers, and mark the plans of these sessions as not served."""
        by_viewer = {each.viewer: each.session for each in sessions}
        self.call("bench.remote.pages.reset_served", viewers=list(viewers), sessions=by_viewer)

    def next_page_requests(self, sessions: Sequence[PagedSession], *, limit: int) -> list[Request]:
        """Return requests for all next pages, ordered so that consecutive requests have different viewers."""
        return self._interleave(
            sessions, lambda _, start, cursor: f"/api/v1/feed?limit={limit}&cursor={cursor}"
        )

    def floor_page_requests(self, sessions: Sequence[PagedSession], *, limit: int) -> list[Request]:
        """Return requests to the floor's view for the same slots and cards."""
        return self._interleave(
            sessions,
            lambda each, start, _: f"/api/v1/floor/page?session={each.session}&start={start}&limit={limit}",
        )

    def first_page_requests(self, viewers: Sequence[str]) -> list[Request]:
        return [Request("/api/v1/feed?refresh=true", token) for token in self.get_tokens(viewers)]

    def _interleave(
        self, sessions: Sequence[PagedSession], get_path: Callable[[PagedSession, int, str], str]
    ) -> list[Request]:
        if not sessions or not all(each.pages for each in sessions):
            raise RunFailed("a session has no next page: the catalogue is too small")
        viewers = [each.viewer for each in sessions]
        tokens = dict(zip(viewers, self.get_tokens(viewers), strict=True))
        depth = max(len(each.pages) for each in sessions)
        return [
            Request(get_path(each, *each.pages[index]), tokens[each.viewer])
            for index in range(depth)
            for each in sessions
            if index < len(each.pages)
        ]
