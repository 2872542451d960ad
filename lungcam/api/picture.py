"""Figures as HTML, for the output of a notebook's cell."""

import base64
import io
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def picture_tag(figure: "Figure", alt: str) -> str:
    """Return a figure as an HTML image that holds its own pixels.

    Args:
        figure: Figure of matplotlib.
        alt: Text for those who cannot see it.
    """
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=100)
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'
