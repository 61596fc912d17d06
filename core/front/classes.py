"""Classes of requests, and the lanes that serve them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lane:
    """Threads with a queue of their own. A lane whose threads are all busy delays no other lane."""

    name: str
    threads: int
    queue_limit: int  # requests that wait for a thread


@dataclass(frozen=True, slots=True)
class RequestClass:
    """A kind of request, with its lane and limits. Times are seconds, sizes bytes.

    `max_fill` is the part of its lane's queue that may be in use when a request of this class is admitted: classes with
    a small one are rejected first. A request waits for a thread for `wait` at most, and has `run` from then on, but
    never more than `total` after its arrival.
    """

    name: str  # a label of metrics
    lane: Lane
    max_fill: float
    wait: float
    run: float
    total: float
    retry_after: int
    max_body: int
    body_seconds: float
    allows_only_reads: bool = False

    @property
    def room(self) -> int:
        """The number of waiting requests in the lane below which a request of this class is admitted."""
        return max(1, int(self.max_fill * self.lane.queue_limit))
