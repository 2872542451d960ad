"""A run's report contains no path."""

from lungcam.evaluation.run_report import _overview


def test_the_overview_contains_numbers_and_no_path(tmp_path):
    assert _overview(tmp_path, 7) == [("Seed", 7)]
    file = tmp_path / ".hydra" / "config.yaml"
    file.parent.mkdir()
    file.write_text(
        "data: {_target_: lungcam.cohorts.lidc.lidc_cohort, root: /home/someone/scans, "
        "negative: [1, 2], positive: [4, 5], file: a.csv}\n"
        "view: {name: nodule, shape: [32, 32, 32], spacing_mm: 1.0}\n"
        "lungs: {mask: cavity, margin_mm: 4}\n"
        "model: {_target_: lungcam.nets.Small3D, channels: [8, 16], pool: max, "
        "input_shape: '${view.shape}'}\n"
        "optimizer: {_target_: torch.optim.AdamW, _partial_: true, lr: 0.002}\n"
        "trainer: {max_epochs: 9}\nloader: {batch_size: 4}\n"
        "explain: {method: gradcam, layer: conv3}\nmonitor: {metric: val/loss, mode: min}\n"
    )
    overview = dict(_overview(tmp_path, 7))
    assert overview["Data"] == "lidc_cohort, negative [1, 2], positive [4, 5]"
    assert overview["Model"] == "Small3D, channels [8, 16]"
    assert overview["Optimizer"] == "AdamW, lr 0.002"
    assert overview["View"] == "nodule, 32 × 32 × 32 voxels of 1 mm"
    assert overview["Mask"] is None
