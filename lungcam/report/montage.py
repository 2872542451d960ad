"""Heat-maps of some samples, on slices through their peaks.

Slices of a scan and its heat-map through one point, as a reader of CT expects them.

A sample's slices as one small PNG.
"""

import io
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
from PIL import Image, ImageDraw

from lungcam.explain import HeatMap
from lungcam.grid import Grid, resample
from lungcam.report.figure import GREY, INK, POSITIVE, annotate, blank

AIR_HU = -1024.0
# pixels along the longer side of a picture
PIXELS = 320
# the axis that a plane is normal to, and the axes along its columns and rows
PLANES = {"axial": (2, 0, 1), "coronal": (1, 0, 2)}


@dataclass(frozen=True, eq=False)
class Slice:
    """One plane.

    Attributes:
        hu: `(h, w)`; seen from the feet (axial) or from the front (coronal), so that the patient's
            right is on the left, and front or head at the top.
        heat: `(h, w)`, >= 0: what a signed map has below 0 is left out.
        lesion: Where the plane cuts a known lesion, as a ball: (x, y, radius) in pixels.
    """

    hu: np.ndarray
    heat: np.ndarray
    lesion: tuple[float, float, float] | None


def cut(
    hu: np.ndarray,
    scan: Grid,
    *,
    heat: HeatMap,
    box: Grid,
    point_mm: np.ndarray,
    plane: str,
    lesion: tuple[np.ndarray, float] | None = None,
) -> Slice:
    """Interpolate a plane of a scan and of its heat-map.

    Args:
        hu: `(W, H, D)` on `scan`.
        scan: With axes along right, front and head (RAS+).
        heat: Of the same scan.
        box: What the net was shown: the plane covers the part of it that lies in the scan.
        point_mm: RAS mm; the plane goes through it, or as near as the scan reaches.
        plane: A key of `PLANES`.
        lesion: Centre (RAS mm) and diameter in mm, where known.
    """
    normal, across, up = PLANES[plane]
    # along the scan's own axes, which an oblique scan has turned a little
    axes = scan.affine[:3, :3] / scan.spacing_mm
    (box_low, box_high), (low, high) = (
        np.sort(one.to_world(np.array([[0, 0, 0], np.array(one.shape) - 1])) @ axes, axis=0)
        for one in (box, scan)
    )
    low, high = np.maximum(low, box_low), np.minimum(high, box_high)
    step = max(high[across] - low[across], high[up] - low[up], 1.0) / (PIXELS - 1)
    shape = np.ones(3, int)
    # a net's input may reach beyond a crop, and its peak with it: the crop's last slice is shown
    start = np.clip(np.asarray(point_mm, float) @ axes, low, high)
    for axis in (across, up):
        shape[axis] = max(1, round((high[axis] - low[axis]) / step) + 1)
        start[axis] = low[axis]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * step, axes @ start
    here = Grid(tuple(int(n) for n in shape), affine)

    def picture(values: np.ndarray) -> np.ndarray:
        # (across, up) to rows from the top; the patient's right on the left
        return np.squeeze(values, normal).T[::-1, ::-1]

    ball = None
    if lesion is not None:
        center, radius = here.to_index(np.asarray(lesion[0])), lesion[1] / 2
        off = abs(center[normal]) * step
        if off < radius:
            # both are counted from the other side in the picture
            x, y = shape[across] - 1 - center[across], shape[up] - 1 - center[up]
            ball = (float(x), float(y), float(np.sqrt(radius**2 - off**2) / step))
    return Slice(
        picture(resample(hu, scan, target=here, outside=AIR_HU)),
        picture(heat.on(here).clip(0)),
        ball,
    )


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
    *,
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
    annotate(
        figure,
        f"What the net looked at ({method})",
        below=below,
        label_rule=label_rule,
        left=0.2 / width,
    )
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
            _show(axes, one, scale=scale if with_heat else None, colours=colours)
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


def _show(axes: Axes, one: Slice, *, scale: Normalize | None, colours: ListedColormap) -> None:
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


PNG_SIDE, PNG_GAP = 300, 6  # pixels
LESION = (91, 227, 255)


def tile_png(tile: Tile, top: float) -> bytes:
    """Draw the axial slice alone, the same with the heat, and the coronal slice with it.

    Args:
        tile: The slices.
        top: The heat that has the brightest colour; the same in all tiles that are compared.
    """
    sheet = Image.new("RGB", (3 * PNG_SIDE + 2 * PNG_GAP, PNG_SIDE))
    for place, (one, heat) in enumerate(
        ((tile.axial, False), (tile.axial, True), (tile.coronal, True))
    ):
        picture = _draw(one, top if heat else None)
        x = place * (PNG_SIDE + PNG_GAP) + (PNG_SIDE - picture.width) // 2
        sheet.paste(picture, (x, (PNG_SIDE - picture.height) // 2))
    stream = io.BytesIO()
    sheet.save(stream, "png")
    return stream.getvalue()


def _draw(one: Slice, top: float | None) -> Image.Image:
    low, high = HU_WINDOW
    grey = np.clip((one.hu - low) / (high - low), 0, 1)[..., None].repeat(3, axis=2)
    if top is not None:
        colours = heat_colours()(np.clip(one.heat / (top if top > 0 else 1.0), 0, 1))
        grey += colours[..., 3:] * (colours[..., :3] - grey)
    picture = Image.fromarray(np.rint(255 * grey).astype(np.uint8))
    scale = PNG_SIDE / max(picture.size)
    picture = picture.resize([max(1, round(n * scale)) for n in picture.size], Image.BILINEAR)
    if one.lesion is not None:
        x, y = ((n + 0.5) * scale for n in one.lesion[:2])
        radius = one.lesion[2] * scale
        box = (x - radius, y - radius, x + radius, y + radius)
        ImageDraw.Draw(picture).ellipse(box, outline=LESION)
    return picture
