"""Torch data set of prepared samples, read a batch at a time."""

import math
import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchio as tio
from torch.utils.data import Dataset

from lungcam.cohorts.sample import Sample
from lungcam.data.auxiliary_targets import nodule_share
from lungcam.data.cache_entry import DamagedEntry, Entry, read_entry
from lungcam.data.lesion_mask import FULL_SHARE
from lungcam.data.prepare import Job, PlannedInput, prepare_scan
from lungcam.data.sampler import mix_seed
from lungcam.errors import InputError
from lungcam.findings import Finding
from lungcam.grid import Grid

# label in a batch of a sample without one
UNKNOWN_LABEL = -1


@dataclass(frozen=True, eq=False, kw_only=True)
class Prepared:
    """Network's input of one sample, with the findings of its preparation.

    Attributes:
        input: `(W, H, D)` float32, read-only.
        lungs: `(W, H, D)` bool, read-only.
        grid: Grid of both.
        quality: Figures of the lung mask; empty if the view has none.
        findings: Findings of the scan and of its mask.
        picture: Thumbnail of the mask, None if the view has none.
    """

    input: np.ndarray
    lungs: np.ndarray
    grid: Grid
    quality: dict[str, float | int | bool]
    findings: list[Finding]
    picture: np.ndarray | None


class PreparedDataset(Dataset):
    """Data set of prepared inputs in the cache.

    Inputs are mapped into memory, copied into their batch and released, so that a data set holds
    some hundred bytes a sample. The checksum of an array is compared when this process first reads
    it; a damaged entry is prepared again from its scan.

    Args:
        samples: Samples of the split.
        files: File of the prepared input by sample_id.
        transforms: Transforms that prepared them.
        augmentation: Random TorchIO transforms of each input by itself, different in each epoch.
        seed: Seed of the augmentation.
        attributes: `(N, A)` float32, targets of training, NaN if unknown.
        lesions: True if the lesions' masks are targets of training.
        targets: Targets next to the label, `(N, ...)` each, by their names in a batch.
        nodules: From `lungcam.data.auxiliary_targets.nodule_table`, if the places of nodules are
            targets of training; a lesion's mask precedes it.

    Attributes:
        epoch: Epoch of the augmentation; shared with the processes that read batches.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        files: Mapping[str, Path],
        *,
        transforms: tio.Compose,
        augmentation: tio.Transform | None = None,
        seed: int = 0,
        attributes: np.ndarray | None = None,
        lesions: bool = False,
        targets: Mapping[str, np.ndarray] | None = None,
        nodules: np.ndarray | None = None,
    ):
        self.samples = list(samples)
        self.transforms = transforms
        self.augmentation = augmentation
        self.seed = seed
        self.lesions = lesions
        self.nodules = nodules
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        # arrays: touching an object of a list copies its page into each process that reads
        labels = [UNKNOWN_LABEL if sample.label is None else sample.label for sample in samples]
        self._labels = torch.tensor(labels)
        self._attributes = None if attributes is None else torch.from_numpy(attributes)
        self._targets = {name: torch.from_numpy(values) for name, values in (targets or {}).items()}
        self._files = np.array([os.fsencode(files[sample.sample_id]) for sample in samples])
        # first byte and shape of the inputs in their files, once read; all have the same shape
        self._begins = np.zeros(len(self.samples), np.int64)
        self._shape: tuple[int, ...] = ()
        self._checked: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._labels)

    def file(self, index: int) -> Path:
        """Return the file of a sample's prepared input."""
        return Path(os.fsdecode(self._files[index]))

    def prepared(self, index: int) -> Prepared:
        """Read the prepared input of a sample."""
        entry = self._entry(index, ("input", "lungs", "picture"))
        return Prepared(
            input=entry.array("input"),
            lungs=entry.array("lungs"),
            grid=_input_grid(entry),
            quality=dict(entry.facts["quality"]),
            findings=_findings(entry),
            picture=entry.array("picture") if "picture" in entry.arrays else None,
        )

    def quality(self, index: int) -> dict[str, float | int | bool]:
        """Read only the figures of a sample's lung mask; see `Prepared`."""
        return dict(self._entry(index).facts["quality"])

    def findings(self, index: int) -> list[Finding]:
        """Read only the findings of a sample's scan and mask."""
        return _findings(self._entry(index))

    def picture(self, index: int) -> np.ndarray | None:
        """Read only the thumbnail of a sample's mask; None if the view has none."""
        entry = self._entry(index, ("picture",))
        return entry.array("picture") if "picture" in entry.arrays else None

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """Read one sample as a batch of one."""
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> dict[str, torch.Tensor]:
        """Read a batch.

        Returns:
            `input` `(B, 1, W, H, D)` float32, `label`, which is `UNKNOWN_LABEL` if there is none,
            and `index`, `(B,)` each. If they are targets of training, `lesion`, of the shape of
            `input`, from 0 to 1 and all 0 if unknown, and `attributes` `(B, A)`. And the further
            targets.
        """
        images = None
        for row, index in enumerate(indices):
            values = self._input(index)
            if images is None:
                images = torch.empty((len(indices), 1, *values.shape))
                rows = images.numpy()
            rows[row, 0] = values
            if self.augmentation is not None:
                images[row] = self._augmented(images[row], index)
        rows_read = torch.tensor(indices)
        batch = {"input": images, "label": self._labels[rows_read], "index": rows_read}
        if self.lesions or self.nodules is not None:
            masks = [self._lesion(index) for index in indices]
            batch["lesion"] = torch.from_numpy(np.stack(masks)[:, None]) / FULL_SHARE
        if self._attributes is not None:
            batch["attributes"] = self._attributes[rows_read]
        batch |= {name: values[rows_read] for name, values in self._targets.items()}
        return batch

    def _lesion(self, index: int) -> np.ndarray:
        entry = self._entry(index, ("input", "lesion"))
        if "lesion" in entry.arrays:
            return entry.array("lesion")
        grid = _input_grid(entry)
        if self.nodules is None:
            return np.zeros(grid.shape, np.uint8)
        return nodule_share(self.nodules, index, grid=grid)

    def _input(self, index: int) -> np.ndarray:
        """Map an input without reading its header again if this process has read it before."""
        shape, begin = self._shape, self._begins[index]
        if begin and shape:
            with suppress(OSError, ValueError), open(self._files[index], "rb", 0) as stream:
                memory = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
                return np.frombuffer(memory, "<f4", math.prod(shape), begin).reshape(shape)
        entry = self._entry(index, ("input",))
        values = entry.array("input")
        self._shape = values.shape
        self._begins[index] = entry.begin + entry.arrays["input"].offset
        return values

    def _augmented(self, image: torch.Tensor, index: int) -> torch.Tensor:
        affine = np.array(self._entry(index).facts["affine"])
        image = tio.ScalarImage(tensor=image, affine=affine)
        with _seeded(mix_seed(self.seed, int(self.epoch), index)):
            return self.augmentation(tio.Subject(input=image))["input"].data

    def _entry(self, index: int, names: Sequence[str] = ()) -> Entry:
        """Read an entry and check these of its arrays; prepare it again if it is damaged."""
        try:
            return self._checked_entry(index, names)
        except DamagedEntry:
            sample, file = self.samples[index], self.file(index)
            job = Job([PlannedInput(sample, file, self.lesions and sample.lesion_mask is not None)])
            (reason,) = prepare_scan(job, self.transforms)
            if reason:
                raise InputError(reason) from None
        return self._checked_entry(index, names)

    def _checked_entry(self, index: int, names: Sequence[str]) -> Entry:
        entry = read_entry(self.file(index))
        for name in names:
            checked = self._checked.setdefault(name, np.zeros(len(self), bool))
            if name in entry.arrays and not checked[index]:
                if not entry.is_intact(name):
                    raise DamagedEntry(f"{self.file(index)}: {name} is damaged.")
                checked[index] = True
        return entry


def _input_grid(entry: Entry) -> Grid:
    return Grid(entry.arrays["input"].shape, np.array(entry.facts["affine"]))


def _findings(entry: Entry) -> list[Finding]:
    return [Finding(**finding) for finding in entry.facts["findings"]]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator within the block, and restore its state afterwards."""
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(state)
