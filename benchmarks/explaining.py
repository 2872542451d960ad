"""Cost of a Grad-CAM, compared with a forward pass and with MONAI's."""

import copy
import warnings
from collections.abc import Callable

import numpy as np
import torch
from monai.networks.nets import resnet10
from monai.visualize import GradCAM
from torch import nn

from benchmarks.instruction_sets import on_each_set
from benchmarks.markdown import ratio_table
from benchmarks.measure import Times, alternate
from lungcam.explain import explain, grad_cam
from lungcam.grid import Grid
from lungcam.nets import Small3D

ROUNDS = 15
SHAPE = (64, 48, 64)
PLAIN, OURS, PLACED, THEIRS = "forward pass", "grad_cam", "explain", "MONAI"
NETS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "small3d": (Small3D, "conv3"),
    "resnet10": (lambda: resnet10(spatial_dims=3, n_input_channels=1, num_classes=1), "layer4"),
}
HOW = """\
## What an explanation costs

Grad-CAM of the last convolutional layer at `view=lungs` (64 x 48 x 64), one scan, {threads}
threads. *Forward pass*: `net(image)` in `torch.no_grad()`. *grad_cam*: the map by
`lungcam.explain.grad_cam`. *explain*: the map and its place in the scanner's space. *MONAI*:
`GradCAM.compute_map` of `monai.visualize` on a copy of the net, its raw map, without upsampling.
Timed alternately in one process; median (least-most) of {rounds} calls after the first one.
"""


def measure(rounds: int, device: str = "cpu") -> dict[str, Times]:
    """Time forward passes and maps of each net.

    Args:
        rounds: Timed calls of each, after a first one.
        device: `cpu` or `cuda`.
    """
    times = {}
    for name in NETS:
        taken = alternate(calls(name, device), rounds)
        times |= {_row(name, call): runs for call, runs in taken.items()}
    return times


def calls(name: str, device: str = "cpu") -> dict[str, Callable[[], object]]:
    """Return what is timed of a net; each call ends when its results are there."""
    make, layer = NETS[name]
    torch.manual_seed(0)
    net = make().eval().to(device)
    image, grid = torch.randn(1, 1, *SHAPE, device=device), Grid(SHAPE, np.eye(4))
    # its hooks stay on the net: use a copy
    theirs = GradCAM(nn_module=copy.deepcopy(net), target_layers=layer)

    def plain() -> object:
        with torch.no_grad():
            return net(image).cpu()

    def monai() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return theirs.compute_map(image.clone().requires_grad_(), class_idx=0).cpu()

    return {
        PLAIN: plain,
        OURS: lambda: grad_cam(net, image, layer=layer).cpu(),
        PLACED: lambda: explain(net, image, grid=grid, layer=layer),
        THEIRS: monai,
    }


def peers() -> dict[str, str]:
    """Return the row of the forward pass by each net's rows."""
    return {
        _row(name, call): _row(name, PLAIN)
        for name in NETS
        for call in (PLAIN, OURS, PLACED, THEIRS)
    }


def section(rounds: int = ROUNDS) -> str:
    """Measure each net.

    Returns:
        Markdown.
    """
    results = on_each_set(measure, rounds=rounds)
    how = HOW.format(threads=torch.get_num_threads(), rounds=rounds)
    return f"{how}\n{ratio_table(results, peers(), ratio='times a forward pass')}\n"


def _row(name: str, call: str) -> str:
    return f"{name}, {NETS[name][1]}: {call}"


if __name__ == "__main__":
    print(section())
