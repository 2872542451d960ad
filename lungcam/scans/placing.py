"""Where the slices of a stack stand: evenly, upright, none missing."""

import numpy as np

from lungcam.scans.headers import Header
from lungcam.verdict import Verdict

# gaps may differ from the spacing by this share, or by this much where positions are rounded
UNEVEN_SHARE = 0.1
UNEVEN_MM = 0.1
# a slice may stand off its even place by this share of the spacing
DRIFT_SHARE = 0.5
SIDEWAYS_MM = 1.0
COMPLETE = "complete the series or export it again"


def note_places(verdict: Verdict, slices: list[Header], places: np.ndarray, spacing: float) -> None:
    """Refuse slices that are not the evenly spaced planes of an upright box.

    Args:
        verdict: Takes the findings missing_slices, uneven_spacing, gantry_tilt, shifted_slices.
        slices: In order of position, no two at one position.
        places: `(D, 3)` mm along row, column and normal.
        spacing: mm between neighbours.
    """
    heights = places[:, 2]
    gaps = np.diff(heights)
    if not len(gaps):
        return
    steps = np.maximum(1, np.rint(gaps / spacing))
    off = np.abs(gaps - steps * spacing)
    uneven = (off > np.maximum(UNEVEN_SHARE * spacing, UNEVEN_MM)) & (steps < 2)
    # a long gap need not be a whole multiple: positions are rounded
    uneven |= (steps >= 2) & (off > np.maximum(UNEVEN_SHARE * spacing * steps, UNEVEN_MM))

    def between(at: int) -> str:
        return (
            f"{gaps[at]:.2f} mm between {slices[at].file.name} and {slices[at + 1].file.name} "
            f"({heights[at]:.2f} and {heights[at + 1]:.2f} mm), elsewhere {spacing:.2f} mm"
        )

    holes = np.flatnonzero((steps >= 2) & ~uneven)
    if len(holes):
        told = "; ".join(between(int(at)) for at in holes[:3])
        count = int((steps[holes] - 1).sum())
        more = f"; and {len(holes) - 3} more gaps" if len(holes) > 3 else ""
        verdict.add(
            "missing_slices", "refused", f"{count} slice(s) missing: {told}{more}", COMPLETE
        )
    if uneven.any():
        at = int(np.argmax(np.where(uneven, off, 0)))
        count = int(uneven.sum())
        verdict.add("uneven_spacing", "refused", f"{count} uneven gap(s): {between(at)}", COMPLETE)
    elif not len(holes):
        even = np.linspace(heights[0], heights[-1], len(heights))
        at = int(np.argmax(np.abs(heights - even)))
        drift = abs(float(heights[at] - even[at]))
        if drift > max(DRIFT_SHARE * spacing, UNEVEN_MM):
            verdict.add(
                "uneven_spacing",
                "refused",
                f"{slices[at].file.name} stands {drift:.2f} mm off its even place",
                COMPLETE,
            )
    _note_sideways(verdict, slices, places)


def _note_sideways(verdict: Verdict, slices: list[Header], places: np.ndarray) -> None:
    """Refuse slices whose first pixels do not stand above each other."""
    aside = places[:, :2] - places[0, :2]
    most = float(np.linalg.norm(aside, axis=1).max())
    if most <= SIDEWAYS_MM:
        return
    along = (places[:, 2] - places[0, 2]) / (places[-1, 2] - places[0, 2])
    bent = np.linalg.norm(aside - along[:, None] * aside[-1], axis=1)
    if bent.max() <= 0.5 * most:
        angle = np.degrees(np.arctan2(np.linalg.norm(aside[-1]), places[-1, 2] - places[0, 2]))
        verdict.add(
            "gantry_tilt",
            "refused",
            f"the slices are sheared by {most:.1f} mm from first to last (gantry tilt of "
            f"{angle:.1f} degrees)",
            "resample the series upright first",
        )
    else:
        at = int(np.argmax(bent))
        verdict.add(
            "shifted_slices",
            "refused",
            f"{slices[at].file.name} stands {bent[at]:.1f} mm sideways of the others",
            "keep one acquisition in a folder",
        )
