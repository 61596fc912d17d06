"""What is measured, a family a module: each has `run(stage) -> Result`, whose rows are named `<family>.<what>`."""

from collections.abc import Callable
from typing import Final

from bench.families import (
    events,
    fanout,
    first_pages,
    importing,
    indexes,
    memory,
    pages,
    servers,
    sizes,
)
from bench.rows import Result
from bench.stage import Stage

FAMILIES: Final[dict[str, Callable[[Stage], Result]]] = {
    "pages": pages.run,
    "first_pages": first_pages.run,
    "memory": memory.run,
    "fanout": fanout.run,
    "events": events.run,
    "indexes": indexes.run,
    "importing": importing.run,
    "sizes": sizes.run,
    "servers": servers.run,
}
