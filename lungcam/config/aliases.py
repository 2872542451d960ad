"""Names of the previous version in a configuration, accepted until the next release."""

from collections.abc import Sequence
from typing import Any

# packages that have moved
PACKAGES = {"lungcam.cohorts.phantom": "lungcam.phantom"}
# modules that have merged into others; their packages export what a configuration may name
MODULES = {
    "lungcam.callbacks": ("epoch_seed", "export", "fit_judge", "last_checkpoint", "localisation"),
    "lungcam.nets": ("hazard", "reading"),
    "lungcam.transforms": (
        *("components", "contrast", "flips", "mask", "nodule", "poses", "threshold", "view"),
        *("window", "zero_centre"),
    ),
}
RENAMED = {"lungcam.callbacks.FitJudge": "lungcam.callbacks.LogisticRefit"}
# with the reason
REMOVED = {"lungcam.callbacks.Localisation": "every run measures it now"}
REMOVED_NODE = ("callbacks", "localisation")
REMOVED_KEYS = tuple(".".join((*REMOVED_NODE, *name)) for name in ((), ("layer",), ("method",)))

# settings that a run of the previous version, which is continued, does not have
LATER = {
    "loss": {"_target_": "lungcam.training.losses.cross_entropy", "_partial_": True},
    "init": None,
    "init_names": {},
    "init_lr": 1.0,
    "freeze": [],
    "metrics": {},
    "plugins": [],
}

_announced: set[str] = set()


def current_target(target: str) -> str:
    """Return the name that a `_target_` of the previous version has now; others as they are."""
    module, _, name = target.rpartition(".")
    for old, new in PACKAGES.items():
        if f"{module}.".startswith(f"{old}."):
            module = new
    package, _, last = module.rpartition(".")
    if last in MODULES.get(package, ()):
        module = package
    current = f"{module}.{name}" if module else name
    return RENAMED.get(current, current)


def update_targets(config: Any) -> Any:
    """Return a copy of a configuration that names every target as this version does.

    Prints one line for each name that has changed. A node with a target that has been removed is
    left out of the dict or list that holds it.

    Args:
        config: Plain config.
    """
    if isinstance(config, dict):
        updated = {
            key: update_targets(value) for key, value in config.items() if not _is_removed(value)
        }
        if isinstance(target := config.get("_target_"), str) and current_target(target) != target:
            updated["_target_"] = current_target(target)
            _announce(target, f"is now {updated['_target_']}; write the new name")
        return updated
    if isinstance(config, list | tuple):
        return [update_targets(value) for value in config if not _is_removed(value)]
    return config


def update_train_config(nodes: dict[str, Any]) -> dict[str, Any]:
    """Return the plain configuration of `train.py` without names of the previous version."""
    group, name = REMOVED_NODE
    nodes = LATER | update_targets(nodes)
    node = nodes.get(group, {}).get(name)
    # an experiment's file may set options of a node that conf/ no longer has
    if isinstance(node, dict) and "_target_" not in node:
        nodes[group] = {key: value for key, value in nodes[group].items() if key != name}
        _announce_removed_node()
    return nodes


def drop_removed_settings(arguments: Sequence[str]) -> list[str]:
    """Return command-line arguments without settings of a node that conf/ no longer has."""
    names = [argument.partition("=")[0].lstrip("+~") for argument in arguments]
    if set(names) & set(REMOVED_KEYS):
        _announce_removed_node()
    return [
        argument
        for argument, name in zip(arguments, names, strict=True)
        if name not in REMOVED_KEYS
    ]


def _is_removed(value: Any) -> bool:
    target = value.get("_target_") if isinstance(value, dict) else None
    if not isinstance(target, str) or current_target(target) not in REMOVED:
        return False
    _announce(target, f"is ignored: {REMOVED[current_target(target)]}")
    return True


def _announce_removed_node() -> None:
    (reason,) = REMOVED.values()
    _announce(".".join(REMOVED_NODE), f"is ignored: {reason}")


def _announce(name: str, change: str) -> None:
    if name not in _announced:
        _announced.add(name)
        print(f"note: {name} {change}. The next release refuses the old name.")
