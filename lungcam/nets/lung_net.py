"""Net for both lungs with a fine path for dense and a coarse path for faint lesions."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import avg_pool3d, interpolate

from lungcam.nets.blocks import convolution
from lungcam.nets.earlier_weights import accept_earlier_weights
from lungcam.nets.output import NetOutput

# lower and upper end, in standard deviations above the lungs' mean, of the two paths' windows:
# nodules and vessels; aerated lung and ground glass
DENSE, FAINT = (0.0, 6.0), (-1.0, 1.0)
# width in voxels of a cell of `joined` and of the coarse path
CELL, COARSE = 2, 4
# volume in cells that is added, so that the logarithm of an empty map stays finite
LEAST_VOLUME = 0.1


class LungNet(nn.Module):
    """Net that gives a logit for both lungs by what stands out in them, dense or faint.

    A nodule is small and dense, ground glass wide and faint. In one window and on one grid the
    first drowns the second. So one path of convolutions sees the image on the input's grid in a
    window of dense tissue, another sees it twice coarser in a window of aerated lung; `joined`
    holds both on cells of two voxels. The dense path predicts for each cell how much of it is
    nodule, and of that path the classifier sees only the highest cell and the volume of all. Given
    all its channels, the map of what is faint would be lost among vessels (docs, explanation). Of
    the faint path it sees the highest value of each channel, wherever it lies. The places of
    nodules are targets of training: a few hundred scans teach hardly more than chance by their
    outcome alone, as one voxel in 10,000 is nodule. After the attention guided by boxes of Mikhael
    et al., J Clin Oncol 2023;41:2191-2200.

    Args:
        shape: `(W, H, D)` of the input, multiples of 4: both lungs, with mean 0 and standard
            deviation 1, at 5 mm or so.
        width: Channels of either path's first convolution; its others have twice as many.
        hidden: Width of the layer before the logit.
        dropout: Dropout probability after that layer.

    Raises:
        ValueError: The shape does not divide into cells.
    """

    attributes = ()

    def __init__(
        self,
        shape: Sequence[int] = (64, 48, 64),
        width: int = 8,
        *,
        hidden: int = 32,
        dropout: float = 0.1,
    ):
        super().__init__()
        if any(size % COARSE for size in shape):
            raise ValueError(f"model.shape={list(shape)}: give multiples of {COARSE}.")
        self.wide = wide = 2 * width
        # an even kernel: each cell is centred midway between two voxels, the same from either side
        self.fine = nn.Sequential(
            convolution(1, width, kernel=4, stride=CELL),
            convolution(width, wide),
            nn.Conv3d(wide, wide, 3, padding=1),
            nn.ReLU(),
        )
        self.coarse = nn.Sequential(
            convolution(1, width),
            nn.AvgPool3d(2),
            convolution(width, wide),
            nn.Conv3d(wide, wide, 3, padding=1),
            nn.ReLU(),
        )
        self.joined = nn.Identity()
        self.location = nn.Conv3d(wide, 1, 1)
        self.hidden = nn.Linear(wide + 2, hidden)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden, 1)
        accept_earlier_weights(self)
        # hardly a cell holds a nodule
        nn.init.constant_(self.location.bias, -5.0)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B, 1)`."""
        return self.read(image).logit

    def read(self, image: torch.Tensor) -> NetOutput:
        """Map images `(B, 1, W, H, D)` to logits and outlines; outlines are on cells."""
        fine = self.fine(_window(image, DENSE))
        coarse = self.coarse(avg_pool3d(_window(image, FAINT), CELL))
        wider = interpolate(coarse, scale_factor=float(COARSE // CELL), mode="trilinear")
        joined = self.joined(torch.cat([fine, wider], dim=1))
        location = self.location(joined[:, : self.wide])
        # half precision cannot add up 20,000 cells
        volume = location.float().sigmoid().sum((2, 3, 4))
        features = torch.cat(
            [
                joined[:, self.wide :].amax((2, 3, 4)),
                location.amax((2, 3, 4)),
                (volume + LEAST_VOLUME).log(),
            ],
            dim=1,
        )
        logit = self.classifier(self.dropout(self.hidden(features).relu()))
        return NetOutput(logit, location, location.new_zeros(image.shape[0], 0))


def _window(image: torch.Tensor, window: tuple[float, float]) -> torch.Tensor:
    """Scale a window of standard deviations to -1..1."""
    low, high = window
    return ((image - low) * (2 / (high - low)) - 1).clamp(-1, 1)
