"""Device of a measurement: the CPU, or a graphics card."""

import time
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Plan:
    """Device, and sizes of everything that is measured on it.

    Attributes:
        device: `cuda` or `cpu`.
        small: True for sizes that a test can afford.
        folder: Scratch folder.
    """

    device: torch.device
    small: bool
    folder: Path

    @property
    def gpus(self) -> int:
        """Number of cards, as commands take it."""
        return int(self.device.type == "cuda")

    @property
    def rounds(self) -> int:
        """Timed calls after a first one."""
        return 0 if self.small else 5

    def mark(self) -> object:
        """Return a moment: an event in the card's queue, or a time on the CPU."""
        if not self.gpus:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def wait(self) -> None:
        """Wait until the card has done all that it was asked to do."""
        if self.gpus:
            torch.cuda.synchronize()

    def reset_peak(self) -> None:
        """Forget the peak of the card's memory."""
        if self.gpus:
            torch.cuda.reset_peak_memory_stats()

    def peak_mib(self) -> str:
        """Return the peak of the card's memory since the last reset; a dash on the CPU."""
        return f"{torch.cuda.max_memory_allocated() / 2**20:.0f}" if self.gpus else "-"


def seconds_between(start: object, end: object) -> float:
    """Return the seconds from one moment to another; the card must have reached both."""
    return end - start if isinstance(start, float) else start.elapsed_time(end) / 1e3
