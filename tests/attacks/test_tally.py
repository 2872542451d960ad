"""The table of the attacks counts what was tried, and what broke."""

from types import SimpleNamespace

from .tally import Tallies

TEST = "tests/attacks/test_bombs.py::test_a_bomb_is_refused"


def report(nodeid, when="teardown", outcome="passed", **record):
    return SimpleNamespace(
        nodeid=nodeid,
        when=when,
        failed=outcome == "failed",
        skipped=outcome == "skipped",
        user_properties=[("attack", record)] if record else [],
    )


def test_cases_are_counted_by_kind_with_the_worst_of_each():
    tallies = Tallies()
    tallies.add(report(f"{TEST}[a]", cases=12, megabytes=80.4, seconds=0.25))
    tallies.add(report(f"{TEST}[b]", cases=3, megabytes=210.6, seconds=0.125))
    # a failure in the middle, and one that nothing was recorded of
    tallies.add(report(f"{TEST}[c]", "call", "failed"))
    tallies.add(report(f"{TEST}[c]", cases=5))
    tallies.add(report("tests/attacks/test_x.py::test_y", "call", "failed"))
    tallies.add(report("tests/attacks/test_x.py::test_y"))
    # what did not run, and what is no attack, does not count
    tallies.add(report(f"{TEST}[d]", "setup", "skipped"))
    tallies.add(report(f"{TEST}[d]"))
    tallies.add(report("tests/unit/test_grid.py::test_z"))
    tallies.add(report("tests/attacks/test_ends.py::test_e", kind="ends", cases=30, held=28))
    assert tallies.table().splitlines()[2:] == [
        "| bombs: a bomb is refused | 20 | 19 | 211 | 0.25 |",
        "| ends | 30 | 28 |  |  |",
        "| x: y | 1 | 0 |  |  |",
        "| in all | 51 | 47 |  |  |",
    ]
