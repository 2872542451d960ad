"""Layout of LUNA25: one MetaImage a series, and a table of nodules with age and sex."""

from pathlib import Path

from lungcam.phantom.layouts.layout import EXTRA_NODULES, Entry, Layout, Subject
from lungcam.phantom.layouts.luna16 import LPS, write_metaimage
from lungcam.phantom.phantom import Phantom

TABLE = "LUNA25_annotations.csv"


def write_luna25(out: Path, subject: Subject, *, phantom: Phantom) -> Entry:
    """Write `images/<uid>.mha`, and a row for the nodule; a healthy phantom has none."""
    uid = subject.uid("scan")
    image = f"images/{uid}.mha"
    write_metaimage(out / image, phantom.hu, affine=LPS @ phantom.affine, compressed=True)
    rows = []
    if phantom.center_mm is not None:
        x, y, z = phantom.center_mm
        rng = subject.rng("person")
        # of the people of NLST; cancer comes with age
        age = int(rng.integers(55, 75)) + phantom.label
        rows.append(
            [
                subject.patient_id,
                uid,
                *(f"{mm + 0.0:.10g}" for mm in (-x, -y, z)),
                f"{uid}_1",
                phantom.label,
                age,
                "Male" if rng.random() < 0.59 else "Female",
            ]
        )
    return Entry(
        image=image,
        patient_id=subject.patient_id,
        study_uid=None,
        series_uid=uid,
        center_mm=phantom.center_mm,
        label=phantom.label,
        rows={TABLE: rows},
    )


LUNA25 = Layout(
    title="LUNA25",
    write=write_luna25,
    tables={
        TABLE: (
            *("PatientID", "SeriesInstanceUID", "CoordX", "CoordY", "CoordZ"),
            *("AnnotationID", "label", "Age_at_StudyDate", "Gender"),
        )
    },
    settings=("data=luna25", "data.root={out}", "view=nodule", "model=nodule"),
    remarks=("Healthy phantoms have an image and no row.", EXTRA_NODULES),
)
