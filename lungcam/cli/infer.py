"""Command `infer.py`, or `lungcam-infer`: apply a trained net to scans."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from lungcam.cli.app import run
from lungcam.cli.help import print_help
from lungcam.config.early_checks import check_infer_config
from lungcam.config.paths import INFER_PATHS
from lungcam.config.schema import register_schemas
from lungcam.runtime.versions import CONFIG_FOLDER

register_schemas()


# Hydra names the job after this module
@hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="infer")
def job(config: DictConfig) -> None:
    """Predict and explain one scan or many."""
    # bad input is refused before torch is loaded, and most of it before anything slow
    check_infer_config(config)
    from lungcam.runs.requested_scans import requested_samples

    samples = requested_samples(Path(config.scan), series=config.series, out=Path(config.out))
    from lungcam.runs.infer import infer

    infer(config, samples)


def main() -> None:
    """Run the command line and end with lungcam's exit codes."""
    if print_help("infer"):
        return
    run(job, paths=INFER_PATHS)
