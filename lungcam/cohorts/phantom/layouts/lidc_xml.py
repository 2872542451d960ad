"""Readings as LIDC-IDRI's XML tells them."""

from collections.abc import Callable, Iterator, Sequence

from lungcam.cohorts.phantom.layouts.readings import Nodule, Reading
from lungcam.cohorts.phantom.layouts.subject import Subject
from lungcam.cohorts.phantom.phantom import Phantom

HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<LidcReadMessage uid="{message}" xmlns="http://www.nih.gov" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://www.nih.gov  http://troll.rad.med.umich.edu/lidc/LidcReadMessage.xsd">
<ResponseHeader>
<Version>1.8.1</Version>
<RequestingSite>removed</RequestingSite>
<ServicingSite>removed</ServicingSite>
<TaskDescription>Second unblinded read</TaskDescription>
<CtImageFile>removed</CtImageFile>
<SeriesInstanceUid>{series}</SeriesInstanceUid>
<ResponseDescription>1 - Reading complete</ResponseDescription>
<StudyInstanceUID>{study}</StudyInstanceUID></ResponseHeader>
"""


def lidc_xml(
    subject: Subject, phantom: Phantom, readings: Sequence[Reading], turned: bool = False
) -> str:
    """Tell readings in LIDC's XML (root LidcReadMessage).

    imageZposition is the slice's z in LPS mm, with the trailing blank that the real files have.

    Args:
        subject: The phantom person.
        phantom: The scan.
        readings: What the readers marked.
        turned: Whether columns count to the person's right and rows to the front, as in the few
            DICOM series that are stored so, and not to the left and the back.
    """

    def pixel(name: str, column: int, row: int) -> Iterator[str]:
        if turned:
            column, row = phantom.hu.shape[0] - 1 - column, phantom.hu.shape[1] - 1 - row
        yield f"        <{name}>"
        yield f"          <xCoord>{column}</xCoord>"
        yield f"          <yCoord>{row}</yCoord>"
        yield f"        </{name}>"

    lines = [
        HEAD.format(
            message=subject.uid("message"), series=subject.uid("scan"), study=subject.uid("study")
        ).rstrip("\n")
    ]
    for number, reading in enumerate(readings):
        lines += [
            "<readingSession>",
            "    <annotationVersion>3.12</annotationVersion>",
            f"    <servicingRadiologistID>phantom-{number + 1}</servicingRadiologistID>",
        ]
        for i, nodule in enumerate(reading.nodules):
            lines += _nodule(subject, phantom, f"Nodule {i + 1:03d}", nodule, pixel)
        for i, voxel in enumerate(reading.small, len(reading.nodules)):
            lines += ["    <unblindedReadNodule>", f"      <noduleID>Nodule {i + 1:03d}</noduleID>"]
            lines += ["      <roi>", *_slice(subject, phantom, voxel[2])]
            lines += ["        <inclusion>TRUE</inclusion>", *pixel("edgeMap", *voxel[:2])]
            lines += ["      </roi>", "    </unblindedReadNodule>"]
        for i, voxel in enumerate(reading.others):
            lines += [
                "    <nonNodule>",
                f"      <nonNoduleID>_Non-nodule {i + 1:03d}</nonNoduleID>",
                *_slice(subject, phantom, voxel[2]),
                *pixel("locus", *voxel[:2]),
                "    </nonNodule>",
            ]
        lines.append("</readingSession>")
    return "\n".join([*lines, "</LidcReadMessage>"]) + "\n"


def _nodule(
    subject: Subject, phantom: Phantom, name: str, nodule: Nodule, pixel: Callable
) -> Iterator[str]:
    yield "    <unblindedReadNodule>"
    yield f"      <noduleID>{name}</noduleID>"
    yield "      <characteristics>"
    for rating, value in nodule.ratings.items():
        yield f"        <{rating}>{value}</{rating}>"
    yield "      </characteristics>"
    for outline in nodule.outlines:
        yield "      <roi>"
        yield from _slice(subject, phantom, outline.index)
        yield f"        <inclusion>{str(outline.included).upper()}</inclusion>"
        for column, row in outline.points.tolist():
            yield from pixel("edgeMap", column, row)
        yield "      </roi>"
    yield "    </unblindedReadNodule>"


def _slice(subject: Subject, phantom: Phantom, index: int) -> Iterator[str]:
    z = phantom.affine[2, 3] + index * phantom.affine[2, 2]
    yield f"        <imageZposition>{z:.6f} </imageZposition>"
    yield f"        <imageSOP_UID>{subject.uid('scan', index)}</imageSOP_UID>"
