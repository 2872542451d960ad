"""LightningModule that trains the detector."""

from collections.abc import Callable, Iterable

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lungcam.detection.detector import net_map
from lungcam.detection.host import Host, hard_places
from lungcam.detection.loss import detection_loss
from lungcam.nets.detector_net import DetectorNet


class DetectorModule(pl.LightningModule):
    """`DetectorNet` that is trained.

    Args:
        net: The net.
        optimizer: Makes the optimizer from the net's parameters.
        scheduler: Makes the learning rate's schedule from the optimizer and `total_steps`.
    """

    def __init__(
        self,
        net: DetectorNet,
        *,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        scheduler: Callable[..., LRScheduler],
    ):
        super().__init__()
        self.net = net.to(memory_format=torch.channels_last_3d)
        self.optimizer, self.scheduler = optimizer, scheduler

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        """Return a batch's loss."""
        hu = batch["hu"].contiguous(memory_format=torch.channels_last_3d)
        logits = self.net(hu)[:, 0].float()
        loss = detection_loss(logits, batch["target"], used=batch["used"])
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(hu))
        return loss

    def mine(self, hosts: Iterable[Host]) -> None:
        """Let the net choose the hard places of scans."""
        self.net.eval()
        for host in hosts:
            host.hard = hard_places(host, [net_map(self.net, level) for level in host.levels])
        self.net.train()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Make the optimizer and the learning rate's schedule."""
        optimizer = self.optimizer(self.net.parameters())
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = self.scheduler(optimizer, total_steps=steps)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]
