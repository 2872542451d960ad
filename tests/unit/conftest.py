"""Fixtures that unit tests of several packages share."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from lungcam.config import instantiate, plugins
from lungcam.config.schema import register_schemas
from lungcam.runtime.versions import CONFIG_FOLDER


@pytest.fixture(scope="session")
def laid_out():
    """Function of (volume, order, backwards): the same voxels in another memory layout."""

    def lay(volume: np.ndarray, order, backwards) -> np.ndarray:
        flips = tuple(slice(None, None, -1 if back else 1) for back in backwards)
        stored = volume[flips].transpose(order).copy()
        return stored.transpose(np.argsort(order))[flips]

    return lay


@pytest.fixture
def one_processor() -> Iterator[None]:
    """Let code work in this process instead of a pool, by leaving it one processor."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.fixture
def composer(tmp_path: Path) -> Iterator[Callable[..., DictConfig]]:
    """Return a function that composes a configuration by name and overrides.

    Hydra knows the run folder, as in a run: it is `tmp_path / "run"`.
    """
    register_schemas()

    def make(name: str, *overrides: str) -> DictConfig:
        config = compose(
            name,
            [*overrides, f"hydra.runtime.output_dir={tmp_path / 'run'}", "hydra.job.num=0"],
            return_hydra_config=True,
        )
        HydraConfig.instance().set_config(config)
        OmegaConf.set_struct(config, False)
        del config["hydra"]
        OmegaConf.set_struct(config, True)
        return config

    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        yield make
    HydraConfig.instance().cfg = None


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty folder, in which the user stands, with a state folder of its own."""
    modules = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.setattr(instantiate, "_distrusted", set())
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    plugins.code_hash.cache_clear()
    yield tmp_path
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    plugins.code_hash.cache_clear()
