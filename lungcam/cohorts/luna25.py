"""LUNA25: nodules in screening scans of NLST, with the malignancy that follow-up has shown.

The images are one file a series, or a block of 128 x 128 x 64 voxels around each nodule; a table
has a row for each nodule, its centre in LPS mm.
https://luna25.grand-challenge.org
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lungcam.cohorts.csv_rows import Row, read_rows
from lungcam.cohorts.identifiers import NOBODY, identifier, lookalike_note
from lungcam.cohorts.sample import Cohort, Sample
from lungcam.cohorts.settings import as_choice, as_path
from lungcam.errors import InputError
from lungcam.scans import scan_name
from lungcam.scans.discover import is_volume_file
from lungcam.scans.walk import walk

RULE = "LUNA25, label 1: the nodule is malignant; 0: it is not (column {column})"
PART_OF_NLST = "LUNA25's scans are NLST's: never train on one and test on the other."
NO_PATIENTS = (
    "The table names no patient: the series UID is used instead, and two scans of one person count "
    "as two patients."
)
COLUMNS: dict[str, str | tuple[str, str, str]] = {
    "series_uid": "SeriesInstanceUID",
    "center": ("CoordX", "CoordY", "CoordZ"),
    "label": "label",
    "nodule_id": "AnnotationID",
    "patient_id": "PatientID",
    "age": "Age_at_StudyDate",
    "sex": "Gender",
    "diameter_mm": "diameter_mm",
}
NEEDED = ("series_uid", "center", "label")
# as a number, for a baseline
SEXES = {"female": 0.0, "f": 0.0, "male": 1.0, "m": 1.0}


def luna25_cohort(
    root: str | Path,
    unit: str = "nodule",
    *,
    annotations: str | Path | None = None,
    columns: Mapping[str, str | Sequence[str] | None] | None = None,
) -> Cohort:
    """List the nodules of a copy of LUNA25.

    Age, sex and diameter, where the table has them, are baselines and never the network's input.

    Args:
        root: Folder with the images, at any depth: `<SeriesInstanceUID>.mha`, or the blocks of the
            nodules, `<AnnotationID>.npy` with their metadata or `.nii.gz`.
        unit: A sample is a `nodule`.
        annotations: Table of the nodules; None for the only one below `root` with its columns.
        columns: The table's own columns by the names in `COLUMNS`; None for the usual one.

    Returns:
        A sample for each row with an image.

    Raises:
        InputError: A folder or table is missing, a setting is wrong, or no row is usable.
    """
    as_choice("unit", unit, choices=("nodule",))
    folder = as_path("root", root)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; set data.root to a copy of LUNA25.")
    images, tables = _find_files(folder)
    chosen = _columns(columns or {})
    file = _find_table(folder, tables, chosen) if annotations is None else Path(annotations)
    reader = _Reader(chosen, images)
    rows = read_rows(file, [name for key in NEEDED for name in _names(chosen[key])])
    samples = [sample for row in rows if (sample := reader.sample(row)) is not None]
    if not samples:
        raise InputError(f"{file}: {reader.notes(file)[0]}")
    notes = reader.notes(file)
    if any(sample.patient_id == sample.series_uid for sample in samples):
        notes.append(NO_PATIENTS)
    notes += lookalike_note((sample.patient_id for sample in samples), "patients")
    return Cohort(
        samples, RULE.format(column=chosen["label"]), [*notes, PART_OF_NLST], name="LUNA25"
    )


def _names(column: str | tuple[str, ...]) -> tuple[str, ...]:
    return (column,) if isinstance(column, str) else column


def _columns(
    columns: Mapping[str, str | Sequence[str] | None],
) -> dict[str, str | tuple[str, ...]]:
    """Return the column of each name, the user's or the usual one."""
    for name, column in columns.items():
        if name not in COLUMNS:
            raise InputError(f"data.columns.{name}: no such name; it takes {', '.join(COLUMNS)}.")
        count = 1 if column is None or isinstance(column, str) else len(column)
        if column is not None and count != len(_names(COLUMNS[name])):
            raise InputError(f"data.columns.{name}={column}: name as many columns as it takes.")
    given = {
        name: column if isinstance(column, str) else tuple(column)
        for name, column in columns.items()
        if column is not None
    }
    return {**COLUMNS, **given}


def _find_files(root: Path) -> tuple[dict[str, Path], list[Path]]:
    """Return the images by their name without suffix, and the tables."""
    images: dict[str, Path] = {}
    tables = []
    for folder, _, names in walk(root):
        for name in sorted(names):
            file = folder / name
            if is_volume_file(file):
                images.setdefault(scan_name(file), file)
            elif name.lower().endswith(".csv") and not name.startswith("."):
                tables.append(file)
    return images, sorted(tables)


def _find_table(
    root: Path, tables: Sequence[Path], columns: Mapping[str, str | tuple[str, ...]]
) -> Path:
    """Return the only table with the needed columns."""
    needed = {name for key in NEEDED for name in _names(columns[key])}
    fitting = []
    for file in tables:
        try:
            header = read_rows(file)[0].values
        except InputError:
            continue
        if needed <= set(header):
            fitting.append(file)
    if len(fitting) != 1:
        names = ", ".join(file.name for file in fitting) or "none"
        raise InputError(
            f"{root}: of the tables below it, {names} have the columns "
            f"{', '.join(sorted(needed))}; name one by data.annotations, or its columns by "
            "data.columns."
        )
    return fitting[0]


@dataclass
class _Reader:
    """Rows that become samples, and a count of the others.

    Attributes:
        columns: Columns by name.
        images: Images by SeriesInstanceUID, or by the nodule's own ID.
        names: IDs so far.
        missing: Series without an image.
        bad: Reasons against rows.
    """

    columns: Mapping[str, str | tuple[str, ...]]
    images: Mapping[str, Path]
    names: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def sample(self, row: Row) -> Sample | None:
        """Return the sample of a row, None if it has none."""
        try:
            return self._sample(row)
        except InputError as error:
            self.bad.append(str(error).replace(str(row.file), row.file.name))
            return None

    def _sample(self, row: Row) -> Sample | None:
        uid = identifier(row.text(self.columns["series_uid"]))
        center = row.numbers_in(self.columns["center"])
        label = row.number_in(self.columns["label"])
        if uid is None or center is None:
            raise InputError(f"{row.place}: there is no series or centre; fill it in.")
        if label not in (0, 1, None):
            raise InputError(f"{row.place}: {self.columns['label']} is {label:g}, not 0 or 1.")
        image = self._image(row, uid)
        if image is None:
            self.missing.append(uid)
            return None
        x, y, z = center
        return Sample(
            sample_id=self._name(row, uid),
            patient_id=identifier(row.text(self.columns["patient_id"]), nobody=NOBODY) or uid,
            image=image,
            label=None if label is None else int(label),
            label_source=f"{row.source}: {self.columns['label']} {label}",
            series_uid=uid,
            center_mm=(-x, -y, z),
            diameter_mm=row.number_in(self.columns["diameter_mm"]),
            features=self._features(row),
        )

    def _image(self, row: Row, uid: str) -> Path | None:
        """Return the image of the series, else the block of the nodule."""
        nodule = row.text(self.columns["nodule_id"])
        # nnU-Net numbers its channels
        names = (uid, nodule, f"{nodule}_0000")
        return next((self.images[name] for name in names if name in self.images), None)

    def _name(self, row: Row, uid: str) -> str:
        """Return the nodule's own ID if it is unique, else series and row."""
        name = scan_name(Path(identifier(row.text(self.columns["nodule_id"])) or f"{uid}_1"))
        if name in self.names:
            name = f"{uid}_row{row.number}"
        self.names.add(name)
        return name

    def _features(self, row: Row) -> dict[str, float]:
        features = {}
        age = row.number_in(self.columns["age"])
        if age is not None:
            features["age"] = age
        sex = row.text(self.columns["sex"]).lower()
        if sex in SEXES:
            features["sex"] = SEXES[sex]
        elif identifier(sex) is not None:
            raise InputError(
                f"{row.place}: {self.columns['sex']} is {sex!r}; give Female or Male, or leave it "
                "empty."
            )
        return features

    def notes(self, file: Path) -> list[str]:
        """Return sentences on the rows that are left out."""
        notes = []
        if self.bad:
            notes.append(f"{len(self.bad)} row(s) are left out, the first since {self.bad[0]}")
        if self.missing:
            notes.append(
                f"{len(self.missing)} row(s) of {file.name} are of {len(set(self.missing))} "
                "scan(s) without an image here, and are left out."
            )
        return notes
