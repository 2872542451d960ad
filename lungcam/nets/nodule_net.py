"""Net that outlines a nodule, measures it and classifies it by the measures.

The measures of a soft outline are differentiable and lie near -1 to 1.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import avg_pool3d, interpolate, max_pool3d

from lungcam.nets.blocks import convolution
from lungcam.nets.earlier_weights import accept_earlier_weights
from lungcam.nets.output import NetOutput

# HU above which volumes are measured: ground glass, part-solid, soft tissue, contrast, calcium
ABOVE_HU = (-600, -300, 0, 100, 200, 300, 500)
MEASURES = (
    "volume",
    "density",
    "spread",
    "volume_by_density",
    "area",
    *(f"above_{t}" for t in ABOVE_HU),
)
# logarithms of volumes in voxels, over nodules of 5 to 30 mm at 1 mm: mean and deviation
MEAN_LOG, SPREAD_LOG, MEAN_LOG_AREA = 5.5, 1.3, 4.0
MEANS_LOG_ABOVE, SPREAD_LOG_ABOVE = (5.0, 4.5, 4.0, 2.5, 1.0, 0.7, 0.5), 1.5
UNIT_HU = 300.0
# a threshold is as soft as a scan is noisy
SOFT_HU = 30.0
# lower and upper end, in HU, of the input channels' windows: lung, soft tissue, calcium
WINDOWS_HU = ((-1000, 400), (-150, 150), (0, 1000))
# factor on the outline's logits where it is measured
SHARPER = 4.0
# sub-voxels of a half-resolution cell along an axis
FINER = 2


class NoduleNet(nn.Module):
    """Net that outlines a nodule in its cube, measures it, and gives a logit by the measures.

    A pyramid of convolutions at 1/2, 1/4 and 1/8 of the resolution is joined at 1/2; from there the
    nodule's outline is predicted at full resolution. The logit is a linear function of measures of
    the outlined region: size, density, its spread, calcium; see `measure`. From a few hundred
    nodules so narrow a path from image to logit learns what a wide one does not. The readers'
    ratings of the nodule (`attributes`) are predicted too, as targets of training. Without targets
    of outlines and attributes the net learns from the labels alone.

    Args:
        window_hu: HU of the input's -1 and 1.
        shape: `(W, H, D)` of the input, multiples of 8.
        attributes: Names of the predicted attributes; see `lungcam.nets.NetOutput`.
        width: Channels of the first convolution; the joined map has three times as many.
        hidden: Width of the hidden layer of the attributes.
        dropout: Dropout probability before and after that layer.

    Raises:
        ValueError: The shape does not divide into cells.
    """

    def __init__(
        self,
        window_hu: Sequence[float] = (-1000, 1000),
        shape: Sequence[int] = (32, 32, 32),
        *,
        attributes: Sequence[str] = (),
        width: int = 12,
        hidden: int = 48,
        dropout: float = 0.3,
    ):
        super().__init__()
        if any(size % 8 for size in shape):
            raise ValueError(f"model.shape={list(shape)}: give multiples of 8.")
        self.attributes = tuple(attributes)
        self.low_hu, self.high_hu = map(float, window_hu)
        ends = torch.tensor(WINDOWS_HU, dtype=torch.float32).view(1, -1, 2, 1, 1, 1)
        self.register_buffer("windows", ends, persistent=False)
        self.register_buffer("distance", _distance(shape), persistent=False)
        shown = len(WINDOWS_HU) + 1
        few, many = width * 3 // 2, width * 3
        # an even kernel: each cell is centred midway between two voxels, the same from either side
        self.stem = convolution(shown, width, kernel=4, stride=2)
        self.fine = nn.Sequential(convolution(width, few), convolution(few, few))
        self.middle = nn.Sequential(convolution(few, many), convolution(many, many))
        self.coarse = convolution(many, many)
        self.from_fine = nn.Conv3d(few, many, 1, bias=False)
        self.from_middle = nn.Conv3d(many, many, 1, bias=False)
        self.from_coarse = nn.Conv3d(many, many, 1, bias=False)
        self.joined = nn.Sequential(nn.BatchNorm3d(many), nn.ReLU())
        sketched = 4
        self.sketch = nn.Conv3d(many, sketched * FINER**3, 1)
        self.outline = nn.Sequential(
            nn.Conv3d(sketched + shown, 8, 1, bias=False),
            nn.BatchNorm3d(8),
            nn.ReLU(),
            nn.Conv3d(8, 1, 1),
        )
        self.describe = None
        if self.attributes:
            self.describe = nn.Sequential(
                nn.Dropout(dropout),
                nn.Linear(2 * many + len(MEASURES), hidden),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(hidden, len(self.attributes)),
            )
        self.classifier = nn.Linear(len(MEASURES), 1)
        accept_earlier_weights(self)
        # equal logits at first, and a nodule fills a twentieth of its cube
        nn.init.zeros_(self.classifier.weight)
        nn.init.constant_(self.outline[-1].bias, -3.0)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B, 1)`."""
        return self._predict(image, describe=None).logit

    def read(self, image: torch.Tensor) -> NetOutput:
        """Map images `(B, 1, W, H, D)` to logits, outlines and attributes."""
        return self._predict(image, describe=self.describe)

    def _predict(self, image: torch.Tensor, *, describe: nn.Module | None) -> NetOutput:
        """Predict logits and outlines, and attributes if there is a module to do it."""
        hu = self.low_hu + (image + 1) / 2 * (self.high_hu - self.low_hu)
        low, high = self.windows[:, :, 0], self.windows[:, :, 1]
        seen = ((hu - low) * (2 / (high - low)) - 1).clamp(-1, 1)
        seen = torch.cat([seen, self.distance.expand(image.shape[0], -1, -1, -1, -1)], dim=1)
        fine = self.fine(self.stem(seen))
        middle = self.middle(max_pool3d(fine, 2))
        coarse = self.coarse(max_pool3d(middle, 2))
        below = self.from_middle(middle) + interpolate(self.from_coarse(coarse), scale_factor=2.0)
        joined = self.joined(self.from_fine(fine) + interpolate(below, scale_factor=2.0))
        sketch = _spread(self.sketch(joined))
        outline = self.outline(torch.cat([sketch, seen], dim=1))
        # half precision would blur measures that the classifier weighs against each other
        with torch.autocast(image.device.type, enabled=False):
            outline, joined = outline.float(), joined.float()
            # small probabilities all around a nodule would outweigh it
            within = (SHARPER * outline).sigmoid()
            measures = measure(within, hu.float())
            logit, attributes = self.classifier(measures), measures[:, :0]
            if describe is not None:
                inside = avg_pool3d(within, FINER)
                masked = joined * inside
                mean = masked.sum((2, 3, 4)) / (inside.sum((2, 3, 4)) + 0.1)
                attributes = describe(torch.cat([masked.amax((2, 3, 4)), mean, measures], dim=1))
            return NetOutput(logit, outline, attributes)


def measure(within: torch.Tensor, hu: torch.Tensor) -> torch.Tensor:
    """Measure nodules.

    Size alone ranks malignant nodules well. Density adds calcium above all, which marks benign
    ones: volumes above several thresholds measure how much of it there is, and unlike the densest
    voxel they do not depend on a single voxel that the outline should not hold.

    Args:
        within: `(B, 1, W, H, D)` share of each voxel that belongs to the nodule.
        hu: `(B, 1, W, H, D)` HU.

    Returns:
        `(B, len(MEASURES))`: logarithm of the volume in voxels; mean and standard deviation of the
        HU; the product of volume and mean; the logarithm of the area seen from above; and
        the logarithms of the volumes above `ABOVE_HU`.
    """
    axes = (2, 3, 4)
    volume = within.sum(axes) + 1
    density = hu / UNIT_HU
    mean = (within * density).sum(axes) / volume
    apart = density - mean[..., None, None, None]
    spread = ((within * apart**2).sum(axes) / volume + 0.01).sqrt()
    size = (volume.log() - MEAN_LOG) / SPREAD_LOG
    area = (within.amax(4).sum((2, 3)) + 1).log() - MEAN_LOG_AREA
    soft = hu / SOFT_HU
    above = [
        (((within * (soft - t / SOFT_HU).sigmoid()).sum(axes) + 1).log() - m) / SPREAD_LOG_ABOVE
        for t, m in zip(ABOVE_HU, MEANS_LOG_ABOVE, strict=True)
    ]
    return torch.cat([size, mean, spread, size * mean, area, *above], dim=1)


def _distance(shape: Sequence[int]) -> torch.Tensor:
    """Return each voxel's distance from the cube's middle, scaled to about -1 to 1."""
    axes = [torch.arange(size) - (size - 1) / 2 for size in shape]
    squares = sum(offset**2 for offset in torch.meshgrid(*axes, indexing="ij"))
    return (squares.sqrt() / 10 - 1)[None, None]


def _spread(cells: torch.Tensor) -> torch.Tensor:
    """Lay the channels of each cell out over its sub-voxels: `(B, C * 8, w, h, d)` to full size."""
    batch, channels, w, h, d = cells.shape
    parts = cells.reshape(batch, channels // FINER**3, FINER, FINER, FINER, w, h, d)
    return parts.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, -1, w * FINER, h * FINER, d * FINER)
