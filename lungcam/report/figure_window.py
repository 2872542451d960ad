"""Window of matplotlib for a figure that was made without one."""

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def show_figure(figure: Figure) -> bool:
    """Show a figure in a window until it is closed.

    Returns:
        False without showing it where there is no screen.
    """
    # it chooses a backend, and loads slowly
    from matplotlib import pyplot as plt

    window = plt.figure(figsize=figure.get_size_inches())
    if type(window.canvas) is FigureCanvasAgg:
        plt.close(window)
        return False
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    picture.seek(0)
    axes = window.add_axes((0, 0, 1, 1))
    axes.imshow(plt.imread(picture))
    axes.set_axis_off()
    plt.show()
    return True
