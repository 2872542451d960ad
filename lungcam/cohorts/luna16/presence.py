"""The rule scan: whether LUNA16 annotates a nodule in the scan."""

from lungcam.cohorts.luna16.folder import LunaFolder
from lungcam.cohorts.luna16.points import Points
from lungcam.cohorts.sample import Sample

LEAST_MM = 3.0
SENTENCE = (
    "label 1: a nodule of 3 mm or more, marked by at least 3 of 4 readers, is annotated in the "
    "scan; 0: none is; a nodule may be benign"
)


def presence_samples(folder: LunaFolder, annotations: Points) -> list[Sample]:
    """Label each scan; its centre and diameter are those of its largest nodule.

    A scan without one has no diameter: fewer than 3 readers may have marked something in it.
    """
    samples = []
    for uid, scan in folder.scans.items():
        index = annotations.of(uid)
        index = index[annotations.values[index] >= LEAST_MM]
        if len(index):
            largest = index[annotations.values[index].argmax()]
            found = (
                1,
                f"{annotations.source(largest)}: the largest of {len(index)}",
                annotations.center(largest),
                float(annotations.values[largest]),
            )
        else:
            found = 0, f"{annotations.name}: no nodule", None, None
        samples.append(scan.sample(folder.names[uid], *found))
    return samples
