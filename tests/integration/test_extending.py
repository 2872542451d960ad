"""docs/extending.md works as it is written."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_f1_score

from .conftest import ROOT, command

PAGE = (ROOT / "docs" / "extending.md").read_text()
# make the runs small; the page's own settings stay
SMALL = ("split.val=0.25", "split.test=0.25", "trainer.max_epochs=1", "render.size=160")
PHANTOMS = ("data.n=16", "data.matrix=96")


def section(title: str) -> str:
    """Return the text under a heading."""
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def block(language: str, text: str) -> str:
    """Return the one block of a language in a text."""
    (text,) = re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)
    return text


def lines(title: str) -> list[list[str]]:
    """Return the commands of a section, split into words."""
    return [shlex.split(line) for line in block("bash", section(title)).splitlines()]


@pytest.fixture(scope="module")
def place(workplace) -> Path:
    """Return the folder in which a reader has written down all that the page shows."""
    folder = workplace
    code = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    files = {"cohort.py": "A cohort", "size.py": "A task"}
    others = [block("python", section(title)) for title in files.values()]
    (folder / "mine.py").write_text("\n\n".join(part for part in code if part not in others))
    for name, title in files.items():
        (folder / name).write_text(block("python", section(title)))
    experiment = folder / "mine" / "experiment"
    experiment.mkdir(parents=True, exist_ok=True)
    (experiment / "mine.yaml").write_text(block("yaml", section("All in one experiment")))
    return folder


def train(words: list[str], place: Path, *settings: str) -> subprocess.CompletedProcess:
    assert words[:2] == ["python", "train.py"]
    done = command("train.py", *words[2:], *SMALL, *settings, cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_a_net_is_trained_and_applied(place):
    training, inference = lines("A net")
    train(training, place, *PHANTOMS)
    scan = next((place / "outputs" / "cache" / "phantoms").rglob("phantom-*.nii.gz"))
    words = [word.replace("SCAN", str(scan)) for word in inference[2:]]
    without = [word for word in words if not word.startswith("plugins=")]
    refused = command("infer.py", *without, cwd=place)
    assert refused.returncode == 2
    assert "mine.Net is code of whoever trained it" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    done = command("infer.py", *words, "picture=false", cwd=place)
    assert done.returncode == 0, done.stderr
    sample = scan.name.removesuffix(".nii.gz")
    assert (place / "outputs" / "infer" / sample / "heatmap.nii.gz").is_file()
    # code that has changed is another net
    code = (place / "mine.py").read_text()
    (place / "mine.py").write_text(f"{code}\n# changed\n")
    try:
        refused = command("infer.py", *words, "out=of_other_code", cwd=place)
    finally:
        (place / "mine.py").write_text(code)
    assert refused.returncode == 2
    assert "is not the code of mine.Net" in refused.stderr
    assert not (place / "of_other_code").exists()


def test_all_parts_work_together(place):
    training, sweep = lines("All in one experiment")
    done = train(training, place, *PHANTOMS)
    run = place / "outputs" / "runs" / "all"
    # callback, logger, metric
    assert "learning rate" in done.stdout
    assert " train/loss " in (run / "values.txt").read_text()
    figures = json.loads((run / "metrics.json").read_text())
    assert set(figures["test"]["metrics"]) == {"f1"}
    assert set(figures["test"]["metrics"]["f1"]) == {"value", "ci95", "baseline"}
    assert figures["rules"]["f1"].startswith("F1 score at a probability of one half; 95 %")
    assert "f1 " in done.stdout
    # net, transform and their code
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["lungcam"]
    assert best["config"]["model"] == {"_target_": "mine.Net", "channels": 4}
    assert best["config"]["transforms"]["floor"] == {"_target_": "mine.Floor", "low": -2}
    targets = ("Brighten", "Floor", "Lines", "Net", "Rate", "brier", "f1")
    assert set(best["plugins"]) == {f"mine.{name}" for name in targets}
    swept = train([word for word in sweep if word != "-m"], place, "-m", *PHANTOMS)
    assert swept.stdout.count("run folder") == 2


def test_the_metric_is_that_of_torchmetrics(place, monkeypatch):
    monkeypatch.syspath_prepend(place)
    from mine import f1

    del sys.modules["mine"]
    generator = np.random.default_rng(0)
    labels, probabilities = generator.integers(0, 2, 50), generator.random(50)
    expected = binary_f1_score(torch.from_numpy(probabilities), torch.from_numpy(labels))
    assert f1(labels, probabilities) == pytest.approx(expected.item(), abs=1e-6)


def test_a_cohort_is_checked_and_trained_on(place, trained):
    volumes = place / "volumes"
    volumes.mkdir()
    scans = sorted((place / "outputs" / "cache" / "phantoms").rglob("phantom-*.nii.gz"))
    table = (trained.folder / "samples.csv").read_text()
    labels = {row.split(",")[0]: row for row in table.splitlines()}
    header = labels["sample_id"].split(",")
    for scan in scans:
        row = labels.get(scan.name.removesuffix(".nii.gz"))
        if row:
            label = row.split(",")[header.index("label")]
            link = volumes / f"{scan.name.removesuffix('.nii.gz')}_{label}.nii.gz"
            link.symlink_to(scan)
    check, training = lines("A cohort")
    done = subprocess.run(
        [sys.executable, *check[1:]], cwd=place, capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr
    assert "16 samples of 16 patients" in done.stdout
    assert "label rule: label 1: the name ends in _1" in done.stdout
    train(training, place)
    metrics = json.loads((place / "outputs" / "runs" / "cohort" / "metrics.json").read_text())
    assert metrics["label_rule"] == "label 1: the name ends in _1"


def test_a_task_is_trained_and_applied(place):
    training, inference = lines("A task")
    train(training, place, *PHANTOMS)
    metrics = json.loads((place / "outputs" / "runs" / "size" / "metrics.json").read_text())
    assert metrics["label_rule"] == "label 1: at least 12 mm"
    scan = next((place / "outputs" / "cache" / "phantoms").rglob("phantom-*.nii.gz"))
    words = [word.replace("SCAN", str(scan)) for word in inference[2:]]
    without = [word for word in words if not word.startswith("plugins=")]
    refused = command("infer.py", *without, cwd=place)
    assert refused.returncode == 2
    assert "size.Large is code of whoever trained it" in refused.stderr
    done = command("infer.py", *words, "picture=false", "out=sized", cwd=place)
    assert done.returncode == 0, done.stderr


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
