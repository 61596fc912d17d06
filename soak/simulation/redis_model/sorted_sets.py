"""Commands on sorted sets."""

from collections.abc import Iterable, Sequence

from soak.simulation.redis_model.server import (
    RedisModel,
    SortedSet,
    command,
    format_float,
    get_range,
)


@command("ZADD")
def zadd(server: RedisModel, args: Sequence[bytes]) -> int:
    name, rest = args[0], list(args[1:])
    flags: set[bytes] = set()
    while rest[0].upper() in {b"NX", b"XX", b"GT", b"LT", b"CH"}:
        flags.add(rest.pop(0).upper())
    members = server.get_or_create(name, SortedSet)
    added = changed = 0
    for raw, member in zip(rest[::2], rest[1::2], strict=True):
        score, before = float(raw), members.get(member)
        if _is_skipped(flags, before, score):
            continue
        members[member] = score
        added += before is None
        changed += before is None or before != score
    server.drop_if_empty(name)
    return changed if b"CH" in flags else added


@command("ZREM")
def zrem(server: RedisModel, args: Sequence[bytes]) -> int:
    members = server.get(args[0], SortedSet) or SortedSet()
    removed = sum(members.pop(member, None) is not None for member in args[1:])
    server.drop_if_empty(args[0])
    return removed


@command("ZCARD")
def zcard(server: RedisModel, args: Sequence[bytes]) -> int:
    return len(server.get(args[0], SortedSet) or ())


@command("ZSCORE")
def zscore(server: RedisModel, args: Sequence[bytes]) -> bytes | None:
    score = (server.get(args[0], SortedSet) or SortedSet()).get(args[1])
    return None if score is None else format_float(score)


@command("ZREVRANK")
def zrevrank(server: RedisModel, args: Sequence[bytes]) -> int | None:
    members = server.get(args[0], SortedSet) or SortedSet()
    ordered = [member for member, _ in reversed(members.ordered())]
    return ordered.index(args[1]) if args[1] in members else None


@command("ZRANGE")
def zrange(server: RedisModel, args: Sequence[bytes]) -> list[bytes]:
    is_reversed = any(arg.upper() == b"REV" for arg in args[3:])
    return _select(server, args, is_reversed=is_reversed)


@command("ZREVRANGE")
def zrevrange(server: RedisModel, args: Sequence[bytes]) -> list[bytes]:
    return _select(server, args, is_reversed=True)


@command("ZREMRANGEBYRANK")
def zremrangebyrank(server: RedisModel, args: Sequence[bytes]) -> int:
    members = server.get(args[0], SortedSet)
    if members is None:
        return 0
    removed = members.ordered()[get_range(args[1], args[2], len(members))]
    for member, _ in removed:
        del members[member]
    server.drop_if_empty(args[0])
    return len(removed)


@command("ZREMRANGEBYSCORE")
def zremrangebyscore(server: RedisModel, args: Sequence[bytes]) -> int:
    """Remove members with a score in a range of inclusive ends."""
    members = server.get(args[0], SortedSet) or SortedSet()
    lowest, highest = float(args[1]), float(args[2])
    removed = [member for member, score in members.items() if lowest <= score <= highest]
    for member in removed:
        del members[member]
    server.drop_if_empty(args[0])
    return len(removed)


def _select(server: RedisModel, args: Sequence[bytes], *, is_reversed: bool) -> list[bytes]:
    members = server.get(args[0], SortedSet) or SortedSet()
    ordered = members.ordered()
    if is_reversed:
        ordered.reverse()
    chosen = ordered[get_range(args[1], args[2], len(ordered))]
    if any(arg.upper() == b"WITHSCORES" for arg in args[3:]):
        return list(_with_scores(chosen))
    return [member for member, _ in chosen]


def _with_scores(pairs: Iterable[tuple[bytes, float]]) -> Iterable[bytes]:
    for member, score in pairs:
        yield member
        yield format_float(score)


def _is_skipped(flags: set[bytes], before: float | None, score: float) -> bool:
    if before is None:
        return b"XX" in flags
    return b"NX" in flags or (b"GT" in flags and score <= before) or (b"LT" in flags and score >= before)
