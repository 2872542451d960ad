"""Number of GPUs, compared with what there is."""

import pytest
import torch

from lungcam.errors import InputError
from lungcam.runtime.devices import check_gpus, choose_accelerator


def test_as_many_gpus_as_there_are_may_be_used(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for gpus in range(3):
        check_gpus(gpus, "gpus")
    with pytest.raises(InputError, match=r"^gpus=3, but 2 GPU\(s\) found: use gpus=2 or fewer\.$"):
        check_gpus(3, "gpus")


def test_a_missing_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    check_gpus(0, "gpus")
    with pytest.raises(InputError, match=r"^trainer\.gpus=1, but 0 .* use trainer\.gpus=0\.$"):
        check_gpus(1, "trainer.gpus")


def test_a_negative_number_is_refused():
    with pytest.raises(InputError, match=r"^gpus=-1: give 0 for the CPU"):
        check_gpus(-1, "gpus")


@pytest.mark.parametrize(
    ("accelerator", "gpus", "kind"),
    [
        ("auto", 0, "cpu"),
        ("auto", 2, "gpu"),
        ("gpu", 0, "gpu"),
        ("gpu", 2, "gpu"),
        ("cpu", 0, "cpu"),
        ("mps", 0, "mps"),
    ],
)
def test_the_accelerator_follows_both_settings(monkeypatch, accelerator, gpus, kind):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_accelerator(accelerator, gpus) == kind


@pytest.mark.parametrize(
    ("accelerator", "gpus", "message"),
    [
        ("cpu", 1, r"^trainer\.accelerator=cpu, trainer\.gpus=1: leave one of the two out\.$"),
        ("mps", 1, r"^trainer\.accelerator=mps, trainer\.gpus=1: leave one"),
        ("mps", 0, r"^trainer\.accelerator=mps: this machine has no GPU of Apple's"),
        ("gpu", 0, r"^trainer\.gpus=1, but 0 GPU\(s\) found: use trainer\.gpus=0\.$"),
    ],
)
def test_an_accelerator_that_cannot_be_used_is_refused(monkeypatch, accelerator, gpus, message):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match=message):
        choose_accelerator(accelerator, gpus, prefix="trainer.")
