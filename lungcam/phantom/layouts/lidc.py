"""LIDC-IDRI's layout: DICOM slices, and the readers' XML beside them."""

from pathlib import Path

from lungcam.cohorts.phantom.layouts.dicom import Series, write_slices
from lungcam.cohorts.phantom.layouts.layout import BESIDE, Entry, Layout
from lungcam.cohorts.phantom.layouts.lidc_xml import lidc_xml
from lungcam.cohorts.phantom.layouts.readings import read_by_four
from lungcam.cohorts.phantom.layouts.subject import Subject
from lungcam.cohorts.phantom.phantom import Phantom
from lungcam.files import write_text


def write_lidc(out: Path, subject: Subject, phantom: Phantom) -> Entry:
    """Write `<patient>/<StudyUID>/<SeriesUID>/*.dcm`, in an order that is not the slices', and XML.

    Returns:
        The entry; there are no tables.
    """
    series = Series(
        subject.patient_id,
        subject.uid("study"),
        subject.uid("scan"),
        subject.uid("frame"),
        number=1,
        description="Phantom, thin",
        kernel="STANDARD",
        date="20000101",
    )
    folder = Path(series.patient_id, series.study_uid, series.series_uid)
    numbers = subject.rng("names").permutation(phantom.hu.shape[2]) + 1
    names = [f"{number:06d}.dcm" for number in numbers]
    write_slices(
        out / folder,
        series,
        phantom.hu,
        phantom.affine,
        lambda k: subject.uid("scan", k),
        names,
    )
    xml = lidc_xml(subject, phantom, read_by_four(subject, phantom))
    write_text(out / folder / f"{subject.index % 1000:03d}.xml", xml)
    return Entry(
        folder.as_posix(),
        series.patient_id,
        series.study_uid,
        series.series_uid,
        phantom.center_mm,
        phantom.label,
    )


LIDC = Layout(
    "LIDC-IDRI",
    write_lidc,
    {},
    (
        "data=lidc",
        "data.root={out}",
    ),
    (
        "Four readers rate a malignant nodule 4 or 5 and a benign one 1 or 2; one reader may have "
        "missed it. One outline is a pixel larger than the nodule, one a pixel smaller.",
        "Their marks of nodules under 3 mm and of non-nodules stand on vessels.",
        BESIDE,
    ),
)
