"""Error of a heat-map's place in mm: exact cells compared with a resized map."""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from scipy.spatial.transform import Rotation
from torch import nn
from torch.nn import functional

from benchmarks.markdown import table
from benchmarks.measure import say
from lungcam.explain import HeatMap, cell_grid
from lungcam.grid import Grid
from lungcam.scans import Scan, read_scan
from lungcam.transforms import (
    HUThreshold,
    LungComponents,
    LungMask,
    LungView,
    NoduleView,
    pipeline,
    prepare,
)
from lungcam.transforms.subject import grid

CONFIGURATIONS = 240
# every fourth configuration shows both lungs, the others a cube
LUNGS_EVERY = 4
BRIGHT_HU, AIR_HU = 400, -1000
MOST_STEP = 8
COARSER = ("conv",) * 3 + ("max",) * 2 + ("dilated", "average", "pad", "residual", "adaptive")
FINER = ("up", "transposed")
EXACT = "lungcam, exact cells"
NAIVE = {"resized, align_corners=False": False, "resized, align_corners=True": True}
HOW = """\
## Where a heat-map lands

One bright voxel in a scan, in {count} random configurations: a .mhd file with oblique, flipped and
permuted axes and anisotropic voxels of 0.6-3 mm is read by `read_scan` and prepared for a net
(three times out of four as a cube of `NoduleView` around a random point, else as both lungs by
mask and `LungView`). The net is random, with two to five steps: convolutions and poolings with
kernels of 1-5 (also even ones), strides of 1-3, any padding, dilation, `ceil_mode`, one-sided
padding, adaptive pooling and residual sums, in every third net behind an upsampling (nearest or
trilinear, `align_corners` or not) or a transposed convolution. Kernels are symmetric hats, so the
response is centred on the voxel. `HeatMap.on` carries the map to the scan's grid. The error is the
distance of the response's centre of mass from the voxel, in scanner mm, and the last column is the
share of configurations with an error of at most half a feature-map voxel along each axis. Nets
that leave fewer than five cells along an axis, skip the voxel or cut the response at a border are
drawn again.

*Resized* is the method of common libraries: the map is interpolated to the input's size (trilinear)
as if both covered the same region.
"""


@dataclass(frozen=True)
class Off:
    """Distance of a map's centre of mass from the planted voxel.

    Attributes:
        mm: Distance in scanner space, in mm.
        cells: Largest distance along an axis of the feature map, in its voxels.
    """

    mm: float
    cells: float


class Hat(nn.Module):
    """Convolution, or transposed convolution, with a kernel that peaks in its middle."""

    def __init__(self, kernel, stride=1, padding=0, dilation=1, transposed=False):
        super().__init__()
        sides = [torch.arange(k, dtype=torch.float32) - (k - 1) / 2 for k in kernel]
        a, b, c = (1 - side.abs() / (len(side) / 2 + 0.5) for side in sides)
        self.register_buffer("weight", (a[:, None, None] * b[:, None] * c)[None, None])
        self.settings = {"stride": stride, "padding": padding, "dilation": dilation}
        self.convolve = functional.conv_transpose3d if transposed else functional.conv3d

    def forward(self, x):
        """Convolve."""
        return self.convolve(x, self.weight, **self.settings)


class Residual(nn.Module):
    """Sum of two branches with cells at the same places."""

    def __init__(self, stride):
        super().__init__()
        self.near, self.far = Hat((1, 1, 1), stride), Hat((3, 3, 3), stride, 1)

    def forward(self, x):
        """Add both branches."""
        return torch.relu(self.near(x) + self.far(x))


class Call(nn.Module):
    """Function as a module."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]):
        super().__init__()
        self.function = function

    def forward(self, x):
        """Call the function."""
        return self.function(x)


def random_step(rng: np.random.Generator, finer: tuple[str, ...] = ()) -> nn.Module:
    """Return a random step of a net that keeps its resolution or makes it coarser."""

    def three(low, high):
        return tuple(int(n) for n in rng.integers(low, high + 1, 3))

    kind = rng.choice(finer or COARSER)
    kernel, stride = three(1, 5), three(1, 3)
    half = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
    if kind == "conv":
        return Hat(kernel, stride, half)
    if kind == "dilated":
        return Hat(three(2, 3), 1, three(0, 3), three(1, 2))
    if kind == "max":
        return nn.MaxPool3d(kernel, stride, half, ceil_mode=bool(rng.integers(2)))
    if kind == "average":
        return nn.AvgPool3d(kernel, stride, half, ceil_mode=bool(rng.integers(2)))
    if kind == "pad":
        return nn.ConstantPad3d(three(0, 3) + three(-1, 2), 0.0)
    if kind == "residual":
        return Residual(stride)
    if kind == "adaptive":
        return Call(
            lambda x: functional.adaptive_avg_pool3d(
                x, [n // s if n % s == 0 else n for n, s in zip(x.shape[2:], stride, strict=True)]
            )
        )
    if kind == "up":
        corners = bool(rng.integers(2))
        mode = {"mode": "trilinear", "align_corners": corners} if rng.integers(2) else {}
        return nn.Upsample(scale_factor=2.0, **mode)
    return Hat(three(2, 4), 2, 1, transposed=True)


def random_net(rng: np.random.Generator) -> nn.Sequential:
    """Return a net of two to five random steps.

    Only the first step refines: behind coarse cells the response cannot be finer than they are.
    """
    first = [random_step(rng, FINER)] if rng.integers(3) == 0 else []
    return nn.Sequential(*first, *(random_step(rng) for _ in range(rng.integers(2, 5))))


def random_grid(rng: np.random.Generator, extent_mm: np.ndarray) -> Grid:
    """Return an oblique grid with flipped and permuted axes and anisotropic voxels."""
    spacing = rng.uniform(0.6, 3.0, 3)
    turned = Rotation.from_euler("xyz", rng.uniform(-25, 25, 3), degrees=True).as_matrix()
    directions = turned[:, rng.permutation(3)] * rng.choice([-1, 1], 3)
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing
    shape = np.maximum(np.ceil(extent_mm / spacing), 12).astype(int)
    affine[:3, 3] = rng.uniform(-200, 200, 3)
    return Grid(tuple(int(n) for n in shape), affine)


def write_mhd(file: Path, hu: np.ndarray, image_grid: Grid) -> None:
    """Write a volume with SimpleITK, in LPS coordinates."""
    image = sitk.GetImageFromArray(hu.transpose(2, 1, 0))
    lps = np.diag([-1.0, -1, 1]) @ image_grid.affine[:3]
    image.SetSpacing(image_grid.spacing_mm)
    image.SetDirection((lps[:, :3] / image_grid.spacing_mm).ravel())
    image.SetOrigin(lps[:, 3])
    sitk.WriteImage(image, str(file))


def chest(image_grid: Grid, middle_mm: np.ndarray) -> np.ndarray:
    """Return a body of water with two lungs around a point, along the patient's axes."""
    place = image_grid.to_world(np.stack(np.indices(image_grid.shape), axis=-1)) - middle_mm

    def ball(center, radii):
        return (((place - center) / radii) ** 2).sum(axis=-1) < 1

    hu = np.full(image_grid.shape, AIR_HU, np.int16)
    hu[ball((0, 0, 0), (170, 110, 1000))] = 0
    for side in (-1, 1):
        hu[ball((side * 75, 0, 0), (55, 75, 100))] = -850
    return hu


def planted(seed: int, folder: Path, whole_chest: bool) -> dict[str, Off]:
    """Plant a voxel, explain a random net, and measure the error of each method.

    Args:
        seed: Seed of everything random.
        folder: Folder for the .mhd file.
        whole_chest: Show both lungs, else a cube around a point.

    Returns:
        Error of each method.
    """
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in 8 * rng.integers(4, 7, 3))
    mm = float(rng.uniform(4, 6)) if whole_chest else float(rng.uniform(0.8, 2.0))
    if whole_chest:
        steps = {
            "threshold": HUThreshold(-350),
            "components": LungComponents(),
            "mask": LungMask(),
            "view": LungView(shape, mm),
        }
    else:
        steps = {"view": NoduleView(shape, mm, (AIR_HU, BRIGHT_HU))}
    transforms = pipeline(steps)
    extent = np.full(3, 260.0) if whole_chest else np.array(shape) * mm + 12
    source = random_grid(rng, extent * (1.3 if whole_chest else 1.0))
    middle = source.to_world((np.array(source.shape) - 1) / 2)
    if whole_chest:
        # full resolution would be slow, and only the geometry matters
        coarse = source.affine @ np.diag([2.0, 2.0, 2.0, 1])
        source = Grid(tuple(-(-n // 2) for n in source.shape), coarse)
        empty = chest(source, middle)
        inside = np.argwhere(empty == -850)
    else:
        empty = rng.integers(-950, -850, source.shape, np.int16)
    point = None if whole_chest else middle + rng.uniform(-2, 2, 3)

    def shown(hu: np.ndarray) -> tuple[Scan, torch.Tensor, Grid]:
        write_mhd(folder / "scan.mhd", hu, source)
        scan = read_scan(folder / "scan.mhd", whole_chest=whole_chest)
        subject = prepare(scan, transforms, center_mm=point)
        return scan, subject["input"].data[None].float(), grid(subject, "input")

    _, before, image_grid = shown(empty)
    while True:
        if whole_chest:
            voxel = inside[rng.integers(len(inside))]
        else:
            wanted = image_grid.to_world(rng.uniform(0.25, 0.75, 3) * (np.array(shape) - 1))
            voxel = np.rint(source.to_index(wanted)).astype(int)
        bright = empty.copy()
        bright[tuple(voxel)] = BRIGHT_HU
        scan, after, image_grid = shown(bright)
        image = (after - before).clamp(min=0)
        # rounding may change a value by 1 HU
        image = torch.where(image > image.max() / 10, image, 0.0)
        for _ in range(20):
            net = random_net(rng)
            values = response(net, image)
            if values is not None:
                place = source.to_world(voxel)
                return offs(net, image, values, image_grid, scan.grid, place)


def response(net: nn.Module, image: torch.Tensor) -> np.ndarray | None:
    """Return the net's map `(w, h, d)`; None if it is too small, empty or cut by a border."""
    values = image
    try:
        for step in net:
            with torch.no_grad():
                values = step(values)
            inner = values[..., 1:-1, 1:-1, 1:-1].sum()
            if not inner > 0 or not torch.isclose(inner, values.sum()):
                return None
    except (RuntimeError, ValueError):  # a window larger than the image
        return None
    cells = values.shape[2:]
    coarsest = np.divide(image.shape[2:], cells).max()
    return None if min(cells) < 5 or coarsest > MOST_STEP else values[0, 0].numpy()


def offs(
    net: nn.Sequential,
    image: torch.Tensor,
    values: np.ndarray,
    image_grid: Grid,
    scan: Grid,
    place: np.ndarray,
) -> dict[str, Off]:
    """Return the error of each method."""
    cells = cell_grid(net, str(len(net) - 1), image=image, grid=image_grid)
    results = {EXACT: center_of_mass(HeatMap(values, cells).on(scan), scan)}
    for name, corners in NAIVE.items():
        size, batch = image.shape[2:], torch.from_numpy(values)[None, None]
        whole = functional.interpolate(batch, size, mode="trilinear", align_corners=corners)
        results[name] = center_of_mass(whole[0, 0].numpy(), image_grid)
    expected = cells.to_index(place)
    return {
        name: Off(
            float(np.linalg.norm(point - place)),
            float(np.abs(cells.to_index(point) - expected).max()),
        )
        for name, point in results.items()
    }


def center_of_mass(values: np.ndarray, image_grid: Grid) -> np.ndarray:
    """Return the centre of mass of the positive values in RAS mm."""
    index = np.argwhere(values > 0)
    weights = values[tuple(index.T)].astype(float)
    return image_grid.to_world(weights @ index / weights.sum())


def measure(count: int) -> dict[str, list[Off]]:
    """Measure many configurations."""
    results: dict[str, list[Off]] = {name: [] for name in (EXACT, *NAIVE)}
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        for seed in range(count):
            for name, off in planted(seed, Path(folder), seed % LUNGS_EVERY == 3).items():
                results[name].append(off)
            if seed % 20 == 19:
                say(f"planted: {seed + 1} of {count}")
    return results


def section(count: int = CONFIGURATIONS) -> str:
    """Measure all.

    Returns:
        Markdown.
    """
    rows = []
    for name, all_off in measure(count).items():
        mm = np.array([off.mm for off in all_off])
        within = np.mean([off.cells <= 0.5 for off in all_off])
        rows.append(
            [
                name,
                f"{np.median(mm):.2f}",
                f"{np.percentile(mm, 95):.2f}",
                f"{mm.max():.2f}",
                f"{within:.1%}",
            ]
        )
    head = [
        "",
        "error, mm: median",
        "95th percentile",
        "maximum",
        "within half a feature-map voxel",
    ]
    return f"{HOW.format(count=count)}\n{table(head, rows)}\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=CONFIGURATIONS)
    print(section(parser.parse_args().count))
