import numpy as np

from lungcam.render import otsu_ramp
from lungcam.report.figure import to_rgb
from lungcam.report.lungs_histogram import draw_lungs_histogram

VALUES = np.arange(256)
COUNTS = np.rint(
    9e4 * np.exp(-(((VALUES - 46) / 9) ** 2) / 2) + 4e3 * np.exp(-(((VALUES - 170) / 14) ** 2) / 2)
).astype(int)


def test_modes_threshold_and_ramp_are_drawn_at_their_values():
    ramp = otsu_ramp(COUNTS)
    figure = draw_lungs_histogram(COUNTS, ramp)
    counts, opacity = figure.axes
    lines = {line.get_label(): line for line in (*counts.get_lines(), *opacity.get_lines())}
    (threshold,) = (line for name, line in lines.items() if name.startswith("Otsu"))
    assert threshold.get_xdata()[0] == ramp.low
    assert np.allclose(lines["opacity"].get_xdata()[1:3], (ramp.low, ramp.high))
    assert list(lines["opacity"].get_ydata()) == [0, 0, 1, 1]
    peaks = {
        name.split()[0]: line.get_xdata()[np.argmax(line.get_ydata())]
        for name, line in lines.items()
        if "mode" in name
    }
    assert peaks == {"first": 46, "second": 170}


def test_texts_fit_on_the_figure():
    figure = draw_lungs_histogram(COUNTS, otsu_ramp(COUNTS))
    picture = to_rgb(figure)
    assert (picture[:, :8] == 255).all()
    assert (picture[:, -8:] == 255).all()


def test_histogram_of_a_single_value_can_be_drawn():
    counts = np.zeros(256, int)
    counts[50] = 7
    assert to_rgb(draw_lungs_histogram(counts, otsu_ramp(counts))).ndim == 3
