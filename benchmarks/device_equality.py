"""Logits and heat-maps of a device, compared with those of the CPU in float32."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from benchmarks.device import Plan
from benchmarks.markdown import digits, table
from benchmarks.training_steps import cases
from lungcam.explain import grad_cam

BATCH = 8
LAYERS = {"small3d": "conv3", "nodule": "joined", "lungs": "joined", "resnet10": "layer2"}
# largest difference of logits, as a share of their spread, and of a map, as a share of its peak
TOLERANCES = {"float32": 1e-3, "float32, TF32 allowed": 2e-2, "bfloat16": 1e-1}
HOW = f"""\
## Equality with the CPU

Nets with random weights on {BATCH} random images, on the device and in float32 on the CPU: the
largest difference of the logits, as a multiple of their standard deviation, and of the Grad-CAM
maps, as a share of each map's peak. Tolerated for both: {TOLERANCES}. TF32 is PyTorch's default for
convolutions on a card that has it.
"""


def section(plan: Plan) -> str:
    """Compare each net in each precision.

    Returns:
        Markdown.
    """
    rows = []
    for name, case in cases(plan.small).items():
        net = randomise(case.net()).eval()
        image = torch.randn(BATCH, 1, *case.shape)
        logits, maps = answers(net, image, LAYERS[name])
        net, image = net.to(plan.device), image.to(plan.device)
        for precision, tolerance in TOLERANCES.items():
            with computing_in(precision, plan.device):
                theirs, their_maps = answers(net, image, LAYERS[name])
            off = float((theirs - logits).abs().max() / logits.std())
            peaks = maps.flatten(1).amax(1).clamp_min(torch.finfo(maps.dtype).tiny)
            off_map = float(((their_maps - maps).abs().flatten(1).amax(1) / peaks).max())
            verdict = "yes" if max(off, off_map) <= tolerance else "NO"
            rows.append([f"{name}, {precision}", digits(off), digits(off_map), verdict])
    return f"{HOW}\n{table(['', 'logits', 'maps', 'within the tolerance'], rows)}\n"


def answers(net: nn.Module, image: torch.Tensor, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits `(B,)` and the Grad-CAM maps `(B, w, h, d)` in float32 on the CPU."""
    with torch.no_grad():
        logits = net(image).reshape(-1)
    return logits.float().cpu(), grad_cam(net, image, layer=layer).float().cpu()


def randomise(net: nn.Module) -> nn.Module:
    """Replace layers that begin with zeros, so that every output depends on the input."""
    torch.manual_seed(0)
    for weights in net.parameters():
        if not weights.detach().any():
            nn.init.normal_(weights, std=0.1)
    return net


@contextmanager
def computing_in(precision: str, device: torch.device) -> Iterator[None]:
    """Compute in one of `TOLERANCES` within the block."""
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = convolutions.allow_tf32, products.allow_tf32
    convolutions.allow_tf32 = products.allow_tf32 = precision != "float32"
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            yield
    finally:
        convolutions.allow_tf32, products.allow_tf32 = before
