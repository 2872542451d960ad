"""Report of a sweep: read from its trials and their folders."""

import json

from lungcam.runs.sweep_report import write_sweep_report
from lungcam.sweeps import Trial


def test_the_report_lists_trials_with_their_scores(tmp_path):
    trials = []
    for number, value in enumerate((0.7, None, 0.9)):
        folder = tmp_path / str(number)
        folder.mkdir()
        overrides = {"optimizer.lr": f"0.0{number}"}
        if value:
            figures = {"val": {"auc": value}, "test": {"auc": 0.6, "auc_ci95": [0.5, 0.7]}}
            (folder / "metrics.json").write_text(json.dumps(figures))
        trials.append(
            Trial(
                number=number,
                overrides=overrides,
                folder=folder,
                objective=value,
                reason="" if value else "it diverged.",
            )
        )
    (tmp_path / "2" / "report.html").touch()
    write_sweep_report(tmp_path, trials, arguments=["optimizer.lr=0.00,0.01,0.02"])
    page = (tmp_path / "report.html").read_text()
    assert "Best of 3 runs: job 2, validation AUC 0.900" in page
    assert "0.600 (0.500 to 0.700)" in page
    assert '<a href="2/report.html">2</a>' in page
    assert 'href="0/report.html"' not in page
    assert "it diverged." in page
    assert "python train.py -m optimizer.lr=0.00,0.01,0.02" in page


def test_a_sweep_without_a_result_has_no_report(tmp_path):
    write_sweep_report(tmp_path, [], arguments=[])
    assert not (tmp_path / "report.html").exists()
