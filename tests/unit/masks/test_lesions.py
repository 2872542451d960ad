"""Masks of lesions: equal from every format, refused in one line."""

import numpy as np
import pytest

from lungcam.errors import InputError
from lungcam.grid import reorient
from lungcam.masks import Mask, mask_on, read_lesion_mask
from lungcam.scans import write_volume

from .conftest import write_structure_set


def test_a_nifti_mask_of_a_dicom_series_is_read_in_its_place(tmp_path, chest):
    scan, phantom = chest.scan, chest.phantom
    canonical = scan.grid.canonical
    nodule = phantom.nodule if phantom.affine[0, 0] > 0 else phantom.nodule[::-1]
    nodule = nodule if phantom.affine[1, 1] > 0 else nodule[:, ::-1]
    write_volume(tmp_path / "m.nii.gz", nodule, grid=canonical)
    mask, grid = read_lesion_mask(tmp_path / "m.nii.gz", scan)
    on_scan = mask_on(Mask(share=mask, grid=grid), scan.grid)
    assert np.array_equal(reorient(on_scan, scan.grid, target=canonical), nodule)
    center = grid.to_world(np.argwhere(mask).mean(axis=0))
    assert np.abs(center - phantom.center_mm).max() < 0.01
    # cropped to the lesion
    assert mask.shape == tuple(int(np.ptp(k)) + 1 for k in np.nonzero(nodule))


@pytest.mark.parametrize("fault", ["absent", "folder", "text", "slice", "frame", "segment"])
def test_a_mask_that_does_not_fit_is_refused_in_one_line(tmp_path, chest, fault):
    file, segment = tmp_path / "mask.dcm", None
    circle = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0]], float)
    if fault == "folder":
        file.mkdir()
    elif fault == "text":
        file.write_text("no mask")
    elif fault == "slice":
        file = chest.scan.slices[0].file
    elif fault == "frame":
        write_structure_set(file, {"a": [circle]}, frame_uid="1.2.3")
    elif fault == "segment":
        write_structure_set(file, {"a": [circle]}, frame_uid=chest.scan.frame_uid)
        segment = "b"
    with pytest.raises(InputError) as caught:
        read_lesion_mask(file, chest.scan, segment=segment)
    message = str(caught.value)
    assert message.startswith(f"{file}: cannot be used as the mask of a lesion: ")
    assert message.endswith("; replace it, or leave the table's cell empty.")
    assert "\n" not in message
