"""Names of a net's layers in state dicts of earlier versions."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

# earlier name of a layer: its name today
RENAMED_LAYERS = {"judge": "classifier"}


def accept_earlier_weights(net: nn.Module) -> None:
    """Let `net.load_state_dict` accept the layer names of earlier versions.

    Works on the net alone and on a module that holds it, such as a `LightningModule` with the
    prefix `net.`. Parameters keep their order, so that optimizer states still fit.
    """
    net.register_load_state_dict_pre_hook(_rename_layers)


def _rename_layers(
    net: nn.Module, state_dict: dict[str, torch.Tensor], prefix: str, *_: Mapping[str, Any]
) -> None:
    for old, new in RENAMED_LAYERS.items():
        start = f"{prefix}{old}."
        for key in [key for key in state_dict if key.startswith(start)]:
            state_dict[f"{prefix}{new}.{key.removeprefix(start)}"] = state_dict.pop(key)
