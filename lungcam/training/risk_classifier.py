"""LightningModule for yearly risks, trained on what follow-up knows."""

import torch

from lungcam.nets import YearlyLogitNet
from lungcam.training.classifier import Classifier


class RiskClassifier(YearlyLogitNet, Classifier):
    """`YearlyLogitNet` that is trained on what follow-up knows.

    Trained over the years that follow-up knows, after Mikhael et al.,
    J Clin Oncol 2023;41:2191-2200. Their mask ends with the year of the event; here the years after
    it count too, since cancer within two years is cancer within five. Without them a year would
    learn the odds among those who reached it without the event, and not the risk up to it. The
    forward pass returns the logit of the last year, like a net with a single label.

    Args:
        net: Net with a `HazardHead`, see `lungcam.nets.add_hazards`.
        **options: Keyword arguments of `Classifier`.
    """

    binary = False

    def _loss(self, batch: dict, *, split: str, logits: torch.Tensor) -> torch.Tensor:
        y_seq, y_mask = batch["y_seq"], batch["y_mask"]
        self._epoch_outputs[split].append((logits.detach(), batch["label"], y_seq, y_mask))
        return self._masked_loss(logits, y_seq=y_seq, y_mask=y_mask)

    def _summarise_epoch(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        y_seq: torch.Tensor,
        y_mask: torch.Tensor,
    ) -> tuple[torch.Tensor, float, torch.Tensor, torch.Tensor]:
        logits, labelled = logits.float(), labels >= 0
        loss = self._masked_loss(logits, y_seq=y_seq, y_mask=y_mask)
        weight = float(_known_years(y_seq, y_mask).sum())
        return loss, weight, logits[labelled, -1], labels[labelled]

    def _masked_loss(
        self, logits: torch.Tensor, *, y_seq: torch.Tensor, y_mask: torch.Tensor
    ) -> torch.Tensor:
        """Return the mean loss over the known years of all samples."""
        known = _known_years(y_seq, y_mask)
        # a batch without a known year has no loss
        return (self.loss(logits, y_seq) * known).sum() / known.sum().clamp(min=1)


def _known_years(y_seq: torch.Tensor, y_mask: torch.Tensor) -> torch.Tensor:
    """Return 1 for the years up to the end of follow-up, and for all years from the event on."""
    return torch.maximum(y_mask, y_seq)
