"""A convolution as both of the project's guided nets use it."""

from torch import nn


def convolution(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A 3D convolution, batch normalisation and a rectifier.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        kernel: Its width in voxels; with an even one and a stride of 2, cells stand midway between
            two voxels, the same from either side.
        stride: Voxels from cell to cell.
    """
    padding = (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(),
    )
