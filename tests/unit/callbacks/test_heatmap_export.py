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
from lungcam.training.classifier import Classifier
from lungcam.transforms import NoduleView, pipeline


@pytest.mark.usefixtures("one_processor")
def test_a_heatmap_lies_on_the_series_that_the_sample_names(two_series, tmp_path):
    folder, uid, grid = two_series
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
    export = HeatmapExport(folder=str(tmp_path / "run"), layer="0", val=1, test=0)
    export.on_predict_batch_end(trainer, classifier, None, dataset[0], 0)
    image = nib.load(tmp_path / "run" / "cam" / "a" / "heatmap.nii.gz")
    assert image.shape == grid.shape
    assert np.allclose(image.affine, grid.affine, atol=1e-4)
