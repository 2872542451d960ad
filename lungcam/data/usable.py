"""Which samples of a cohort a run works on, and on which side each stands."""

from collections.abc import Sequence

import torchio as tio

from lungcam.cohorts.sample import Cohort, Sample
from lungcam.data.overlap import refuse_shared_scans
from lungcam.data.splits import SplitRule, Splits
from lungcam.data.unlabelled import unlabelled_samples
from lungcam.transforms import shows_whole_chest


def split_cohort(
    cohort: Cohort,
    transforms: tio.Compose,
    split: SplitRule,
    seed: int,
    lesions: bool = False,
    attributes: Sequence[str] = (),
) -> tuple[Splits, list[str]]:
    """Split what can be used of a cohort.

    Args:
        cohort: The cohort.
        transforms: From `lungcam.transforms.pipeline`.
        split: How the samples are split.
        seed: Of the split.
        lesions: Whether lesions' masks are learnt too.
        attributes: Names of what else is learnt beside the label.

    Returns:
        Samples by side, all with a label but those in training that teach outlines or attributes;
        and sentences on the cohort, without a full stop.

    Raises:
        InputError: The cohort cannot be split, or leaks.
    """
    samples, unused = usable_samples(cohort.samples, transforms)
    refuse_shared_scans(samples)
    splits, notes = split.split(samples, seed)
    others = []
    if lesions or attributes:
        shown = _shown(cohort.samples, transforms)
        others = unlabelled_samples(shown, splits, split.told, lesions, attributes)
    if others:
        refuse_shared_scans([*samples, *others])
        splits = {**splits, "train": [*splits["train"], *others]}
        notes = [*notes, f"{len(others)} samples without a label teach outlines and attributes"]
    return splits, [one.rstrip(".") for one in (*cohort.notes, *unused, *notes)]


def usable_samples(
    samples: Sequence[Sample], transforms: tio.Compose
) -> tuple[list[Sample], list[str]]:
    """Samples that can be trained on, and sentences on the others.

    Without a label none can; where the transforms show a nodule's surroundings, none without a
    centre, unless all are without (crops).
    """
    labelled = [sample for sample in samples if sample.label is not None]
    used = _shown(labelled, transforms)
    notes = []
    if len(labelled) < len(samples):
        notes.append(
            f"left out, since the rule gives no label: {len(samples) - len(labelled)} of "
            f"{len(samples)} samples"
        )
    if len(used) < len(labelled):
        notes.append(
            f"left out, since there is no centre to show: {len(labelled) - len(used)} of "
            f"{len(samples)} samples"
        )
    return used, notes


def _shown(samples: Sequence[Sample], transforms: tio.Compose) -> list[Sample]:
    """Samples of which the transforms know what to show; see `usable_samples`."""
    located = [sample for sample in samples if sample.center_mm is not None]
    return located if located and not shows_whole_chest(transforms) else list(samples)
