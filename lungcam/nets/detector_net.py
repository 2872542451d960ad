"""Net that says for each place in a scan how much it looks like a nodule."""

import torch
from torch import nn
from torch.nn.functional import interpolate, max_pool3d

from lungcam.nets.blocks import convolution

# middle and half width, in HU, of the input channels' windows: lung, and soft tissue
WINDOWS_HU = ((-350.0, 650.0), (0.0, 150.0))
# voxels along a side of an output cell
CELL = 2
# sides of the input are multiples of it
MULTIPLE = 8


class DetectorNet(nn.Module):
    """Fully convolutional net with one logit for each cell of 2 x 2 x 2 voxels.

    A pyramid of convolutions at 1/2, 1/4 and 1/8 of the resolution, joined at 1/2. It sees voxels
    and no millimetres: applied to a scan at several spacings it finds nodules of all sizes.

    Args:
        width: Channels of the first convolution; the joined map has three times as many.
    """

    def __init__(self, width: int = 12):
        super().__init__()
        few, many, most = width * 3 // 2, width * 3, width * 4
        middles, halves = zip(*WINDOWS_HU, strict=True)
        shape = (1, len(WINDOWS_HU), 1, 1, 1)
        self.register_buffer("middle_hu", torch.tensor(middles).view(shape), persistent=False)
        self.register_buffer("half_hu", torch.tensor(halves).view(shape), persistent=False)
        # an even kernel: each cell is centred midway between two voxels, the same from either side
        self.stem = convolution(len(WINDOWS_HU), width, kernel=4, stride=CELL)
        self.fine = nn.Sequential(convolution(width, few), convolution(few, few))
        self.middle = nn.Sequential(convolution(few, many), convolution(many, many))
        self.coarse = nn.Sequential(convolution(many, most), convolution(most, most))
        self.from_fine = nn.Conv3d(few, many, 1, bias=False)
        self.from_middle = nn.Conv3d(many, many, 1, bias=False)
        self.from_coarse = nn.Conv3d(most, many, 1, bias=False)
        self.joined = nn.Sequential(nn.BatchNorm3d(many), nn.ReLU())
        self.head = nn.Sequential(convolution(many, few, kernel=1), nn.Conv3d(few, 1, 1))
        # few places are nodules
        nn.init.constant_(self.head[-1].bias, -3.0)

    def forward(self, hu: torch.Tensor) -> torch.Tensor:
        """Map voxels in HU `(B, 1, W, H, D)` to logits `(B, 1, W / 2, H / 2, D / 2)`.

        W, H and D are multiples of `MULTIPLE`.
        """
        seen = ((hu - self.middle_hu) / self.half_hu).clamp(-1, 1)
        fine = self.fine(self.stem(seen))
        middle = self.middle(max_pool3d(fine, 2))
        coarse = self.coarse(max_pool3d(middle, 2))
        below = self.from_middle(middle) + interpolate(self.from_coarse(coarse), scale_factor=2.0)
        joined = self.joined(self.from_fine(fine) + interpolate(below, scale_factor=2.0))
        return self.head(joined)
