"""Fixtures that write small copies of LUNA16 with SimpleITK."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

SIZE = (60, 50, 12)
SPACING = (0.7, 0.7, 2.5)


@pytest.fixture(scope="session")
def image():
    """Return a function of (direction, size, spacing, origin) that gives an image of air."""

    def make(
        direction=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        size=SIZE,
        spacing=SPACING,
        origin=(-21.0, -17.5, -300.0),
    ):
        air = sitk.Image([int(n) for n in size], sitk.sitkInt16) - 1000
        air.SetDirection(np.asarray(direction, float).ravel().tolist())
        air.SetSpacing([float(mm) for mm in spacing])
        air.SetOrigin([float(mm) for mm in origin])
        return air

    return make


@pytest.fixture
def luna(tmp_path, image):
    """Return a function of {uid: (fold, image or None)} that writes scans and gives the root."""

    def write(scans, root: Path = tmp_path) -> Path:
        for uid, (fold, scan) in scans.items():
            folder = root / f"subset{fold}" if fold is not None else root
            folder.mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(scan or image(), str(folder / f"{uid}.mhd"))
        return root

    return write


@pytest.fixture(scope="session")
def table():
    """Return a function of (file, last column, rows) that writes a table of LUNA16."""

    def write(file: Path, column: str, rows) -> None:
        lines = [f"seriesuid,coordX,coordY,coordZ,{column}"]
        lines += [",".join(map(str, row)) for row in rows]
        file.write_text("\r\n".join(lines) + "\r\n")

    return write


@pytest.fixture(scope="session")
def reading():
    """Return a function of (file, uid, readers) that writes an XML file of LIDC-IDRI.

    Each reader is a list of nodules (malignancy, [(z, [(column, row), ...]), ...]).
    """

    def write(file: Path, uid: str, readers) -> None:
        sessions = []
        for reader in readers:
            nodules = []
            for number, (malignancy, outlines) in enumerate(reader):
                rois = "".join(
                    f"<roi><imageZposition>{z} </imageZposition>"
                    f"<imageSOP_UID>1.2.{n}</imageSOP_UID><inclusion>TRUE</inclusion>"
                    + "".join(
                        f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>"
                        for x, y in points
                    )
                    + "</roi>"
                    for n, (z, points) in enumerate(outlines)
                )
                nodules.append(
                    f"<unblindedReadNodule><noduleID>{number}</noduleID><characteristics>"
                    f"<subtlety>4</subtlety><malignancy>{malignancy}</malignancy>"
                    f"</characteristics>{rois}</unblindedReadNodule>"
                )
            sessions.append(f"<readingSession>{''.join(nodules)}</readingSession>")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            '<?xml version="1.0" encoding="UTF-8"?><LidcReadMessage xmlns="http://www.nih.gov">'
            f"<ResponseHeader><SeriesInstanceUid>{uid}</SeriesInstanceUid></ResponseHeader>"
            f"{''.join(sessions)}</LidcReadMessage>"
        )

    return write
