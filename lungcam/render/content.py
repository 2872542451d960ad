"""What a scene shows: the volume, its tables, what is written beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkImageData

from lungcam.render.annotations import Outline
from lungcam.render.options import RenderOptions, check_options, transfer_functions
from lungcam.render.transfer_functions import TransferFunctions, lungs_histogram
from lungcam.render.volume import MAX_SIDE, check_volumes, lungs_and_heat


@dataclass(frozen=True, eq=False)
class Content:
    """What a scene shows.

    Attributes:
        image: Lungs and heat, as `lungcam.render.volume.lungs_and_heat` makes them.
        lungs: How the lungs are drawn.
        heat: How the heat-map is drawn.
        peak: Highest value of the heat-map, in its own unit; 0 where there is none.
        peak_mm: Where that is, from the centre of the scan's voxel (0, 0, 0); None where none is.
        heat_name: What the colour bar calls the heat-map.
        outlines: Of annotated nodules.
        mark: A warning that stands in every picture, or None.
    """

    image: vtkImageData
    lungs: TransferFunctions
    heat: TransferFunctions
    peak: float
    peak_mm: tuple[float, float, float] | None
    heat_name: str
    outlines: Sequence[Outline] = ()
    mark: str | None = None


def prepare_content(
    hu: np.ndarray,
    lungs: np.ndarray,
    heat: np.ndarray | None,
    spacing_mm: tuple[float, float, float],
    look: RenderOptions,
    heat_name: str = "Grad-CAM",
    mark: str | None = None,
    outlines: Sequence[Outline] = (),
    most: int = MAX_SIDE,
) -> Content:
    """Reduce a scan and its heat-map to what is drawn.

    Arguments as of `render_volume`, and `most` as of `lungs_and_heat`.

    Raises:
        ValueError: As `render_volume`.
    """
    check_options(look)
    check_volumes(hu, lungs, heat=heat, spacing_mm=spacing_mm)
    functions = transfer_functions(look, lungs_histogram(hu, lungs))
    image = lungs_and_heat(
        hu, lungs, heat=heat, spacing_mm=spacing_mm, functions=functions[0], most=most
    )
    peak = 0.0 if heat is None else float(heat.max())
    place = None
    if peak > 0:
        voxel = np.unravel_index(int(heat.argmax()), heat.shape)
        place = tuple(float(i * mm) for i, mm in zip(voxel, spacing_mm, strict=True))
    return Content(image, *functions, peak, place, heat_name, tuple(outlines), mark)
