"""The contract of all activity stores: export, erasure and the count of references."""

from dataclasses import replace

import pytest

from activity.store.base import ActivityStore
from activity.tests.store_contract import (
    DUE,
    FINISHED,
    HOSTILE,
    LIKED,
    NOTHING,
    NOW,
    follow,
    record,
    row,
    see,
)
from activity.types import Job, Ledger, Preferences


def add_all_data(store: ActivityStore, uid: str, *, friends: list[str], fans: list[str], foe: str) -> None:
    """Give a person data in every collection of the store."""
    store.save_preferences(uid, Preferences(genres=("drama",), movies=[{"id": 1, "title": "One"}]))
    store.save_name(uid, "Somebody", None)
    see(store, uid, {"item-1": NOW})
    for number, relation in enumerate((LIKED, FINISHED)):
        record(store, uid, f"movie:{number}", relation)
    record(store, uid, "movie:1", NOTHING)
    follow(store, uid, *friends)
    for fan in fans:
        follow(store, fan, uid)
    store.put_timeline_rows([(fan, row(uid, "movie:0")) for fan in fans])
    store.put_timeline_rows([(uid, row(friend, "movie:5")) for friend in friends])
    store.update_pull_lists(fans, uid, listed=True)
    store.set_block(uid, foe, blocked=True, due=DUE)
    store.set_block(foe, uid, blocked=True, due=DUE)
    store.put_job(Job("rebuild", uid, due=DUE))


def erase(store: ActivityStore, uid: str, *, limit: int) -> list[int]:
    """Erase until nothing remains, and return the number of documents deleted by each call."""
    rounds = []
    while deleted := store.erase(uid, limit=limit):
        rounds.append(deleted)
        assert len(rounds) < 1_000
    return rounds


class TestErasing:
    @pytest.mark.parametrize("limit", [3, 500])
    def test_no_reference_remains(self, store: ActivityStore, limit: int) -> None:
        add_all_data(store, "ama", friends=["kofi", "esi"], fans=["kofi", "yaw"], foe="foe")
        before = store.count_references("ama")
        assert {"people", "seen", "activities", "follows", "timelines", "jobs", "lists"} <= set(before)
        rounds = erase(store, "ama", limit=limit)
        assert len(rounds) >= 1
        assert store.count_references("ama") == {}
        assert list(store.export("ama")) == []
        assert store.get_profile("ama") is None
        assert store.get_seen("ama") == {}
        assert store.erase("ama") == 0

    def test_others_keep_their_own_data_with_correct_counts(self, store: ActivityStore) -> None:
        add_all_data(store, "ama", friends=["kofi", "esi"], fans=["kofi", "yaw"], foe="foe")
        follow(store, "kofi", "esi")
        store.put_timeline_rows([("kofi", row("esi", "movie:3"))])
        record(store, "kofi", "movie:0", LIKED)
        erase(store, "ama", limit=500)
        kofi, foe = store.get_profile("kofi"), store.get_profile("foe")
        assert kofi is not None
        assert foe is not None
        assert (kofi.following_count, kofi.pull_list, store.count_following("kofi")) == (1, (), 1)
        assert store.count_followers("esi") == 1
        assert foe.blocked_uids == frozenset()
        assert [r.author for r in store.get_timeline("kofi")] == ["esi"]
        assert [a.title for a in store.get_activities("kofi")] == ["movie:0"]

    def test_an_erasure_raises_the_versions_of_others(self, store: ActivityStore) -> None:
        add_all_data(store, "ama", friends=[], fans=["kofi"], foe="foe")
        before = store.get_profiles(["kofi", "foe"])
        erase(store, "ama", limit=500)
        after = store.get_profiles(["kofi", "foe"])
        assert all(after[uid].version > before[uid].version for uid in ("kofi", "foe"))

    @pytest.mark.parametrize("uid", HOSTILE)
    def test_every_uid_can_be_erased(self, store: ActivityStore, uid: str) -> None:
        add_all_data(store, uid, friends=["kofi"], fans=["kofi"], foe="foe")
        add_all_data(store, "ama", friends=["kofi"], fans=["kofi"], foe="foe")
        erase(store, uid, limit=500)
        assert store.count_references(uid) == {}
        assert store.count_references("ama") != {}
        assert store.count_followers("kofi") == 1

    @pytest.mark.parametrize("limit", [3, 500])
    def test_cursors_that_name_the_person_are_found_and_cleared(
        self, store: ActivityStore, limit: int
    ) -> None:
        ledger = Ledger(follower_count=9, delivered_count=5, cursor="ama", started_at=NOW, updated_at=NOW)
        for number, author in enumerate(["kofi", "kofi", "esi", "esi", "esi"]):
            record(store, author, f"movie:{number}", LIKED)
            assert store.save_ledger(author, f"movie:{number}", 1, ledger)
        record(store, "esi", "movie:9", LIKED)
        store.save_ledger("esi", "movie:9", 1, replace(ledger, cursor="amadou"))
        assert store.count_references("ama") == {"cursors": 5}
        erase(store, "ama", limit=limit)
        assert store.count_references("ama") == {}
        activity, other = store.get_activity("kofi", "movie:0"), store.get_activity("esi", "movie:9")
        assert activity is not None
        assert other is not None
        assert activity.ledger == replace(ledger, cursor="")
        assert other.ledger.cursor == "amadou"

    def test_an_unknown_uid_has_nothing_to_erase(self, store: ActivityStore) -> None:
        assert store.erase("nobody") == 0
        assert store.count_references("nobody") == {}


class TestExport:
    def test_an_export_has_all_data_in_plain_values(self, store: ActivityStore) -> None:
        add_all_data(store, "ama", friends=["kofi", "esi"], fans=["yaw"], foe="foe")
        add_all_data(store, "kofi", friends=["esi"], fans=["yaw"], foe="foe")
        export = list(store.export("ama"))
        collections = [collection for collection, _ in export]
        assert {"people", "seen", "activities", "follows", "timelines", "jobs"} <= set(collections)
        assert collections.count("activities") == 2
        assert collections.count("follows") == 3
        assert collections.count("timelines") == 3
        titles = [document["title"] for collection, document in export if collection == "activities"]
        assert sorted(titles) == ["movie:0", "movie:1"]
        assert all("ama" in str(document) for _, document in export)
        assert not any(isinstance(value, bytes) for _, document in export for value in document.values())

    def test_an_export_continues_after_a_full_page(self, store: ActivityStore) -> None:
        store.put_timeline_rows([("ama", row("kofi", f"movie:{n}")) for n in range(503)])
        export = list(store.export("ama"))
        assert len({document["title"] for _, document in export}) == len(export) == 503
