"""Command `train.py`, or `lungcam train`: train a 3D CNN on chest CT."""

import hydra
from omegaconf import DictConfig

from lungcam.cli.app import run
from lungcam.cli.help import print_help
from lungcam.cli.plugins import import_plugins
from lungcam.cli.resume import resume_arguments
from lungcam.cli.run_folder import refuse_foreign_folder
from lungcam.config.aliases import drop_removed_settings
from lungcam.config.early_checks import checked_train_nodes
from lungcam.config.paths import TRAIN_PATHS
from lungcam.config.plugins import load_plugins
from lungcam.config.schema import register_schemas
from lungcam.runtime.distributed import rank_arguments
from lungcam.runtime.versions import CONFIG_FOLDER
from lungcam.sweeps.trial import refuse_single_run

register_schemas()
# changes of the arguments before Hydra reads them, in this order
REWRITES = (
    drop_removed_settings,
    refuse_foreign_folder,
    resume_arguments,
    import_plugins,
    rank_arguments,
)


# Hydra names the job after this module
@hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="train")
def job(config: DictConfig) -> float | None:
    """Train one run, or a cross-validation, and return the figure that sweeps compare."""
    return run_job(config)


def run_job(config: DictConfig) -> float | None:
    """Check a configuration, and train as it says; see `job`."""
    # bad input is refused before anything slow is loaded
    refuse_single_run()
    checked_train_nodes(config)
    if config.resume is None:
        # those that an experiment's file names; a run that is continued has imported its own
        load_plugins(config.plugins)
    # all folds share one cache
    if config.cv.folds is not None and config.prepare is None:
        from lungcam.runs.cross_validate import cross_validate

        return cross_validate(config)
    from lungcam.runs.train import train

    return train(config)


def main() -> None:
    """Run the command line and end with lungcam's exit codes."""
    if print_help("train"):
        return
    run(job, paths=TRAIN_PATHS, rewrites=REWRITES)
