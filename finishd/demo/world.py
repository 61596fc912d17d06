"""The little world that the demo, the tests and the documents share: real titles, invented people.

The two JSON files beside this module are written by hand, one entry a line. The types say what a line may
hold; `finishd/tests/test_demo_world.py` checks that every line keeps to it.
"""

import json
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, cast

HERE = Path(__file__).parent


class DemoExtra(TypedDict):
    """Another item of the same title, beside its main one."""

    id: str
    contentType: Literal["clip", "teaser", "bts", "featurette", "interview", "short", "image"]
    name: str


class DemoTitle(TypedDict):
    """A film or series, with `releaseDate` (YYYY-MM-DD) where the day is sure, else with `year`.

    `tmdbId` is missing where it is not sure; genres are TMDB's names, the primary one first; votes and
    popularity are rough estimates that give the demo a sensible order, not measurements.
    """

    id: str
    title: str
    mediaType: Literal["movie", "tv"]
    tmdbId: NotRequired[int]
    releaseDate: NotRequired[str]
    year: NotRequired[int]
    genres: list[str]
    overview: str
    voteAverage: float
    voteCount: int
    popularity: int
    extras: NotRequired[list[DemoExtra]]


class DemoActivity(TypedDict):
    """What one person did with one title, `daysAgo` days (with fractions) before the world is loaded.

    `title` is the id of a title that has a TMDB id, since activities are told by it.
    """

    title: str
    status: NotRequired[Literal["watching", "watchlist", "finished"]]
    isFavorite: NotRequired[Literal[True]]
    rating: NotRequired[int]
    daysAgo: float


class DemoPerson(TypedDict):
    """Somebody with tastes, follows and activities (newest first); a newcomer has none of them."""

    uid: str
    name: str
    genres: list[str]
    follows: list[str]
    activities: list[DemoActivity]


def titles() -> list[DemoTitle]:
    """All titles of the demo, oldest films first, then series. Reads the file each time (about 180 kB)."""
    return cast("list[DemoTitle]", json.loads((HERE / "titles.json").read_text(encoding="utf-8")))


def people() -> list[DemoPerson]:
    """All people of the demo; the first is Ama. Reads the file each time (about 20 kB)."""
    return cast("list[DemoPerson]", json.loads((HERE / "people.json").read_text(encoding="utf-8")))
