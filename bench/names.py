"""Names of the seeded data. The bench and the processes with Django compute the same names."""

from typing import Final

_UID_LENGTH: Final = 28  # The length of Firebase's uids.
AUTHORS: Final = 5_000
ACTIVITIES_PER_AUTHOR: Final = 8
TITLES: Final = 300  # Titles of all activities. There are few, so that a title has several supporters.


def item_id(number: int) -> str:
    """Return the id of an item. The first number is 1."""
    return f"bench-{number:07d}"


def title_key(number: int) -> str:
    return f"movie:{number}"


def uid(name: str) -> str:
    """Pad a name to the length of a uid."""
    return name.ljust(_UID_LENGTH, "x")


def viewer(followees: int, number: int) -> str:
    return uid(f"viewer-{followees}-{number}-")


def author(number: int) -> str:
    return uid(f"author-{number}-")


def viewers(followees: int, count: int) -> list[str]:
    return [viewer(followees, number) for number in range(count)]
