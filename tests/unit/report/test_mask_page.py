"""Page of every mask, the flagged ones first."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from lungcam.report import mask_page
from lungcam.report.mask_page import Thumbnail, write_mask_page


def plain(value: int) -> np.ndarray:
    return np.full((16, 48, 3), value, np.uint8)


def pictures(text: str) -> list[int]:
    """Return the grey value of each picture of a page, in its order."""
    packed = re.findall(r"data:image/jpeg;base64,([^\"]+)", text)
    images = [Image.open(io.BytesIO(base64.b64decode(part))) for part in packed]
    assert all(image.size == (48, 16) for image in images)
    return [round(float(np.mean(np.asarray(image)))) for image in images]


@pytest.mark.parametrize("count", [1, 6])
def test_every_mask_is_on_the_page(tmp_path, count):
    thumbnails = [Thumbnail(f"s<{i}>", plain(20 * i)) for i in range(count)]
    write_mask_page(tmp_path / "m.html", thumbnails)
    text = (tmp_path / "m.html").read_text()
    assert pictures(text) == [20 * i for i in range(count)]
    assert [f"<b>s&lt;{i}&gt;</b>" in text for i in range(count)] == [True] * count
    assert [path.name for path in tmp_path.iterdir()] == ["m.html"]


def test_flagged_masks_come_first_in_a_section_of_their_own(tmp_path):
    thumbnails = [Thumbnail("a", plain(50)), Thumbnail("b", plain(90), ["one_sided"])]
    write_mask_page(tmp_path / "m.html", thumbnails)
    text = (tmp_path / "m.html").read_text()
    assert pictures(text) == [90, 50]
    assert '<figure class="flagged">' in text
    assert "one sided" in text
    assert "To be looked at: 1" in text


def test_masks_beyond_the_limit_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(mask_page, "MAX_THUMBNAILS", 2)
    write_mask_page(tmp_path / "m.html", [Thumbnail(str(i), plain(i)) for i in range(5)])
    text = (tmp_path / "m.html").read_text()
    assert len(pictures(text)) == 2
    assert "3 further masks are left out." in text
