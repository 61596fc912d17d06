"""Test that a failing history is reduced to the operations that matter, and printed with the faults."""

from soak.checks import CHECKS
from soak.checks.results import Violation
from soak.history import Fault, History, Operation
from soak.minimising import format_table, minimise
from soak.tests.histories import counted, like, make_history, operation, read, report, undo

FOLLOW = operation("ama", "follow", "kofi", 1.0)
LIKE = like("kofi", "title", 2.0)
UNDO = undo("kofi", "title", 50.0)
SEES = read("ama", 60.0, {"title": ["kofi"]})


def make_noise(number: int) -> list[Operation]:
    """Return operations of the same people and of others that have nothing to do with the violation."""
    noise = [like("kofi", f"other {n}", 3.0 + n / 10) for n in range(number)]
    noise += [read("ama", 4.0 + n / 10, {}, feed_type="for_you") for n in range(number)]
    return noise + [like("yaw", "title", 5.0 + n / 10) for n in range(number)]


def find_first(promise: str, history: History) -> Violation:
    return CHECKS[promise](history).violations[0]


def test_an_undone_activity_is_explained_by_follow_like_undo_and_read() -> None:
    history = make_history(*make_noise(100), FOLLOW, LIKE, UNDO, SEES)
    assert minimise(history, find_first("hidden", history)) == [FOLLOW, LIKE, UNDO, SEES]


def test_a_missing_activity_is_explained_by_follow_like_and_read() -> None:
    missing = read("ama", 60.0, {})
    history = make_history(*make_noise(100), FOLLOW, LIKE, missing)
    assert minimise(history, find_first("visible", history)) == [FOLLOW, LIKE, missing]


def test_a_wrong_count_is_explained_by_its_batches_and_the_stored_counts() -> None:
    batches = [report("ama", 1.0, "e1"), report("yaw", 2.0, "e2")]
    history = make_history(*make_noise(50), *batches, counted(3))
    assert minimise(history, find_first("counts", history)) == [*batches, counted(3)]


def test_after_the_timeout_the_rest_is_kept() -> None:
    history = make_history(*make_noise(100), FOLLOW, LIKE, UNDO, SEES)
    violation = find_first("hidden", history)
    kept = minimise(history, violation, seconds=0.0)
    assert set(kept) > {FOLLOW, LIKE, UNDO, SEES}
    assert violation.key in {each.key for each in CHECKS["hidden"](make_history(*kept)).violations}


def test_the_table_has_faults_and_times_since_the_start() -> None:
    history = make_history(FOLLOW, LIKE, UNDO, SEES)
    history.start = 1.0
    history.faults += [Fault("Redis paused", 55.0, 56.0), Fault("beat killed", 2.0, 3.0)]
    history.faults.append(Fault("Redis rolled back", 57.0, 58.0, loses_since=55.5))
    violation = find_first("hidden", history)
    lines = list(format_table(history, violation, minimise(history, violation)))
    assert "4 of 4 operations are enough" in lines[0]
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "0.00 to 0.10 s ama follows kofi: 200",
        "1.00 to 1.10 s kofi relates to title: 200",
        "49.00 to 49.10 s kofi undoes title: 200",
        "54.00 to 55.00 s fault Redis paused",
        "56.00 to 57.00 s fault Redis rolled back; what was acknowledged in the 2.5 s before may be lost",
        "59.00 to 59.10 s ama reads following (session session 60.0, item of title of kofi): 200",
    ]
