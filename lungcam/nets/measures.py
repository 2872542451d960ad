"""Measures of what a soft outline holds, each near -1 to 1 and differentiable."""

import torch

MEASURES = (
    "volume",
    "volume_squared",
    "density",
    "spread",
    "skewness",
    "densest",
    "thinnest",
    "surface",
    "volume_by_density",
)
# of the volume's logarithm, over nodules of 5 to 30 mm at 1 mm
MEAN_LOG, SPREAD_LOG = 5.5, 1.3
UNIT_HU = 300.0


def measure(within: torch.Tensor, hu: torch.Tensor) -> torch.Tensor:
    """Measure nodules.

    Size alone ranks malignant nodules well; density within (calcium above all) adds what size does
    not tell, and a product of both lets density count by size.

    Args:
        within: `(B, 1, W, H, D)` share of each voxel that belongs to the nodule.
        hu: `(B, 1, W, H, D)` HU.

    Returns:
        `(B, len(MEASURES))`: logarithm of the volume in voxels and its square; mean, standard
        deviation and skewness of the HU; means weighed towards the densest and the thinnest parts;
        logarithm of the surface; and the product of volume and density.
    """
    axes = (2, 3, 4)
    volume = within.sum(axes) + 1
    density = hu / UNIT_HU
    mean = (within * density).sum(axes) / volume
    apart = density - mean[..., None, None, None]
    spread = ((within * apart**2).sum(axes) / volume + 0.01).sqrt()
    skewness = (within * apart**3).sum(axes) / volume / spread**3
    surface = sum(within.diff(dim=axis).abs().sum(axes) for axis in axes)
    size = (volume.log() - MEAN_LOG) / SPREAD_LOG
    return torch.cat(
        [
            size,
            size**2,
            mean,
            spread,
            0.3 * skewness,
            _leaning(within, density, 3.0),
            _leaning(within, density, -2.0),
            (surface + 1).log() - 5,
            size * mean,
        ],
        dim=1,
    )


def _leaning(within: torch.Tensor, density: torch.Tensor, towards: float) -> torch.Tensor:
    """Mean density weighed exponentially towards high or low ones."""
    weight = within * (towards * density).clamp(-20, 20).exp()
    return (weight * density).sum((2, 3, 4)) / (weight.sum((2, 3, 4)) + 1e-6)
