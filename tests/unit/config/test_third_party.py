"""Errors by code of other projects, and defects, by the place where they were raised."""

import errno

import pytest
import torch
from torch.optim import AdamW

from lungcam.config.instantiate import instantiate
from lungcam.config.third_party import is_third_party, refusal_within, refusals
from lungcam.errors import InputError


@pytest.mark.parametrize(
    ("name", "third"),
    [
        ("pytorch_lightning.callbacks.timer", True),
        ("torch.optim.adamw", True),
        ("lungcam.nets.small3d", False),
        ("json.decoder", False),
        ("no_such_package", False),
    ],
)
def test_an_installed_package_is_third_party(name, third):
    assert is_third_party(name) is third


def test_code_of_the_user_is_not_third_party(here, monkeypatch):
    monkeypatch.syspath_prepend(str(here))
    (here / "mine.py").write_text("def broken():\n    raise RuntimeError('ours')\n")
    with pytest.raises(RuntimeError, match="ours"):
        instantiate({"_target_": "mine.broken"}, "model", allowed=None)


def test_what_a_net_of_monai_raises_is_one_line():
    node = {
        "_target_": "monai.networks.nets.resnet18",
        "spatial_dims": 3,
        "n_input_channels": 1,
        "num_classes": 1,
        "pretrained": True,
    }
    with pytest.raises(InputError, match=r"^model: .*; change its settings") as caught:
        instantiate(node, "model")
    assert "\n" not in str(caught.value)


def test_an_optimizer_that_refuses_is_named():
    with (
        pytest.raises(InputError, match=r"^optimizer: Invalid beta parameter"),
        refusals("optimizer", AdamW),
    ):
        AdamW([torch.nn.Parameter(torch.zeros(1))], betas=(2.0, 0.9))


def test_a_defect_of_ours_within_a_block_is_no_refusal():
    with pytest.raises(RuntimeError, match="ours"), refusals("optimizer", is_third_party):
        raise RuntimeError("ours")


def test_a_full_disk_and_a_lack_of_memory_are_no_refusals():
    for error in (OSError(errno.ENOSPC, "no space"), MemoryError()):
        with pytest.raises(type(error)), refusals("optimizer", AdamW):
            raise error
    # a server that is not reached is one
    with pytest.raises(InputError, match=r"^logger: no answer"), refusals("logger", AdamW):
        raise ConnectionError("no answer")


class Failing:
    def act(self):
        raise RuntimeError("no such figure")


def caught(act) -> Exception:
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_the_object_that_an_error_passed_is_named(monkeypatch):
    configured, other = Failing(), Failing()
    error = caught(configured.act)
    objects = {"callbacks.mine": configured, "callbacks.other": other}
    # a class of these tests is no package
    assert refusal_within(error, objects) is None
    monkeypatch.setattr(Failing, "__module__", "torch.optim")
    refused = refusal_within(error, objects)
    assert str(refused) == (
        "callbacks.mine: no such figure; change its settings, or choose another."
    )
    assert refusal_within(error, {"callbacks.other": other}) is None
