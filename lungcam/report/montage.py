"""Slices through the peaks of heat-maps, as a figure of some samples and as a PNG of one."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image, ImageDraw

from lungcam.explain import HeatMap
from lungcam.grid import Grid, resample
from lungcam.heat_colors import HEAT_FLOOR, slice_colors
from lungcam.report.figure import GREY, INK, POSITIVE, annotate, new_figure

AIR_HU = -1024.0
HU_WINDOW = (-1150.0, 350.0)
# pixels along the longer side of a slice
SLICE_PIXELS = 320
# the axis normal to a plane, and the axes along its columns and rows
PLANES = {"axial": (2, 0, 1), "coronal": (1, 0, 2), "sagittal": (0, 1, 2)}
# inches, in the montage
SIDE, GAP, MARGIN, BOTTOM = 1.75, 0.06, 0.4, 0.75
# labels of the colour bar, as shares of the highest heat
SHARES = (0, HEAT_FLOOR, 0.4, 0.6, 0.8, 1)
HEAT_ALPHA = 0.7
ROWS = ("axial", "axial, heat", "coronal, heat")
# pixels, in the PNG of a sample
PNG_SIDE, PNG_GAP = 300, 6
LESION_COLOUR, LESION_RGB = "#5be3ff", (91, 227, 255)


@dataclass(frozen=True, eq=False)
class Slice:
    """Slice of a scan and its heat-map, oriented as radiologists expect.

    Attributes:
        hu: `(h, w)` HU, seen from the feet (axial), from the front (coronal) or from the left
            (sagittal): the patient's right, in a sagittal slice the front, is on the left, and
            front or head at the top.
        heat: `(h, w)` heat, at least 0; negative values of a signed map are left out.
        lesion: Circle in which the plane cuts a spherical lesion: (x, y, radius) in pixels; None if
            it cuts none.
    """

    hu: np.ndarray
    heat: np.ndarray
    lesion: tuple[float, float, float] | None


@dataclass(frozen=True, eq=False, kw_only=True)
class SampleSlices:
    """Axial and coronal slice of a sample through the peak of its heat-map.

    Attributes:
        caption: Lines above the slices.
        axial: Axial slice.
        coronal: Coronal slice through the same point.
    """

    caption: Sequence[str]
    axial: Slice
    coronal: Slice

    @property
    def max_heat(self) -> float:
        """Return the highest heat of both slices."""
        return max(float(self.axial.heat.max()), float(self.coronal.heat.max()))

    @property
    def panels(self) -> tuple[tuple[Slice, bool], ...]:
        """Return the slices to draw, each with True if its heat is drawn."""
        return (self.axial, False), (self.axial, True), (self.coronal, True)


def extract_slice(
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
        scan: Grid with axes along right, front and head (RAS+).
        heat: Heat-map of the same scan.
        box: Grid of the net's input; the plane covers the part of it that lies in the scan.
        point_mm: Point of the plane in RAS mm; moved to the nearest point of the scan.
        plane: Key of `PLANES`.
        lesion: Centre (RAS mm) and diameter in mm of a known lesion.
    """
    normal, across, up = PLANES[plane]
    target, step = _plane_grid(scan, box, point_mm=point_mm, plane=plane)

    def orient(values: np.ndarray) -> np.ndarray:
        # (across, up) to rows from the top, with the patient's right on the left
        return np.squeeze(values, normal).T[::-1, ::-1]

    circle = None
    if lesion is not None:
        center, radius = target.to_index(np.asarray(lesion[0])), lesion[1] / 2
        distance = abs(center[normal]) * step
        if distance < radius:
            # columns and rows of the slice run against the axes
            x = target.shape[across] - 1 - center[across]
            y = target.shape[up] - 1 - center[up]
            circle = (float(x), float(y), float(np.sqrt(radius**2 - distance**2) / step))
    return Slice(
        hu=orient(resample(hu, scan, target=target, outside=AIR_HU)),
        heat=orient(heat.on(target).clip(0)),
        lesion=circle,
    )


def _plane_grid(scan: Grid, box: Grid, *, point_mm: np.ndarray, plane: str) -> tuple[Grid, float]:
    """Return the grid of a plane, one voxel thick, and the size of its pixels in mm."""
    _, across, up = PLANES[plane]
    # along the scan's own axes, which are slightly rotated in an oblique scan
    axes = scan.affine[:3, :3] / scan.spacing_mm
    (box_low, box_high), (low, high) = (
        np.sort(grid.to_world(np.array([[0, 0, 0], np.array(grid.shape) - 1])) @ axes, axis=0)
        for grid in (box, scan)
    )
    low, high = np.maximum(low, box_low), np.minimum(high, box_high)
    step = max(high[across] - low[across], high[up] - low[up], 1.0) / (SLICE_PIXELS - 1)
    shape = np.ones(3, int)
    # a peak outside a crop, in the net's padding, shows the crop's last slice
    start = np.clip(np.asarray(point_mm, float) @ axes, low, high)
    for axis in (across, up):
        shape[axis] = max(1, round((high[axis] - low[axis]) / step) + 1)
        start[axis] = low[axis]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * step, axes @ start
    return Grid(tuple(int(n) for n in shape), affine), step


def select_samples(labels: np.ndarray, scores: np.ndarray) -> list[tuple[int, str]]:
    """Select the samples of the highest, middle and lowest score of each class.

    This rule selects errors as readily as successes.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` probabilities.

    Returns:
        Row of each sample, and its description.
    """
    selected: dict[int, str] = {}
    for label, name in ((1, "positive"), (0, "negative")):
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        ranks = ((0, "highest"), (len(rows) // 2, "middle"), (len(rows) - 1, "lowest"))
        for rank, description in ranks if len(rows) else ():
            selected.setdefault(int(rows[rank]), f"{description} {name}")
    return list(selected.items())


def draw_montage(
    samples: Sequence[SampleSlices],
    subtitle: str,
    *,
    label_rule: str,
    method: str = "Grad-CAM",
    mark: str | None = None,
) -> Figure:
    """Draw each sample in a column: the axial slice, the same with heat, and the coronal slice.

    All samples share one scale of heat, so that colours can be compared.

    Args:
        samples: At least one.
        subtitle: Line under the title, with the counts.
        label_rule: Definition of label 1.
        method: Name of the method, for the title.
        mark: Warning, such as that the heat-maps failed their checks.
    """
    count = len(samples)
    width = max(6.4, 2 * MARGIN + count * (SIDE + GAP) + 0.75)
    height = 3 * (SIDE + GAP) + 2.05
    figure = new_figure(width, height)
    annotate(
        figure, f"Heat-maps ({method})", subtitle=subtitle, label_rule=label_rule, left=0.2 / width
    )
    if mark is not None:
        draw_mark(figure, mark)
    max_heat = max(sample.max_heat for sample in samples)
    scale = Normalize(0, max_heat if max_heat > 0 else 1.0)
    for column, sample in enumerate(samples):
        _draw_column(figure, sample, column=column, scale=scale)
    draw_color_bar(figure, scale, left=MARGIN + count * (SIDE + GAP) + 0.12)
    return figure


def draw_mark(figure: Figure, mark: str) -> None:
    """Write the warning at the right of the title."""
    width, height = figure.get_size_inches()
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


def _draw_column(figure: Figure, sample: SampleSlices, *, column: int, scale: Normalize) -> None:
    """Draw the slices of a sample below each other, and its caption above them."""
    width, height = figure.get_size_inches()
    left = MARGIN + column * (SIDE + GAP)
    for row, (image, with_heat) in enumerate(sample.panels):
        bottom = BOTTOM + (2 - row) * (SIDE + GAP)
        axes = figure.add_axes((left / width, bottom / height, SIDE / width, SIDE / height))
        draw_slice(axes, image, scale=scale if with_heat else None)
        if column == 0:
            axes.set_ylabel(ROWS[row], size=8.5, color=GREY, labelpad=4)
    figure.text(
        (left + 0.02) / width,
        (BOTTOM + 3 * (SIDE + GAP) + 0.03) / height,
        "\n".join(sample.caption),
        va="bottom",
        size=7.5,
        color=INK,
        linespacing=1.3,
    )


def draw_slice(axes: Axes, image: Slice, *, scale: Normalize | None) -> None:
    """Draw a slice in a black square, and its heat on a scale; None draws no heat."""
    axes.set_facecolor("black")
    axes.imshow(image.hu, "gray", vmin=HU_WINDOW[0], vmax=HU_WINDOW[1], interpolation="bilinear")
    if scale is not None:
        axes.imshow(image.heat, heat_colormap(), norm=scale, interpolation="bilinear")
    if image.lesion is not None:
        x, y, radius = image.lesion
        axes.add_patch(
            Circle((x, y), radius, fill=False, color=LESION_COLOUR, linewidth=0.9, linestyle="--")
        )
    # a black square around a slice of any shape
    height, width = image.hu.shape
    half = max(height, width) / 2
    x, y = (width - 1) / 2, (height - 1) / 2
    axes.set(xlim=(x - half, x + half), ylim=(y + half, y - half), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def draw_color_bar(
    figure: Figure,
    scale: Normalize,
    *,
    left: float,
    bottom: float = BOTTOM,
    height: float = 2 * SIDE + GAP,
) -> None:
    """Draw the scale of heat in a bar; its place and height are in inches."""
    width, whole = figure.get_size_inches()
    bar = figure.add_axes((left / width, bottom / whole, 0.11 / width, height / whole))
    # over grey, as on a scan
    bar.set_facecolor("#555555")
    mappable = ScalarMappable(scale, heat_colormap())
    color_bar = figure.colorbar(mappable, cax=bar, ticks=[share * scale.vmax for share in SHARES])
    color_bar.outline.set_visible(False)
    bar.set_yticklabels([f"{share:.0%}" for share in SHARES])
    bar.tick_params(labelsize=7.5, colors=GREY, length=0)
    bar.set_title(f"heat, peak\n{scale.vmax:.2g} logit", size=7.5, color=GREY, loc="left", pad=6)


def heat_colormap() -> ListedColormap:
    """Return the colours of pictures and of the page's slices, through which the scan is seen."""
    colors = slice_colors()
    colors[:, 3] *= HEAT_ALPHA
    return ListedColormap(colors)


def slices_png(sample: SampleSlices, max_heat: float) -> bytes:
    """Draw the axial slice, the same with heat, and the coronal slice side by side as PNG.

    Args:
        sample: Slices of the sample.
        max_heat: Heat of the brightest colour; the same for all samples that are compared.
    """
    sheet = Image.new("RGB", (3 * PNG_SIDE + 2 * PNG_GAP, PNG_SIDE))
    for column, (image, with_heat) in enumerate(sample.panels):
        picture = _slice_picture(image, max_heat if with_heat else None)
        x = column * (PNG_SIDE + PNG_GAP) + (PNG_SIDE - picture.width) // 2
        sheet.paste(picture, (x, (PNG_SIDE - picture.height) // 2))
    stream = io.BytesIO()
    sheet.save(stream, "png")
    return stream.getvalue()


def _slice_picture(image: Slice, max_heat: float | None) -> Image.Image:
    low, high = HU_WINDOW
    rgb = np.clip((image.hu - low) / (high - low), 0, 1)[..., None].repeat(3, axis=2)
    if max_heat is not None:
        share = np.clip(image.heat / (max_heat if max_heat > 0 else 1.0), 0, 1)
        colours = heat_colormap()(share)
        rgb += colours[..., 3:] * (colours[..., :3] - rgb)
    picture = Image.fromarray(np.rint(255 * rgb).astype(np.uint8))
    scale = PNG_SIDE / max(picture.size)
    picture = picture.resize([max(1, round(n * scale)) for n in picture.size], Image.BILINEAR)
    if image.lesion is not None:
        x, y = ((n + 0.5) * scale for n in image.lesion[:2])
        radius = image.lesion[2] * scale
        bounds = (x - radius, y - radius, x + radius, y + radius)
        ImageDraw.Draw(picture).ellipse(bounds, outline=LESION_RGB)
    return picture
