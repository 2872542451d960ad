"""Small net of three 3D convolutions and three fully connected layers."""

from collections.abc import Sequence
from math import prod

import torch
from torch import nn


class Small3D(nn.Module):
    """Three 3D convolutions and three fully connected layers.

    A lesion is a needle in a haystack: with a global maximum between the two parts the logit
    depends on the strongest response in the volume, wherever it lies. The last convolution works
    at half resolution, so that its Grad-CAM can separate neighbouring structures.

    Args:
        channels: Output channels of the three convolutions.
        hidden: Width of the first two fully connected layers.
        dropout: Dropout probability after each of these two.
        pool: `max` or `avg` over all positions, or `flatten` for none.
        input_shape: `(W, H, D)` of the input; only `flatten` depends on it.

    Raises:
        ValueError: There is no such pool.
    """

    def __init__(
        self,
        channels: Sequence[int] = (8, 16, 32),
        hidden: Sequence[int] = (64, 32),
        *,
        dropout: float = 0.1,
        pool: str = "max",
        input_shape: Sequence[int] = (64, 48, 64),
    ):
        super().__init__()
        first, second, third = channels
        self.conv1 = nn.Conv3d(1, first, 3, padding=1)
        self.norm1 = nn.BatchNorm3d(first)
        # a maximum would make a nearby vessel look as bright as a nodule
        self.pool1 = nn.AvgPool3d(2)
        self.conv2 = nn.Conv3d(first, second, 3, padding=1)
        self.norm2 = nn.BatchNorm3d(second)
        self.conv3 = nn.Conv3d(second, third, 3, padding=1)
        features = third
        if pool == "max":
            self.pool: nn.Module = nn.AdaptiveMaxPool3d(1)
        elif pool == "avg":
            self.pool = nn.AdaptiveAvgPool3d(1)
        elif pool == "flatten":
            self.pool = nn.Identity()
            features *= prod(size // 2 for size in input_shape)
        else:
            raise ValueError(f"model.pool={pool}: choose max, avg or flatten.")
        self.fc1 = nn.Linear(features, hidden[0])
        self.fc2 = nn.Linear(hidden[0], hidden[1])
        self.fc3 = nn.Linear(hidden[1], 1)
        self.dropout = nn.Dropout(dropout)
        self.relu = nn.ReLU()
        self._initialise()

    def _initialise(self) -> None:
        """Keep the signal's variance through the layers, and begin with logits near 0.

        Torch's default weights shrink the signal in each of the three fully connected layers. He
        et al., ICCV 2015; the last layer is smaller.
        """
        for module in self.modules():
            if isinstance(module, (nn.Conv3d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            self.fc3.weight *= 0.1

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B, 1)`."""
        x = self.pool1(self.relu(self.norm1(self.conv1(image))))
        x = self.relu(self.norm2(self.conv2(x)))
        x = self.pool(self.relu(self.conv3(x))).flatten(1)
        x = self.dropout(self.relu(self.fc1(x)))
        x = self.dropout(self.relu(self.fc2(x)))
        return self.fc3(x)
