"""Prepared samples as a torch data set, read a batch at a time."""

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
from lungcam.data.auxiliary_targets import balls_share
from lungcam.data.cache_entry import DamagedEntry, Entry, read
from lungcam.data.lesion_mask import FULL_SHARE
from lungcam.data.prepare import Job, PlannedInput, prepare_scan
from lungcam.data.sampler import mixed
from lungcam.data.splits import UNKNOWN
from lungcam.errors import InputError
from lungcam.findings import Finding
from lungcam.grid import Grid


@dataclass(frozen=True, eq=False, kw_only=True)
class Prepared:
    """What the network is shown of one sample.

    Attributes:
        input: `(W, H, D)` float32, read-only.
        lungs: `(W, H, D)` bool, read-only.
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
    """Reads prepared inputs from the cache.

    Inputs are mapped into memory, copied into their batch and let go, so that what a data set
    holds is some hundred bytes a sample. Of each array the checksum is compared when this process
    reads it first; a damaged entry is prepared again from its scan.

    Args:
        samples: The split's samples.
        files: File of the prepared input by sample_id.
        transforms: That prepared them.
        augmentation: Random TorchIO transforms of each input by itself, drawn anew each epoch.
        seed: Of the augmentation.
        attributes: `(N, A)` float32 that is learnt beside the label, NaN where unknown.
        lesions: Whether the lesions' masks are learnt too.
        targets: Targets next to the label, `(N, ...)` each, by their names in a batch.
        balls: From `lungcam.data.auxiliary_targets.nodule_table`, where it is learnt where nodules
            lie; a lesion's mask goes before it.

    Attributes:
        epoch: The epoch whose augmentation is drawn; shared with the processes that read batches.
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
        balls: np.ndarray | None = None,
    ):
        self.samples = list(samples)
        self.transforms = transforms
        self.augmentation = augmentation
        self.seed = seed
        self.lesions = lesions
        self.balls = balls
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        # arrays: to touch an object of a list copies its page into each process that reads
        labels = [UNKNOWN if sample.label is None else sample.label for sample in samples]
        self._labels = torch.tensor(labels)
        self._attributes = None if attributes is None else torch.from_numpy(attributes)
        self._targets = {name: torch.from_numpy(values) for name, values in (targets or {}).items()}
        self._files = np.array([os.fsencode(files[sample.sample_id]) for sample in samples])
        # of the inputs in their files, once they are known; all have one shape
        self._begins = np.zeros(len(self.samples), np.int64)
        self._shape: tuple[int, ...] = ()
        self._checked: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._labels)

    def file(self, index: int) -> Path:
        """File of a sample's prepared input."""
        return Path(os.fsdecode(self._files[index]))

    def prepared(self, index: int) -> Prepared:
        """Read the prepared input of a sample."""
        entry = self._entry(index, ("input", "lungs", "picture"))
        shown = entry.array("input")
        return Prepared(
            input=shown,
            lungs=entry.array("lungs"),
            grid=Grid(shown.shape, np.array(entry.facts["affine"])),
            quality=dict(entry.facts["quality"]),
            findings=[Finding(**one) for one in entry.facts["findings"]],
            picture=entry.array("picture") if "picture" in entry.places else None,
        )

    def quality(self, index: int) -> dict[str, float | int | bool]:
        """Figures of a sample's lung mask, read alone; see `Prepared`."""
        return dict(self._entry(index).facts["quality"])

    def findings(self, index: int) -> list[Finding]:
        """Findings of a sample's scan and mask, read alone."""
        return [Finding(**one) for one in self._entry(index).facts["findings"]]

    def picture(self, index: int) -> np.ndarray | None:
        """Thumbnail of a sample's mask, read alone; None where the view has none."""
        entry = self._entry(index, ("picture",))
        return entry.array("picture") if "picture" in entry.places else None

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """Give one sample as a batch of one."""
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> dict[str, torch.Tensor]:
        """Give a batch: `input` `(B, 1, W, H, D)` float32, `label` and `index` `(B,)`.

        The label is `lungcam.data.splits.UNKNOWN` where there is none. And what is learnt
        beside it: `lesion`, like `input` from 0 to 1 and all 0 where it is unknown, and
        `attributes` `(B, A)`; and the further targets.
        """
        batch = None
        for row, index in enumerate(indices):
            shown = self._input(index)
            if batch is None:
                batch = torch.empty((len(indices), 1, *shown.shape))
                rows = batch.numpy()
            rows[row, 0] = shown
            if self.augmentation is not None:
                batch[row] = self._augmented(batch[row], index)
        chosen = torch.tensor(indices)
        given = {"input": batch, "label": self._labels[chosen], "index": chosen}
        if self.lesions or self.balls is not None:
            masks = [self._lesion(index) for index in indices]
            given["lesion"] = torch.from_numpy(np.stack(masks)[:, None]) / FULL_SHARE
        if self._attributes is not None:
            given["attributes"] = self._attributes[chosen]
        given |= {name: values[chosen] for name, values in self._targets.items()}
        return given

    def _lesion(self, index: int) -> np.ndarray:
        entry = self._entry(index, ("input", "lesion"))
        if "lesion" in entry.places:
            return entry.array("lesion")
        shape = entry.array("input").shape
        if self.balls is None:
            return np.zeros(shape, np.uint8)
        return balls_share(self.balls, index, target=Grid(shape, np.array(entry.facts["affine"])))

    def _input(self, index: int) -> np.ndarray:
        """Map an input; a header that this process has read once is not read again."""
        shape, begin = self._shape, self._begins[index]
        if begin and shape:
            with suppress(OSError, ValueError), open(self._files[index], "rb", 0) as stream:
                memory = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
                return np.frombuffer(memory, "<f4", math.prod(shape), begin).reshape(shape)
        entry = self._entry(index, ("input",))
        shown = entry.array("input")
        self._shape = shown.shape
        self._begins[index] = entry.begin + entry.places["input"].offset
        return shown

    def _augmented(self, shown: torch.Tensor, index: int) -> torch.Tensor:
        affine = np.array(self._entry(index).facts["affine"])
        image = tio.ScalarImage(tensor=shown, affine=affine)
        with _drawing_from(mixed(self.seed, int(self.epoch), index)):
            return self.augmentation(tio.Subject(input=image))["input"].data

    def _entry(self, index: int, names: Sequence[str] = ()) -> Entry:
        """Read an entry and make sure of those of these arrays that it has."""
        try:
            return self._sound(index, names)
        except DamagedEntry:
            sample, file = self.samples[index], self.file(index)
            lesion = sample.lesion_mask if self.lesions else None
            job = Job([PlannedInput(sample, file, lesion)])
            (reason,) = prepare_scan(job, self.transforms)
            if reason:
                raise InputError(reason) from None
        return self._sound(index, names)

    def _sound(self, index: int, names: Sequence[str]) -> Entry:
        entry = read(self.file(index))
        for name in names:
            checked = self._checked.setdefault(name, np.zeros(len(self), bool))
            if name in entry.places and not checked[index]:
                if not entry.intact(name):
                    raise DamagedEntry(f"{self.file(index)}: {name} is damaged.")
                checked[index] = True
        return entry


@contextmanager
def _drawing_from(seed: int) -> Iterator[None]:
    """Let what is drawn within hang on the seed alone, and nothing after it on that."""
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(state)
