"""Measures of what a soft outline holds, each near -1 to 1 and differentiable."""

import torch

# HU above which a nodule's volume is told: ground glass, part-solid, soft tissue, contrast, calcium
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


def measure(within: torch.Tensor, hu: torch.Tensor) -> torch.Tensor:
    """Measure nodules.

    Size alone ranks malignant nodules well. Density adds what it does not tell, above all calcium,
    which marks benign ones: volumes above several thresholds tell how much of it there is, and
    unlike the densest voxel they hang on no single one that the outline should not hold.

    Args:
        within: `(B, 1, W, H, D)` share of each voxel that belongs to the nodule.
        hu: `(B, 1, W, H, D)` HU.

    Returns:
        `(B, len(MEASURES))`: logarithm of the volume in voxels; mean and standard deviation of the
        HU; the product of volume and mean; the logarithm of the area that is seen from above; and
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
    above = [
        (((within * ((hu - t) / SOFT_HU).sigmoid()).sum(axes) + 1).log() - m) / SPREAD_LOG_ABOVE
        for t, m in zip(ABOVE_HU, MEANS_LOG_ABOVE, strict=True)
    ]
    return torch.cat([size, mean, spread, size * mean, area, *above], dim=1)
