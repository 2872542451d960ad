"""Split of a cohort's patients into training, validation and test."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
import torchio as tio

from lungcam.cohorts.sample import Cohort, Sample
from lungcam.config.options import SplitOptions
from lungcam.data.leakage import refuse_shared_scans
from lungcam.data.manifest import SPLITS, Manifest, read_manifest, split_by_manifest
from lungcam.data.strata import Strata, label_strata
from lungcam.errors import InputError
from lungcam.transforms import shows_whole_chest

OFFICIAL = "official"
Splits = dict[str, list[Sample]]
StrataRule = Callable[[Sequence[Sample]], Strata]
LABELS = label_strata(())


class SplitRule(SplitOptions):
    """Rule by which samples are split; a manifest precedes folds, and folds precede shares."""

    @cached_property
    def manifest_content(self) -> Manifest | None:
        """Manifest that is followed, read once."""
        return None if self.manifest is None else read_manifest(self.manifest)

    def split(
        self, samples: Sequence[Sample], seed: int, *, strata_of: StrataRule = label_strata
    ) -> tuple[Splits, list[str]]:
        """Split samples that all can be trained on.

        Args:
            samples: The samples.
            seed: Seed of the shuffling.
            strata_of: Groups of these samples that every split receives in its share.

        Returns:
            Samples by the names in `SPLITS`, in the table's order, and sentences on what was left
            out.

        Raises:
            InputError: The rule does not suit the samples.
        """
        if self.manifest_content is not None:
            return split_by_manifest(samples, self.manifest_content)
        strata = strata_of(samples)
        if self.folds is None:
            shares = {"val": self.val, "test": self.test}
            return split_by_patient(samples, **shares, seed=seed, strata=strata), []
        if self.folds == OFFICIAL:
            return split_by_official_fold(
                samples, self.fold, val=self.val, seed=seed, strata=strata
            )
        if not isinstance(self.folds, int):
            raise InputError(f"split.folds={self.folds}: give a number, or {OFFICIAL}.")
        splits = split_by_fold(
            samples, self.folds, fold=self.fold, val=self.val, seed=seed, strata=strata
        )
        return splits, []


def split_cohort(
    cohort: Cohort,
    transforms: tio.Compose,
    *,
    split: SplitRule,
    seed: int,
    lesions: bool = False,
    attributes: Sequence[str] = (),
    unlabelled: bool = False,
    strata_of: StrataRule = label_strata,
) -> tuple[Splits, list[str]]:
    """Split the usable samples of a cohort.

    Args:
        cohort: Cohort.
        transforms: From `lungcam.transforms.pipeline`.
        split: Rule by which the samples are split.
        seed: Seed of the split.
        lesions: True if lesions' masks are targets of training.
        attributes: Names of attributes that are targets of training.
        unlabelled: True if samples without a label are used in every split.
        strata_of: Groups of samples that every split receives in its share.

    Returns:
        Samples by split, those with a label first; without a label are those that `unlabelled`
        admits, and in training those with targets of outlines or attributes. And sentences on the
        cohort, without a full stop.

    Raises:
        InputError: The cohort cannot be split, or leaks.
    """
    samples, unused = usable_samples(cohort.samples, transforms, unlabelled=unlabelled)
    refuse_shared_scans(samples)
    splits, notes = split.split(samples, seed, strata_of=strata_of)
    if unlabelled:
        # metrics of the label are computed on the first samples of a split
        splits = {
            name: sorted(members, key=lambda sample: sample.label is None)
            for name, members in splits.items()
        }
    others = []
    if (lesions or attributes) and not unlabelled:
        others = unlabelled_samples(
            _with_center(cohort.samples, transforms),
            splits,
            manifest=split.manifest_content,
            lesions=lesions,
            attributes=attributes,
        )
    if others:
        refuse_shared_scans([*samples, *others])
        splits = {**splits, "train": [*splits["train"], *others]}
        notes = [*notes, f"{len(others)} samples without a label teach outlines and attributes"]
    return splits, [note.rstrip(".") for note in (*cohort.notes, *unused, *notes)]


def usable_samples(
    samples: Sequence[Sample], transforms: tio.Compose, *, unlabelled: bool = False
) -> tuple[list[Sample], list[str]]:
    """Return the samples that can be trained on, and sentences on the others.

    Samples without a label are left out, unless `unlabelled` is true; if the transforms show a
    nodule's surroundings, so are those without a centre, unless all are without (crops).
    """
    labelled = [sample for sample in samples if unlabelled or sample.label is not None]
    usable = _with_center(labelled, transforms)
    notes = []
    if len(labelled) < len(samples):
        notes.append(
            f"left out, since the rule gives no label: {len(samples) - len(labelled)} of "
            f"{len(samples)} samples"
        )
    if len(usable) < len(labelled):
        notes.append(
            f"left out, since there is no centre to show: {len(labelled) - len(usable)} of "
            f"{len(samples)} samples"
        )
    return usable, notes


def unlabelled_samples(
    samples: Sequence[Sample],
    splits: Mapping[str, Sequence[Sample]],
    *,
    manifest: Manifest | None,
    lesions: bool,
    attributes: Sequence[str],
) -> list[Sample]:
    """Return samples without a label that are trained on for their outlines or attributes.

    LIDC's readers leave a third of the nodules undecided: their looks and their outlines are as
    well known as those of the others.

    Args:
        samples: Samples that could be trained on if they had a label.
        splits: Samples with a label, by split.
        manifest: Manifest that is followed, if any.
        lesions: True if lesions' masks are targets of training.
        attributes: Names of attributes that are targets of training; see
            `lungcam.data.auxiliary_targets.attribute_table`.

    Returns:
        Samples in the table's order, none of a patient of validation or test, here or in the
        manifest.
    """
    held_out = {sample.patient_id for name in ("val", "test") for sample in splits[name]}

    def is_apart(sample: Sample) -> bool:
        elsewhere = manifest.splits(sample) if manifest else set()
        return sample.patient_id not in held_out and elsewhere <= {"train"}

    def has_target(sample: Sample) -> bool:
        if lesions and sample.lesion_mask:
            return True
        return any(name in sample.features for name in attributes)

    return [s for s in samples if s.label is None and is_apart(s) and has_target(s)]


def split_by_patient(
    samples: Sequence[Sample],
    val: float,
    *,
    test: float,
    seed: int,
    strata: Strata = LABELS,
) -> Splits:
    """Split so that no patient is in two splits, and each split has its share of each stratum.

    Args:
        samples: Samples with a label.
        val: Share of the patients for validation.
        test: Share of the patients for the test.
        seed: Seed of the shuffling.
        strata: Groups of samples.

    Returns:
        Samples by the names in `SPLITS`, in the table's order.

    Raises:
        InputError: The shares do not leave patients of each stratum in every split.
    """
    if not (0 < val < 1 and 0 < test < 1 and val + test < 1):
        raise InputError(f"split.val={val} split.test={test}: choose shares with a sum below 1.")
    split_of = {}
    for name, patients in _shuffled_patients(samples, seed, strata=strata).items():
        n_test, n_val = round(test * len(patients)), round(val * len(patients))
        if min(n_test, n_val, len(patients) - n_test - n_val) < 1:
            raise InputError(
                f"{len(patients)} patients with {name} cannot be split into training, "
                f"validation ({val}) and test ({test}): give more samples or change split.*."
            )
        for i, patient in enumerate(patients):
            split_of[patient] = "test" if i < n_test else "val" if i < n_test + n_val else "train"
    return _grouped(samples, split_of)


def split_by_fold(
    samples: Sequence[Sample],
    folds: int,
    *,
    fold: int,
    val: float,
    seed: int,
    strata: Strata = LABELS,
) -> Splits:
    """Take one of several folds for the test; over all folds each patient is tested once.

    Patients of each stratum are dealt to the folds in turn.

    Args:
        samples: Samples with a label.
        folds: Number of folds.
        fold: Fold to test on, from 0.
        val: Share of the other patients for validation.
        seed: Seed of the shuffling, the same for every fold.
        strata: Groups of samples.

    Raises:
        InputError: There are too few patients of a stratum.
    """
    if not (folds >= 2 and 0 <= fold < folds):
        raise InputError(
            f"split.folds={folds} split.fold={fold}: choose 2 folds or more, and one of them."
        )
    test_patients: set[str] = set()
    dealt = 0
    for name, patients in _shuffled_patients(samples, seed, strata=strata).items():
        if len(patients) < folds:
            raise InputError(
                f"{len(patients)} patients with {name} cannot be dealt to {folds} folds: "
                "give more samples or fewer folds."
            )
        # a stratum continues where the one before ended, so that folds are alike in size
        test_patients |= {p for i, p in enumerate(patients, start=dealt) if i % folds == fold}
        dealt += len(patients)
    return _with_validation(samples, test_patients, val=val, seed=seed, strata=strata)


def split_by_official_fold(
    samples: Sequence[Sample],
    fold: int,
    *,
    val: float,
    seed: int,
    strata: Strata = LABELS,
) -> tuple[Splits, list[str]]:
    """Take one of the data set's own folds for the test.

    Args:
        samples: Samples with a label.
        fold: Fold to test on.
        val: Share of the other patients for validation.
        seed: Seed of the shuffling.
        strata: Groups of samples.

    Returns:
        As of `SplitRule.split`; samples without a fold are left out.

    Raises:
        InputError: There is no such fold, or a patient is in several.
    """
    with_fold = [sample for sample in samples if sample.fold is not None]
    folds = sorted({sample.fold for sample in with_fold})
    if fold not in folds:
        raise InputError(
            f"split.folds={OFFICIAL} split.fold={fold}: the cohort's folds are "
            f"{', '.join(map(str, folds)) or 'not known'}."
        )
    folds_of: dict[str, set[int]] = defaultdict(set)
    for sample in with_fold:
        folds_of[sample.patient_id].add(sample.fold)
    divided = sorted(patient for patient, numbers in folds_of.items() if len(numbers) > 1)
    if divided:
        raise InputError(
            f"leak: patient {', '.join(divided[:5])} ({len(divided)} in all) is in several "
            "official folds: give split.folds a number, which splits by patient."
        )
    test_patients = {sample.patient_id for sample in with_fold if sample.fold == fold}
    left = len(samples) - len(with_fold)
    notes = [f"{left} samples without an official fold are left out"] if left else []
    splits = _with_validation(with_fold, test_patients, val=val, seed=seed, strata=strata)
    return splits, notes


def _shuffled_patients(
    samples: Sequence[Sample], seed: int, *, strata: Strata
) -> dict[str, list[str]]:
    """Return patients by the name of their stratum, the last of their samples', in random order."""
    stratum_of: dict[str, int] = defaultdict(int)
    for sample in samples:
        stratum_of[sample.patient_id] = max(stratum_of[sample.patient_id], strata.number(sample))
    generator = np.random.default_rng(seed)
    shuffled = {}
    for number, name in enumerate(strata.names):
        patients = sorted(patient for patient, own in stratum_of.items() if own == number)
        shuffled[name] = [patients[i] for i in generator.permutation(len(patients))]
    return shuffled


def _with_validation(
    samples: Sequence[Sample],
    test_patients: set[str],
    *,
    val: float,
    seed: int,
    strata: Strata,
) -> Splits:
    """Split the patients that are not tested into training and validation."""
    if not 0 < val < 1:
        raise InputError(f"split.val={val}: choose a share below 1.")
    split_of = dict.fromkeys(test_patients, "test")
    rest = [sample for sample in samples if sample.patient_id not in test_patients]
    for name, patients in _shuffled_patients(rest, seed, strata=strata).items():
        n_val = round(val * len(patients))
        if not 1 <= n_val < len(patients):
            raise InputError(
                f"{len(patients)} patients with {name} outside the test's fold cannot be "
                f"split into training and validation ({val}): give more samples or change split.*."
            )
        split_of |= {p: "val" if i < n_val else "train" for i, p in enumerate(patients)}
    return _grouped(samples, split_of)


def _grouped(samples: Sequence[Sample], split_of: Mapping[str, str]) -> Splits:
    return {
        name: [sample for sample in samples if split_of[sample.patient_id] == name]
        for name in SPLITS
    }


def _with_center(samples: Sequence[Sample], transforms: tio.Compose) -> list[Sample]:
    """Return the samples that the transforms can show; see `usable_samples`."""
    located = [sample for sample in samples if sample.center_mm is not None]
    return located if located and not shows_whole_chest(transforms) else list(samples)
