"""Pages in one file: templates, escaping, and arrays that a browser unpacks.

All text from outside (names, sentences, rules) is escaped; only `Html`, which lungcam itself made,
is inserted unchanged. A page loads nothing from a network, and its content security policy forbids
it.
"""

import base64
import html
import json
import zlib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.runtime.atomic import write_text


class Html(str):
    """Markup that is safe to insert into a page."""

    __slots__ = ()


def escape(value: object) -> Html:
    """Escape a value, unless it is `Html`."""
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def join(parts: Iterable[object], separator: str = "") -> Html:
    """Join parts, escaping those that are not `Html`."""
    return Html(separator.join(escape(part) for part in parts))


def tag(markup: str, /, **values: object) -> Html:
    """Fill the `$name` slots of lungcam's own markup with escaped values."""
    escaped = {name: escape(value) for name, value in values.items()}
    return Html(Template(markup).substitute(escaped))


def asset(name: str) -> Html:
    """Read a file of `lungcam/report/assets`."""
    return Html((files("lungcam.report") / "assets" / name).read_text(encoding="utf-8"))


def fill(template: str, /, **values: object) -> Html:
    """Fill the slots of a template among the assets; see `tag`."""
    return tag(asset(template), **values)


def framed(name: str, main: Html, *, kind: str, style: str, scripts: bool = False) -> Html:
    """Make a page around its contents: head, title and the notice of research use.

    Args:
        name: Title.
        main: Contents.
        kind: Kind of page, in words.
        style: Style sheet among the assets, in addition to style.css.
        scripts: True to allow the page's own scripts.
    """
    return fill(
        "frame.html",
        name=name,
        kind=kind,
        version=__version__,
        style=join((asset("style.css"), asset(style))),
        scripts=Html("script-src 'unsafe-inline'; ") if scripts else Html(),
        notice=RESEARCH_USE_ONLY,
        main=main,
    )


def definitions(rows: Iterable[tuple[object, object]]) -> Html:
    """Make a list of names and values; rows without a value are left out."""
    items = [
        tag("<div><dt>$name</dt><dd>$value</dd></div>", name=name, value=value)
        for name, value in rows
        if value not in (None, "")
    ]
    return tag("<dl>$items</dl>", items=join(items))


def sentences(values: Iterable[object], css_class: str = "") -> Html:
    """Make a list of sentences; empty markup if there are none."""
    items = join(tag("<li>$value</li>", value=value) for value in values)
    if not items:
        return Html()
    return tag('<ul class="$css_class">$items</ul>', css_class=css_class, items=items)


def script_json(value: Mapping[str, object]) -> Html:
    """Encode JSON for a script element: no text in it can end the element."""
    text = json.dumps(value, allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Html(text)


def pack(values: np.ndarray) -> Html:
    """Compress an array for a page: zlib, then base64; the first axis runs fastest."""
    data = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes(order="F")
    return Html(base64.b64encode(zlib.compress(data, 6)).decode())


def data_url(picture: bytes, kind: str = "png") -> str:
    """Return the address of a picture that is embedded in the page."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def write_page(file: Path, page: Html) -> None:
    """Write a page, whole or not at all."""
    write_text(file, page)
