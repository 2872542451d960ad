"""Masks that are mirrored, in another frame or off the body are refused; true ones are not."""

from dataclasses import replace

import numpy as np
import pytest

from lungcam.grid import Grid
from lungcam.masks import Mask, MaskFault
from lungcam.masks.placement import check_lesion, check_lungs
from lungcam.phantom.phantom import make_phantom
from lungcam.scans import Scan

FLIPS = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]


def refusal(check, mask: Mask, scan: Scan) -> str:
    with pytest.raises(MaskFault) as caught:
        check(mask, scan)
    return str(caught.value)


def scan_of(phantom) -> Scan:
    return Scan(
        name="phantom",
        source=None,
        hu=phantom.hu,
        grid=Grid(phantom.hu.shape, phantom.affine),
        frame_uid="1.2.3",
    )


@pytest.fixture(scope="module", params=[(0, "malignant"), (4, "malignant"), (2, "benign")])
def phantom(request):
    seed, kind = request.param
    return make_phantom(seed, kind, difficulty=0.4, matrix=128)


@pytest.fixture(scope="module")
def scan(phantom) -> Scan:
    return scan_of(phantom)


def test_true_masks_are_accepted_and_so_are_others_within_the_body(phantom, scan):
    check_lesion(Mask(share=phantom.nodule, grid=scan.grid, frame_uid="1.2.3"), scan)
    check_lungs(Mask(share=phantom.lungs, grid=scan.grid), scan)
    # a box of the scan
    box = tuple(slice(max(0, k.min() - 2), k.max() + 3) for k in np.nonzero(phantom.nodule))
    check_lesion(Mask(share=phantom.nodule[box], grid=scan.grid.crop(box)), scan)


@pytest.mark.parametrize("axes", FLIPS)
def test_a_mirrored_lesion_is_refused(phantom, scan, axes):
    mirrored = np.flip(phantom.nodule, axes)
    message = refusal(check_lesion, Mask(share=mirrored, grid=scan.grid), scan)
    assert "exchanged" in message or "in the body" in message


@pytest.mark.parametrize("axes", FLIPS)
def test_mirrored_lungs_are_refused(phantom, scan, axes):
    mirrored = np.flip(phantom.lungs, axes)
    message = refusal(check_lungs, Mask(share=mirrored, grid=scan.grid), scan)
    assert "exchanged" in message or "in the body" in message


@pytest.mark.parametrize("signs", [(-1, -1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1)])
def test_a_header_of_other_axes_is_refused(phantom, scan, signs):
    """The voxels are right, and LPS is taken for RAS."""
    affine = np.diag([*signs, 1.0]) @ scan.grid.affine
    mask = Mask(share=phantom.nodule, grid=Grid(scan.grid.shape, affine))
    message = refusal(check_lesion, mask, scan)
    assert "exchanged" in message or "within the scan" in message
    assert refusal(check_lungs, Mask(share=phantom.lungs, grid=mask.grid), scan)


def test_another_frame_is_refused(phantom, scan):
    mask = Mask(share=phantom.nodule, grid=scan.grid, frame_uid="1.2.4")
    assert refusal(check_lesion, mask, scan) == (
        "it lies in another frame of reference than the scan"
    )
    # one that is not known says nothing
    check_lesion(mask, replace(scan, frame_uid=None))


def test_a_mask_off_the_scan_or_the_body_is_refused(phantom, scan):
    affine = scan.grid.affine.copy()
    affine[2, 3] += 600
    far = Mask(share=phantom.nodule, grid=Grid(scan.grid.shape, affine))
    assert "within the scan" in refusal(check_lesion, far, scan)
    corner = np.zeros_like(phantom.nodule)
    corner[:5, :5, 3:6] = True
    message = refusal(check_lesion, Mask(share=corner, grid=scan.grid), scan)
    assert message == "0% of it lies in the body"
    assert refusal(check_lesion, Mask(share=corner & False, grid=scan.grid), scan) == "it is empty"


def test_what_are_no_lungs_is_refused(phantom, scan):
    message = refusal(check_lungs, Mask(share=phantom.nodule, grid=scan.grid), scan)
    assert "of the air in the chest" in message


def test_opaque_lungs_are_accepted(phantom, scan):
    """An effusion fills the left lung: the scan shows one lung, the mask both."""
    hu = phantom.hu.copy()
    left = phantom.lungs.copy()
    left[hu.shape[0] // 2 :] = False
    assert 0.2 < left.sum() / phantom.lungs.sum() < 0.8
    hu[left] = 30
    check_lungs(Mask(share=phantom.lungs, grid=scan.grid), replace(scan, hu=hu))
    hu[phantom.lungs] = 30
    check_lungs(Mask(share=phantom.lungs, grid=scan.grid), replace(scan, hu=hu))
