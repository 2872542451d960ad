"""A phantom's files: scan, nodule and what is known of both."""

import json
import os
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np

from lungcam.cohorts.phantom.phantom import Phantom


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
    _replace(folder / f"{sample_id}.nii.gz", _nifti(phantom.hu, phantom.affine))
    if phantom.center_mm is not None:
        nodule = phantom.nodule.astype(np.uint8)
        _replace(folder / f"{sample_id}_nodule.nii.gz", _nifti(nodule, phantom.affine))
    truth = {
        "kind": phantom.kind,
        "seed": seed,
        "center_mm": phantom.center_mm,
        "diameter_mm": phantom.diameter_mm,
        "attachment": phantom.attachment,
        "spacing_mm": phantom.spacing,
    }
    _replace(folder / f"{sample_id}.json", json.dumps(truth, indent=1).encode())


def read_truth(folder: Path, sample_id: str) -> dict | None:
    """What is known of a phantom on disk; None if it is not there or not whole."""
    try:
        return json.loads((folder / f"{sample_id}.json").read_text())
    except FileNotFoundError:
        return None


def _nifti(volume: np.ndarray, affine: np.ndarray) -> bytes:
    """A `(W, H, D)` volume with a RAS affine as the bytes of a `.nii.gz` file."""
    image = nib.Nifti1Image(volume, affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    # noise holds no repeats to search for: runs and Huffman codes alone are a third faster
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return deflate.compress(image.to_bytes()) + deflate.flush()


def _replace(path: Path, content: bytes) -> None:
    """Write under a temporary name and move into place, so that no reader meets half a file."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
