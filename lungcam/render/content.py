"""Contents of a scene: the reduced volume, its transfer functions and its captions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkImageData

from lungcam.render.annotations import Outline
from lungcam.render.options import RenderOptions, check_options, transfer_functions
from lungcam.render.transfer_functions import TransferFunctions, lungs_histogram
from lungcam.render.volume import MAX_SIDE, build_volume, check_volumes


@dataclass(frozen=True, eq=False, kw_only=True)
class PictureInputs:
    """Scan, lungs and heat-map of a picture, with the texts and rings drawn over them.

    Attributes:
        hu: `(W, H, D)` scan in HU, its axes along the patient's right, front and head (RAS+).
        lungs: `(W, H, D)` bool, the lungs alone; the scan is not drawn outside them.
        heat: `(W, H, D)`, finite and at least 0, or None for the lungs alone.
        spacing_mm: Size of a voxel along each axis, in mm.
        heat_name: Title of the heat-map's colour bar; its numbers are the map's own.
        mark: Warning along the upper edge, such as that the heat-map failed its checks, or None.
        doubt: Warning above that, in red, such as that the net has seen phantoms alone, or None.
        title: Name of the scan and the net's answer, along the upper edge; empty for none.
        outlines: Annotated nodules, each drawn as a ring.
    """

    hu: np.ndarray
    lungs: np.ndarray
    heat: np.ndarray | None
    spacing_mm: tuple[float, float, float]
    heat_name: str = "Grad-CAM"
    mark: str | None = None
    doubt: str | None = None
    title: str = ""
    outlines: Sequence[Outline] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class SceneContent:
    """Contents of a scene, reduced to what is drawn.

    Attributes:
        image: Lungs and heat-map, as `lungcam.render.volume.build_volume` returns them.
        lungs: Transfer functions of the lungs.
        heat: Transfer functions of the heat-map.
        peak: Highest value of the heat-map, in its own unit; 0 without a heat-map.
        peak_mm: Position of the peak in mm from the centre of the scan's voxel (0, 0, 0); None if
            the peak is 0.
        heat_name: Title of the colour bar.
        mark: Warning in every picture, or None.
        doubt: Warning in red in every picture, or None.
        title: Line at the top of every picture, or empty.
        outlines: Annotated nodules.
    """

    image: vtkImageData
    lungs: TransferFunctions
    heat: TransferFunctions
    peak: float
    peak_mm: tuple[float, float, float] | None
    heat_name: str
    mark: str | None = None
    doubt: str | None = None
    title: str = ""
    outlines: Sequence[Outline] = ()


def prepare_content(
    inputs: PictureInputs, options: RenderOptions, *, max_side: int = MAX_SIDE
) -> SceneContent:
    """Reduce a scan and its heat-map to the contents of a scene.

    Args:
        inputs: Scan, lungs and heat-map.
        options: Transfer functions and colours.
        max_side: Voxels along the longest side, at most.

    Raises:
        ValueError: If the arrays do not fit together, the lung mask is empty, the heat-map is
            negative or not finite, or the options do not exist.
    """
    check_options(options)
    hu, lungs, heat, spacing_mm = inputs.hu, inputs.lungs, inputs.heat, inputs.spacing_mm
    check_volumes(hu, lungs, heat=heat, spacing_mm=spacing_mm)
    lung_functions, heat_functions = transfer_functions(options, lungs_histogram(hu, lungs))
    image = build_volume(
        hu,
        lungs,
        heat=heat,
        spacing_mm=spacing_mm,
        functions=lung_functions,
        max_side=max_side,
    )
    peak, voxel = (0.0, ()) if heat is None else _peak(heat)
    peak_mm = (
        tuple(float(i * mm) for i, mm in zip(voxel, spacing_mm, strict=True)) if peak else None
    )
    return SceneContent(
        image=image,
        lungs=lung_functions,
        heat=heat_functions,
        peak=peak,
        peak_mm=peak_mm,
        heat_name=inputs.heat_name,
        mark=inputs.mark,
        doubt=inputs.doubt,
        title=inputs.title,
        outlines=tuple(inputs.outlines),
    )


def _peak(heat: np.ndarray) -> tuple[float, tuple[int, ...]]:
    """Return the highest value and its voxel, slice by slice: a whole map would be copied."""
    highest = heat.max(axis=(0, 1))
    k = int(highest.argmax())
    i, j = np.unravel_index(heat[:, :, k].argmax(), heat.shape[:2])
    return float(highest[k]), (int(i), int(j), k)
