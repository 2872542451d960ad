"""Cheap Hydra application with lungcam's sweepers; its best result is at optimizer.lr=1e-3."""

import math
import os
import signal
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore

from lungcam.cli.app import run
from lungcam.errors import InputError
from lungcam.sweeps import refuse_single_run

CONF = Path(__file__).parents[3] / "conf"
CONFIG = {
    "defaults": ["_self_", {"hparams_search": "grid"}, {"hydra": "train"}],
    "optimizer": {"lr": 2e-3, "weight_decay": 1e-4},
    "loader": {"batch_size": 4},
    "seed": 0,
    "raises": None,  # batch sizes that fail in one way each
    "refuses": None,
    "nan": None,
}
ConfigStore.instance().store(name="app", node=CONFIG)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="app")
def main(config):
    refuse_single_run()
    with Path("runs").open("a") as runs:
        runs.write(".")
    # counted over all processes
    if Path("runs").stat().st_size == int(os.environ.get("KILLED_IN_RUN", 0)):
        os.kill(os.getpid(), signal.SIGKILL)
    size = config.loader.batch_size
    if size == config.raises:
        raise ValueError(f"not {size},\nnever")
    if size == config.refuses:
        raise InputError(f"loader.batch_size={size}: give another.")
    if size == config.nan:
        return math.nan
    return 1 - 0.1 * (math.log10(config.optimizer.lr) + 3) ** 2


if __name__ == "__main__":
    run(main)
