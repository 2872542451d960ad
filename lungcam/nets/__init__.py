"""The project's own nets; MONAI's come by config."""

from lungcam.nets.small3d import Small3D

__all__ = ["Small3D"]
