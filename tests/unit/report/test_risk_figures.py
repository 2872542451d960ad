"""The figure of risk can be drawn from whatever a split holds, and shows its figures."""

import numpy as np
import pytest
from matplotlib._pylab_helpers import Gcf

from lungcam import RESEARCH_USE_ONLY
from lungcam.metrics import risk_summary
from lungcam.report.figure import rgb
from lungcam.report.risk_figures import draw_risk

RULE = "label 1: cancer within six years of the scan"


@pytest.fixture
def summary(monkeypatch):
    """Figures of people with an event on the days given, and of as many followed to the end."""
    monkeypatch.setattr("lungcam.metrics.resampling.RESAMPLES", 200)

    def of(events: list[int], free: int) -> dict:
        n, ends = len(events) + free, 365 * np.arange(1, 7)
        event, time = np.arange(n) < len(events), np.r_[events, np.full(free, 2200)]
        happened = event[:, None] & (time[:, None] < ends)
        mask = ~event[:, None] | (time[:, None] >= ends - 365)
        risks = np.random.default_rng(0).random((n, 1)) * np.linspace(0.1, 0.5, 6)
        baselines = {"nodule_size": np.arange(n)[::-1] * 1.0, "unknown": np.full(n, np.nan)}
        return risk_summary(
            risks,
            in_follow_up=mask,
            happened=happened,
            time_days=time,
            event=event,
            patients=np.arange(n) // 2,
            baselines=baselines,
        )

    return of


def words(figure) -> str:
    texts = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        texts += [text.get_text() for text in (axes.title, axes._left_title, *axes.texts)]
        texts += [text.get_text() for text in axes.get_xticklabels()]
        texts += [text.get_text() for text in axes.get_legend().get_texts()]
    return "\n".join(texts)


@pytest.mark.parametrize(
    ("events", "free"), [([10, 400, 400, 900, 1500, 2000], 20), ([400], 3), ([], 1), ([5, 5], 0)]
)
def test_it_says_its_counts_its_rule_and_the_notice(events, free, summary):
    figure = draw_risk(summary(events, free), "test", label_rule=RULE)
    told = words(figure)
    n = len(events) + free
    assert f"test: n = {n} scans ({len(events)} with the event before the horizon)" in told
    assert f"Label rule: {RULE}" in told
    assert RESEARCH_USE_ONLY in told
    assert "unknown" not in told
    assert rgb(figure).std() > 5
    assert not Gcf.get_all_fig_managers()


def test_marks_and_words_are_the_figures(summary):
    figures = summary([10, 400, 400, 900, 1500, 2000], 20)
    figure = draw_risk(figures, "test", label_rule=RULE)
    told = words(figure)
    assert f"Uno's C-index {figures['c_index']:.3f} [" in told
    assert "nodule size alone" in told
    assert "1\n1\n" in told
    assert "6\n6\n" in told
    ranks, years, groups = figure.axes
    heights = {line.get_label(): line.get_ydata() for line in (*ranks.lines, *years.lines)}
    assert list(heights["net"]) == [one["value"] for one in figures["auc"].values()]
    calibration = figures["calibration"].values()
    assert list(heights["observed: Kaplan-Meier"]) == [one["observed"] for one in calibration]
    assert list(heights["expected: mean predicted risk"]) == [
        one["expected"] for one in calibration
    ]
    assert [text.get_text() for text in groups.texts] == [
        f"{one['n_events']} / {one['n']}" for one in figures["groups"]
    ]


def test_no_word_covers_another(summary):
    figure = draw_risk(summary([10, 400, 400, 900, 1500, 2000], 20), "test", label_rule=RULE * 9)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.texts]
    for axes in figure.axes:
        boxes += [text.get_window_extent() for text in (axes._left_title, axes.xaxis.label)]
        boxes += [axes.yaxis.label.get_window_extent()]
    for place, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:place])
