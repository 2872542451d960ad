"""Traits of scans that decide if a net has seen their like: spacing, kernel, lungs and age.

Ranges of the traits over the training scans travel with the checkpoint; a later scan is compared
with them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lungcam.grid import reorient
from lungcam.scans import Scan

# every so many voxels along each axis are enough for a median
SAMPLED = 3
# part of the scans that a range covers: a few odd ones do not widen it
PERCENTILES = (1.0, 99.0)
# most kernels that a checkpoint lists, the most frequent first
MOST_KERNELS = 40
# years to which the ends of a range of ages are rounded, and from which all are one group
AGE_STEP, OLDEST = 5, 90
RULE = (
    "a trait lies outside if it is beyond the 1st or the 99th percentile of the training and "
    "validation scans by more than its margin: a tenth of lengths and volumes, 25 HU, 5 years; a "
    "kernel if none of these scans has it"
)


@dataclass(frozen=True, kw_only=True)
class Trait:
    """Measure of a scan, with the words for it.

    Attributes:
        name: Name with its unit, for a table.
        unit: Unit, or "".
        digits: Digits after the point.
        share: Margin of a range, as a share of its ends.
        margin: Margin of a range in the trait's unit, added to that share.
        below: Words for a scan under the range.
        above: Words for a scan over the range.
    """

    name: str
    unit: str
    digits: int
    below: str
    above: str
    share: float = 0.0
    margin: float = 0.0

    def text(self, value: float) -> str:
        """Format a value with its unit."""
        return f"{value:.{self.digits}f} {self.unit}".replace("-", "\u2212")

    def span(self, low: float, high: float) -> str:
        """Format a range with its unit."""
        ends = [f"{value:.{self.digits}f}".replace("-", "\u2212") for value in (low, high)]
        return f"{' to '.join(dict.fromkeys(ends))} {self.unit}"

    def holds(self, value: float, low: float, high: float) -> bool:
        """Return True if a value lies within a range and its margin."""
        return (
            low - abs(low) * self.share - self.margin
            <= value
            <= high + abs(high) * self.share + self.margin
        )


TRAITS: Mapping[str, Trait] = {
    "pixel_mm": Trait(
        name="Pixels", unit="mm", digits=2, share=0.1, below="finer pixels", above="coarser pixels"
    ),
    "slice_mm": Trait(
        name="Distance of slices",
        unit="mm",
        digits=2,
        share=0.1,
        below="slices closer together",
        above="slices farther apart",
    ),
    "lungs_hu": Trait(
        name="Median of the lungs",
        unit="HU",
        digits=0,
        margin=25.0,
        below="emptier lungs",
        above="denser lungs",
    ),
    "lungs_ml": Trait(
        name="Volume of the lungs",
        unit="mL",
        digits=0,
        share=0.1,
        below="smaller lungs",
        above="larger lungs",
    ),
    "age": Trait(
        name="Age",
        unit="years",
        digits=0,
        margin=5.0,
        below="a younger person",
        above="an older person",
    ),
}
KERNEL, KERNELS = "kernel", "kernels"
# names of kernels that vendors give: of GE, Siemens, Canon and Philips, in this order
KERNEL_NAME = re.compile(
    r"STANDARD|SOFT|DETAIL|CHEST|LUNG|BONE|BONEPLUS|EDGE|ULTRA"
    r"|[A-Z][a-z]?\d{2}[a-z]{0,2}|F[CL]\d{2}|[A-FL]|Y[A-D]"
)
OTHER_KERNEL = "other"


@dataclass(frozen=True, kw_only=True)
class ScanTraits:
    """Traits of a scan; None or "" where unknown.

    Attributes:
        pixel_mm: Size of a pixel, the larger of its sides.
        slice_mm: Distance between slices.
        kernel: Name in the ConvolutionKernel of a DICOM series, from `kernel_name`.
        lungs_hu: Median over the lungs, in HU.
        lungs_ml: Volume of the lungs.
        age: Age of the person in years, as a table gives it.
    """

    pixel_mm: float
    slice_mm: float
    kernel: str = ""
    lungs_hu: float | None = None
    lungs_ml: float | None = None
    age: float | None = None

    def known(self) -> dict[str, float | str]:
        """Return the traits that are known, by name."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}


def scan_traits(
    scan: Scan,
    *,
    lungs: np.ndarray | None = None,
    lungs_ml: float | None = None,
    age: float | None = None,
) -> ScanTraits:
    """Measure the traits of a scan.

    Args:
        scan: The scan.
        lungs: `(W, H, D)` bool on its canonical grid; None for a crop.
        lungs_ml: Volume of these lungs in mL.
        age: Age in years, if a table gives it.
    """
    canonical = scan.grid.canonical
    across, along, apart = canonical.spacing_mm
    lungs_hu = None
    if lungs is not None:
        few = (slice(None, None, SAMPLED),) * 3
        hu = reorient(scan.hu, scan.grid, target=canonical)[few]
        inside = hu[lungs[few]]
        lungs_hu = round(float(np.median(inside)), 1) if inside.size else None
    return ScanTraits(
        pixel_mm=round(float(max(across, along)), 4),
        slice_mm=round(float(apart), 4),
        kernel=kernel_name(scan.slices[0].kernel) if scan.slices else "",
        lungs_hu=lungs_hu,
        lungs_ml=lungs_ml,
        age=age,
    )


def kernel_name(text: str) -> str:
    """Return the kernel's name in a ConvolutionKernel: its first value, without the strength.

    What no vendor calls a kernel becomes "other": the element is free text, and is written on.
    """
    name = text.split("\\")[0].strip()
    return name if not name or KERNEL_NAME.fullmatch(name) else OTHER_KERNEL


def trait_ranges(scans: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what scans have in common: the range of each trait, and the kernels.

    Args:
        scans: Known traits of each scan, from `ScanTraits.known`.

    Returns:
        `[low, high]` of each trait that is known of at least half of the scans, and `kernels`, if
        as many have one.
    """
    scans = list(scans)
    ranges: dict[str, Any] = {}
    for name in TRAITS:
        values = [scan[name] for scan in scans if name in scan]
        if values and 2 * len(values) >= len(scans):
            low, high = np.percentile(values, PERCENTILES)
            ranges[name] = [round(float(low), 4), round(float(high), 4)]
    if "age" in ranges:
        # no single person's age can be read from the ends
        low, high = ranges["age"]
        ends = AGE_STEP * (low // AGE_STEP), AGE_STEP * -(-high // AGE_STEP)
        ranges["age"] = [min(end, float(OLDEST)) for end in ends]
    kernels = Counter(scan[KERNEL] for scan in scans if KERNEL in scan)
    if kernels and 2 * kernels.total() >= len(scans):
        ranges[KERNELS] = [name for name, _ in kernels.most_common(MOST_KERNELS)]
    return ranges


def deviations(traits: Mapping[str, Any], ranges: Mapping[str, Any]) -> list[str]:
    """Say in which traits a scan is unlike the training scans, by `RULE`; the age stays unsaid.

    Args:
        traits: Known traits of the scan.
        ranges: From `trait_ranges`.
    """
    sentences = []
    for name, trait in TRAITS.items():
        if name not in traits or name not in ranges:
            continue
        value, (low, high) = traits[name], ranges[name]
        if trait.holds(value, low, high):
            continue
        words = trait.below if value < low else trait.above
        shown = "" if name == "age" else f" ({trait.text(value)})"
        sentences.append(f"{words}{shown} than the net has learnt from ({trait.span(low, high)})")
    if KERNEL in traits and KERNELS in ranges and traits[KERNEL] not in ranges[KERNELS]:
        sentences.append("a kernel of reconstruction that the net has not learnt from")
    return sentences


def compared(traits: Mapping[str, Any], ranges: Mapping[str, Any]) -> Sequence[str]:
    """Name the traits that are known on both sides."""
    names = [
        trait.name.lower() for name, trait in TRAITS.items() if name in traits and name in ranges
    ]
    return [*names, *([KERNEL] if KERNEL in traits and KERNELS in ranges else [])]


def range_texts(ranges: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and range of each trait, for a table."""
    texts = [
        (trait.name, trait.span(*ranges[name])) for name, trait in TRAITS.items() if name in ranges
    ]
    if ranges.get(KERNELS):
        texts.append(("Kernels", ", ".join(ranges[KERNELS])))
    return texts
