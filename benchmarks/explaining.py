"""Cost of a Grad-CAM, compared with a forward pass and with MONAI's."""

import argparse
import copy
import os
import warnings
from collections.abc import Callable

import numpy as np
import torch
from monai.networks.nets import resnet10
from monai.visualize import GradCAM
from torch import nn

from benchmarks.markdown import table
from benchmarks.measure import Times, alternate
from lungcam.explain import explain, grad_cam
from lungcam.grid import Grid
from lungcam.nets import Small3D

ROUNDS = 31
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
Timed alternately in one process; median (minimum-maximum) of {rounds} calls after the first one, in
ms. Load of the machine in the minute before the end: {load:.1f}.
"""


def measure(name: str, rounds: int) -> list[str]:
    """Return a row of the table."""
    make, layer = NETS[name]
    torch.manual_seed(0)
    net = make().eval()
    image, grid = torch.randn(1, 1, *SHAPE), Grid(SHAPE, np.eye(4))
    # its hooks stay on the net: use a copy
    theirs = GradCAM(nn_module=copy.deepcopy(net), target_layers=layer)

    def plain() -> None:
        with torch.no_grad():
            net(image)

    def monai() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs.compute_map(image.clone().requires_grad_(), class_idx=0)

    calls = {
        PLAIN: plain,
        OURS: lambda: grad_cam(net, image, layer=layer),
        PLACED: lambda: explain(net, image, grid=grid, layer=layer),
        THEIRS: monai,
    }
    times = alternate(calls, rounds)
    return [
        f"{name}, {layer}",
        *(_ms(times[name_of_call]) for name_of_call in calls),
        f"{times[OURS].median / times[PLAIN].median:.2f}",
        f"{times[THEIRS].median / times[OURS].median:.2f}",
    ]


def _ms(times: Times) -> str:
    return f"{times.median * 1e3:.0f} ({min(times.runs) * 1e3:.0f}-{max(times.runs) * 1e3:.0f})"


def section(rounds: int = ROUNDS) -> str:
    """Measure both nets.

    Returns:
        Markdown.
    """
    rows = [measure(name, rounds) for name in NETS]
    how = HOW.format(threads=torch.get_num_threads(), rounds=rounds, load=os.getloadavg()[0])
    head = ["", PLAIN, OURS, PLACED, THEIRS, "grad_cam / forward pass", "MONAI / grad_cam"]
    return f"{how}\n{table(head, rows)}\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    print(section(parser.parse_args().rounds))
