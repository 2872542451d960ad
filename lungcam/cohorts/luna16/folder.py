"""What lies in a copy of LUNA16: its scans with their folds, and its tables.

A .mhd file's header, read without its voxels.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError
from lungcam.findings import ScanCheck
from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.scans.itk_formats import (
    EXPORT_AGAIN,
    METAIMAGE_TYPES,
    metaimage_affine,
    parse_numbers,
    read_fields,
)


def read_grid(file: str | Path) -> Grid:
    """Read where the voxels of a MetaImage stand, from its header alone.

    TransformMatrix gives one axis' direction after the other, as ITK reads it, and Offset the first
    voxel's centre, both in LPS.

    Args:
        file: A .mhd or .mha file of three dimensions.

    Returns:
        Its grid in RAS mm, the axes in the order of the file.

    Raises:
        InputError: The header cannot be read, or does not place the voxels.
    """
    return _grid(Path(file), _fields(Path(file)))


def read_whole_grid(file: Path) -> Grid:
    """Read a header's grid, and see that its voxels are there; see `read_grid`.

    Raises:
        InputError: As `read_grid`, or the file of the voxels is missing or too short.
    """
    fields = _fields(file)
    grid = _grid(file, fields)
    target = fields.get("elementdatafile", "")
    voxels = file if target.upper() == "LOCAL" else file.parent / target
    try:
        present = voxels.stat().st_size if target else 0
    except OSError as error:
        raise InputError(
            f"{file}: the file of the voxels, {target}, is missing beside it; copy it too."
        ) from error
    bytes_each = np.dtype(METAIMAGE_TYPES.get(fields.get("elementtype", ""), "u1")).itemsize
    packed = fields.get("compresseddata", "").lower() == "true"
    if present < (1 if packed else bytes_each * np.prod(grid.shape, dtype=float)):
        raise InputError(f"{file}: the file of the voxels, {target}, is cut short; {EXPORT_AGAIN}.")
    return grid


def _fields(file: Path) -> dict[str, str]:
    try:
        return read_fields(file, "=")[0]
    except OSError as error:
        raise InputError(f"{file}: cannot be opened or read; check its path and rights.") from error


def _grid(file: Path, fields: dict[str, str]) -> Grid:
    size = parse_numbers(fields.get("dimsize", "")) or []
    affine = metaimage_affine(ScanCheck(str(file)), fields)
    if len(size) != 3 or min(size) < 1 or affine is None:
        raise InputError(
            f"{file}: the header does not place a 3D volume (DimSize, TransformMatrix, Offset, "
            f"ElementSpacing); {EXPORT_AGAIN}."
        )
    return Grid(tuple(int(n) for n in size), LPS_TO_RAS @ affine)


TABLES = ("annotations.csv", "annotations_excluded.csv", "candidates_V2.csv", "candidates.csv")
SUBSET = re.compile(r"subset([0-9])", re.IGNORECASE)
UID = re.compile(r"[0-9]+(\.[0-9]+)+")
# these files bear the names of the scans and hold lung masks
MASKS = "seg-lungs"
SHORT = 12


@dataclass(frozen=True, eq=False, kw_only=True)
class LunaScan:
    """One scan.

    Attributes:
        uid: SeriesInstanceUID, from the file's name.
        image: The .mhd file.
        fold: Number of its subset; None if it lies in none.
        grid: Its voxels.
    """

    uid: str
    image: Path
    fold: int | None
    grid: Grid

    def sample(
        self,
        sample_id: str,
        label: int | None,
        label_source: str,
        center_mm: tuple[float, float, float] | None = None,
        diameter_mm: float | None = None,
    ) -> Sample:
        """A row of the cohort; LUNA16 names no patient, and the series UID stands in."""
        return Sample(
            sample_id=sample_id,
            patient_id=self.uid,
            image=self.image,
            label=label,
            label_source=label_source,
            series_uid=self.uid,
            center_mm=center_mm,
            diameter_mm=diameter_mm,
            fold=self.fold,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class LunaFolder:
    """What was found.

    Attributes:
        root: Where it was looked for.
        scans: By UID, in the order of folds and names.
        tables: By the names in `TABLES`.
        notes: What was left out.
    """

    root: Path
    scans: Mapping[str, LunaScan]
    tables: Mapping[str, Path]
    notes: tuple[str, ...]

    def table(self, name: str) -> Path:
        """A table that is needed.

        Raises:
            InputError: It is not there.
        """
        if name not in self.tables:
            raise InputError(
                f"{self.root}: there is no {name} below or beside it; copy it from the LUNA16 "
                "download into this folder."
            )
        return self.tables[name]

    @cached_property
    def names(self) -> dict[str, str]:
        """A name for each scan: the end of its UID, or all of it where others end alike."""
        ends = Counter(uid[-SHORT:] for uid in self.scans)
        return {
            uid: uid[-SHORT:] if ends[uid[-SHORT:]] == 1 and "." not in uid[-SHORT:] else uid
            for uid in self.scans
        }


def look_through(root: str | Path) -> LunaFolder:
    """Find the scans and tables of LUNA16.

    Args:
        root: Folder with subset0 to subset9 at any depth, or one of them; the tables lie anywhere
            below it or directly beside it.

    Raises:
        InputError: There is no such folder, or no usable scan in it.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root}: there is no such folder; set data.root to a copy of LUNA16.")
    files, tables = _walk(root)
    scans: dict[str, LunaScan] = {}
    twice, faults = 0, []
    for fold, file in files:
        if file.stem in scans:
            twice += 1
            continue
        try:
            scans[file.stem] = LunaScan(
                uid=file.stem, image=file, fold=fold, grid=read_whole_grid(file)
            )
        except InputError as error:
            faults.append((file, str(error)))
    if not scans:
        raise InputError(
            faults[0][1]
            if faults
            else f"{root}: no scan <series UID>.mhd lies below it; unpack subset0.zip to "
            "subset9.zip of LUNA16 there."
        )
    notes = []
    if faults:
        file, fault = faults[0]
        told = fault.replace(str(file), file.relative_to(root).as_posix())
        notes.append(f"{len(faults)} scan(s) left out, the first is {told}")
    if twice:
        notes.append(f"{twice} file(s) repeat a scan and are left out.")
    loose = sum(one.fold is None for one in scans.values())
    if loose:
        notes.append(f"{loose} scan(s) lie in no folder subset0 to subset9 and have no fold.")
    return LunaFolder(root=root, scans=scans, tables=tables, notes=tuple(notes))


def _walk(root: Path) -> tuple[list[tuple[int | None, Path]], dict[str, Path]]:
    """Scans with folds, the folds first, and the tables nearest to the root."""
    files: list[tuple[int | None, Path]] = []
    tables: dict[str, tuple[int, Path]] = {}
    wanted = {name.lower(): name for name in TABLES}
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.lower().startswith(MASKS))
        here = Path(folder)
        inside = here.relative_to(root).parts
        fold = next(
            (
                int(m[1])
                for one in reversed((root.resolve().name, *inside))
                if (m := SUBSET.fullmatch(one))
            ),
            None,
        )
        for name in sorted(names):
            table = wanted.get(name.lower())
            if table and (table not in tables or tables[table][0] > len(inside)):
                tables[table] = len(inside), here / name
            if name.endswith(".mhd") and UID.fullmatch(name[:-4]):
                files.append((fold, here / name))
    found = {name: file for name, (_, file) in tables.items()}
    for name in TABLES:
        beside = root.resolve().parent / name
        if name not in found and beside.is_file():
            found[name] = beside
    files.sort(key=lambda one: (one[0] is None, one[0] or 0, one[1].name, one[1]))
    return files, found
