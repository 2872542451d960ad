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
    censored: bool = False,
) -> tuple[Splits, list[str]]:
    """Split what can be used of a cohort.

    Args:
        cohort: The cohort.
        transforms: From `lungcam.transforms.pipeline`.
        split: How the samples are split.
        seed: Of the split.
        lesions: Whether lesions' masks are learnt too.
        attributes: Names of what else is learnt beside the label.
        censored: Whether samples without a label are used too, as far as follow-up knows of them.

    Returns:
        Samples by side, on each those with a label first. Without one are those that are censored,
        and in training those that teach outlines or attributes. And sentences on the cohort,
        without a full stop.

    Raises:
        InputError: The cohort cannot be split, or leaks.
    """
    samples, unused = usable_samples(cohort.samples, transforms, censored)
    refuse_shared_scans(samples)
    splits, notes = split.split(samples, seed)
    if censored:
        # figures of a label are those of a side's first samples
        splits = {
            k: sorted(found, key=lambda one: one.label is None) for k, found in splits.items()
        }
    others = []
    if (lesions or attributes) and not censored:
        shown = _shown(cohort.samples, transforms)
        others = unlabelled_samples(shown, splits, split.told, lesions, attributes)
    if others:
        refuse_shared_scans([*samples, *others])
        splits = {**splits, "train": [*splits["train"], *others]}
        notes = [*notes, f"{len(others)} samples without a label teach outlines and attributes"]
    return splits, [one.rstrip(".") for one in (*cohort.notes, *unused, *notes)]


def usable_samples(
    samples: Sequence[Sample], transforms: tio.Compose, censored: bool = False
) -> tuple[list[Sample], list[str]]:
    """Samples that can be trained on, and sentences on the others.

    Without a label none can, unless those that are `censored` count; where the transforms show a
    nodule's surroundings, none without a centre, unless all are without (crops).
    """
    labelled = [one for one in samples if censored or one.label is not None]
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
