"""Checks that no scan is listed under two patients, which would leak whatever the split."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from lungcam.cohorts.sample import Sample
from lungcam.data.manifest import Manifest
from lungcam.errors import InputError

# number of scans that a message names
NAMED = 5
VOXELS = "voxels"


def refuse_shared_scans(samples: Sequence[Sample]) -> None:
    """Refuse a series, a study or a file that is listed under two patients.

    Raises:
        InputError: Names the scans, the patients and the samples.
    """
    _refuse_shared(samples, "series", key=lambda sample: sample.series_uid)
    _refuse_shared(samples, "study", key=lambda sample: sample.study_uid)
    _refuse_shared(
        samples,
        "image",
        # several series may share a folder
        key=lambda sample: None if sample.series else str(sample.image.absolute()),
    )


def refuse_shared_pixels(samples: Sequence[Sample], pixels: Mapping[str, str]) -> None:
    """Refuse scans with the same voxels that are listed under two patients.

    Args:
        samples: Samples of all splits.
        pixels: Pixel hash by sample_id, see `pixel_hash`.

    Raises:
        InputError: Names the patients and the samples.
    """
    _refuse_shared(samples, VOXELS, key=lambda sample: pixels.get(sample.sample_id))


def refuse_crossed_pixels(
    splits: Mapping[str, Sequence[Sample]], pixels: Mapping[str, str], *, manifest: Manifest
) -> None:
    """Refuse samples with voxels that belong to another split in the manifest that was used.

    Args:
        splits: Samples by split.
        pixels: Pixel hash by sample_id, see `pixel_hash`.
        manifest: Manifest by which the samples were split.

    Raises:
        InputError: Names the samples.
    """
    crossed = [
        f"{sample.sample_id} ({manifest.pixels[pixels[sample.sample_id]]} there, {split} here)"
        for split, samples in splits.items()
        for sample in samples
        if manifest.pixels.get(pixels.get(sample.sample_id, ""), split) != split
    ]
    if crossed:
        raise InputError(
            f"{manifest.file}: leak: the same voxels are in another split: "
            f"{', '.join(crossed[:NAMED])}{_more(crossed)}: give each patient the same patient_id "
            "in both."
        )


def _refuse_shared(
    samples: Sequence[Sample], kind: str, *, key: Callable[[Sample], str | None]
) -> None:
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        name = key(sample)
        if name:
            groups[name].append(sample)
    shared = [
        group for group in groups.values() if len({sample.patient_id for sample in group}) > 1
    ]
    if not shared:
        return
    names = []
    for group in shared[:NAMED]:
        first_of = {sample.patient_id: sample.sample_id for sample in reversed(group)}
        people = " and ".join(f"{sample} of patient {p}" for p, sample in sorted(first_of.items()))
        # a hash means nothing to a reader
        names.append(people if kind == VOXELS else f"{key(group[0])}: {people}")
    raise InputError(
        f"leak: the same {kind} under several patients: {'; '.join(names)}{_more(shared)}: "
        "give them one patient_id, or remove one."
    )


def _more(items: Sequence) -> str:
    return f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
