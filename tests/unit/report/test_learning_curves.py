"""Learning curves: each figure of an epoch is a line, with the chosen epoch marked."""

from lungcam.report.figure import to_rgb
from lungcam.report.learning_curves import draw_learning_curves

ROWS = [
    {"epoch": 0.0, "learning_rate": 1e-3, "train/loss": 0.9, "val/loss": 0.8, "val/auc": 0.5},
    {"epoch": 1.0, "learning_rate": 1e-3, "train/loss": 0.6, "val/loss": 0.7, "val/auc": 0.8},
    {"epoch": 2.0, "learning_rate": 1e-3, "train/loss": 0.3, "val/loss": 0.9},
]


def lines_of(axes):
    return {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines
    }


def test_losses_and_scores_have_a_panel_each():
    figure = draw_learning_curves(ROWS, label_rule="label 1: x", best=1)
    losses, scores = figure.axes
    lines = lines_of(losses)
    assert lines["training loss"][1] == [0.9, 0.6, 0.3]
    assert lines["validation loss"][0] == [1, 2, 3]
    # an epoch without a figure has no point
    assert lines_of(scores)["validation auc"] == ([1, 2], [0.5, 0.8])
    texts = [text.get_text() for text in figure.texts]
    assert "3 epochs; the weights are those of epoch 2" in texts
    assert to_rgb(figure).std() > 5


def test_a_run_without_scores_has_one_panel():
    rows = [{"epoch": 0.0, "train/loss": 0.9}]
    assert len(draw_learning_curves(rows, label_rule="").axes) == 1
