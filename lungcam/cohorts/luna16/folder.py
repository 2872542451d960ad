"""A copy of LUNA16 on disk: its scans with their folds, and its tables."""

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
    is_true,
    metaimage_affine,
    parse_numbers,
    read_fields,
)
from lungcam.scans.walk import walk

TABLES = ("annotations.csv", "annotations_excluded.csv", "candidates_V2.csv", "candidates.csv")
SUBSET = re.compile(r"subset([0-9])", re.IGNORECASE)
UID = re.compile(r"[0-9]+(\.[0-9]+)+")
# lung masks, in files with the names of the scans
MASKS = "seg-lungs"
SHORT = 12


@dataclass(frozen=True, eq=False, kw_only=True)
class LunaScan:
    """One scan.

    Attributes:
        uid: SeriesInstanceUID, from the file's name.
        image: The .mhd file.
        fold: Number of its subset; None if it is in none.
        grid: Grid of its voxels.
    """

    uid: str
    image: Path
    fold: int | None
    grid: Grid

    def sample(
        self,
        sample_id: str,
        label: int | None,
        *,
        source: str,
        center_mm: tuple[float, float, float] | None = None,
        diameter_mm: float | None = None,
    ) -> Sample:
        """Return a row of the cohort; LUNA16 names no patient, so the series UID replaces it."""
        return Sample(
            sample_id=sample_id,
            patient_id=self.uid,
            image=self.image,
            label=label,
            label_source=source,
            series_uid=self.uid,
            center_mm=center_mm,
            diameter_mm=diameter_mm,
            fold=self.fold,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class LunaFolder:
    """Scans and tables of a copy of LUNA16.

    Attributes:
        root: Folder that was searched.
        scans: Scans by UID, in the order of folds and names.
        tables: Files by the names in `TABLES`.
        notes: Sentences on what was left out.
    """

    root: Path
    scans: Mapping[str, LunaScan]
    tables: Mapping[str, Path]
    notes: tuple[str, ...]

    def table(self, name: str) -> Path:
        """Return a table that is needed.

        Raises:
            InputError: The table is missing.
        """
        if name not in self.tables:
            raise InputError(
                f"{self.root}: there is no {name} below or next to it; copy it from the LUNA16 "
                "download into this folder."
            )
        return self.tables[name]

    @cached_property
    def names(self) -> dict[str, str]:
        """Name of each scan: the end of its UID, or all of it if others end alike."""
        ends = Counter(uid[-SHORT:] for uid in self.scans)
        return {
            uid: uid[-SHORT:] if ends[uid[-SHORT:]] == 1 and "." not in uid[-SHORT:] else uid
            for uid in self.scans
        }


def read_folder(root: str | Path) -> LunaFolder:
    """Find the scans and tables of LUNA16; only headers are read.

    Args:
        root: Folder with subset0 to subset9 at any depth, or one of them; the tables are anywhere
            below it or directly next to it.

    Raises:
        InputError: There is no such folder, or no usable scan in it.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root}: there is no such folder; set data.root to a copy of LUNA16.")
    files, tables = _find_files(root)
    scans: dict[str, LunaScan] = {}
    repeated, faults = 0, []
    for fold, file in files:
        if file.stem in scans:
            repeated += 1
            continue
        try:
            scans[file.stem] = LunaScan(
                uid=file.stem, image=file, fold=fold, grid=read_complete_grid(file)
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
        file, message = faults[0]
        message = message.replace(str(file), file.relative_to(root).as_posix())
        notes.append(f"{len(faults)} scan(s) left out, the first is {message}")
    if repeated:
        notes.append(f"{repeated} file(s) repeat a scan and are left out.")
    without_fold = sum(scan.fold is None for scan in scans.values())
    if without_fold:
        notes.append(
            f"{without_fold} scan(s) are in no folder subset0 to subset9 and have no fold."
        )
    return LunaFolder(root=root, scans=scans, tables=tables, notes=tuple(notes))


def _find_files(root: Path) -> tuple[list[tuple[int | None, Path]], dict[str, Path]]:
    """Return scans with folds, sorted by fold, and the tables nearest to the root."""
    files: list[tuple[int | None, Path]] = []
    tables: dict[str, tuple[int, Path]] = {}
    table_names = {name.lower(): name for name in TABLES}
    for parent, folders, names in walk(root):
        folders[:] = [name for name in folders if not name.lower().startswith(MASKS)]
        parts = parent.relative_to(root).parts
        fold = _fold((root.resolve().name, *parts))
        for name in names:
            table = table_names.get(name.lower())
            if table and (table not in tables or tables[table][0] > len(parts)):
                tables[table] = len(parts), parent / name
            if name.endswith(".mhd") and UID.fullmatch(name[:-4]):
                files.append((fold, parent / name))
    nearest = {name: file for name, (_, file) in tables.items()}
    for name in TABLES:
        adjacent = root.resolve().parent / name
        if name not in nearest and adjacent.is_file():
            nearest[name] = adjacent
    files.sort(key=lambda item: (item[0] is None, item[0] or 0, item[1].name, item[1]))
    return files, nearest


def _fold(folders: tuple[str, ...]) -> int | None:
    """Return the number of the innermost subset among nested folders."""
    matches = (SUBSET.fullmatch(name) for name in reversed(folders))
    return next((int(match[1]) for match in matches if match), None)


def read_grid(file: str | Path) -> Grid:
    """Read the grid of a MetaImage from its header alone.

    TransformMatrix holds the direction of one axis after the other, as ITK reads it, and Offset
    the centre of the first voxel, both in LPS.

    Args:
        file: A .mhd or .mha file of three dimensions.

    Returns:
        Its grid in RAS mm, the axes in the order of the file.

    Raises:
        InputError: The header cannot be read, or does not place the voxels.
    """
    return _grid(Path(file), _fields(Path(file)))


def read_complete_grid(file: Path) -> Grid:
    """Read the grid of a MetaImage and check that its voxels exist; see `read_grid`.

    Raises:
        InputError: As `read_grid`, or the file of the voxels is missing or too short.
    """
    fields = _fields(file)
    grid = _grid(file, fields)
    target = fields.get("elementdatafile", "")
    voxels = file if target.upper() == "LOCAL" else file.parent / target
    try:
        size = voxels.stat().st_size if target else 0
    except OSError as error:
        raise InputError(
            f"{file}: the file of the voxels, {target}, is missing next to it; copy it too."
        ) from error
    itemsize = np.dtype(METAIMAGE_TYPES.get(fields.get("elementtype", ""), "u1")).itemsize
    compressed = is_true(fields.get("compresseddata"))
    if size < (1 if compressed else itemsize * np.prod(grid.shape, dtype=float)):
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
