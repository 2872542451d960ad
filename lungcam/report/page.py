"""A page in one file: templates, escaping, and data that a browser unpacks.

What comes from outside (names, sentences, rules) is escaped wherever it stands; only `Html`, which
lungcam itself made, is taken as it is. The page asks nothing of the network, and its policy forbids
that it could.
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

from lungcam.runtime.atomic import write_text


class Html(str):
    """Markup that is safe to stand in a page."""

    __slots__ = ()


def escape(value: object) -> Html:
    """Turn anything but `Html` into text that is no markup."""
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Put parts behind each other, escaping those that are no markup."""
    return Html(between.join(escape(part) for part in parts))


def tag(markup: str, /, **values: object) -> Html:
    """Fill `$name` slots in markup of lungcam's own; values are escaped."""
    return Html(Template(markup).substitute({name: escape(one) for name, one in values.items()}))


def asset(name: str) -> Html:
    """Read a file of `lungcam/report/assets`."""
    return Html((files("lungcam.report") / "assets" / name).read_text(encoding="utf-8"))


def fill(template: str, /, **values: object) -> Html:
    """Fill the slots of a template among the assets; see `tag`."""
    return tag(asset(template), **values)


def definitions(rows: Iterable[tuple[object, object]]) -> Html:
    """A list of names and what they stand for; rows without a value are left out."""
    told = [
        tag("<div><dt>$name</dt><dd>$value</dd></div>", name=name, value=value)
        for name, value in rows
        if value not in (None, "")
    ]
    return tag("<dl>$rows</dl>", rows=join(told))


def sentences(values: Iterable[object], marked: str = "") -> Html:
    """A list of sentences; nothing where there is none."""
    items = join(tag("<li>$one</li>", one=one) for one in values)
    return tag('<ul class="$marked">$items</ul>', marked=marked, items=items) if items else Html()


def script_json(value: Mapping[str, object]) -> Html:
    """JSON that may stand in a script element: no text in it can end the element."""
    text = json.dumps(value, allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Html(text)


def pack(values: np.ndarray) -> Html:
    """Compress an array for a page: zlib, then base64; the first axis runs fastest."""
    data = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes(order="F")
    return Html(base64.b64encode(zlib.compress(data, 6)).decode())


def picture(png: bytes) -> str:
    """The address of a PNG that stands in the page itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def write_page(file: Path, page: Html) -> None:
    """Write a page whole."""
    write_text(file, page)
