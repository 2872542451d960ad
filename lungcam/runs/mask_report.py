"""What a training run says of its scans and masks before it trains on them."""

import csv
import io
from pathlib import Path

from lungcam.data import ScanDataModule
from lungcam.files import write_text
from lungcam.report import Thumbnail, write_sheet

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


def report_masks(data: ScanDataModule, folder: Path) -> str | None:
    """Write quality.csv, a row a scan, and masks.png, their thumbnails.

    Args:
        data: After `setup`.
        folder: The run folder.

    Returns:
        A line for the user where masks are flagged.
    """
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    table.writeheader()
    thumbnails, flagged = [], 0
    for split, dataset in data.datasets.items():
        for index, sample in enumerate(dataset.samples):
            prepared = dataset.prepared(index)
            flags = [one.code for one in prepared.findings if one.outcome == "flagged"]
            flagged += bool(flags)
            told = " ".join(one.sentence for one in prepared.findings)
            row = {"sample_id": sample.sample_id, "split": split, "warnings": told}
            table.writerow(prepared.quality | row | {"flags": " ".join(flags)})
            if prepared.picture is not None:
                thumbnails.append(Thumbnail(sample.sample_id, prepared.picture, flags))
    write_text(folder / "quality.csv", text.getvalue())
    if thumbnails:
        write_sheet(folder / "masks.png", thumbnails)
    if not flagged:
        return None
    return (
        f"note: {flagged} of {sum(map(len, data.datasets.values()))} scans are flagged: look at "
        f"{folder / 'masks.png'} and quality.csv before you trust what is trained on them."
    )
