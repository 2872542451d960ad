"""Heat-maps are exported on the grid of the scan that was predicted."""

from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import nn

from lungcam.callbacks import HeatmapExport
from lungcam.cohorts import Sample
from lungcam.data import PreparedDataset
from lungcam.data.prepare import plan, prepare_cohort
from lungcam.training import Classifier
from lungcam.transforms import NoduleView, pipeline


@pytest.fixture
def two_series(tmp_path, write_series, hu):
    """Folder with two series of different geometry, and UID and RAS affine of the smaller one."""
    folder = tmp_path / "scan"
    write_series(folder, hu, uid="1.2.1")
    _, affine, files = write_series(
        tmp_path / "other", hu[2:9, :8, :6], spacing=(5, 6, 7), origin=(-40, 30, 50), uid="1.2.2"
    )
    for file in files:
        file.rename(folder / f"other-{file.name}")
    return folder, "1.2.2", affine


@pytest.mark.usefixtures("one_processor")
def test_a_heatmap_lies_on_the_series_that_the_sample_names(two_series, tmp_path):
    folder, uid, affine = two_series
    sample = Sample(
        sample_id="a", patient_id="p", image=folder, label=1, label_source="", series_uid=uid
    )
    transforms = pipeline({"view": NoduleView(shape=(8, 8, 8), spacing_mm=4)})
    planned = plan([sample], transforms, root=tmp_path / "cache")
    files = prepare_cohort(planned, transforms).files
    dataset = PreparedDataset([sample], files, transforms=transforms)
    trainer = SimpleNamespace(
        is_global_zero=True,
        predict_dataloaders=[SimpleNamespace(dataset=dataset)],
        datamodule=SimpleNamespace(transforms=transforms),
    )
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv3d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(1024, 1))
    classifier = Classifier(
        net, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1)
    ).eval()
    export = HeatmapExport(str(tmp_path / "run"), "0", val=1, test=0)
    export.on_predict_batch_end(trainer, classifier, None, dataset[0], 0)
    image = nib.load(tmp_path / "run" / "cam" / "a" / "heatmap.nii.gz")
    assert image.shape == (7, 8, 6)
    assert np.allclose(image.affine, affine, atol=1e-4)
