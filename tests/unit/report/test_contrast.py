"""Colours of pages meet WCAG 2.2 AA: 4.5 to 1 for text, in the light and in the dark."""

import re

import pytest

from lungcam.report.page import asset

# text and the surfaces that it stands on
PAIRS = (
    *(("ink", surface) for surface in ("page", "card", "raised", "warn-page")),
    *(("soft", surface) for surface in ("page", "card")),
    *((colour, "card") for colour in ("accent", "good", "bad", "warn")),
    ("accent-ink", "accent"),
    ("bad", "bad-page"),
)


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` as WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def palettes() -> dict[str, dict[str, str]]:
    """Return the colours by name, of the light and of the dark page."""
    style = asset("style.css")
    blocks = re.findall(r":root \{([^}]*)\}", style)[:2]
    return {
        name: dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for name, block in zip(("light", "dark"), blocks, strict=True)
    }


def test_contrast_of_known_colours():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("pair", PAIRS, ids="-on-".join)
@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_can_be_read(name, pair):
    colours = palettes()[name]
    assert contrast(*(colours[key] for key in pair)) >= 4.5
