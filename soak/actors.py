"""The actors of a soak: people who scroll, phones that report events, people who follow and like, and staff."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from soak.deployment import SoakDeployment
from soak.phone import Phone
from soak.record import RunRecord
from soak.reporting import ReportingViewer, report_events
from soak.scrolling import scroll
from soak.social import SocialActor, SocialState
from soak.staff import Staff

SCROLLING_THREADS: Final = 4  # Each acts for several people, one after the other.
REPORTING_THREADS: Final = 3
SOCIAL_THREADS: Final = 3
VIEWERS: Final = 18  # Viewers whose phones report events.
PEOPLE: Final = 24  # People who follow and like.
TITLES: Final = 30  # Titles that people like.
STAFF_ITEMS_STEP: Final = 3  # Staff may unpublish every third item.


class Actors:
    """All actors of a run.

    `stopped` ends the run for all actors. `social_stopped` ends it for social actors, some seconds earlier.
    """

    def __init__(self, deployment: SoakDeployment, record: RunRecord, seed: int) -> None:
        self.deployment, self.record, self.seed = deployment, record, seed
        self.stopped, self.social_stopped = threading.Event(), threading.Event()
        title_by_item: Mapping[str, str] = deployment.catalogue["titles"]
        items = list(title_by_item)
        staff_items = items[::STAFF_ITEMS_STEP]
        stable_items = sorted(set(items) - set(staff_items))
        titles = list(dict.fromkeys(title_by_item.values()))[:TITLES]
        self.social = SocialState([f"person-{number:02}" for number in range(PEOPLE)], titles)
        # An event changes a viewer's affinities only if its item is published when the event is read. So half of the
        # viewers report events of stable items only, and their affinities can be checked.
        self.viewers = [
            ReportingViewer(
                f"viewer-{number:02}",
                items if number % 2 else stable_items,
                reports_unknown_items=bool(number % 2),
            )
            for number in range(VIEWERS)
        ]
        self.tokens = deployment.sign_tokens([*self.social.uids, *(viewer.uid for viewer in self.viewers)])
        self.staff = Staff(deployment, self.create_phone("staff"), staff_items)

    def get_threads(self) -> Iterator[Callable[[], None]]:
        """Return the function of each thread. It runs until the end of the run."""
        uids = sorted(self.tokens)
        for number in range(SCROLLING_THREADS):
            # A person scrolls in one thread only: with two, each would end the other's session.
            phone = self.create_phone(f"scrolling {number}")
            yield partial(scroll, phone, uids[number::SCROLLING_THREADS])
        for number in range(REPORTING_THREADS):
            phone, now = self.create_phone(f"reporting {number}"), self.deployment.catalogue["now"]
            yield partial(report_events, phone, self.viewers[number::REPORTING_THREADS], since=now)
        for number in range(SOCIAL_THREADS):
            phone, people = self.create_phone(f"social {number}"), self.social.uids[number::SOCIAL_THREADS]
            yield partial(SocialActor(phone, self.social, people).run, self.social_stopped)
        yield self.staff.run

    def create_phone(self, name: str) -> Phone:
        """Return a phone with a random generator that depends on the seed and on this name."""
        rng = random.Random(f"{self.seed}/{name}")
        return Phone(self.deployment.web.address, self.tokens, self.record, rng, self.stopped)
