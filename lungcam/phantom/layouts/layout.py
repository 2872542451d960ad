"""What a layout is: how to write a scan, and which tables stand beside the scans."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lungcam.cohorts.phantom.layouts.subject import Subject
from lungcam.cohorts.phantom.phantom import Phantom, make_phantom

Rows = Mapping[str, Sequence[Sequence[object]]]
# a remark on the phantom cohort's scans
BESIDE = "Small benign nodules that lie beside the one that counts are in no table."


@dataclass(frozen=True)
class Entry:
    """What a phantom has become in a tree.

    Attributes:
        image: The scan's file or folder below the tree's root.
        patient_id: As the tree names the person.
        study_uid: StudyInstanceUID; None where the layout has none.
        series_uid: SeriesInstanceUID of the scan.
        center_mm: Centre of the nodule in RAS mm in this tree, where the scan may lie turned.
        fold: Official fold, from 0.
        label: What the data set's own rule makes of it.
        rows: What it adds to the tables, by the table's path.
    """

    image: str
    patient_id: str
    study_uid: str | None
    series_uid: str
    center_mm: tuple[float, float, float] | None
    label: int | None
    fold: int | None = None
    rows: Rows = field(default_factory=dict)


def cohort_phantom(subject: Subject) -> Phantom:
    """The phantom that the phantom cohort has of a person."""
    return make_phantom(
        subject.seed, subject.kind, difficulty=subject.difficulty, matrix=subject.matrix
    )


@dataclass(frozen=True)
class Layout:
    """How a data set lies on disk.

    Attributes:
        title: The data set's name.
        write: Writes one phantom below a root, files whole or not at all.
        tables: Columns by the table's path below the root; a table without a header has none.
        settings: For the training command; `{out}` stands for the root.
        remarks: Sentences for the README on what stands in for what.
        make: Makes the phantom that is written.
        pattern: Share of those with the pattern among people who get cancer, unless another is
            asked for; None where no phantom has any.
    """

    title: str
    write: Callable[[Path, Subject, Phantom], Entry]
    tables: Mapping[str, Sequence[str]]
    settings: Sequence[str]
    remarks: Sequence[str]
    make: Callable[[Subject], Phantom] = cohort_phantom
    pattern: float | None = None
