"""Pictures of one scan's heat-map: files, and a window to turn it in."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lungcam.render import (
    PictureInputs,
    RenderError,
    RenderOptions,
    Scene,
    lungs_histogram,
    otsu_ramp,
    prepare_content,
    save_gif,
    save_png,
    show,
    turntable,
)
from lungcam.render.inset import add_inset
from lungcam.render.turntable import SIZE
from lungcam.runtime.atomic import atomic_write


def write_pictures(
    folder: Path,
    inputs: PictureInputs,
    *,
    options: RenderOptions,
    picture: bool = True,
    turning: bool = False,
) -> list[str]:
    """Draw the pictures and write them; without OpenGL only the pictures are missing.

    Args:
        folder: Folder of the files.
        inputs: Scan, lungs and signed heat-map.
        options: Render options. The preset otsu adds `lungs_histogram.png`, which shows its ramp.
        picture: Write `render.png`.
        turning: Write `turntable.gif`.

    Returns:
        Sentences for the user.
    """
    if options.preset == "otsu":
        histogram = lungs_histogram(inputs.hu, inputs.lungs)
        _write_histogram(folder / "lungs_histogram.png", histogram)
    shown = _positive_part(inputs)
    content = prepare_content(shown, options)
    try:
        if picture:
            with Scene(content, options) as scene:
                drawn = scene.render(options.view)
            # the volume shows where the heat is, and the inset the tissue there
            whole = add_inset(
                drawn,
                inputs.hu,
                heat=shown.heat,
                spacing_mm=inputs.spacing_mm,
                colormap=options.colormap,
            )
            save_png(folder / "render.png", whole)
        if turning:
            with Scene(content, options, size=SIZE) as scene:
                save_gif(folder / "turntable.gif", list(turntable(scene, options.view)))
    except RenderError as error:
        return [str(error)]
    return []


def show_window(inputs: PictureInputs, options: RenderOptions) -> list[str]:
    """Show the volume in a window until the user closes it.

    Args:
        inputs: Scan, lungs and signed heat-map.
        options: Render options.

    Returns:
        Sentences for the user: that there is no screen.
    """
    try:
        show(prepare_content(_positive_part(inputs), options), options)
    except RenderError as error:
        return [str(error)]
    return []


def _positive_part(inputs: PictureInputs) -> PictureInputs:
    """Leave out the negative values of the heat-map, which only the volume's file holds."""
    return replace(inputs, heat=np.maximum(inputs.heat, 0))


def _write_histogram(path: Path, histogram: np.ndarray) -> None:
    # matplotlib takes a while to load, and most pictures do without
    from lungcam.report.lungs_histogram import draw_lungs_histogram

    with atomic_write(path) as temporary:
        draw_lungs_histogram(histogram, otsu_ramp(histogram)).savefig(temporary, format="png")
