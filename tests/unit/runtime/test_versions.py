"""Where the configs lie in a checkout; tests/integration/test_wheel.py looks at the wheel."""

from pathlib import Path

from lungcam.runtime.versions import CONFIGS, TRAIN

ROOT = Path(__file__).parents[3]


def test_a_checkout_has_its_own():
    assert CONFIGS.samefile(ROOT / "conf")
    assert (CONFIGS / "train.yaml").is_file()
    assert TRAIN == "python train.py"
