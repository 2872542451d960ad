"""`lungcam.train` refuses what `train.py` refuses, and leaves the process as it was."""

import logging
import os
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra

import lungcam
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
