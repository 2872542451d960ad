"""Scans that stand under two patients: whatever the split, they would leak."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from lungcam.cohorts.sample import Sample
from lungcam.data.manifest import Manifest
from lungcam.errors import InputError

SHOWN = 5
SAME_VOXELS = "the same voxels stand"


def refuse_shared_scans(samples: Sequence[Sample]) -> None:
    """Refuse a series, a study or a file that stands under two patients.

    Raises:
        InputError: Names the scans, the patients and the samples.
    """
    _refuse(samples, "the same series stands", key=lambda sample: sample.series_uid)
    _refuse(samples, "the same study stands", key=lambda sample: sample.study_uid)
    _refuse(
        samples,
        "the same image stands",
        # several series may share a folder
        key=lambda sample: None if sample.series else str(sample.image.absolute()),
    )


def refuse_shared_pixels(samples: Sequence[Sample], pixels: Mapping[str, str]) -> None:
    """Refuse scans with the same voxels that stand under two patients.

    Args:
        samples: Of all sides.
        pixels: Pixel hash by sample_id, see `pixel_hash`.

    Raises:
        InputError: Names the patients and the samples.
    """
    _refuse(samples, SAME_VOXELS, key=lambda sample: pixels.get(sample.sample_id))


def refuse_crossed_pixels(
    splits: Mapping[str, Sequence[Sample]], pixels: Mapping[str, str], *, manifest: Manifest
) -> None:
    """Refuse samples whose voxels stood on another side of the manifest that was used.

    Raises:
        InputError: Names the samples.
    """
    crossed = [
        f"{sample.sample_id} ({manifest.pixels[pixels[sample.sample_id]]} there, {side} here)"
        for side, samples in splits.items()
        for sample in samples
        if manifest.pixels.get(pixels.get(sample.sample_id, ""), side) != side
    ]
    if crossed:
        raise InputError(
            f"{manifest.file}: leak: the same voxels stand on another side: "
            f"{', '.join(crossed[:SHOWN])}{_more(crossed)}: give each patient the same patient_id "
            "in both."
        )


def _refuse(samples: Sequence[Sample], what: str, *, key: Callable[[Sample], str | None]) -> None:
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        name = key(sample)
        if name:
            found[name].append(sample)
    shared = [group for group in found.values() if len({one.patient_id for one in group}) > 1]
    if not shared:
        return
    told = []
    for group in shared[:SHOWN]:
        first_of = {one.patient_id: one.sample_id for one in reversed(group)}
        people = " and ".join(f"{sample} of patient {p}" for p, sample in sorted(first_of.items()))
        # a hash tells nobody anything
        told.append(people if what == SAME_VOXELS else f"{key(group[0])}: {people}")
    raise InputError(
        f"leak: {what} under several patients: {'; '.join(told)}{_more(shared)}: "
        "give them one patient_id, or remove one."
    )


def _more(found: Sequence) -> str:
    return f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
