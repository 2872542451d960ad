"""Figure of risk can be drawn from any split, and shows its metrics."""

import numpy as np
import pytest
from matplotlib._pylab_helpers import Gcf

from lungcam import RESEARCH_USE_ONLY
from lungcam.metrics import risk_summary
from lungcam.report.figure import to_rgb
from lungcam.report.risk_figures import draw_risk

RULE = "label 1: cancer within six years of the scan"


@pytest.fixture
def summary(monkeypatch):
    """Function of (events, free): metrics of people with an event on given days, and without."""
    monkeypatch.setattr("lungcam.metrics.resampling.RESAMPLES", 200)

    def summarise(events: list[int], free: int) -> dict:
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

    return summarise


def texts_of(figure) -> str:
    """Return all texts of a figure."""
    texts = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        texts += [text.get_text() for text in (axes.title, axes._left_title, *axes.texts)]
        texts += [text.get_text() for text in axes.get_xticklabels()]
        texts += [text.get_text() for text in axes.get_legend().get_texts()]
    return "\n".join(texts)


@pytest.mark.parametrize(
    ("events", "free"), [([10, 400, 400, 900, 1500, 2000], 20), ([400], 3), ([], 1), ([5, 5], 0)]
)
def test_figure_holds_counts_label_rule_and_notice(events, free, summary):
    figure = draw_risk(summary(events, free), "test", label_rule=RULE)
    text = texts_of(figure)
    n = len(events) + free
    assert f"test: n = {n} scans ({len(events)} with the event before the horizon)" in text
    assert f"Label rule: {RULE}" in text
    assert RESEARCH_USE_ONLY in text
    assert "unknown" not in text
    assert to_rgb(figure).std() > 5
    assert not Gcf.get_all_fig_managers()


def test_markers_and_texts_agree_with_the_metrics(summary):
    metrics = summary([10, 400, 400, 900, 1500, 2000], 20)
    figure = draw_risk(metrics, "test", label_rule=RULE)
    text = texts_of(figure)
    assert f"Uno's C-index {metrics['c_index']:.3f} [" in text
    assert "nodule size alone" in text
    assert "1\n1\n" in text
    assert "6\n6\n" in text
    ranks, years, groups = figure.axes
    heights = {line.get_label(): line.get_ydata() for line in (*ranks.lines, *years.lines)}
    assert list(heights["net"]) == [year["value"] for year in metrics["auc"].values()]
    calibration = metrics["calibration"].values()
    assert list(heights["observed: Kaplan-Meier"]) == [year["observed"] for year in calibration]
    assert list(heights["expected: mean predicted risk"]) == [
        year["expected"] for year in calibration
    ]
    assert [text.get_text() for text in groups.texts] == [
        f"{group['n_events']} / {group['n']}" for group in metrics["groups"]
    ]


def test_texts_do_not_overlap(summary):
    figure = draw_risk(summary([10, 400, 400, 900, 1500, 2000], 20), "test", label_rule=RULE * 9)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.texts]
    for axes in figure.axes:
        boxes += [text.get_window_extent() for text in (axes._left_title, axes.xaxis.label)]
        boxes += [axes.yaxis.label.get_window_extent()]
    for index, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:index])
