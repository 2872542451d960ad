"""Erased lesions change the logit of a net that sees them, in crops too."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import nn

from lungcam.cohorts import Sample
from lungcam.data import prepare_sample
from lungcam.evaluation.lesion_erasure import describe_change, erase_lesions
from lungcam.explain import HeatMap, ball_share
from lungcam.grid import Grid
from lungcam.transforms import NoduleView, pipeline
from lungcam.transforms.subject import grid

SPACING_MM = 1.5
DIAMETER_MM = 9.0


class Dense(nn.Module):
    """Logit that grows with the number of dense voxels."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.scale * (image > 0.2).float().sum(dim=(1, 2, 3, 4))


@pytest.fixture
def crop(tmp_path) -> tuple[Path, Grid]:
    """File of aerated lung with a dense ball in its middle, and its grid."""
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    cells = Grid((36, 36, 36), affine)
    hu = np.random.default_rng(0).normal(-820, 25, cells.shape)
    hu[ball_share(middle(cells), DIAMETER_MM, grid=cells) >= 0.5] = 40
    nib.save(nib.Nifti1Image(hu.astype(np.float32), affine), tmp_path / "crop.nii.gz")
    return tmp_path / "crop.nii.gz", cells


def middle(cells: Grid) -> np.ndarray:
    return cells.to_world((np.array(cells.shape) - 1) / 2)


def erase(file: Path, cells: Grid, **lesion: object):
    """Erase the lesions of a crop, with a map that marks its middle."""
    sample = Sample(sample_id="a", patient_id="p", image=file, label=1, label_source="", **lesion)
    transforms = pipeline({"view": NoduleView(shape=(24, 24, 24), spacing_mm=2)})
    subject = prepare_sample(sample, transforms).subject
    shown = grid(subject, "input")
    heat = HeatMap(ball_share(middle(cells), DIAMETER_MM, grid=shown), shown)
    return erase_lesions(Dense(), subject, transforms=transforms, sample=sample, heat=heat)


def test_an_annotated_lesion_of_a_crop_is_erased_and_controlled(crop):
    file, cells = crop
    center = tuple(map(float, middle(cells)))
    erasure = erase(file, cells, center_mm=center, diameter_mm=DIAMETER_MM)
    (lesion,) = erasure.lesions
    assert (lesion["source"], lesion["diameter_mm"]) == ("annotated", DIAMETER_MM)
    assert lesion["logit_before"] > 0
    assert lesion["logit_after"] == 0
    assert lesion["map_share"] == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(lesion["center_ras_mm"], center, atol=0.1)
    # as much lung elsewhere holds no dense voxel
    assert lesion["control"]["change"] == 0
    assert erasure.scan.max() < -600
    assert erasure.warnings == []
    assert describe_change(lesion) == (
        f"logit {lesion['change']:+.2f}, 100% of the map lies there; as much lung elsewhere: +0.00"
    )


def test_without_an_annotation_the_highlighted_region_is_erased(crop):
    file, cells = crop
    erasure = erase(file, cells)
    (lesion,) = erasure.lesions
    assert lesion["source"] == "highlighted"
    assert "diameter_mm" not in lesion
    assert lesion["logit_after"] == 0
