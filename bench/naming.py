"""What the things in the seeded data are called. Pure: the bench and the processes within a world agree by it."""

from typing import Final

_UID_LENGTH: Final = 28  # as Firebase makes them
ACTORS: Final = 5_000
DEEDS: Final = 8  # of each actor
TITLES: Final = 300  # that they are about: several friends on one title


def item_id(number: int) -> str:
    """Items are numbered from 1."""
    return f"bench-{number:07d}"


def title_of(number: int) -> str:
    return f"movie:{number}"


def uid(name: str) -> str:
    """A uid of the usual length."""
    return name.ljust(_UID_LENGTH, "x")


def viewer(followees: int, number: int) -> str:
    return uid(f"viewer-{followees}-{number}-")


def actor(number: int) -> str:
    return uid(f"actor-{number}-")


def viewers(followees: int, count: int) -> list[str]:
    return [viewer(followees, number) for number in range(count)]
