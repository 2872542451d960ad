"""Tests of the locations in a checkout; tests/integration/test_wheel.py tests the wheel."""

from pathlib import Path

from lungcam.runtime.versions import CONFIG_FOLDER, TRAIN_COMMAND

ROOT = Path(__file__).parents[3]


def test_a_checkout_uses_its_own_configs_and_script():
    assert CONFIG_FOLDER.samefile(ROOT / "conf")
    assert (CONFIG_FOLDER / "train.yaml").is_file()
    assert TRAIN_COMMAND == "python train.py"
