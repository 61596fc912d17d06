"""What a soak says of itself, for people and as JSON."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.statistics import median, percentile, round_floats
from soak.faults import Planned
from soak.monitoring import REDIS_MOST, SQL_MOST, Watch
from soak.record import Answer, Record, recovered_after


@dataclass(frozen=True, slots=True)
class Outcome:
    """`quiet`: seconds until nothing was left to do. `seconds` of load, of `took` in all."""

    seed: int
    seconds: float
    planned: Sequence[Planned]
    record: Record
    watch: Watch
    quiet: float
    took: float

    @property
    def good(self) -> bool:
        return not self.record.violations


def as_json(outcome: Outcome) -> dict[str, Any]:
    record, watch = outcome.record, outcome.watch
    by_endpoint: dict[str, Counter[str]] = defaultdict(Counter)
    for answer in record.answers:
        by_endpoint[answer.endpoint][str(answer.status or "none")] += 1
    calm = [answer for answer in record.answers if not record.in_fault(answer)]
    disturbed = [answer for answer in record.answers if record.in_fault(answer)]
    found: dict[str, Any] = round_floats(
        {
            "seed": outcome.seed,
            "seconds": outcome.seconds,
            "took": outcome.took,
            "answers": {endpoint: dict(statuses) for endpoint, statuses in sorted(by_endpoint.items())},
            "milliseconds": {"calm": _latencies(calm), "in faults": _latencies(disturbed)},
            "done": dict(record.done),
            "faults": list(_faults(outcome)),
            "quiet": outcome.quiet,
            "connections": {
                "redis": {"most": watch.most_redis, "bound": REDIS_MOST},
                "postgresql": {"most": watch.most_sql, "bound": SQL_MOST},
            },
            "memory": [asdict(growth) for growth in watch.growths()],
        }
    )
    return {**found, "violations": record.violations}


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    number = sum(sum(statuses.values()) for statuses in found["answers"].values())
    yield f"{number} requests in {found['seconds']:.0f} s, seed {found['seed']}:"
    for endpoint, statuses in found["answers"].items():
        yield f"  {endpoint:32} " + ", ".join(f"{status}: {n}" for status, n in sorted(statuses.items()))
    for name, figures in found["milliseconds"].items():
        if figures:
            yield f"  {name}: p50 {figures['p50']:.0f} ms, p99 {figures['p99']:.0f} ms of {figures['answers']}"
    yield "done: " + ", ".join(f"{what} {times}" for what, times in sorted(found["done"].items()))
    yield f"{len(found['faults'])} faults:"
    for fault in found["faults"]:
        yield (
            f"  {fault['at']:6.1f} s  {fault['name']:30} for {fault['for']:.1f} s, "
            f"{fault['failed']} answers failed, good again after {fault['recovered']:.1f} s"
        )
    yield f"quiet {found['quiet']:.0f} s after the load, {found['took']:.0f} s in all"
    for server, figures in found["connections"].items():
        yield f"connections to {server}: {figures['most']} at most, {figures['bound']} accounted for"
    for growth in found["memory"]:
        yield (
            f"{growth['role']}: {growth['began']:.0f} MB, {growth['slope']:+.2f} MB a minute "
            f"over {growth['seconds']:.0f} s"
        )
    yield f"{len(found['violations'])} violations"
    yield from (f"  {violation}" for violation in found["violations"])


def _faults(outcome: Outcome) -> Iterator[dict[str, Any]]:
    record = outcome.record
    for fault, following in zip(record.faults, [*record.faults[1:], None], strict=True):
        failed = record.failed_by(fault, following)
        yield {
            "at": fault.began - record.began,
            "name": fault.name,
            "for": fault.ended - fault.began,
            "failed": len(failed),
            "recovered": recovered_after(fault, failed),
        }


def _latencies(answers: Sequence[Answer]) -> dict[str, float]:
    took = [answer.took for answer in answers]
    return {"answers": len(took), "p50": median(took), "p99": percentile(took)} if took else {}
