"""Slices through the middle of a scan, with marks in known corners."""

import io

import numpy as np
from PIL import Image

from lungcam.report.middle_slices import draw_middle_slices


def test_sides_are_those_of_radiologists():
    hu = np.full((40, 30, 20), -1350, np.int16)
    # a bright block at the right, the front and the head
    hu[30:, 22:, 14:] = 150
    # and one in the middle slices alone
    hu[18:23, 13:17, 8:12] = 150
    hu[30:, 22:, 8:12] = 150
    figure = draw_middle_slices(hu, (1.0, 1.0, 1.0))
    assert [axes.get_xlabel() for axes in figure.axes] == ["axial", "coronal", "sagittal"]
    axial = figure.axes[0].images[0].get_array()
    # the patient's right is on the left, and the front on top
    assert axial[:5, :8].min() == 150
    assert axial[:5, -8:].max() == -1350
    assert axial[-5:].max() == -1350


def test_a_figure_is_a_picture():
    stream = io.BytesIO()
    draw_middle_slices(np.zeros((8, 8, 8), np.int16), (1, 1, 3)).savefig(stream, format="png")
    assert Image.open(stream).size[0] > 500
