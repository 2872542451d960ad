"""Tests of the stopwatch."""

import time

from lungcam.runtime.stopwatch import Stopwatch


def test_steps_are_reported_in_order_and_a_step_that_did_not_run_as_0():
    watch = Stopwatch()
    with watch("model"):
        pass
    with watch("write"):
        pass
    report = watch.report(("read", "model"))
    assert list(report) == ["read", "model", "total"]
    assert report["read"] == 0


def test_the_seconds_of_a_repeated_step_add_up():
    watch = Stopwatch()
    with watch("read"):
        time.sleep(0.01)
    once = watch.seconds["read"]
    with watch("read"):
        time.sleep(0.01)
    # sleep never returns early
    assert watch.seconds["read"] >= once + 0.01


def test_the_total_includes_the_time_between_steps():
    watch = Stopwatch()
    with watch("read"):
        time.sleep(0.01)
    time.sleep(0.01)
    report = watch.report(("read",))
    assert report["total"] >= report["read"] + 0.009  # both are rounded to milliseconds


def test_earlier_steps_count_towards_the_total():
    report = Stopwatch({"read": 3.0}).report(("read", "model"))
    assert report["read"] == 3
    assert report["total"] >= 3
