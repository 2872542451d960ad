"""Faster prediction: batch normalisation as part of the convolution before it."""

from copy import deepcopy
from itertools import pairwise

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval


def fold_batch_norms(net: nn.Module, *, keep: str = "") -> nn.Module:
    """Copy a net for prediction, each batch normalisation folded into the convolution before it.

    In evaluation mode both are linear, so the outputs are equal within rounding. Only pairs that
    follow each other in a plain `nn.Sequential` are folded.

    Args:
        net: Net; not changed.
        keep: Name of a convolution to leave alone, because its own output is needed.
    """
    net = deepcopy(net).eval()
    for name, block in net.named_modules():
        if type(block) is not nn.Sequential:
            continue
        for i, (layer, norm) in enumerate(pairwise(block)):
            is_pair = isinstance(layer, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d)
            if is_pair and norm.track_running_stats and f"{name}.{i}" != keep:
                block[i], block[i + 1] = fuse_conv_bn_eval(layer, norm), nn.Identity()
    return net
