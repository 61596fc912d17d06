"""What a check returns: how often it compared something, and what it found."""

from dataclasses import dataclass, field
from typing import Final

MAX_VIOLATIONS: Final = 200  # of one promise; further ones are counted only


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise. `key` identifies it among all of a history, `actors` are the people it is about.

    `at` is a time of the history.
    """

    promise: str
    key: str
    description: str
    at: float
    actors: frozenset[str]


@dataclass(slots=True)
class Result:
    """The result of checking one promise. `compared` is how often the promise could have been found broken."""

    promise: str
    what: str  # what is compared
    compared: int = 0
    found: int = 0
    excused: int = 0  # failures that only the load of the machine explains
    violations: list[Violation] = field(default_factory=list)

    def add(self, key: str, description: str, *, at: float, actors: frozenset[str]) -> None:
        self.found += 1
        if len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(Violation(self.promise, key, description, at, actors))
