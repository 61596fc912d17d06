"""The families of measurements, one module each.

Every module has `run(context) -> Result`. The names of its rows start with the family's name and a dot.
"""

from collections.abc import Callable
from typing import Final

from bench.context import BenchContext
from bench.families import (
    events,
    fanout,
    first_pages,
    importing,
    indexes,
    memory,
    overload,
    pages,
    servers,
    sizes,
)
from bench.results import Result

FAMILIES: Final[dict[str, Callable[[BenchContext], Result]]] = {
    "pages": pages.run,
    "first_pages": first_pages.run,
    "overload": overload.run,
    "memory": memory.run,
    "fanout": fanout.run,
    "events": events.run,
    "indexes": indexes.run,
    "importing": importing.run,
    "sizes": sizes.run,
    "servers": servers.run,
}
