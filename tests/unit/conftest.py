"""Fixtures that unit tests of several packages share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from lungcam.config.schema import register_schemas
from lungcam.runtime.versions import CONFIG_FOLDER


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
