"""Sheet of every thumbnail, the flagged ones first."""

import numpy as np
import pytest
from PIL import Image

from lungcam.report.mask_sheet import Thumbnail, write_sheet


def plain(value: int) -> np.ndarray:
    return np.full((12, 24, 3), value, np.uint8)


def cells(sheet: np.ndarray, count: int) -> list[int]:
    """Return the grey value in the middle of each picture, in reading order."""
    return [int(sheet[8 + i // 5 * 44, 14 + i % 5 * 28, 0]) for i in range(count)]


@pytest.mark.parametrize("count", [1, 4, 5, 6, 11])
def test_every_thumbnail_is_on_the_sheet(tmp_path, count):
    write_sheet(tmp_path / "s.png", [Thumbnail(f"s{i}", plain(20 * i)) for i in range(count)])
    sheet = np.asarray(Image.open(tmp_path / "s.png"))
    assert cells(sheet, count) == [20 * i for i in range(count)]
    assert [path.name for path in tmp_path.iterdir()] == ["s.png"]


def test_flagged_thumbnails_come_first_in_a_red_frame(tmp_path):
    thumbnails = [Thumbnail("a", plain(50)), Thumbnail("b", plain(90), ["one_sided"])]
    write_sheet(tmp_path / "s.png", thumbnails)
    sheet = np.asarray(Image.open(tmp_path / "s.png"))
    assert cells(sheet, 2) == [90, 50]
    assert sheet[1, 1].tolist() == [255, 90, 80]
    assert sheet[1, 29].tolist() == [0, 0, 0]
