"""Names of Redis keys: one viewer's keys share a hash slot, and no two viewers share a key."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity import keys as activity_keys
from core.redis.keys import escape_hash_tag, get_declared_keys
from feed import keys as feed_keys
from feed.tests import world
from finishd.testing.api import get_item_ids, walk_feed
from finishd.testing.inspection import find_key_violations

# Any `sub` that a token may have: printable, at most 128 characters.
uids = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs"]), min_size=1, max_size=128) | st.text(
    "{}: *?[]%<>~/\\ä😀", min_size=1, max_size=40
)
VIEWER_KEYS = [key for key in get_declared_keys() if "<viewer>" in key.pattern]


def get_hash_tag(name: str) -> str:
    """Return the part of a key that a cluster hashes: between the first opening and the next closing brace."""
    match = re.search(r"\{([^}]+)\}", name)
    return match[1] if match else name


@given(uids)
def test_all_keys_of_a_viewer_have_the_same_hash_tag(uid: str) -> None:
    others: dict[str, str | int] = {"session": "s1", "feed": "for_you", "chunk": 0, "scope": "read"}
    names = [key.name(viewer=uid, **others) for key in VIEWER_KEYS]
    assert {get_hash_tag(name) for name in names} == {escape_hash_tag(uid)}
    assert all(name.isascii() and not re.search(r"\s", name) for name in names)
    assert all(name.count("{") == name.count("}") == 1 for name in names)


@given(uids, uids)
def test_two_viewers_never_share_a_key(one: str, other: str) -> None:
    assert (one == other) == (
        activity_keys.PROFILE.name(viewer=one) == activity_keys.PROFILE.name(viewer=other)
    )
    assert (one == other) == (
        feed_keys.PLAN.name(viewer=one, session="s") == feed_keys.PLAN.name(viewer=other, session="s")
    )


@given(uids)
def test_a_key_matches_its_own_family_only(uid: str) -> None:
    values: dict[str, str | int] = {
        "viewer": uid,
        "session": "5e551011",
        "feed": "for_you",
        "chunk": 200,
        "item": "dQw4w9WgXcQ",
        "title": "movie:603",
        "generation": 12,
        "name": "genre:drama",
        "project": "finishd",
        "queue": "indexes",
        "worker": "celery@host",
        "shard": 3,
        "part": "broker",
        "partition": 7,
        "window": 41,
        "scope": "feed",
        "address": "2001:db8:1:2::/64",
    }
    for key in get_declared_keys():
        name = key.name(**values)
        assert [other for other in get_declared_keys() if other.matches(name)] == [key]


def test_ordinary_uids_stay_readable() -> None:
    assert feed_keys.SERVED.name(viewer="Ama.O-1_2@finishd") == "served:{Ama.O-1_2@finishd}"
    assert feed_keys.SERVED.name(viewer="{ama} o") == "served:{%7Bama%7D%20o}"


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("uid", ["}{", "{ama}:for_you", "a m a", "ama*", "%7B", "😀" * 128])
def test_a_viewer_with_an_unusual_uid_gets_a_complete_feed(uid: str) -> None:
    everything = world.catalogue(30)
    world.build()
    world.choose(uid, "Drama")
    assert sorted(get_item_ids(*walk_feed(uid, limit=12))) == everything
    assert find_key_violations() == []
