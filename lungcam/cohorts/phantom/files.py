"""A phantom's files: scan, nodule and what is known of both."""

import json
from pathlib import Path

from lungcam.cohorts.phantom.phantom import Phantom
from lungcam.files import write_text
from lungcam.grid import Grid
from lungcam.scans import write_volume


def write_phantom(phantom: Phantom, folder: Path, sample_id: str, seed: int) -> None:
    """Write a phantom into `folder`, each file whole or not at all, the JSON last.

    Args:
        phantom: The phantom.
        folder: An existing folder.
        sample_id: Stem of the files: `<id>.nii.gz`, `<id>_nodule.nii.gz` and `<id>.json`.
        seed: The seed it was made from, for the JSON.

    Raises:
        OSError: If the folder cannot be written.
    """
    grid = Grid(phantom.hu.shape, phantom.affine)
    write_volume(folder / f"{sample_id}.nii.gz", phantom.hu, grid)
    if phantom.center_mm is not None:
        write_volume(folder / f"{sample_id}_nodule.nii.gz", phantom.nodule, grid)
    truth = {
        "kind": phantom.kind,
        "seed": seed,
        "center_mm": phantom.center_mm,
        "diameter_mm": phantom.diameter_mm,
        "attachment": phantom.attachment,
        "spacing_mm": phantom.spacing,
    }
    write_text(folder / f"{sample_id}.json", json.dumps(truth, indent=1) + "\n")


def read_truth(folder: Path, sample_id: str) -> dict | None:
    """What is known of a phantom on disk; None if it is not there or not whole."""
    try:
        return json.loads((folder / f"{sample_id}.json").read_text())
    except FileNotFoundError:
        return None
