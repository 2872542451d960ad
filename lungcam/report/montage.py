"""Heat-maps of some samples, on slices through their peaks."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from lungcam.report.figure import GREY, INK, POSITIVE, annotate, blank
from lungcam.report.slices import Slice

HU_WINDOW = (-1150.0, 350.0)
SIDE, GAP, MARGIN = 1.75, 0.06, 0.4  # inches


@dataclass(frozen=True, eq=False)
class Tile:
    """One sample of the montage.

    Attributes:
        caption: Lines that stand above it.
        axial: Slice through the heat-map's peak.
        coronal: Slice through the same point.
    """

    caption: Sequence[str]
    axial: Slice
    coronal: Slice


def chosen(labels: np.ndarray, scores: np.ndarray) -> list[tuple[int, str]]:
    """Rows of the highest, the middle and the lowest score of each class, and what each is.

    A rule that picks errors as readily as successes.
    """
    found: dict[int, str] = {}
    for label, name in ((1, "positive"), (0, "negative")):
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        places = ((0, "highest"), (len(rows) // 2, "middle"), (len(rows) - 1, "lowest"))
        for place, words in places if len(rows) else ():
            found.setdefault(int(rows[place]), f"{words} {name}")
    return list(found.items())


def heat_colours() -> ListedColormap:
    """From clear over red to a pale yellow; the more heat, the less of the scan is seen."""
    share = np.linspace(0, 1, 256)
    colours = colormaps["inferno"](0.25 + 0.72 * share)
    colours[:, 3] = 0.8 * np.clip((share - 0.06) / 0.5, 0, 1)
    return ListedColormap(colours)


def draw_montage(
    tiles: Sequence[Tile],
    below: str,
    label_rule: str,
    method: str = "Grad-CAM",
    mark: str | None = None,
) -> Figure:
    """Draw each sample in a column: the slice alone, with the heat, and the coronal slice.

    Heat stands on one scale for all samples, so that colours compare.

    Args:
        tiles: At least one.
        below: Stands under the title: how many samples of what.
        label_rule: What label 1 means.
        method: Name of the method, for the title.
        mark: A warning that stands above, such as that the heat-maps failed their checks.
    """
    count = len(tiles)
    width = max(6.4, 2 * MARGIN + count * (SIDE + GAP) + 0.75)
    height = 3 * (SIDE + GAP) + 2.05
    figure = blank(width, height)
    annotate(figure, f"What the net looked at ({method})", below, label_rule, 0.2 / width)
    if mark is not None:
        # beside the title, where no other words stand
        figure.text(
            1 - 0.2 / width,
            1 - 0.15 / height,
            "\n".join(textwrap.wrap(mark, 33)),
            ha="right",
            va="top",
            size=8,
            weight="bold",
            color=POSITIVE,
        )
    top = max(max(float(t.axial.heat.max()), float(t.coronal.heat.max())) for t in tiles)
    scale, colours = Normalize(0, top if top > 0 else 1.0), heat_colours()
    for column, tile in enumerate(tiles):
        left = MARGIN + column * (SIDE + GAP)
        pictures = ((tile.axial, False), (tile.axial, True), (tile.coronal, True))
        for row, (one, with_heat) in enumerate(pictures):
            bottom = 0.75 + (2 - row) * (SIDE + GAP)
            axes = figure.add_axes((left / width, bottom / height, SIDE / width, SIDE / height))
            _show(axes, one, scale if with_heat else None, colours)
            if column == 0:
                words = ("axial", "axial, heat", "coronal, heat")[row]
                axes.set_ylabel(words, size=8.5, color=GREY, labelpad=4)
        place = 0.75 + 3 * (SIDE + GAP) + 0.03
        figure.text(
            (left + 0.02) / width,
            place / height,
            "\n".join(tile.caption),
            va="bottom",
            size=7.5,
            color=INK,
            linespacing=1.3,
        )
    bar = figure.add_axes(
        (
            (MARGIN + count * (SIDE + GAP) + 0.12) / width,
            0.75 / height,
            0.11 / width,
            (2 * SIDE + GAP) / height,
        )
    )
    # over a grey, as it looks on a scan
    bar.set_facecolor("#555555")
    mapped = ScalarMappable(scale, colours)
    drawn = figure.colorbar(mapped, cax=bar, ticks=[0, scale.vmax])
    drawn.outline.set_visible(False)
    bar.set_yticklabels(["0", f"{scale.vmax:.1e}"])
    bar.tick_params(labelsize=7.5, colors=GREY, length=0)
    bar.set_title("heat", size=8, color=GREY)
    return figure


def _show(axes: Axes, one: Slice, scale: Normalize | None, colours: ListedColormap) -> None:
    axes.set_facecolor("black")
    axes.imshow(one.hu, "gray", vmin=HU_WINDOW[0], vmax=HU_WINDOW[1], interpolation="bilinear")
    if scale is not None:
        axes.imshow(one.heat, colours, norm=scale, interpolation="bilinear")
    if one.lesion is not None:
        x, y, radius = one.lesion
        ring = Circle((x, y), radius, fill=False, color="#5be3ff", linewidth=0.9, linestyle="--")
        axes.add_patch(ring)
    # a square of black, whatever the slice's shape
    height, width = one.hu.shape
    half = max(height, width) / 2
    x, y = (width - 1) / 2, (height - 1) / 2
    axes.set(xlim=(x - half, x + half), ylim=(y + half, y - half), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
