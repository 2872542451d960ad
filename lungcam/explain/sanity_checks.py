"""Nets with random weights, layer by layer: a map that does not change does not show the net.

How alike two maps are.

Whether a map stays where it is when the input hardly changes.
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from lungcam.explain.heatmap import HeatMap
from lungcam.explain.localisation import peak_mm
from lungcam.grid import Grid, resample

# a deep net's layers are randomised in so many groups
STAGES = 8


def cascading_randomisation(
    net: nn.Module, image: torch.Tensor, *, seed: int = 0
) -> Iterator[tuple[str, nn.Module]]:
    """Randomise a net's layers one after the other, from the head down.

    Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018. It is done on a copy: whatever
    happens, the net's weights, its buffers and torch's random numbers stay as they are.

    Args:
        net: Any net, not attached to a trainer.
        image: `(B, C, W, H, D)` that it can be run on, to see in which order its layers are used.
        seed: Of the random weights.

    Yields:
        The lowest layer that is random by then, and the copy: one and the same, in evaluation mode,
        randomised further each time. The last is an untrained net.
    """
    changed = copy.deepcopy(net).eval()
    layers = _in_order(changed, image)[::-1]
    groups = np.array_split(np.arange(len(layers)), min(STAGES, len(layers)))
    for number, group in enumerate(groups):
        # no seed that anybody trains with: weights would be those that training began with
        drawn = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
        with _own_random_numbers(image.device, drawn):
            for at in group:
                _randomise(layers[at][1])
        yield layers[group[-1]][0], changed


def untrained_net(net: nn.Module, image: torch.Tensor, *, seed: int = 0) -> nn.Module:
    """Copy a net with all its weights random; arguments as for `cascading_randomisation`."""
    *_, (_, changed) = cascading_randomisation(net, image, seed=seed)
    return changed


def _in_order(net: nn.Module, image: torch.Tensor) -> list[tuple[str, nn.Module]]:
    """Modules with parameters of their own, in the order in which they first run."""
    used: dict[str, nn.Module] = {}
    handles = [
        module.register_forward_pre_hook(
            lambda module, _inputs, name=name: used.setdefault(name, module) and None
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
    return list(used.items())


@contextmanager
def _own_random_numbers(device: torch.device, seed: int) -> Iterator[None]:
    """Draw from a seed and give torch its own state back afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@torch.no_grad()
def _randomise(module: nn.Module) -> None:
    """As torch's own layers begin; other parameters are drawn with their own spread."""
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()
        return
    for weight in module.parameters(recurse=False):
        spread = float(weight.std()) if weight.numel() > 1 else 0.0
        weight.normal_(0, spread or 0.02)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of two maps' cells; 0 where either is the same everywhere.

    Args:
        first: Array of any shape.
        second: Of the same shape.
    """
    if first.size == 0 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def compare_maps(heat: HeatMap, other: HeatMap, *, where: np.ndarray) -> dict[str, float]:
    """Lay one map over another in the scanner's space and compare them.

    Args:
        heat: The map that stays.
        other: Resampled to the cells of `heat`; its axes are parallel.
        where: `(w, h, d)` bool, the cells to compare.

    Returns:
        `spearman`, over the cells that both maps cover whole, and `peak_mm`, the distance of their
        peaks, NaN where either points nowhere.
    """
    covered = resample(np.ones(other.cells.shape, bool), other.cells, target=heat.cells) > 1 - 1e-3
    both = covered & where
    moved = np.linalg.norm(peak_mm(heat.values, heat.cells) - peak_mm(other.values, other.cells))
    return {
        "spearman": rank_correlation(heat.values[both], other.on(heat.cells)[both]),
        "peak_mm": float(moved),
    }


# voxels of the input: one, half a cell of a layer at half resolution, and two along all axes
SHIFTS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (-2, -2, -2))
# standard deviation of the noise, as a share of the input's own
NOISE = 0.05


def shift_image(image: torch.Tensor, grid: Grid, *, by: Sequence[int]) -> tuple[torch.Tensor, Grid]:
    """Look at the same patient through a grid that stands some voxels further on.

    Args:
        image: `(1, C, W, H, D)`.
        grid: Where it stands.
        by: Voxels along each axis.

    Returns:
        The image, its outermost voxels going on where it ends, and where it stands now: what is
        seen stays where it was in the scanner's space.
    """
    for axis, (size, step) in enumerate(zip(grid.shape, by, strict=True), start=2):
        index = torch.arange(size, device=image.device).add(step).clamp(0, size - 1)
        image = image.index_select(axis, index)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world(np.asarray(by))
    return image, Grid(grid.shape, affine)


def add_noise(image: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Add slight Gaussian noise; torch's own random numbers are not touched."""
    drawn = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return image + NOISE * image.std() * drawn.to(image.device)


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
        grid: Where it stands.
        where: `(w, h, d)` bool, the map's cells to compare.
        seed: Of the noise.

    Returns:
        `shift` and `noise`, each as of `compare_maps`; of the shifts the mean of all, and `steady`, the
        share of them after which the peak lies within a cell's diagonal of where it was.
    """
    heat = make(image, grid)
    moved = [
        compare_maps(heat, make(*shift_image(image, grid, by=by)), where=where) for by in SHIFTS
    ]
    distances = np.array([one["peak_mm"] for one in moved])
    told = distances[~np.isnan(distances)]
    return {
        "shift": {
            "spearman": float(np.mean([one["spearman"] for one in moved])),
            "peak_mm": float(told.mean()) if told.size else math.nan,
            "steady": float(np.mean(distances <= np.linalg.norm(heat.cells.spacing_mm) + 1e-6)),
        },
        "noise": compare_maps(heat, make(add_noise(image, seed), grid), where=where),
    }
