"""Learning curves of a run: losses and scores of every epoch."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lungcam.report.figure import (
    BASELINES,
    GREY,
    INK,
    NET,
    add_legend,
    annotate,
    new_figure,
    style_axes,
)

TITLE = "Learning curves"
LOSS = "loss"
# train in one colour and validation in the other, as far as they go
COLOURS = {"train": BASELINES[0], "val": NET}
NAMES = {"train": "training", "val": "validation"}
DASHES = ("solid", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))


def draw_learning_curves(
    rows: Sequence[Mapping[str, float]], *, label_rule: str, best: int | None = None
) -> Figure:
    """Draw the losses of each epoch above, and the other figures of validation below.

    Args:
        rows: Figures of each epoch by name, such as `val/loss`, with its number, `epoch`.
        label_rule: Definition of the labels.
        best: Number of the epoch with the weights that are used, or None.
    """
    names = list(dict.fromkeys(name for row in rows for name in row if "/" in name))
    losses = [name for name in names if name.rpartition("/")[2] == LOSS]
    scores = [name for name in names if name not in losses and name.startswith("val/")]
    height = 6.6
    figure = new_figure(6.4, height)
    chosen = "" if best is None else f"; the weights are those of epoch {best + 1}"
    subtitle = f"{len(rows)} epochs{chosen}"
    annotate(figure, TITLE, subtitle=subtitle, label_rule=label_rule)
    panels = [names for names in (losses, scores) if names]
    room = (height - 1.6) / max(1, len(panels))
    for number, shown in enumerate(panels):
        bottom = 1.05 + (len(panels) - 1 - number) * room
        axes = figure.add_axes((0.115, bottom / height, 0.845, (room - 0.45) / height))
        style_axes(axes)
        _draw_panel(axes, rows, names=shown, best=best)
        axes.set_ylabel(LOSS if shown is losses else "validation")
        if number == len(panels) - 1:
            axes.set_xlabel("epoch")
    return figure


def _draw_panel(
    axes: Axes,
    rows: Sequence[Mapping[str, float]],
    *,
    names: Sequence[str],
    best: int | None,
) -> None:
    used = dict.fromkeys(COLOURS, 0)
    for name in names:
        split, _, figure = name.partition("/")
        known = [row for row in rows if name in row]
        axes.plot(
            [row["epoch"] + 1 for row in known],
            [row[name] for row in known],
            color=COLOURS.get(split, GREY),
            linestyle=DASHES[used.get(split, 0) % len(DASHES)],
            marker="o",
            markersize=3,
            linewidth=1.6,
            label=f"{NAMES.get(split, split)} {figure.replace('_', ' ')}",
        )
        used[split] = used.get(split, 0) + 1
    if best is not None:
        axes.axvline(best + 1, color=INK, linewidth=1, linestyle=DASHES[2])
    axes.xaxis.get_major_locator().set_params(integer=True)
    add_legend(axes, loc="best")
