"""A page is whole in itself, and nothing from outside is markup in it."""

import base64
import html
import json
import re
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.report.page import (
    Html,
    asset,
    definitions,
    escape,
    fill,
    join,
    pack,
    script_json,
    sentences,
    tag,
)

ASSETS = (
    *("scan.html", "run.html", "plane.html", "style.css", "scan.css", "run.css"),
    *("inflate.js", "slices.js", "viewer.js"),
    *("volume.css", "volume.glsl", "volume.html", "volume.js"),
)


@settings(deadline=None)
@given(st.text())
def test_text_is_escaped_and_comes_back(text):
    made = tag('<p title="$one">$one</p>', one=text)
    inside = re.fullmatch(r'<p title="(.*)">(.*)</p>', made, re.DOTALL)
    assert [html.unescape(one) for one in inside.groups()] == [text, text]
    assert not set("<>\"'") & set(inside[1])


def test_markup_is_taken_as_it_is_and_a_value_is_not_filled_again():
    assert escape(Html("<b>")) == "<b>"
    assert tag("<p>$one</p>", one="$two ${three}") == "<p>$two ${three}</p>"
    assert join(["<", Html("<i>")], " ") == "&lt; <i>"
    with pytest.raises(KeyError):
        tag("<p>$one</p>")


def test_lists_leave_out_what_is_not_known():
    made = definitions([("a", 0), ("b", None), ("c", ""), ("d", "<")])
    assert re.findall(r"<dt>(.)</dt><dd>(.*?)</dd>", made) == [("a", "0"), ("d", "&lt;")]
    assert sentences([]) == ""
    assert sentences(["<"], "few") == '<ul class="few"><li>&lt;</li></ul>'


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.text()))
def test_json_cannot_end_its_script(value):
    text = script_json(value | {"end": "</script><!--"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == value | {"end": "</script><!--"}


def test_an_array_comes_back_from_what_is_packed():
    values = np.random.default_rng(0).integers(-30000, 30000, (3, 4, 5)).astype(np.int16)
    data = zlib.decompress(base64.b64decode(pack(values)))
    # the first axis runs fastest
    assert np.array_equal(np.frombuffer(data, "<i2").reshape(5, 4, 3).T, values)


@pytest.mark.parametrize("name", ASSETS)
def test_assets_ask_nothing_of_a_network(name):
    text = asset(name).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|fetch\(|XMLHttp|<link rel=\"s", text)
    if name.endswith(".js"):
        assert "</script" not in text


@pytest.mark.parametrize("name", ["scan.html", "run.html"])
def test_a_page_forbids_itself_the_network_and_has_only_slots_that_are_known(name):
    assert "default-src 'none'" in asset(name)
    slots = re.findall(r"\$(\w+)", asset(name))
    made = fill(name, **{slot: f"[{slot}]" for slot in slots})
    assert all(f"[{slot}]" in made for slot in slots)
