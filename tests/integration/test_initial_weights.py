"""`python train.py init=FILE`: a training that starts from another's weights."""

import json

import pytest
import torch

from .conftest import TINY, command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def probe(workplace, trained):
    """Train the last layer alone, on the same phantoms with another split."""
    done = command(
        "train.py",
        "experiment=linear_probe",
        "model=small3d",
        *TINY,
        "init=run/checkpoints/best.ckpt",
        "callbacks=checkpoint",
        "seed=1",
        "hydra.run.dir=probe",
        cwd=workplace,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def weights(folder) -> dict[str, torch.Tensor]:
    file = folder / "checkpoints" / "best.ckpt"
    return torch.load(file, weights_only=True)["state_dict"]


def test_only_the_last_layer_is_trained(workplace, trained, probe):
    assert "(100% of the weights) are those of best.ckpt" in probe
    before, after = weights(trained.folder), weights(workplace / "probe")
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed == ["net.fc3.weight", "net.fc3.bias"]


def test_scans_that_the_net_has_seen_are_named(workplace, probe):
    notes = json.loads((workplace / "probe" / "metrics.json").read_text())["cohort_notes"]
    (note,) = [note for note in notes if "init=" in note]
    assert "their figures are too good" in note
    assert f"note: {note}." in probe


def test_a_probe_of_nothing_is_refused(workplace, trained):
    done = command("train.py", "experiment=linear_probe", "model=small3d", *TINY, cwd=workplace)
    message = "lungcam: freeze: the weights would stay random; name a file with init=.\n"
    assert (done.returncode, done.stderr) == (2, message)
