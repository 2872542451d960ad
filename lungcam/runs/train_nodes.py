"""Checked configuration of a training, with the net and the layer that it names by a word."""

from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from lungcam.config.early_checks import checked_train_nodes
from lungcam.config.instantiate import (
    ANY,
    check_targets,
    composed_targets,
    instantiate,
    refuse_borrowed,
)
from lungcam.errors import InputError
from lungcam.explain.options import AUTO, choose_layer
from lungcam.nets.monai_nets import check_output, named_net, refusal
from lungcam.render.options import read_options
from lungcam.runtime.distributed import rank
from lungcam.training.own_run import server_setting


def train_nodes(config: DictConfig) -> dict[str, Any]:
    """Return the plain configuration, refusing what can be refused before anything is made.

    A net of MONAI that `model.name` names has its `_target_`, and `explain.layer=auto` the name of
    the layer: checkpoints carry both.

    Raises:
        InputError: A setting is wrong.
    """
    nodes = checked_train_nodes(config)
    view, model = nodes["view"], nodes["model"]
    named = model.get("name") if "_target_" not in model else None
    if named is not None:
        nodes["model"] = named_net(model, shape=view["shape"])
    check_targets(nodes, allowed=composed_targets())
    if composed_targets() is not ANY and (key := server_setting(nodes)):
        raise InputError(
            f"{key}: the run would contact a server, and it was not begun here; start a new run, "
            "with this setting if you want it."
        )
    refuse_borrowed({name: nodes[name] for name in ("task", "model", "transforms")})
    read_options(nodes["render"])
    is_auto = nodes["explain"]["layer"] == AUTO
    if named is None and not is_auto:
        return nodes
    net = _make(nodes, named)
    if is_auto:
        layer = choose_layer(net, shape=view["shape"], spacing_mm=view["spacing_mm"])
        _set_layer(nodes, layer)
        if rank() == 0:
            print(f"explain.layer={layer}: the deepest layer with fine cells")
    return nodes


def _make(nodes: dict[str, Any], name: str | None) -> nn.Module:
    """Make the net, and refuse one of MONAI that is no classifier of the view."""
    if name is None:
        return instantiate(nodes["model"], "model", allowed=composed_targets()).eval()
    shape = nodes["view"]["shape"]
    try:
        net = instantiate(nodes["model"], "model", allowed=composed_targets()).eval()
        with torch.no_grad():
            output = net(torch.zeros(1, 1, *shape))
    except InputError:
        raise
    except Exception as error:  # nets that were made for other data raise nearly anything
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        voxels = " x ".join(map(str, shape))
        raise refusal(name, f"it cannot read {voxels} voxels ({reason[0]})") from error
    check_output(name, output)
    return net


def _set_layer(nodes: dict[str, Any], layer: str) -> None:
    """Set the layer wherever the configuration has named it after `explain.layer`."""
    nodes["explain"]["layer"] = layer
    for node in nodes["callbacks"].values():
        if isinstance(node, dict) and node.get("layer") == AUTO:
            node["layer"] = layer
