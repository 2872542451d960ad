"""Stored configurations of run folders in which a value is missing or of another kind.

Each is checked, as `resume=` does before anything of the run is made: it passes, or is refused by
an error that becomes one line.
"""

import copy
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lungcam.config.instantiate import distrust_configuration, trust_of_one_command
from lungcam.config.schema import register_schemas
from lungcam.errors import InputError
from lungcam.runs.train_nodes import train_nodes
from lungcam.runtime.versions import CONFIG_FOLDER
from lungcam.training.own_run import check_resumed_code, seal_code, server_setting

GONE = object()
VALUES = (
    *(GONE, None, True, 5, -1, 1e30, float("nan"), "", "x", "???", "${nope}", "${oc.env:HOME}"),
    *([], [1], {}, {"a": 1}),
)
# keys below these are the settings of an object, which is made from them or refuses them
DEEP = 2


def stored_configuration(folder) -> dict[str, Any]:
    """Return the configuration that a training writes into its run folder."""
    register_schemas()
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        composed = compose("train", overrides=[f"resume={folder}"])
    text = json.dumps(OmegaConf.to_container(composed, resolve=False))
    return json.loads(text.replace("${hydra:runtime.output_dir}", str(folder)))


def paths(node: dict[str, Any], *above: str) -> Iterator[tuple[str, ...]]:
    """Yield the keys of a nested dict."""
    for name, value in node.items():
        yield (*above, name)
        if isinstance(value, dict) and len(above) + 1 < DEEP:
            yield from paths(value, *above, name)


def changed(config: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    """Return a copy with another value at a path, or without it."""
    config = copy.deepcopy(config)
    node = config
    for name in path[:-1]:
        node = node[name]
    if value is GONE:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return config


def refusal(config: dict[str, Any]) -> str | None:
    """Return the error that refuses a configuration; None if it passes."""
    try:
        train_nodes(OmegaConf.create(config))
    except InputError as error:
        return str(error)
    except OmegaConfBaseException:
        # the command's own end turns it into a line
        return "OmegaConf's"
    return None


@pytest.mark.slow
def test_a_damaged_configuration_passes_or_is_refused_in_a_line(
    tmp_path, monkeypatch, record_property
):
    monkeypatch.chdir(tmp_path)
    whole = stored_configuration(tmp_path)
    keys = [path for path in paths(whole) if path != ("resume",)]
    refused, seconds = 0, 0.0
    with trust_of_one_command():
        distrust_configuration()
        assert refusal(copy.deepcopy(whole)) is None
        for path in keys:
            for value in VALUES:
                begun = time.process_time()
                error = refusal(changed(whole, path, value))
                seconds = max(seconds, time.process_time() - begun)
                refused += error is not None
                assert "\n" not in (error or "")
    cases = len(keys) * len(VALUES)
    assert refused > cases / 4
    attack = {"kind": "damaged configurations of runs", "cases": cases, "seconds": seconds}
    record_property("attack", attack)


@pytest.mark.parametrize("name", ["data", "model", "trainer", "callbacks"])
def test_a_group_of_another_kind_is_named(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    config = changed(stored_configuration(tmp_path), (name,), 5)
    with pytest.raises(InputError, match=rf"^{tmp_path}: its \.hydra/config\.yaml was not written"):
        train_nodes(OmegaConf.create(config))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("logger", "tensorboard", "save_dir"), "s3://elsewhere/run"),
        (("logger", "tensorboard", "save_dir"), "${cache}//elsewhere/run"),
        (("callbacks", "checkpoint", "dirpath"), "https://elsewhere/run"),
        (("logger", "more"), {"_target_": "pytorch_lightning.loggers.CometLogger"}),
        (("init_names",), {"a": "http://elsewhere"}),
    ],
)
def test_a_run_of_a_stranger_contacts_no_server(tmp_path, monkeypatch, path, value):
    monkeypatch.chdir(tmp_path)
    config = changed(stored_configuration(tmp_path), path, value)
    # half of an address
    config["cache"] = "http:"
    train_nodes(OmegaConf.create(config))
    with trust_of_one_command():
        distrust_configuration()
        with pytest.raises(InputError, match="would contact a server, and it was not begun here"):
            train_nodes(OmegaConf.create(config))


def test_a_run_that_logs_to_a_server_is_sealed_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    run = tmp_path / "run"
    (run / ".hydra").mkdir(parents=True)
    nodes = {
        "task": "malignancy",
        "plugins": [],
        "logger": {"own": {"_target_": "pytorch_lightning.loggers.WandbLogger", "offline": False}},
    }
    assert server_setting(nodes) == "logger.own"
    seal_code(run, nodes)
    assert check_resumed_code(run, nodes, given=()) == []
    # of another account, or with another configuration
    (run / ".hydra" / "config.yaml").write_text("seed: 1")
    assert check_resumed_code(run, nodes, given=()) is None
