"""Prepared samples as a torch data set."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchio as tio
from torch.utils.data import Dataset

from lungcam.cohorts.sample import Sample
from lungcam.data.cache import load
from lungcam.grid import Grid
from lungcam.verdict import Finding


@dataclass(frozen=True, eq=False)
class Prepared:
    """What the network is shown of one sample.

    Attributes:
        input: `(W, H, D)` float32.
        lungs: `(W, H, D)` bool.
        grid: Where both stand.
        quality: Figures of the lung mask; empty where the view has none.
        findings: Of the scan and of its mask.
        picture: Thumbnail of the mask, None where the view has none.
    """

    input: np.ndarray
    lungs: np.ndarray
    grid: Grid
    quality: dict[str, float | int | bool]
    findings: list[Finding]
    picture: np.ndarray | None


class PreparedDataset(Dataset):
    """Reads prepared inputs from the cache, one subject at a time.

    Args:
        samples: The split's samples, each with a label.
        files: File of the prepared input by sample_id.
        augmentation: Random TorchIO transforms, applied anew each time a subject is read.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        files: Mapping[str, Path],
        augmentation: tio.Transform | None = None,
    ):
        self.samples = list(samples)
        self.files = files
        self.augmentation = augmentation

    def __len__(self) -> int:
        return len(self.samples)

    def prepared(self, index: int) -> Prepared:
        """Read the prepared input of a sample."""
        arrays = load(self.files[self.samples[index].sample_id])
        return Prepared(
            arrays["input"],
            arrays["lungs"],
            Grid(arrays["input"].shape, arrays["affine"]),
            json.loads(str(arrays["quality"])),
            _findings(arrays["findings"]),
            arrays.get("picture"),
        )

    def quality(self, index: int) -> dict[str, float | int | bool]:
        """Figures of a sample's lung mask, read alone; see `Prepared`."""
        return json.loads(str(self._array(index, "quality")))

    def findings(self, index: int) -> list[Finding]:
        """Findings of a sample's scan and mask, read alone."""
        return _findings(self._array(index, "findings"))

    def picture(self, index: int) -> np.ndarray | None:
        """Thumbnail of a sample's mask, read alone; None where the view has none."""
        try:
            return self._array(index, "picture")
        except KeyError:
            return None

    def __getitem__(self, index: int) -> tio.Subject:
        """Give a subject with `input` `(1, W, H, D)`, `label` and `index`."""
        prepared = self.prepared(index)
        tensor = torch.from_numpy(prepared.input)[None]
        subject = tio.Subject(
            input=tio.ScalarImage(tensor=tensor, affine=prepared.grid.affine),
            label=self.samples[index].label,
            index=index,
        )
        return subject if self.augmentation is None else self.augmentation(subject)

    def _array(self, index: int, name: str) -> np.ndarray:
        return load(self.files[self.samples[index].sample_id], (name,))[name]


def _findings(stored: np.ndarray) -> list[Finding]:
    return [Finding(**one) for one in json.loads(str(stored))]
