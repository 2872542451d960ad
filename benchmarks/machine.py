"""Description of the machine."""

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

# instruction sets that matter here, by their names in /proc/cpuinfo on x86 and on Arm
INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_bf16": "AVX512_BF16",
    "amx_bf16": "AMX_BF16",
    "asimd": "NEON",
    "sve": "SVE",
    "sve2": "SVE2",
    "bf16": "BF16",
    "sme": "SME",
}
# environment variables that hold libraries to a lesser instruction set
LIMITS = (
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "MKL_ENABLE_INSTRUCTIONS",
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
)
PACKAGES = (
    "numpy",
    "scipy",
    "scikit-image",
    "simpleitk",
    "pydicom",
    "torch",
    "torchio",
    "monai",
    "connected-components-3d",
)


def machine() -> str:
    """Describe processor, instruction sets, memory, system and packages in a few lines."""
    day = datetime.date.today().isoformat()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return "\n".join(
        [
            f"- Processor: {_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, no GPU used",
            f"- Instructions: {instructions()}",
            f"- System: {_system()}, Python {platform.python_version()}",
            f"- Packages: {packages}",
            f"- Date: {day}; load in the minute before the start: {os.getloadavg()[0]:.1f}",
        ]
    )


def instructions() -> str:
    """Describe what the processor has, what torch computes with, and what limits it."""
    features = set(_cpuinfo("flags", "Features").split())
    names = [name for feature, name in INSTRUCTIONS.items() if feature in features]
    limits = [f"{name}={os.environ[name]}" for name in LIMITS if os.environ.get(name)]
    parts = [
        ", ".join(names) or platform.machine(),
        f"torch computes with {torch.backends.cpu.get_cpu_capability()}",
        *([f"with {' '.join(limits)}"] if limits else []),
    ]
    return "; ".join(parts)


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _cpuinfo(*keys: str) -> str:
    """Return the first value of a key in /proc/cpuinfo; empty where there is none."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        key, _, value = line.partition(":")
        if key.strip() in keys:
            return value.strip()
    return ""


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        name = platform.system()
    kernel = ".".join(platform.release().split(".")[:2])  # the rest may name a machine
    return f"{name}, {platform.system()} {kernel}"
