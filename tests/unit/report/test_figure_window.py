"""Window of a figure: without a screen nothing is shown, and that is said."""

from matplotlib.figure import Figure

from lungcam.report.figure_window import show_figure


def test_without_a_screen_nothing_is_shown(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    from matplotlib import pyplot as plt

    plt.switch_backend("agg")
    before = plt.get_fignums()
    assert not show_figure(Figure())
    assert plt.get_fignums() == before


def test_a_window_holds_the_figure(monkeypatch):
    from matplotlib import pyplot as plt
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    class WindowCanvas(FigureCanvasAgg):
        """Canvas of a backend with windows."""

    shown = []
    make = plt.figure

    def figure(**settings):
        window = make(**settings)
        WindowCanvas(window)
        return window

    monkeypatch.setattr(plt, "figure", figure)
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    drawn = Figure(figsize=(2, 1), facecolor="red")
    assert show_figure(drawn)
    (window,) = shown
    image = window.axes[0].images[0].get_array()
    assert image.shape[:2] == (100, 200)
    assert image[50, 100, :3].tolist() == [1.0, 0.0, 0.0]
    plt.close(window)
