"""The pictures of one scan's heat-map."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lungcam.files import whole
from lungcam.render import (
    Look,
    Outline,
    RenderError,
    Scene,
    lungs_histogram,
    otsu_ramp,
    prepare_content,
    save_gif,
    save_png,
    show,
    turntable,
)
from lungcam.render.turntable import SIZE

AS_USUAL = Look()


def write_pictures(
    folder: Path,
    hu: np.ndarray,
    lungs: np.ndarray,
    heat: np.ndarray,
    spacing_mm: Sequence[float],
    heat_name: str,
    mark: str | None,
    look: Look = AS_USUAL,
    outlines: Sequence[Outline] = (),
    picture: bool = True,
    turning: bool = False,
) -> list[str]:
    """Render and save; a machine without OpenGL costs the pictures only.

    Args:
        folder: Where the files go.
        hu: `(W, H, D)` in HU, along right, front and head (RAS+).
        lungs: `(W, H, D)` bool.
        heat: `(W, H, D)`, signed.
        spacing_mm: Of the voxels.
        heat_name: What the colour bar calls the heat-map.
        mark: A warning that stands in every picture.
        look: How they look. The preset otsu adds `lungs_histogram.png`, which tells what it did.
        outlines: Of annotated nodules.
        picture: Whether `render.png` is wanted.
        turning: Whether `turntable.gif` is wanted.

    Returns:
        What the user should know.
    """
    if look.preset == "otsu":
        _write_histogram(folder / "lungs_histogram.png", lungs_histogram(hu, lungs))
    # what speaks the other way is in the volume alone
    shown = hu, lungs, np.maximum(heat, 0), tuple(spacing_mm)
    content = prepare_content(*shown, look, heat_name, mark, outlines)
    try:
        if picture:
            with Scene(content, look) as scene:
                save_png(folder / "render.png", scene.picture(look.view))
        if turning:
            with Scene(content, look, SIZE) as scene:
                save_gif(folder / "turntable.gif", list(turntable(scene, look.view)))
    except RenderError as error:
        return [str(error)]
    return []


def show_window(
    hu: np.ndarray,
    lungs: np.ndarray,
    heat: np.ndarray,
    spacing_mm: Sequence[float],
    heat_name: str,
    mark: str | None,
    look: Look,
    outlines: Sequence[Outline] = (),
) -> list[str]:
    """Show a window to turn the volume in, until the user closes it; arguments as above.

    Returns:
        What the user should know: that there is no screen.
    """
    shown = hu, lungs, np.maximum(heat, 0), tuple(spacing_mm)
    try:
        show(prepare_content(*shown, look, heat_name, mark, outlines), look)
    except RenderError as error:
        return [str(error)]
    return []


def _write_histogram(path: Path, histogram: np.ndarray) -> None:
    # matplotlib takes a while to load, and most pictures do without
    from lungcam.report.lungs_histogram import draw_lungs_histogram

    with whole(path) as temporary:
        draw_lungs_histogram(histogram, otsu_ramp(histogram)).savefig(temporary, format="png")
