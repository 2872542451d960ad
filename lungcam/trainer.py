"""Lightning's Trainer under the names users know."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as pl
import torch

from lungcam.config import TrainerConfig
from lungcam.errors import InputError


def device_settings(gpus: int) -> dict[str, object]:
    """Turn `trainer.gpus` into Lightning's accelerator and devices; 0 means the CPU.

    Raises:
        InputError: There are fewer GPUs than asked for.
    """
    if gpus == 0:
        return {"accelerator": "cpu", "devices": 1}
    if gpus < 0:
        raise InputError(f"trainer.gpus={gpus}: give 0 for the CPU or the number of GPUs.")
    available = torch.cuda.device_count()
    if gpus > available:
        remedy = "trainer.gpus=0" if available == 0 else f"trainer.gpus={available} or fewer"
        raise InputError(f"trainer.gpus={gpus}, but {available} GPU(s) found: use {remedy}.")
    return {"accelerator": "gpu", "devices": gpus}


def make_trainer(
    config: TrainerConfig,
    run_folder: Path,
    logger: Sequence[pl.loggers.Logger],
    callbacks: Sequence[pl.Callback],
) -> pl.Trainer:
    """Make the Trainer.

    Args:
        config: The `trainer` node.
        run_folder: Where the run keeps its files.
        logger: Loggers.
        callbacks: Callbacks.

    Raises:
        InputError: There are fewer GPUs than asked for, or Lightning refuses a setting.
    """
    _quiet()
    settings = dict(config)
    try:
        return pl.Trainer(
            **device_settings(settings.pop("gpus")),
            **settings,
            default_root_dir=run_folder,
            logger=list(logger),
            callbacks=list(callbacks),
            # Grad-CAM needs gradients in predict
            inference_mode=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
    except (ValueError, TypeError, pl.utilities.exceptions.MisconfigurationException) as error:
        raise InputError(f"trainer: {error}") from error


def _quiet() -> None:
    """Keep advertisements and advice that does not apply here off the terminal."""
    for name in ("pytorch_lightning.utilities.rank_zero", "lightning_fabric.utilities.seed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # prepared inputs load within a millisecond: reading them in the main process is no bottleneck
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*The number of training batches.*is smaller than.*")
    # Lightning 2.6 asks torch 2.13 in a way that torch is about to drop
    warnings.filterwarnings("ignore", ".*LeafSpec.*is deprecated.*")
