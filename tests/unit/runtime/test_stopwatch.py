"""Seconds by step."""

import time

from lungcam.runtime.stopwatch import Stopwatch


def test_steps_are_reported_in_order_and_0_where_left_out():
    watch = Stopwatch()
    with watch("model"):
        pass
    with watch("unasked"):
        pass
    report = watch.report(("read", "model"))
    assert list(report) == ["read", "model", "total"]
    assert report["read"] == 0


def test_a_step_taken_twice_adds_up():
    watch = Stopwatch()
    with watch("read"):
        time.sleep(0.01)
    once = watch.seconds["read"]
    with watch("read"):
        time.sleep(0.01)
    # sleep never returns early
    assert watch.seconds["read"] >= once + 0.01


def test_the_total_holds_the_steps_and_what_lies_between():
    watch = Stopwatch()
    with watch("read"):
        time.sleep(0.01)
    time.sleep(0.01)
    report = watch.report(("read",))
    assert report["total"] >= report["read"] + 0.009  # both are rounded to milliseconds


def test_what_was_done_before_belongs_to_the_whole():
    report = Stopwatch({"read": 3.0}).report(("read", "model"))
    assert report["read"] == 3
    assert report["total"] >= 3
