"""An XML file of LIDC-IDRI, read.

The format is that of LidcReadMessage.xsd (http://www.nih.gov), as the files of the collection on
The Cancer Imaging Archive use it.
"""

import hashlib
import math
import xml.etree.ElementTree as ET
from collections import Counter

import numpy as np

from lungcam.cohorts.lidc.annotation import RATINGS, Annotation, Contour, Reading

CT, XRAY = "LidcReadMessage", "IdriReadMessage"
# what is left aside, in words for a note
UNRATED = "mark(s) without ratings (nodules under 3 mm)"
BAD_RATINGS = "mark(s) with a rating of 0 or without malignancy"
ONE_POINT = "outline(s) of one point"
BAD_OUTLINE = "outline(s) with a value that is no number"
NO_OUTLINE = "rated mark(s) without an outline of two points or more"


class DamagedMessage(Exception):
    """A file that is no XML to be trusted; says why in a few words."""


class ForeignMessage(Exception):
    """XML of another kind; holds the name of its root."""


def read_message(content: bytes, name: str) -> Reading:
    """Read the nodules of 3 mm or more from one file.

    Args:
        content: The file's bytes, in UTF-8. No DOCTYPE and no entity is accepted, so that nothing
            can grow while it is read.
        name: Of the file.

    Raises:
        DamagedMessage: It is not well formed, declares what it must not, or names no series.
        ForeignMessage: It is no reading of a CT series.
    """
    root = _root(content)
    space, _, kind = root.tag.rpartition("}")
    space = space and space + "}"
    if kind != CT:
        raise ForeignMessage(kind)
    header = root.find(f"{space}ResponseHeader")
    found = {} if header is None else {one.tag[len(space) :].lower(): one.text for one in header}
    series = (found.get("seriesinstanceuid") or "").strip()
    if not series:
        raise DamagedMessage("names no series")
    skipped: Counter[str] = Counter()
    annotations = []
    for reader, session in enumerate(root.iterfind(f"{space}readingSession"), 1):
        for nodule in session.iterfind(f"{space}unblindedReadNodule"):
            annotation = _annotation(nodule, space, reader, skipped)
            if annotation is not None:
                annotations.append(annotation)
    return Reading(
        file_name=name,
        series_uid=series,
        study_uid=(found.get("studyinstanceuid") or "").strip(),
        annotations=tuple(annotations),
        skipped=skipped,
        digest=hashlib.sha256(content).hexdigest()[:16],
    )


def _root(content: bytes) -> ET.Element:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise DamagedMessage("is not in UTF-8") from error
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DamagedMessage("declares a DOCTYPE or an entity")
    try:
        # whatever encoding it declares, what was searched above is what is read
        return ET.fromstring(content, ET.XMLParser(encoding="utf-8"))
    except ET.ParseError as error:
        raise DamagedMessage("is not well-formed XML") from error


def _annotation(
    nodule: ET.Element, space: str, reader: int, skipped: Counter[str]
) -> Annotation | None:
    given = nodule.find(f"{space}characteristics")
    if given is None or len(given) == 0:
        skipped[UNRATED] += 1
        return None
    texts = {one.tag[len(space) :]: (one.text or "").strip() for one in given}
    ratings = {name: int(texts[name]) for name in RATINGS if texts.get(name, "").isdecimal()}
    if 0 in ratings.values() or not 1 <= ratings.get("malignancy", 0) <= 5:
        skipped[BAD_RATINGS] += 1
        return None
    contours = [_contour(roi, space, skipped) for roi in nodule.iterfind(f"{space}roi")]
    drawn = tuple(one for one in contours if one is not None)
    if not any(one.included for one in drawn):
        skipped[NO_OUTLINE] += 1
        return None
    name = (nodule.findtext(f"{space}noduleID") or "").strip()
    return Annotation(reader, name, ratings, drawn)


def _contour(roi: ET.Element, space: str, skipped: Counter[str]) -> Contour | None:
    try:
        z_mm = float(roi.findtext(f"{space}imageZposition") or "nan")
        columns = [int(one.text or "") for one in roi.iter(f"{space}xCoord")]
        rows = [int(one.text or "") for one in roi.iter(f"{space}yCoord")]
        points = np.array([columns, rows], np.int32).T
    except (ValueError, OverflowError):
        skipped[BAD_OUTLINE] += 1
        return None
    if not math.isfinite(z_mm) or points.ndim != 2:
        skipped[BAD_OUTLINE] += 1
        return None
    if len(points) < 2:
        skipped[ONE_POINT] += 1
        return None
    uid = (roi.findtext(f"{space}imageSOP_UID") or "").strip()
    included = (roi.findtext(f"{space}inclusion") or "").strip().upper() != "FALSE"
    return Contour(z_mm, uid, included, points)
