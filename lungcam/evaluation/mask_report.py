"""Report on scans and masks, written before a run trains on them."""

from pathlib import Path

from lungcam.data.datamodule import ScanDataModule
from lungcam.report.mask_page import MAX_THUMBNAILS, Thumbnail, write_mask_page
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
    """Write quality.csv, with a row for each sample, and masks.html, with pictures of the masks.

    Args:
        data: Data module after `setup`.
        folder: Run folder.

    Returns:
        Lines for the console, if samples are flagged or left out.
    """
    rows, masks, flagged = [], [], []
    for split, dataset in data.datasets.items():
        for index, sample in enumerate(dataset.samples):
            # inputs are not read: they may hold gigabytes
            findings = dataset.findings(index)
            flags = [finding for finding in findings if finding.outcome == "flagged"]
            codes = [finding.code for finding in flags]
            flagged += [f"{sample.sample_id} ({finding.message})" for finding in flags[:1]]
            rows.append(
                {
                    **{k: value for k, value in dataset.quality(index).items() if k in COLUMNS},
                    "sample_id": sample.sample_id,
                    "split": split,
                    "flags": " ".join(codes),
                    "warnings": " ".join(finding.sentence for finding in findings),
                }
            )
            masks.append((dataset, index, codes))
    for name, reason in data.left_out.items():
        rows.append({"sample_id": name, "flags": "left_out", "warnings": reason})
    write_table(folder / "quality.csv", COLUMNS, rows=rows)
    # nor are the thumbnails that the page has no room for
    shown = sorted(masks, key=lambda entry: not entry[2])[:MAX_THUMBNAILS]
    thumbnails = [
        Thumbnail(dataset.samples[index].sample_id, picture, codes)
        for dataset, index, codes in shown
        if (picture := dataset.picture(index)) is not None
    ]
    if thumbnails:
        write_mask_page(folder / "masks.html", thumbnails)
    lines = []
    if data.left_out:
        first = next(iter(data.left_out.values())).rstrip(".")
        lines.append(
            f"note: {len(data.left_out)} samples are left out, the first since {first}; "
            f"{folder / 'quality.csv'} has all."
        )
    if flagged:
        files = "masks.html and quality.csv" if thumbnails else "quality.csv"
        lines.append(
            f"note: {len(flagged)} of {sum(map(len, data.datasets.values()))} samples are flagged, "
            f"such as {flagged[0]}: look at {files} in {folder} before you trust what is trained "
            "on them."
        )
    return lines
