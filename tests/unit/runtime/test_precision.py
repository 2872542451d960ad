"""Choice of the precision by what the device computes in."""

import pytest
import torch

from lungcam.runtime.precision import choose_precision, objection


def test_a_processor_trains_in_float32():
    assert choose_precision("auto", gpu=False) == "32-true"
    # Lightning replaces 16-mixed by bf16-mixed on the CPU
    for given in ("bf16-mixed", "bf16-true", "16-mixed"):
        assert "gradients of small maps wrong" in objection(given, gpu=False)
    assert objection("32-true", gpu=False) is None


@pytest.mark.parametrize(
    ("capability", "native"), [((7, 5), False), ((8, 0), True), ((9, 0), True)]
)
def test_auto_follows_the_graphics_card(monkeypatch, capability, native):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert choose_precision("auto", gpu=True) == ("bf16-mixed" if native else "32-true")
    assert (objection("bf16-mixed", gpu=True) is None) is native
    # every card that PyTorch supports computes in float16
    assert objection("16-mixed", gpu=True) is None


def test_a_given_precision_is_kept():
    for given in ("32-true", "bf16-mixed", "64-true"):
        assert choose_precision(given, gpu=False) == given
