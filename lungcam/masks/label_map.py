"""Masks in volume files: label maps, masks of 0 and 1, and probabilities."""

import re
from pathlib import Path

import nibabel as nib
import numpy as np

from lungcam.findings import ScanCheck
from lungcam.grid import Grid
from lungcam.masks.mask import Mask, MaskFault
from lungcam.scans.itk_formats import read_fields
from lungcam.scans.volume_file import read_values

# label and name, as TotalSegmentator writes them into a NIfTI header's extension
LABEL = re.compile(r'<Label\b[^>]*\bKey="(\d+)"[^>]*>(?:<!\[CDATA\[)?([^<\]]+)', re.DOTALL)
LISTED = 30


def read_labels(file: Path) -> tuple[np.ndarray, Grid]:
    """Read the values of a volume file, with the place that the header gives.

    Returns:
        `(W, H, D)` values of any real type, and their grid.

    Raises:
        MaskFault: The file cannot be read, or has no place or several volumes.
    """
    check = ScanCheck(str(file))
    result = read_values(check, file)
    refused = check.with_outcome("refused")
    if result is None or refused:
        raise MaskFault(refused[0].message if refused else "it cannot be read")
    values, affine = result
    if values.dtype.kind not in "iufb":
        raise MaskFault("its values are colours or complex")
    if values.ndim > 3 and np.prod(values.shape[3:]) == 1:
        values = values.reshape(values.shape[:3])
    if values.ndim != 3:
        raise MaskFault(f"it holds {int(np.prod(values.shape[3:]))} volumes, not one")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise MaskFault("its axes do not span the space")
    return values, Grid(values.shape, affine)


def read_label_map(file: Path, segment: str | None = None) -> Mask:
    """Read a mask from a volume file.

    Without a segment, every value but 0 is inside; values between 0 and 1 are shares.

    Args:
        file: Volume file.
        segment: Label or name of the label that is inside, or several, separated by commas.

    Raises:
        MaskFault: The file cannot be read, or has no such label.
    """
    values, grid = read_labels(file)
    if segment is not None:
        inside = np.isin(values, chosen_labels(file, values, segment=segment))
    elif is_share(values):
        inside = values.astype(np.float32)
    else:
        inside = values != 0
    return Mask(share=inside, grid=grid)


def is_share(values: np.ndarray) -> bool:
    """Return True for real numbers from 0 to 1 that are not all 0 or 1, such as probabilities."""
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        return False
    return bool(values.min() >= 0 and values.max() <= 1 and (values % 1 != 0).any())


def chosen_labels(file: Path, values: np.ndarray, *, segment: str) -> list[int]:
    """Return the labels that a text names by number or by name.

    Raises:
        MaskFault: The file has no such label; the message lists those that it has.
    """
    names = label_names(file)
    present = [int(label) for label in np.unique(values) if label != 0 and label % 1 == 0]
    texts = [segment] if segment.lower() in names.values() else segment.split(",")
    labels = []
    for text in (text.strip() for text in texts):
        chosen = [label for label in present if text == str(label)]
        chosen = chosen or [label for label in present if names.get(label) == text.lower()]
        if not chosen:
            listed = ", ".join(
                f"{label} ({names[label]})" if label in names else str(label)
                for label in present[:LISTED]
            )
            raise MaskFault(f"it has no label {text}; it has {listed or 'none'}")
        labels += chosen
    return labels


def label_names(file: Path) -> dict[int, str]:
    """Return the names of labels in lower case, as TotalSegmentator and 3D Slicer store them."""
    name = file.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        extensions = nib.load(file).header.extensions
        content = " ".join(
            bytes(item.get_content()).decode("utf-8", "replace")
            if isinstance(item.get_content(), bytes)
            else str(item.get_content())
            for item in extensions
        )
        return {int(key): text.strip().lower() for key, text in LABEL.findall(content)}
    if not name.endswith((".nrrd", ".nhdr")):
        return {}
    # 3D Slicer: Segment0_Name:=lesion and Segment0_LabelValue:=1
    fields, _ = read_fields(file, ":=")
    names = {}
    for key, value in fields.items():
        if match := re.fullmatch(r"segment(\d+)_labelvalue", key):
            title = fields.get(f"segment{match[1]}_name", "").lower()
            if title and value.isdecimal():
                names[int(value)] = title
    return names
