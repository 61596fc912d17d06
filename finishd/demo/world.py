"""The demo world, which the demo, the tests and the documents share: real titles and invented people.

The two JSON files beside this module are written by hand, with one entry per line. The types here define an entry;
`finishd/demo/tests/test_demo_world.py` checks every line.
"""

import json
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, cast

HERE = Path(__file__).parent


class DemoExtra(TypedDict):
    """Another item of a title, beside its main item."""

    id: str
    contentType: Literal["clip", "teaser", "bts", "featurette", "interview", "short", "image"]
    name: str


class DemoTitle(TypedDict):
    """A film or series, with `releaseDate` (YYYY-MM-DD) if the day is certain, and otherwise with `year`.

    `tmdbId` is omitted if it is not certain. Genres are TMDB's names, the primary one first. Votes and popularity
    are rough estimates that give the demo a sensible order.
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
    """An activity of a person, `daysAgo` days (with fractions) before the world is loaded.

    `title` is the id of a title that has a TMDB id, because title keys need it.
    """

    title: str
    status: NotRequired[Literal["watching", "watchlist", "finished"]]
    isFavorite: NotRequired[Literal[True]]
    rating: NotRequired[int]
    daysAgo: float


class DemoPerson(TypedDict):
    """A person with favourite genres, follows and activities, newest first. A newcomer has none of them."""

    uid: str
    name: str
    genres: list[str]
    follows: list[str]
    activities: list[DemoActivity]


def titles() -> list[DemoTitle]:
    """Return all titles: films, oldest first, then series. Reads a file of about 180 kB."""
    return cast("list[DemoTitle]", json.loads((HERE / "titles.json").read_text(encoding="utf-8")))


def people() -> list[DemoPerson]:
    """Return all people, Ama first. Reads a file of about 20 kB."""
    return cast("list[DemoPerson]", json.loads((HERE / "people.json").read_text(encoding="utf-8")))
