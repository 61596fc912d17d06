"""Print the results of seeds."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

from soak.simulation.environment import prepared_environment
from soak.simulation.seeds import Failure, find_failures, minimise_failure, run_seed

MAX_FAILURES: Final = 3  # after which a run stops


def print_seed(seed: int) -> int:
    """Print the trace of a seed and what it breaks. Return the exit code."""
    with prepared_environment() as environment:
        result = run_seed(environment, seed)
        print("\n".join(result.trace))
        if not result.violations:
            print(f"simulation: seed {seed} breaks no promise")
            return 0
        print_failure(minimise_failure(environment, seed, result))
        return 1


def print_failures(seeds: Sequence[int]) -> int:
    """Print the seeds that break promises, the first MAX_FAILURES. Return the exit code."""
    with prepared_environment() as environment:
        code = 0
        for failure in islice(find_failures(environment, seeds), MAX_FAILURES):
            print_failure(failure)
            code = 1
    return code


def print_failure(failure: Failure) -> None:
    lines = [f"simulation: seed {failure.seed} breaks promises. Repeat it with --seed {failure.seed}."]
    lines += [f"  {violation}" for violation in failure.violations]
    lines.append(f"The first of them with {len(failure.steps)} steps, and how they ran:")
    lines += [f"  {step!r}" for step in failure.steps]
    lines += [f"  {line}" for line in failure.trace]
    print("\n".join(lines), flush=True)
