"""Bounds of a scan: a real chest of any size is read, what no file can hold is not."""

import pytest

from lungcam.errors import InputError
from lungcam.findings import ScanCheck
from lungcam.scans.bounds import DEFLATE, NONE, SETTING, fits, limit_bytes


def code(**size) -> str:
    check = ScanCheck("a")
    assert fits(check, **size) == (not check.findings)
    return check.findings[0].code if check.findings else ""


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        # 2,000 slices of 1024 x 1024, raw and packed as well as noise is
        ({"values": 2000 << 20, "item_bytes": 2, "stored": 4000 << 20, "packing": NONE}, ""),
        ({"values": 2000 << 20, "item_bytes": 2, "stored": 1000 << 20, "packing": DEFLATE}, ""),
        ({"values": 65535**2, "item_bytes": 2, "stored": 10**12, "packing": NONE}, "too_large"),
        ({"values": 100, "item_bytes": 2, "stored": 199, "packing": NONE}, "truncated_file"),
        ({"values": 100, "item_bytes": 2, "stored": 1, "packing": DEFLATE}, ""),
        ({"values": 10**9, "item_bytes": 2, "stored": 10**5, "packing": DEFLATE}, "truncated_file"),
        ({"values": 10**9, "item_bytes": 2, "stored": 3 * 10**6, "packing": DEFLATE}, "too_large"),
    ],
    ids=str,
)
def test_what_a_header_declares_is_compared_with_file_and_memory(size, expected):
    assert code(**size) == expected


def test_the_limit_is_a_setting(monkeypatch):
    size = {"values": 10**9, "item_bytes": 2, "stored": 2 * 10**9, "packing": NONE}
    assert code(**size) == ""
    monkeypatch.setenv(SETTING, "1.5")
    assert limit_bytes() == 1_500_000_000
    assert code(**size) == "too_large"


@pytest.mark.parametrize("text", ["much", "-1", "0", "nan", "inf"])
def test_a_wrong_limit_is_refused(monkeypatch, text):
    monkeypatch.setenv(SETTING, text)
    with pytest.raises(InputError, match=f"{SETTING}={text}"):
        limit_bytes()
