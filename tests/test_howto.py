"""The how-to's commands on loss, optimizer, loggers and net by a word work as written."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOW_TO = (ROOT / "docs" / "how-to.md").read_text(encoding="utf-8")
TITLE = "Choose loss, optimizer, loggers and net by a word"
# settings that make a run small; the command itself stays as in the how-to
SMALL = (
    *("data.n=16", "data.matrix=96", "split.val=0.25", "split.test=0.25"),
    *("trainer.max_epochs=1", "callbacks=checkpoint"),
    *("view.shape=[32,24,32]", "view.spacing_mm=10"),
)
# one setting of each command, which its configuration must have
COMPOSED = {
    "loss=focal": ("loss", "lungcam.training.losses.FocalLoss"),
    "optimizer=sgd": ("optimizer", "torch.optim.SGD"),
    "logger=[csv,mlflow]": ("logger", "csv"),
    "model=monai": ("model", "resnet18"),
}


def commands() -> list[str]:
    """Return the lines of the section's bash block."""
    section = HOW_TO.partition(f"\n## {TITLE}\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"```bash\n(.*?)```", section, flags=re.DOTALL)
    return block.splitlines()


def test_every_word_has_a_command():
    lines = commands()
    assert len(lines) == len(COMPOSED)
    for word in COMPOSED:
        assert sum(word in line.split() for line in lines) == 1


@pytest.mark.slow
@pytest.mark.parametrize("word", COMPOSED)
def test_a_command_runs(tmp_path_factory, word):
    if "mlflow" in word and importlib.util.find_spec("mlflow") is None:
        pytest.skip("needs mlflow: '.[mlflow]'")
    place = tmp_path_factory.getbasetemp()
    (line,) = (line for line in commands() if word in line.split())
    program, script, *arguments = shlex.split(line)
    assert (program, script) == ("python", "train.py")
    run = place / COMPOSED[word][0]
    done = subprocess.run(
        [sys.executable, ROOT / script, *arguments, *SMALL, f"hydra.run.dir={run}"],
        cwd=place,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "metrics.json").read_text())["test"]["n"] == 4
    group, value = COMPOSED[word]
    config = (run / ".hydra" / "config.yaml").read_text()
    assert value in config.partition(f"\n{group}:\n")[2]
    if group == "logger":
        assert (run / "csv" / "metrics.csv").is_file()
        assert "mlflow" in json.loads((run / "loggers.json").read_text())
    if group == "model":
        import torch

        checkpoint = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
        carried = checkpoint["lungcam"]["config"]
        assert carried["model"]["_target_"] == "monai.networks.nets.resnet18"
        assert carried["model"]["no_max_pool"] is True
        assert carried["explain"]["layer"] == "layer2"
        scan = next(place.glob("outputs/cache/phantoms/*/phantom-0000.nii.gz"))
        infer = (sys.executable, ROOT / "infer.py", f"ckpt={run}", f"scan={scan}", "picture=false")
        done = subprocess.run(infer, cwd=place, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
