"""The report of a run, as JSON and as text."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from bench.statistics import median, percentile, round_floats
from soak.checks.results import Result
from soak.faults import PlannedFault
from soak.history import Operation
from soak.monitoring import MAX_REDIS_CONNECTIONS, MAX_SQL_CONNECTIONS, ResourceMonitor
from soak.record import RunRecord, get_recovery_seconds

MAX_REPORTED: Final = 10  # Violations of one promise that are described. The report has the number of all.


@dataclass(frozen=True, slots=True)
class Outcome:
    """A complete run.

    `seconds` is the duration of the load, `idle_after` the time until no work was left, `total_seconds` the time of
    everything. `results` has a result for each promise, `tables` the lines that explain violations.
    """

    seed: int
    seconds: float
    schedule: Sequence[PlannedFault]
    record: RunRecord
    monitor: ResourceMonitor
    idle_after: float
    total_seconds: float
    results: Sequence[Result]
    tables: Sequence[str]

    @property
    def is_successful(self) -> bool:
        return not self.violations

    @property
    def violations(self) -> list[str]:
        """All violations. A promise that was never compared is one too: the run did not check it."""
        return [
            *self.record.violations,
            *(f"no {result.what} were compared" for result in self.results if not result.compared),
            *(
                f"{result.promise}: at {violation.at - self.record.start:.1f} s: {violation.description}"
                for result in self.results
                for violation in result.violations[:MAX_REPORTED]
            ),
        ]


def to_json(outcome: Outcome) -> dict[str, Any]:
    record, monitor = outcome.record, outcome.monitor
    by_endpoint: dict[str, Counter[str]] = defaultdict(Counter)
    for response in record.requests:
        by_endpoint[response.endpoint][str(response.status or "none")] += 1
    normal = [response for response in record.requests if not record.is_affected(response)]
    affected = [response for response in record.requests if record.is_affected(response)]
    result: dict[str, Any] = round_floats(
        {
            "seed": outcome.seed,
            "seconds": outcome.seconds,
            "total_seconds": outcome.total_seconds,
            "responses": {endpoint: dict(statuses) for endpoint, statuses in sorted(by_endpoint.items())},
            "milliseconds": {"without faults": _summarize(normal), "during faults": _summarize(affected)},
            "actions": dict(record.actions),
            "operations": len(record.history.operations),
            "promises": {
                result.promise: {
                    "what": result.what,
                    "compared": result.compared,
                    "excused": result.excused,
                    "violated": result.found,
                }
                for result in outcome.results
            },
            "stalls": sum(stall.seconds for stall in record.history.stalls),
            "faults": list(_describe_faults(record)),
            "idle_after": outcome.idle_after,
            "connections": {
                "redis": {"most": monitor.most_redis_connections, "limit": MAX_REDIS_CONNECTIONS},
                "postgresql": {"most": monitor.most_sql_connections, "limit": MAX_SQL_CONNECTIONS},
            },
            "memory": [asdict(growth) for growth in monitor.get_growths()],
        }
    )
    return {**result, "violations": outcome.violations, "tables": list(outcome.tables)}


def format_lines(result: dict[str, Any]) -> Iterator[str]:
    """Return the lines of the report for the terminal."""
    number = sum(sum(statuses.values()) for statuses in result["responses"].values())
    yield f"{number} requests in {result['seconds']:.0f} s, seed {result['seed']}:"
    for endpoint, statuses in result["responses"].items():
        yield f"  {endpoint:32} " + ", ".join(f"{status}: {n}" for status, n in sorted(statuses.items()))
    for name, figures in result["milliseconds"].items():
        if figures:
            p50, p99 = figures["p50"], figures["p99"]
            yield f"  {name}: p50 {p50:.0f} ms, p99 {p99:.0f} ms of {figures['responses']} responses"
    yield "actions: " + ", ".join(f"{name} {n}" for name, n in sorted(result["actions"].items()))
    yield f"{len(result['faults'])} faults:"
    for fault in result["faults"]:
        yield (
            f"  {fault['at']:6.1f} s  {fault['name']:30} for {fault['seconds']:.1f} s, "
            f"{fault['failures']} responses failed, recovered after {fault['recovery_seconds']:.1f} s"
        )
    yield f"no work left {result['idle_after']:.0f} s after the load; {result['total_seconds']:.0f} s in total"
    for server, figures in result["connections"].items():
        yield f"connections to {server}: {figures['most']} at most, limit {figures['limit']}"
    for growth in result["memory"]:
        yield (
            f"{growth['role']}: {growth['start_mb']:.0f} MB, {growth['slope']:+.2f} MB a minute "
            f"over {growth['seconds']:.0f} s"
        )
    yield f"the servers waited {result['stalls']:.0f} s for processors, and had that much longer"
    yield f"{result['operations']} operations in the history"
    for promise, figures in result["promises"].items():
        excused = f", {figures['excused']} excused by load" if figures["excused"] else ""
        yield f"  {promise}: {figures['compared']} {figures['what']}{excused}, {figures['violated']} violations"
    yield f"{len(result['violations'])} violations"
    yield from (f"  {violation}" for violation in result["violations"])
    yield from result["tables"]


def _describe_faults(record: RunRecord) -> Iterator[dict[str, Any]]:
    for fault, next_fault in zip(record.faults, [*record.faults[1:], None], strict=True):
        failures = record.get_failures(fault, next_fault)
        yield {
            "at": fault.start - record.start,
            "name": fault.name,
            "seconds": fault.end - fault.start,
            "failures": len(failures),
            "recovery_seconds": get_recovery_seconds(fault, failures),
        }


def _summarize(responses: Sequence[Operation]) -> dict[str, float]:
    values = [response.milliseconds for response in responses]
    return {"responses": len(values), "p50": median(values), "p99": percentile(values)} if values else {}
