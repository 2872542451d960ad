"""Floating-point precision that suits the machine."""

import os
import platform

import torch

AUTO = "auto"
FULL = "32-true"
MIXED = "bf16-mixed"
X86 = ("x86_64", "AMD64")
# of Nvidia's cards, the first compute capability with bfloat16
FIRST_CAPABILITY = (8, 0)
# oneDNN computes in the instruction sets up to this one, where it is set
LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
# parts of the names of the sets that hold bfloat16
WITH_BFLOAT16 = ("ALL", "DEFAULT", "BF16", "FP16", "AMX", "AVX10")


def choose_precision(precision: str, *, gpu: bool) -> str:
    """Return the precision to train in.

    Args:
        precision: Lightning's name of a precision, or `auto`: bfloat16 where the machine has it,
            otherwise float32.
        gpu: True to train on a GPU, False on the CPU.
    """
    if precision != AUTO:
        return precision
    return MIXED if has_bfloat16(gpu=gpu) else FULL


def is_emulated(precision: str, *, gpu: bool) -> bool:
    """Return True if the machine lacks a precision and computes it slowly in another.

    Args:
        precision: Lightning's name of a precision.
        gpu: True for the GPU, False for the CPU.
    """
    # on the CPU Lightning replaces 16-mixed by bf16-mixed
    half = precision.startswith("bf16") or (precision == "16-mixed" and not gpu)
    return half and not has_bfloat16(gpu=gpu)


def has_bfloat16(*, gpu: bool) -> bool:
    """Return True if the first GPU, or the CPU, computes in bfloat16 natively.

    PyTorch itself says so of Arm's processors. Of x86 it also counts those with AVX-512 alone,
    where oneDNN emulates bfloat16; only AVX512_BF16 and AMX compute in it. Variables that hold
    oneDNN to a lesser instruction set are respected.

    Args:
        gpu: True for the GPU, False for the CPU.
    """
    if gpu:
        return torch.cuda.is_available() and torch.cuda.get_device_capability() >= FIRST_CAPABILITY
    limit = next((os.environ[name].upper() for name in LIMITS if os.environ.get(name)), "ALL")
    if not any(part in limit for part in WITH_BFLOAT16):
        return False
    if platform.machine() in X86:
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()
