"""Final figures of a run in its loggers, and the HParams tab of TensorBoard."""

from collections.abc import Iterable, Mapping, Sequence

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger

# of each split in addition to its score, under names that differ from those of the curves
METRICS = ("brier", "mae")
SPLITS = ("val", "test")


def log_figures(
    loggers: Sequence[pl.loggers.Logger],
    overrides: Iterable[str],
    *,
    metrics: Mapping[str, dict],
    step: int,
) -> None:
    """Log the metrics of a run's best epoch once, after training.

    TensorBoard is given the overrides with them, for its HParams tab: with overrides logged before
    the result is known it would draw a false point.

    Args:
        loggers: Loggers of the run.
        overrides: `key=value` as typed.
        metrics: As written to metrics.json.
        step: Number of training steps, to which the figures are put.
    """
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            _log_hparams(logger, overrides, metrics=metrics)
        elif figures := _final_figures(metrics):
            logger.log_metrics(figures, step)
            logger.save()


def _log_hparams(
    logger: TensorBoardLogger, overrides: Iterable[str], *, metrics: Mapping[str, dict]
) -> None:
    pairs = (override.partition("=") for override in overrides)
    hparams = {key: _to_number(value) for key, _, value in pairs}
    values = {
        f"hparams/{split}_{name}": metrics[split][name]
        for split in SPLITS
        for name in dict.fromkeys((metrics.get("score", "auc"), *METRICS))
        if metrics[split].get(name) is not None
    }
    if values:
        logger.log_hyperparams(hparams, values)
        logger.finalize("logged")


def _final_figures(metrics: Mapping[str, dict]) -> dict[str, float]:
    """Return the single numbers among the figures of validation and test."""
    return {
        f"final/{split}_{name}": value
        for split in SPLITS
        for name, value in metrics[split].items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _to_number(text: str) -> str | float:
    """Return the number that a text holds, or the text."""
    try:
        return float(text)
    except ValueError:
        return text
