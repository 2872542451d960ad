"""Choice of the precision by what the machine computes natively."""

import pytest
import torch

from lungcam.runtime import precision
from lungcam.runtime.precision import choose_precision, has_bfloat16, is_emulated


@pytest.fixture
def machine(monkeypatch):
    """Return a function that makes this machine another one."""

    def pretend(name: str = "x86_64", *, avx512_bf16=False, amx=False, torch_says=True) -> None:
        for variable in precision.LIMITS:
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setattr(precision.platform, "machine", lambda: name)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
        monkeypatch.setattr(
            precision.torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: torch_says
        )

    return pretend


@pytest.mark.parametrize(
    ("name", "sets", "native"),
    [
        ("x86_64", {"avx512_bf16": True}, True),
        ("x86_64", {"amx": True}, True),
        # PyTorch counts AVX-512 without bfloat16, where oneDNN emulates it
        ("x86_64", {"torch_says": True}, False),
        ("AMD64", {"torch_says": False}, False),
        ("aarch64", {"torch_says": True}, True),
        ("arm64", {"torch_says": False}, False),
    ],
)
def test_auto_follows_the_processor(machine, name, sets, native):
    machine(name, **sets)
    assert has_bfloat16(gpu=False) is native
    assert choose_precision("auto", gpu=False) == ("bf16-mixed" if native else "32-true")
    assert is_emulated("bf16-mixed", gpu=False) is not native
    assert is_emulated("bf16-true", gpu=False) is not native
    # Lightning replaces it by bf16-mixed on the CPU
    assert is_emulated("16-mixed", gpu=False) is not native
    assert not is_emulated("32-true", gpu=False)


@pytest.mark.parametrize(
    ("limit", "native"),
    [
        ("AVX2", False),
        ("avx2_vnni", False),
        ("AVX512_CORE", False),
        ("AVX512_CORE_VNNI", False),
        ("AVX512_CORE_BF16", True),
        ("AVX512_CORE_AMX", True),
        ("AVX10_1_512", True),
        ("DEFAULT", True),
    ],
)
@pytest.mark.parametrize("variable", precision.LIMITS)
def test_a_limit_of_onednn_is_respected(machine, monkeypatch, variable, limit, native):
    machine(avx512_bf16=True)
    monkeypatch.setenv(variable, limit)
    assert has_bfloat16(gpu=False) is native


@pytest.mark.parametrize(
    ("capability", "native"), [((7, 5), False), ((8, 0), True), ((9, 0), True)]
)
def test_auto_follows_the_graphics_card(monkeypatch, capability, native):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert choose_precision("auto", gpu=True) == ("bf16-mixed" if native else "32-true")
    assert is_emulated("bf16-mixed", gpu=True) is not native
    # every card that PyTorch supports computes in float16
    assert not is_emulated("16-mixed", gpu=True)


def test_a_given_precision_is_kept(machine):
    machine()
    for given in ("32-true", "bf16-mixed", "64-true"):
        assert choose_precision(given, gpu=False) == given
