"""Convolution block of `NoduleNet` and `LungNet`."""

from torch import nn


def convolution(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Build a 3D convolution with batch normalisation and a ReLU.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels.
        kernel: Width of the kernel in voxels; with an even width and a stride of 2, each cell is
            centred midway between two voxels, the same from either side.
        stride: Voxels from cell to cell.
    """
    padding = (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(),
    )
