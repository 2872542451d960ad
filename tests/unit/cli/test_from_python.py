"""`lungcam.train` refuses what `train.py` refuses, and leaves the process as it was."""

import logging
import os
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra

import lungcam
from lungcam.config.instantiate import ANY, composed_targets, distrust_configuration
from lungcam.errors import InputError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["modle=small3d"], r"^modle: there is no such setting\. Did you mean model\?"),
        (["seed=-1"], "^seed=-1: give 0 or more"),
        ("seed=-1", "^seed=-1: give 0 or more"),
        (["-m", "seed=1,2"], "^lungcam.train: it trains one net"),
        (["resume=nowhere"], "there is no such run folder"),
    ],
)
def test_bad_settings_raise_the_line_of_the_command(tmp_path, monkeypatch, settings, message):
    monkeypatch.chdir(tmp_path)
    before = (
        sys.argv[:],
        sys.path[:],
        logging.root.handlers[:],
        os.environ.get("HYDRA_FULL_ERROR"),
    )
    with pytest.raises(InputError, match=message):
        lungcam.train(settings)
    after = (sys.argv[:], sys.path[:], logging.root.handlers[:], os.environ.get("HYDRA_FULL_ERROR"))
    assert before == after
    assert not GlobalHydra.instance().is_initialized()


def test_a_resumed_run_leaves_trust_in_the_settings_of_the_next(tmp_path, monkeypatch):
    """The user's own words may name more than a run folder may."""
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    (run / ".hydra").mkdir(parents=True)
    (run / ".hydra" / "overrides.yaml").write_text("- seed=1\n")
    (run / ".hydra" / "config.yaml").write_text("seed: 1\n")
    (run / ".hydra" / "hydra.yaml").write_text(f"hydra: {{runtime: {{cwd: {tmp_path}}}}}\n")
    with pytest.raises(InputError):
        lungcam.train([f"resume={run}"])
    assert composed_targets() is ANY
    distrust_configuration()
    with pytest.raises(InputError, match=r"^seed=-1"):
        lungcam.train(["seed=-1"])
    assert composed_targets() is not ANY
