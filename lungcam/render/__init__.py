"""Pictures of lungs with a heat-map inside, by volume rendering."""

from lungcam.render.annotations import Outline
from lungcam.render.camera import VIEWS, View
from lungcam.render.content import PictureInputs, SceneContent, prepare_content
from lungcam.render.interactive import show
from lungcam.render.mapper import choose_mapper
from lungcam.render.offscreen import RenderError
from lungcam.render.options import RenderOptions, check_options, transfer_functions
from lungcam.render.picture import render_volume, save_png
from lungcam.render.scene import Scene
from lungcam.render.transfer_functions import (
    Ramp,
    TransferFunctions,
    lungs_histogram,
    otsu_ramp,
    to_display,
)
from lungcam.render.turntable import save_gif, turntable
from lungcam.render.volume import build_volume

__all__ = [
    "VIEWS",
    "Outline",
    "PictureInputs",
    "Ramp",
    "RenderError",
    "RenderOptions",
    "Scene",
    "SceneContent",
    "TransferFunctions",
    "View",
    "build_volume",
    "check_options",
    "choose_mapper",
    "lungs_histogram",
    "otsu_ramp",
    "prepare_content",
    "render_volume",
    "save_gif",
    "save_png",
    "show",
    "to_display",
    "transfer_functions",
    "turntable",
]
