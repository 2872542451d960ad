"""Pictures of lungs with a heat-map inside, by volume rendering."""

from lungcam.render.camera import VIEWS, View
from lungcam.render.content import Content, prepare_content
from lungcam.render.display import to_display
from lungcam.render.histogram import Ramp, lungs_histogram, otsu_ramp
from lungcam.render.interactive import show
from lungcam.render.look import Look, check_look, transfer_functions
from lungcam.render.mapper import choose_mapper
from lungcam.render.opengl import RenderError
from lungcam.render.outline import Outline
from lungcam.render.picture import render_volume, save_png
from lungcam.render.scene import Scene
from lungcam.render.transfer_functions import TransferFunctions
from lungcam.render.turntable import save_gif, turntable
from lungcam.render.volume import lungs_and_heat

__all__ = [
    "VIEWS",
    "Content",
    "Look",
    "Outline",
    "Ramp",
    "RenderError",
    "Scene",
    "TransferFunctions",
    "View",
    "check_look",
    "choose_mapper",
    "lungs_and_heat",
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
