"""Layout of LIDC-IDRI: DICOM slices with the readers' XML in the folder of the series."""

from pathlib import Path

from lungcam.phantom.layouts.dicom import Series, write_slices
from lungcam.phantom.layouts.layout import EXTRA_NODULES, Entry, Layout, Subject
from lungcam.phantom.layouts.readings import draw_readings, lidc_xml
from lungcam.phantom.phantom import Phantom
from lungcam.runtime.atomic import write_text


def write_lidc(out: Path, subject: Subject, *, phantom: Phantom) -> Entry:
    """Write `<patient>/<StudyUID>/<SeriesUID>/*.dcm`, names in random order, and the XML.

    Returns:
        The entry of the scan; the layout has no tables.
    """
    series = Series(
        patient_id=subject.patient_id,
        study_uid=subject.uid("study"),
        series_uid=subject.uid("scan"),
        frame_uid=subject.uid("frame"),
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
        hu=phantom.hu,
        affine=phantom.affine,
        sop_uid=lambda k: subject.uid("scan", k),
        names=names,
    )
    xml = lidc_xml(subject, phantom, readings=draw_readings(subject, phantom))
    write_text(out / folder / f"{subject.index % 1000:03d}.xml", xml)
    return Entry(
        image=folder.as_posix(),
        patient_id=series.patient_id,
        study_uid=series.study_uid,
        series_uid=series.series_uid,
        center_mm=phantom.center_mm,
        label=phantom.label,
    )


LIDC = Layout(
    title="LIDC-IDRI",
    write=write_lidc,
    tables={},
    settings=(
        "data=lidc",
        "data.root={out}",
    ),
    remarks=(
        "Four readers rate a malignant nodule 4 or 5 and a benign one 1 or 2; one reader may have "
        "missed it. One outline is a pixel larger than the nodule, one a pixel smaller.",
        "Their marks of nodules under 3 mm and of non-nodules lie on vessels.",
        EXTRA_NODULES,
    ),
)
