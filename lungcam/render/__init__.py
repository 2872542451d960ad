"""Pictures of lungs with a heat-map inside, by volume rendering."""

from lungcam.render.camera import VIEWS, View
from lungcam.render.display import to_display
from lungcam.render.opengl import RenderError, choose_mapper
from lungcam.render.picture import render_volume, save_png
from lungcam.render.scene import Scene
from lungcam.render.volume import lungs_and_heat

__all__ = [
    "VIEWS",
    "RenderError",
    "Scene",
    "View",
    "choose_mapper",
    "lungs_and_heat",
    "render_volume",
    "save_png",
    "to_display",
]
