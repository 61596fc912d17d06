"""Everybody who takes part in a soak."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from soak.deployment import SoakDeployment
from soak.phone import Phone
from soak.record import Record
from soak.reporting import Viewer, tell
from soak.scrolling import scroll
from soak.social import Company, Person
from soak.staff import Staff

SCROLLERS: Final = 4  # threads; each plays several people, one after the other
TELLERS: Final = 3
FRIENDS: Final = 3
VIEWERS: Final = 18
PEOPLE: Final = 24
TITLES: Final = 30  # that people speak of
CURATED: Final = 3  # every third item is staff's to unpublish


class Cast:
    """`over` ends the run for all; `still` ends it for people, a little earlier."""

    def __init__(self, deployment: SoakDeployment, record: Record, seed: int) -> None:
        self.deployment, self.record, self.seed = deployment, record, seed
        self.over, self.still = threading.Event(), threading.Event()
        titles: Mapping[str, str] = deployment.world["titles"]
        every = list(titles)
        curated = every[::CURATED]
        steady = sorted(set(every) - set(curated))
        self.company = Company(
            [f"person-{number:02}" for number in range(PEOPLE)], list(dict.fromkeys(titles.values()))[:TITLES]
        )
        # What an item teaches of its viewer hangs on whether it is published when that is read: half of all viewers
        # tell only of items that stay.
        self.viewers = [
            Viewer(f"viewer-{number:02}", every if number % 2 else steady, unknown=bool(number % 2))
            for number in range(VIEWERS)
        ]
        self.tokens = deployment.tokens([*self.company.uids, *(viewer.uid for viewer in self.viewers)])
        self.staff = Staff(deployment, self.phone("staff"), curated)

    def actors(self) -> Iterator[Callable[[], None]]:
        """What each thread does until the run is over."""
        everybody = sorted(self.tokens)
        for number in range(SCROLLERS):
            # Nobody scrolls on two phones at once: they would begin sessions under each other's feet.
            yield partial(scroll, self.phone(f"scroller {number}"), everybody[number::SCROLLERS])
        for number in range(TELLERS):
            since = self.deployment.world["now"]
            yield partial(tell, self.phone(f"teller {number}"), self.viewers[number::TELLERS], since=since)
        for number in range(FRIENDS):
            phone, some = self.phone(f"friend {number}"), self.company.uids[number::FRIENDS]
            yield partial(Person(phone, self.company, some).live, self.still)
        yield self.staff.work

    def phone(self, name: str) -> Phone:
        rng = random.Random(f"{self.seed}/{name}")
        return Phone(self.deployment.web.address, self.tokens, self.record, rng, self.over)
