"""Parser of one LIDC-IDRI XML file.

The format is LidcReadMessage.xsd (http://www.nih.gov), as the collection's files on The Cancer
Imaging Archive use it.
"""

import hashlib
import math
import xml.etree.ElementTree as ET
from collections import Counter

import numpy as np

from lungcam.cohorts.lidc.annotation import RATINGS, Annotation, Contour, Reading

CT, XRAY = "LidcReadMessage", "IdriReadMessage"
# kinds of skipped marks and contours, as words of a note
UNRATED = "mark(s) without ratings (nodules under 3 mm)"
BAD_RATINGS = "mark(s) with a rating of 0 or without malignancy"
ONE_POINT = "outline(s) of one point"
BAD_OUTLINE = "outline(s) with a value that is not a number"
NO_OUTLINE = "rated mark(s) without an outline of two points or more"


class DamagedXml(Exception):
    """Error of a file that cannot be trusted as XML; the message is a short predicate."""


class ForeignXml(Exception):
    """Error of XML of another kind; the message is the name of its root."""


def parse_reading(content: bytes, name: str) -> Reading:
    """Read the nodules of 3 mm or more from one file.

    Args:
        content: Bytes of the file, in UTF-8. A DOCTYPE or an entity is refused, so that no
            expansion can exhaust the memory.
        name: Name of the file.

    Raises:
        DamagedXml: The file is not well-formed, has a forbidden declaration or names no series.
        ForeignXml: The file is not a reading of a CT series.
    """
    root = _root(content)
    namespace, _, kind = root.tag.rpartition("}")
    namespace = namespace and namespace + "}"
    if kind != CT:
        raise ForeignXml(kind)
    header = root.find(f"{namespace}ResponseHeader")
    fields = (
        {}
        if header is None
        else {element.tag[len(namespace) :].lower(): element.text for element in header}
    )
    series = (fields.get("seriesinstanceuid") or "").strip()
    if not series:
        raise DamagedXml("names no series")
    skipped: Counter[str] = Counter()
    annotations = []
    for reader, session in enumerate(root.iterfind(f"{namespace}readingSession"), 1):
        for nodule in session.iterfind(f"{namespace}unblindedReadNodule"):
            annotation = _annotation(nodule, namespace, reader=reader, skipped=skipped)
            if annotation is not None:
                annotations.append(annotation)
    return Reading(
        file_name=name,
        series_uid=series,
        study_uid=(fields.get("studyinstanceuid") or "").strip(),
        annotations=tuple(annotations),
        skipped=skipped,
        digest=hashlib.sha256(content).hexdigest()[:16],
    )


def _root(content: bytes) -> ET.Element:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise DamagedXml("is not in UTF-8") from error
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DamagedXml("declares a DOCTYPE or an entity")
    try:
        # UTF-8 whatever the file declares: the search above must see what the parser reads
        return ET.fromstring(content, ET.XMLParser(encoding="utf-8"))
    except ET.ParseError as error:
        raise DamagedXml("is not well-formed XML") from error


def _annotation(
    nodule: ET.Element, namespace: str, *, reader: int, skipped: Counter[str]
) -> Annotation | None:
    """Return a rated and outlined mark; otherwise count it in `skipped` and return None."""
    characteristics = nodule.find(f"{namespace}characteristics")
    if characteristics is None or len(characteristics) == 0:
        skipped[UNRATED] += 1
        return None
    texts = {
        element.tag[len(namespace) :]: (element.text or "").strip() for element in characteristics
    }
    ratings = {name: int(texts[name]) for name in RATINGS if texts.get(name, "").isdecimal()}
    if 0 in ratings.values() or not 1 <= ratings.get("malignancy", 0) <= 5:
        skipped[BAD_RATINGS] += 1
        return None
    parsed = [
        _contour(roi, namespace, skipped=skipped) for roi in nodule.iterfind(f"{namespace}roi")
    ]
    contours = tuple(contour for contour in parsed if contour is not None)
    if not any(contour.included for contour in contours):
        skipped[NO_OUTLINE] += 1
        return None
    name = (nodule.findtext(f"{namespace}noduleID") or "").strip()
    return Annotation(reader=reader, nodule_id=name, ratings=ratings, contours=contours)


def _contour(roi: ET.Element, namespace: str, *, skipped: Counter[str]) -> Contour | None:
    """Return a contour of two points or more; otherwise count it and return None."""
    try:
        z_mm = float(roi.findtext(f"{namespace}imageZposition") or "nan")
        columns = [int(element.text or "") for element in roi.iter(f"{namespace}xCoord")]
        rows = [int(element.text or "") for element in roi.iter(f"{namespace}yCoord")]
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
    uid = (roi.findtext(f"{namespace}imageSOP_UID") or "").strip()
    included = (roi.findtext(f"{namespace}inclusion") or "").strip().upper() != "FALSE"
    return Contour(z_mm=z_mm, sop_uid=uid, included=included, points=points)
