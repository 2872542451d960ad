"""Samples that have no label and teach all the same."""

from collections.abc import Mapping, Sequence

from lungcam.cohorts.sample import Sample
from lungcam.data.manifest import Manifest

# stands for no label in a batch
UNKNOWN = -1


def unlabelled_samples(
    samples: Sequence[Sample],
    splits: Mapping[str, Sequence[Sample]],
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
        attributes: Names of what else is learnt; see `lungcam.data.attributes.attribute_table`.

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
