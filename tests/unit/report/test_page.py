"""Pages are self-contained, and text from outside is escaped."""

import base64
import html
import json
import re
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam import RESEARCH_USE_ONLY
from lungcam.report.page import (
    Html,
    asset,
    definitions,
    escape,
    fill,
    framed,
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
def test_text_is_escaped_and_can_be_recovered(text):
    markup = tag('<p title="$text">$text</p>', text=text)
    inside = re.fullmatch(r'<p title="(.*)">(.*)</p>', markup, re.DOTALL)
    assert [html.unescape(group) for group in inside.groups()] == [text, text]
    assert not set("<>\"'") & set(inside[1])


def test_markup_is_inserted_unchanged_and_values_are_not_filled_again():
    assert escape(Html("<b>")) == "<b>"
    assert tag("<p>$text</p>", text="$two ${three}") == "<p>$two ${three}</p>"
    assert join(["<", Html("<i>")], " ") == "&lt; <i>"
    with pytest.raises(KeyError):
        tag("<p>$text</p>")


def test_lists_leave_out_unknown_values():
    markup = definitions([("a", 0), ("b", None), ("c", ""), ("d", "<")])
    assert re.findall(r"<dt>(.)</dt><dd>(.*?)</dd>", markup) == [("a", "0"), ("d", "&lt;")]
    assert sentences([]) == ""
    assert sentences(["<"], "few") == '<ul class="few"><li>&lt;</li></ul>'


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.text()))
def test_json_cannot_end_its_script_element(value):
    text = script_json(value | {"end": "</script><!--"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == value | {"end": "</script><!--"}


def test_packed_array_can_be_unpacked():
    values = np.random.default_rng(0).integers(-30000, 30000, (3, 4, 5)).astype(np.int16)
    data = zlib.decompress(base64.b64decode(pack(values)))
    # the first axis runs fastest
    assert np.array_equal(np.frombuffer(data, "<i2").reshape(5, 4, 3).T, values)


@pytest.mark.parametrize("name", ASSETS)
def test_assets_request_nothing_from_a_network(name):
    text = asset(name).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|fetch\(|XMLHttp|<link rel=\"s", text)
    if name.endswith(".js"):
        assert "</script" not in text


@pytest.mark.parametrize("name", ["frame.html", "scan.html", "run.html", "summary.html"])
def test_a_template_has_only_known_slots(name):
    slots = re.findall(r"\$\{?(\w+)", asset(name))
    page = fill(name, **{slot: f"[{slot}]" for slot in slots})
    assert all(f"[{slot}]" in page for slot in slots)
    assert "$" not in page


@pytest.mark.parametrize("scripts", [True, False])
def test_a_page_forbids_the_network_and_scripts_unless_it_has_some(scripts):
    page = framed("<x>", Html("<p>"), kind="test", style="run.css", scripts=scripts)
    (policy,) = re.findall('Policy" content="(.*?)"', page)
    assert "default-src 'none'" in policy
    assert ("script-src" in policy) == scripts
    assert "<bdi>&lt;x&gt;</bdi>" in page
    assert RESEARCH_USE_ONLY in page


def test_the_notice_of_printed_pages_is_the_packages():
    style = asset("style.css")
    margin = style[style.index("@bottom-center") :]
    assert f'content: "{RESEARCH_USE_ONLY}";' in margin
