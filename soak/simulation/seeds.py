"""Run seeds, and describe those that break a promise."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from soak.simulation.environment import Environment
from soak.simulation.minimise import minimise
from soak.simulation.runner import Result, Runner
from soak.simulation.steps import Generator, Limits, Step

Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Failure:
    """A seed that breaks promises, and the fewest steps found that break the first of them."""

    seed: int
    violations: list[str]
    steps: list[Step]
    trace: list[str]


def run_seed(environment: Environment, seed: int) -> Result:
    limits, steps = make_run(seed)
    return Runner(environment, limits).run(steps)


def find_failures(environment: Environment, seeds: Iterable[int]) -> Iterable[Failure]:
    """Run seeds and yield those that break promises, with fewer steps."""
    for seed in seeds:
        result = run_seed(environment, seed)
        if result.violations:
            yield minimise_failure(environment, seed, result)


def minimise_failure(environment: Environment, seed: int, result: Result) -> Failure:
    limits, steps = make_run(seed)
    broken = get_promise(result.violations[0])

    def breaks(fewer: Sequence[Step]) -> bool:
        found = Runner(environment, limits).run(fewer).violations
        return any(get_promise(violation) == broken for violation in found)

    fewer = minimise(steps, breaks)
    return Failure(seed, result.violations, fewer, Runner(environment, limits).run(fewer).trace)


def make_run(seed: int) -> tuple[Limits, list[Step]]:
    generator = Generator(seed)
    return generator.make_limits(), generator.make_steps()


def get_promise(violation: str) -> str:
    """Return the promise that a violation breaks: the text before the colon."""
    return violation.partition(":")[0]
