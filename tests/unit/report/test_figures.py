"""The figures can be drawn from whatever a split holds, and say what they must."""

import numpy as np
import pytest
from matplotlib._pylab_helpers import Gcf

from lungcam import RESEARCH_USE_ONLY
from lungcam.explain.reliability import FAILED
from lungcam.metrics import summarise
from lungcam.report.classification_figures import (
    draw_histogram,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    reliability,
)
from lungcam.report.figure import Shown, rgb
from lungcam.report.montage import Slice, Tile, chosen, draw_montage

RULE = "label 1: malignancy 4 to 5; 0: 1 to 2; " + "others left out, as the readers told; " * 8


def shown(labels, probabilities, diameters) -> Shown:
    labels, probabilities = np.array(labels), np.array(probabilities)
    baselines = {"diameter": np.array(diameters, float), "unknown": np.full(len(labels), np.nan)}
    figures = summarise(
        labels, probabilities, patients=np.arange(len(labels)), threshold=0.4, baselines=baselines
    )
    figures |= {"brier_uncalibrated": 0.2, "ece_uncalibrated": 0.1}
    return Shown(
        split="test", labels=labels, raw=probabilities / 2, probabilities=probabilities, patients=np.arange(len(labels)), baselines=baselines,
        figures=figures, label_rule=RULE, seed=0,
    )  # fmt: skip


def words(figure) -> str:
    texts = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        if axes.get_legend() is not None:
            texts += [text.get_text() for text in axes.get_legend().get_texts()]
    return "\n".join(texts)


@pytest.mark.parametrize(
    "case",
    [
        ([0, 1, 0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4, 0.2, 1.0], [3, 9, 4, 8, np.nan, 2]),
        # without an error, and with a baseline known of one class only
        ([0, 0, 1], [0.0, 0.1, 1.0], [3, 4, np.nan]),
        # no positive called, all scores alike
        ([0, 1], [0.2, 0.2], [1, 1]),
    ],
)
@pytest.mark.parametrize(
    "draw", [draw_roc, draw_precision_recall, draw_reliability, draw_histogram]
)
def test_each_figure_says_its_counts_its_rule_and_the_notice(draw, case):
    figure = draw(shown(*case))
    told = words(figure)
    assert f"n = {len(case[0])} ({sum(case[0])} positive)" in told
    assert "Label rule: label 1: malignancy 4 to 5" in told
    assert RESEARCH_USE_ONLY in told
    picture = rgb(figure)
    assert picture.dtype == np.uint8
    assert picture.std() > 5


def test_figures_leave_pyplot_alone():
    draw_roc(shown([0, 1, 1], [0.1, 0.2, 0.3], [1, 2, 3]))
    assert not Gcf.get_all_fig_managers()


def test_the_roc_curve_stands_beside_its_baseline():
    told = words(draw_roc(shown([0, 1, 0, 1], [0.1, 0.3, 0.2, 0.15], [1, 2, 3, 4])))
    assert "diameter alone 0.750" in told
    assert "net: AUC 0.750" in told
    assert "unknown" not in told


def test_reliability_by_hand():
    mean, positive, among = reliability(np.array([0, 1, 1, 1]), np.array([0.12, 0.18, 0.95, 1.0]))
    assert mean == pytest.approx([0.15, 0.975])
    assert positive.tolist() == [1, 2]
    assert among.tolist() == [2, 2]


def test_errors_are_chosen_as_readily_as_successes():
    labels = np.array([1, 1, 1, 0, 0, 1, 0])
    scores = np.array([0.9, 0.1, 0.5, 0.8, 0.2, 0.6, 0.3])
    assert chosen(labels, scores) == [
        (0, "highest positive"),
        (2, "middle positive"),
        (1, "lowest positive"),
        (3, "highest negative"),
        (6, "middle negative"),
        (4, "lowest negative"),
    ]
    assert [row for row, _ in chosen(np.array([1, 0]), np.array([0.1, 0.2]))] == [0, 1]


@pytest.mark.parametrize("peak", [0.0, 3.0])
def test_the_montage_shows_each_tile_with_its_caption(peak):
    hu, heat = np.full((40, 64), -700.0), np.zeros((40, 64))
    heat[10:20, 10:20] = peak
    one = Slice(hu, heat, (20.0, 20.0, 5.0))
    figure = draw_montage([Tile(("scan-1", "p = 0.812"), one, one)] * 3, "n = 9", label_rule=RULE)
    assert words(figure).count("scan-1\np = 0.812") == 3
    picture = rgb(figure).astype(int)
    # heat is the only thing that is redder than blue, apart from the colour bar on the right
    warm = (picture[..., 0] - picture[..., 2] > 60)[:, : picture.shape[1] * 3 // 4]
    assert warm.any() == (peak > 0)


@pytest.mark.parametrize("count", [1, 6])
def test_the_montage_of_a_failed_net_is_marked_beside_its_title(count):
    one = Slice(np.full((40, 64), -700.0), np.zeros((40, 64)), None)
    tiles = [Tile(("scan-1",), one, one)] * count
    below = "highest, middle and lowest probability of either class; test: n = 70"
    figure = draw_montage(tiles, below, label_rule=RULE, mark=FAILED)
    figure.canvas.draw()
    marks = [one for one in figure.texts if one.get_text().replace("\n", " ") == FAILED]
    assert len(marks) == 1
    box = marks[0].get_window_extent()
    assert box.x1 < figure.bbox.x1
    others = [one for one in figure.texts if one is not marks[0]]
    assert not any(box.overlaps(one.get_window_extent()) for one in others)
    assert FAILED not in [
        one.replace("\n", " ") for one in words(draw_montage(tiles, below, label_rule=RULE))
    ]
