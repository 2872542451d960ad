"""Logistic regression of the last, linear layer of `model=nodule`."""

import numpy as np
import pytorch_lightning as pl
import torch
from scipy.optimize import minimize
from scipy.special import expit

from lungcam.errors import InputError


class LogisticRefit(pl.Callback):
    """Fit the layer from measures to logit by logistic regression after the last epoch.

    The measures are correlated (a large nodule has much of everything), so a few hundred steps of
    gradient descent stop short of the optimum. The other layers are not changed. The fit is in full
    precision, in which the net is used.

    Args:
        penalty: Half of it times the squared weights, of standardised measures, is added to the
            training samples' summed cross-entropy.
    """

    def __init__(self, penalty: float = 1.0):
        if penalty <= 0:
            raise ValueError(f"penalty={penalty}: give more than 0.")
        self.penalty = penalty

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Refuse a net that does not learn a label.

        Raises:
            InputError: It answers another task.
        """
        if not getattr(pl_module, "binary", True):
            raise InputError(
                "callbacks: LogisticRefit fits a label of 0 and 1; leave it out, with ~callbacks."
                "judge in experiment=lidc_nodules."
            )

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Fit, before the last validation and the checkpoint that follows it."""
        if trainer.state.fn != "fit" or trainer.current_epoch + 1 < trainer.max_epochs:
            return
        dataset, size = trainer.datamodule.datasets["train"], trainer.datamodule.batch_size
        classifier = pl_module.net.classifier
        features, labels = [], []
        handle = classifier.register_forward_pre_hook(lambda _, args: features.append(args[0]))
        try:
            with torch.no_grad():
                for begin in range(0, len(dataset), size):
                    rows = range(begin, min(begin + size, len(dataset)))
                    batch = dataset.__getitems__(list(rows))
                    pl_module(batch["input"].to(pl_module.device))
                    labels.append(batch["label"])
        finally:
            handle.remove()
        measures, label = torch.cat(features).cpu().double().numpy(), torch.cat(labels).numpy()
        known = label >= 0
        weight, bias = fit_logistic(measures[known], label[known], penalty=self.penalty)
        with torch.no_grad():
            classifier.weight.copy_(torch.from_numpy(weight)[None])
            classifier.bias.fill_(bias)


def fit_logistic(
    features: np.ndarray, labels: np.ndarray, *, penalty: float
) -> tuple[np.ndarray, float]:
    """Fit a logistic regression with an L2 penalty on the weights of standardised features.

    Args:
        features: `(N, F)`.
        labels: `(N,)` of 0 and 1.
        penalty: See `LogisticRefit`.

    Returns:
        Weights `(F,)` and bias, for the features before standardisation.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    z = (features - mean) / spread

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        weight, bias = parameters[:-1], parameters[-1]
        logit = z @ weight + bias
        gap = expit(logit) - labels
        value = np.sum(np.logaddexp(0, logit) - labels * logit) + penalty / 2 * weight @ weight
        return float(value), np.append(z.T @ gap + penalty * weight, gap.sum())

    start = np.zeros(z.shape[1] + 1)
    optimum = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x
    weight = optimum[:-1] / spread
    return weight, float(optimum[-1] - weight @ mean)
