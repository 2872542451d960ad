"""Which patient belongs to training, validation or test.

Samples that have no label and teach all the same.

Which samples of a cohort a run works on, and on which side each stands.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import torchio as tio

from lungcam.cohorts.sample import Cohort, Sample
from lungcam.config.options import SplitOptions
from lungcam.data.leakage import refuse_shared_scans
from lungcam.data.manifest import SPLITS, Manifest, read_manifest, split_by_manifest
from lungcam.errors import InputError
from lungcam.transforms import shows_whole_chest

OFFICIAL = "official"
Splits = dict[str, list[Sample]]


class SplitRule(SplitOptions):
    """Rule by which samples are split; a manifest precedes folds, and folds precede shares."""

    @cached_property
    def told(self) -> Manifest | None:
        """The manifest that is followed, read once."""
        return None if self.manifest is None else read_manifest(self.manifest)

    def split(self, samples: Sequence[Sample], seed: int) -> tuple[Splits, list[str]]:
        """Split samples that all have a label.

        Returns:
            Samples by the names in `SPLITS`, in the table's order, and sentences on what was left
            out.

        Raises:
            InputError: The samples cannot be split so.
        """
        if self.told is not None:
            return split_by_manifest(samples, self.told)
        if self.folds is None:
            return split_by_patient(samples, self.val, test=self.test, seed=seed), []
        if self.folds == OFFICIAL:
            return split_by_official_fold(samples, self.fold, val=self.val, seed=seed)
        if not isinstance(self.folds, int):
            raise InputError(f"split.folds={self.folds}: give a number, or {OFFICIAL}.")
        return split_by_fold(samples, self.folds, fold=self.fold, val=self.val, seed=seed), []


def split_by_patient(samples: Sequence[Sample], val: float, *, test: float, seed: int) -> Splits:
    """Split so that no patient stands on two sides, and each side has its share of positives.

    Args:
        samples: All with a label.
        val: Share of the patients for validation.
        test: Share of the patients for the test.
        seed: Of the shuffling.

    Returns:
        Samples by the names in `SPLITS`, in the table's order.

    Raises:
        InputError: The shares do not leave patients of both labels on every side.
    """
    if not (0 < val < 1 and 0 < test < 1 and val + test < 1):
        raise InputError(f"split.val={val} split.test={test}: choose shares whose sum is below 1.")
    side_of = {}
    for label, patients in _shuffled(samples, seed).items():
        n_test, n_val = round(test * len(patients)), round(val * len(patients))
        if min(n_test, n_val, len(patients) - n_test - n_val) < 1:
            raise InputError(
                f"{len(patients)} patients with label {label} cannot be split into training, "
                f"validation ({val}) and test ({test}): give more samples or change split.*."
            )
        for i, patient in enumerate(patients):
            side_of[patient] = "test" if i < n_test else "val" if i < n_test + n_val else "train"
    return _sides(samples, side_of)


def split_by_fold(
    samples: Sequence[Sample], folds: int, *, fold: int, val: float, seed: int
) -> Splits:
    """Take one of several folds for the test; over all folds each patient is tested once.

    Patients of each label are dealt to the folds in turn.

    Args:
        samples: All with a label.
        folds: How many.
        fold: The one to test on, from 0.
        val: Share of the other patients for validation.
        seed: Of the shuffling, which is the same for every fold.

    Raises:
        InputError: There are too few patients of a label.
    """
    if not (folds >= 2 and 0 <= fold < folds):
        raise InputError(f"split.folds={folds} split.fold={fold}: choose 2 folds or more, and one.")
    tested: set[str] = set()
    dealt = 0
    for label, patients in _shuffled(samples, seed).items():
        if len(patients) < folds:
            raise InputError(
                f"{len(patients)} patients with label {label} cannot be dealt to {folds} folds: "
                "give more samples or fewer folds."
            )
        # the second label goes on where the first ended, so that folds are alike in size
        tested |= {one for i, one in enumerate(patients, start=dealt) if i % folds == fold}
        dealt += len(patients)
    return _with_validation(samples, tested, val=val, seed=seed)


def split_by_official_fold(
    samples: Sequence[Sample], fold: int, *, val: float, seed: int
) -> tuple[Splits, list[str]]:
    """Take one of the data set's own folds for the test.

    Args:
        samples: All with a label.
        fold: The one to test on.
        val: Share of the other patients for validation.
        seed: Of the shuffling.

    Returns:
        As `SplitRule.split`; samples without a fold are left out.

    Raises:
        InputError: There is no such fold, or a patient stands in several.
    """
    known = [sample for sample in samples if sample.fold is not None]
    there = sorted({sample.fold for sample in known})
    if fold not in there:
        raise InputError(
            f"split.folds={OFFICIAL} split.fold={fold}: the cohort's folds are "
            f"{', '.join(map(str, there)) or 'not known'}."
        )
    folds_of: dict[str, set[int]] = defaultdict(set)
    for sample in known:
        folds_of[sample.patient_id].add(sample.fold)
    torn = sorted(one for one, found in folds_of.items() if len(found) > 1)
    if torn:
        raise InputError(
            f"leak: patient {', '.join(torn[:5])} ({len(torn)} in all) stands in several official "
            "folds: give split.folds a number, which splits by patient."
        )
    tested = {sample.patient_id for sample in known if sample.fold == fold}
    left = len(samples) - len(known)
    notes = [f"{left} samples without an official fold are left out"] if left else []
    return _with_validation(known, tested, val=val, seed=seed), notes


def _shuffled(samples: Sequence[Sample], seed: int) -> dict[int, list[str]]:
    """Patients by label, in random order; one with a positive sample is positive."""
    label_of: dict[str, int] = defaultdict(int)
    for sample in samples:
        label_of[sample.patient_id] = max(label_of[sample.patient_id], int(sample.label or 0))
    generator = np.random.default_rng(seed)
    shuffled = {}
    for label in (0, 1):
        patients = sorted(one for one, positive in label_of.items() if positive == label)
        shuffled[label] = [patients[i] for i in generator.permutation(len(patients))]
    return shuffled


def _with_validation(
    samples: Sequence[Sample], tested: set[str], *, val: float, seed: int
) -> Splits:
    """Part validation from the patients that are not tested."""
    if not 0 < val < 1:
        raise InputError(f"split.val={val}: choose a share below 1.")
    side_of = dict.fromkeys(tested, "test")
    rest = [sample for sample in samples if sample.patient_id not in tested]
    for label, patients in _shuffled(rest, seed).items():
        n_val = round(val * len(patients))
        if not 1 <= n_val < len(patients):
            raise InputError(
                f"{len(patients)} patients with label {label} outside the test's fold cannot be "
                f"split into training and validation ({val}): give more samples or change split.*."
            )
        side_of |= {one: "val" if i < n_val else "train" for i, one in enumerate(patients)}
    return _sides(samples, side_of)


def _sides(samples: Sequence[Sample], side_of: Mapping[str, str]) -> Splits:
    return {
        side: [sample for sample in samples if side_of[sample.patient_id] == side]
        for side in SPLITS
    }


# stands for no label in a batch
UNKNOWN = -1


def unlabelled_samples(
    samples: Sequence[Sample],
    splits: Mapping[str, Sequence[Sample]],
    *,
    manifest: Manifest | None,
    lesions: bool,
    attributes: Sequence[str],
) -> list[Sample]:
    """Samples without a label from which a net can learn outlines or attributes in training.

    LIDC's readers leave a third of the nodules undecided: what these look like, and where they end,
    is known as well as of the others.

    Args:
        samples: That could be trained on if they had a label.
        splits: Those with a label, by side.
        manifest: Whose sides are followed, if one is.
        lesions: Whether masks of lesions are learnt.
        attributes: Names of what else is learnt; see
            `lungcam.data.auxiliary_targets.attribute_table`.

    Returns:
        In the table's order, none of a patient who is validated or tested on, here or by the
        manifest.
    """
    held = {one.patient_id for side in ("val", "test") for one in splits[side]}

    def apart(sample: Sample) -> bool:
        told = manifest.sides(sample) if manifest else set()
        return sample.patient_id not in held and told <= {"train"}

    def teaches(sample: Sample) -> bool:
        if lesions and sample.lesion_mask:
            return True
        return any(name in sample.features for name in attributes)

    return [one for one in samples if one.label is None and apart(one) and teaches(one)]


def split_cohort(
    cohort: Cohort,
    transforms: tio.Compose,
    *,
    split: SplitRule,
    seed: int,
    lesions: bool = False,
    attributes: Sequence[str] = (),
    unlabelled: bool = False,
) -> tuple[Splits, list[str]]:
    """Split what can be used of a cohort.

    Args:
        cohort: The cohort.
        transforms: From `lungcam.transforms.pipeline`.
        split: How the samples are split.
        seed: Of the split.
        lesions: Whether lesions' masks are learnt too.
        attributes: Names of what else is learnt beside the label.
        unlabelled: True if samples without a label are used on every side.

    Returns:
        Samples by side, on each those with a label first. Without one are those that count all
        the same, and in training those that teach outlines or attributes. And sentences on the
        cohort, without a full stop.

    Raises:
        InputError: The cohort cannot be split, or leaks.
    """
    samples, unused = usable_samples(cohort.samples, transforms, unlabelled=unlabelled)
    refuse_shared_scans(samples)
    splits, notes = split.split(samples, seed)
    if unlabelled:
        # figures of a label are those of a side's first samples
        splits = {
            k: sorted(found, key=lambda one: one.label is None) for k, found in splits.items()
        }
    others = []
    if (lesions or attributes) and not unlabelled:
        shown = _shown(cohort.samples, transforms)
        others = unlabelled_samples(
            shown, splits, manifest=split.told, lesions=lesions, attributes=attributes
        )
    if others:
        refuse_shared_scans([*samples, *others])
        splits = {**splits, "train": [*splits["train"], *others]}
        notes = [*notes, f"{len(others)} samples without a label teach outlines and attributes"]
    return splits, [one.rstrip(".") for one in (*cohort.notes, *unused, *notes)]


def usable_samples(
    samples: Sequence[Sample], transforms: tio.Compose, *, unlabelled: bool = False
) -> tuple[list[Sample], list[str]]:
    """Samples that can be trained on, and sentences on the others.

    Without a label none can, unless `unlabelled` is true; where the transforms show a
    nodule's surroundings, none without a centre, unless all are without (crops).
    """
    labelled = [one for one in samples if unlabelled or one.label is not None]
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
