"""Sanity checks of heat-maps: randomised weights, shifted and noisy input, similarity of maps."""

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import scipy
import torch
from torch import nn

from lungcam.explain.heatmap import HeatMap
from lungcam.explain.peaks import peak_mm
from lungcam.grid import Grid, resample

# a deep net's layers are randomised in so many groups
STAGES = 8
# voxels of the input: one, half a cell of a layer at half resolution, and two along all axes
SHIFTS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (-2, -2, -2))
# standard deviation of the noise, as a share of the input's own
NOISE = 0.05


def cascading_randomisation(
    net: nn.Module, image: torch.Tensor, *, seed: int = 0
) -> Iterator[tuple[str, nn.Module]]:
    """Randomise a net's layers one after the other, from the head down.

    Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018. It works on a copy: in every case
    the net's weights, its buffers and torch's random state are left unchanged.

    Args:
        net: Any net, not attached to a trainer.
        image: `(B, C, W, H, D)` to run the net on, which shows the order of its layers.
        seed: Seed of the random weights.

    Yields:
        The lowest layer that is random by then, and the copy: one and the same, in evaluation mode,
        randomised further each time. The last is an untrained net.
    """
    changed = copy.deepcopy(net).eval()
    layers = _layers_in_order(changed, image)[::-1]
    groups = np.array_split(np.arange(len(layers)), min(STAGES, len(layers)))
    for number, group in enumerate(groups):
        # not a plain seed: weights could equal the initial ones of a training with that seed
        group_seed = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
        with _seeded(image.device, group_seed):
            for index in group:
                _randomise(layers[index][1])
        yield layers[group[-1]][0], changed


def untrained_net(net: nn.Module, image: torch.Tensor, *, seed: int = 0) -> nn.Module:
    """Copy a net with all its weights random; arguments as for `cascading_randomisation`."""
    *_, (_, changed) = cascading_randomisation(net, image, seed=seed)
    return changed


def _layers_in_order(net: nn.Module, image: torch.Tensor) -> list[tuple[str, nn.Module]]:
    """List the modules with parameters of their own, in the order in which they first run."""
    layers: dict[str, nn.Module] = {}
    handles = [
        module.register_forward_pre_hook(
            lambda module, _inputs, name=name: layers.setdefault(name, module) and None
        )
        for name, module in net.named_modules()
        if list(module.parameters(recurse=False))
    ]
    try:
        with torch.no_grad():
            net(image[:1])
    finally:
        for handle in handles:
            handle.remove()
    return list(layers.items())


@contextmanager
def _seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch and restore its random state afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@torch.no_grad()
def _randomise(module: nn.Module) -> None:
    """Reset torch's own layers; draw other parameters with their own standard deviation."""
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()
        return
    for weight in module.parameters(recurse=False):
        spread = float(weight.std()) if weight.numel() > 1 else 0.0
        weight.normal_(0, spread or 0.02)


def repeatability(
    make: Callable[[torch.Tensor, Grid], HeatMap],
    image: torch.Tensor,
    *,
    grid: Grid,
    where: np.ndarray,
    seed: int = 0,
) -> Mapping[str, dict[str, float]]:
    """Compare a map with those of the shifted and of the noisy input.

    Args:
        make: Explains an image on a grid.
        image: `(1, C, W, H, D)`.
        grid: Grid of the image.
        where: `(w, h, d)` bool, the map's cells to compare.
        seed: Seed of the noise.

    Returns:
        `shift` and `noise`, each as of `compare_maps`; for the shifts the mean of all, and
        `steady`, the share of them after which the peak lies within a cell's diagonal of its place
        before.
    """
    heat = make(image, grid)
    shifts = [
        compare_maps(heat, make(*shift_image(image, grid, by=by)), where=where) for by in SHIFTS
    ]
    distances = np.array([shift["peak_mm"] for shift in shifts])
    known = distances[~np.isnan(distances)]
    return {
        "shift": {
            "spearman": float(np.mean([shift["spearman"] for shift in shifts])),
            "peak_mm": float(known.mean()) if known.size else math.nan,
            "steady": float(np.mean(distances <= np.linalg.norm(heat.cells.spacing_mm) + 1e-6)),
        },
        "noise": compare_maps(heat, make(add_noise(image, seed), grid), where=where),
    }


def shift_image(image: torch.Tensor, grid: Grid, *, by: Sequence[int]) -> tuple[torch.Tensor, Grid]:
    """Show the same patient on a grid that is shifted by some voxels.

    Args:
        image: `(1, C, W, H, D)`.
        grid: Grid of the image.
        by: Voxels along each axis.

    Returns:
        The image, its outermost voxels repeated beyond its end, and its new grid: the patient stays
        at the same place in the scanner's space.
    """
    for axis, (size, step) in enumerate(zip(grid.shape, by, strict=True), start=2):
        index = torch.arange(size, device=image.device).add(step).clamp(0, size - 1)
        image = image.index_select(axis, index)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world(np.asarray(by))
    return image, Grid(grid.shape, affine)


def add_noise(image: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Add slight Gaussian noise without touching torch's own random state."""
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return image + NOISE * image.std() * noise.to(image.device)


def compare_maps(heat: HeatMap, other: HeatMap, *, where: np.ndarray) -> dict[str, float]:
    """Compare two maps in the scanner's space.

    Args:
        heat: The reference map.
        other: Map to resample to the cells of `heat`; its axes are parallel.
        where: `(w, h, d)` bool, the cells to compare.

    Returns:
        `spearman`, over the cells that both maps cover completely, and `peak_mm`, the distance of
        their peaks, NaN where either has none.
    """
    covered = resample(np.ones(other.cells.shape, bool), other.cells, target=heat.cells) > 1 - 1e-3
    both = covered & where
    moved = np.linalg.norm(peak_mm(heat.values, heat.cells) - peak_mm(other.values, other.cells))
    return {
        "spearman": rank_correlation(heat.values[both], other.on(heat.cells)[both]),
        "peak_mm": float(moved),
    }


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's rank correlation of two maps' cells; 0 where either is constant.

    Args:
        first: Array of any shape.
        second: Of the same shape.
    """
    if first.size == 0 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(scipy.stats.rankdata(first), scipy.stats.rankdata(second))[0, 1])
