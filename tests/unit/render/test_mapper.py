import pytest
from vtkmodules.vtkRenderingVolume import (
    vtkFixedPointVolumeRayCastMapper,
    vtkGPUVolumeRayCastMapper,
)

from lungcam.render import choose_mapper, mapper

SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swrast")


def opengl_renderer():
    """Return the name of this machine's OpenGL renderer."""
    from lungcam.render.offscreen import offscreen_window, quiet_vtk

    with quiet_vtk():
        window = offscreen_window((8, 8))
        capabilities = window.ReportCapabilities()
        window.Finalize()
    return next(line for line in capabilities.splitlines() if "renderer string" in line).lower()


@pytest.fixture
def unknown_opengl(monkeypatch):
    """Let OpenGL have a name that says nothing, and forget which mapper was chosen."""
    monkeypatch.setattr(mapper, "_opengl", lambda: "OpenGL renderer string:  A Card")
    mapper.faster_mapper.cache_clear()
    yield
    mapper.faster_mapper.cache_clear()


def test_software_opengl_casts_rays_on_the_processor(opengl):
    if not any(name in opengl_renderer() for name in SOFTWARE_RENDERERS):
        pytest.skip(f"this OpenGL may be hardware: {opengl_renderer()}")
    assert mapper.faster_mapper() == "software"
    assert choose_mapper().IsA(vtkFixedPointVolumeRayCastMapper.__name__)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"software": 0.02, "hardware": 0.001}, vtkGPUVolumeRayCastMapper),
        ({"software": 0.02, "hardware": 0.2}, vtkFixedPointVolumeRayCastMapper),
        ({"software": 0.02, "hardware": float("inf")}, vtkFixedPointVolumeRayCastMapper),
    ],
)
def test_faster_mapper_is_chosen(unknown_opengl, monkeypatch, seconds, expected):
    monkeypatch.setattr(mapper, "_frame_seconds", seconds.get)
    assert choose_mapper("auto").IsA(expected.__name__)


def test_named_mapper_is_not_timed(monkeypatch):
    def refuse():
        raise AssertionError("timed")

    monkeypatch.setattr(mapper, "faster_mapper", refuse)
    assert choose_mapper("hardware").IsA("vtkGPUVolumeRayCastMapper")
    assert choose_mapper("software").IsA("vtkFixedPointVolumeRayCastMapper")


def test_known_emulation_is_not_timed(unknown_opengl, monkeypatch):
    def refuse(name):
        raise AssertionError(f"{name} was timed")

    monkeypatch.setattr(mapper, "_opengl", lambda: "renderer string:  llvmpipe (LLVM 15.0.6)")
    monkeypatch.setattr(mapper, "_frame_seconds", refuse)
    assert mapper.faster_mapper() == "software"


def test_mappers_are_timed_once_per_process(unknown_opengl, monkeypatch):
    timed = []

    def seconds(name):
        timed.append(name)
        return len(timed)

    monkeypatch.setattr(mapper, "_frame_seconds", seconds)
    assert {mapper.faster_mapper() for _ in range(3)} == {"software"}
    assert timed == ["software", "hardware"]


def test_graphics_card_that_cannot_draw_volumes_is_not_chosen(opengl, unknown_opengl, monkeypatch):
    class Broken(vtkFixedPointVolumeRayCastMapper):
        def SetInputData(self, image):
            """Set no input, which is an error of VTK when it draws."""

    monkeypatch.setitem(mapper.MAPPER_CLASSES, "hardware", Broken)
    assert mapper.faster_mapper() == "software"
