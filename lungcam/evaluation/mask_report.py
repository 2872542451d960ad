"""What a training run says of its scans and masks before it trains on them."""

from pathlib import Path

from lungcam.data import ScanDataModule
from lungcam.report import Thumbnail, write_sheet
from lungcam.runtime.atomic import write_table

COLUMNS = (
    "sample_id",
    "split",
    "flags",
    "lungs_ml",
    "mask_ml",
    "left_share",
    "pieces",
    "cut_sides_cm2",
    "cut_top_cm2",
    "cut_bottom_cm2",
    "warnings",
)


def report_masks(data: ScanDataModule, folder: Path) -> list[str]:
    """Write quality.csv, a row a sample, and masks.png, their thumbnails.

    Args:
        data: After `setup`.
        folder: The run folder.

    Returns:
        Lines for the user where samples are flagged or left out.
    """
    rows, thumbnails, flagged = [], [], []
    for split, dataset in data.datasets.items():
        for index, sample in enumerate(dataset.samples):
            # these alone: whole inputs may hold gigabytes
            findings, picture = dataset.findings(index), dataset.picture(index)
            found = [one for one in findings if one.outcome == "flagged"]
            flags = [one.code for one in found]
            flagged += [f"{sample.sample_id} ({one.message})" for one in found[:1]]
            told = " ".join(one.sentence for one in findings)
            row = {"sample_id": sample.sample_id, "split": split, "warnings": told}
            known = {name: one for name, one in dataset.quality(index).items() if name in COLUMNS}
            rows.append(known | row | {"flags": " ".join(flags)})
            if picture is not None:
                thumbnails.append(Thumbnail(sample.sample_id, picture, flags))
    for name, reason in data.left_out.items():
        rows.append({"sample_id": name, "flags": "left_out", "warnings": reason})
    write_table(folder / "quality.csv", COLUMNS, rows=rows)
    if thumbnails:
        write_sheet(folder / "masks.png", thumbnails)
    lines = []
    if data.left_out:
        first = next(iter(data.left_out.values())).rstrip(".")
        lines.append(
            f"note: {len(data.left_out)} samples are left out, the first since {first}; "
            f"{folder / 'quality.csv'} has all."
        )
    if flagged:
        seen = "masks.png and " if thumbnails else ""
        lines.append(
            f"note: {len(flagged)} of {sum(map(len, data.datasets.values()))} samples are flagged, "
            f"such as {flagged[0]}: look at {seen}quality.csv in {folder} before you trust what is "
            "trained on them."
        )
    return lines
