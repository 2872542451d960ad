"""Number of GPUs, compared with what there is."""

import pytest
import torch

from lungcam.errors import InputError
from lungcam.runtime.devices import check_gpus


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
