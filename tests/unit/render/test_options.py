import dataclasses

import pytest
from omegaconf import OmegaConf

from lungcam.errors import InputError
from lungcam.render import VIEWS, RenderOptions, check_options
from lungcam.render.options import CLIPS, read_options
from lungcam.render.transfer_functions import PRESETS


@pytest.mark.parametrize(
    ("field", "value"),
    [("preset", name) for name in PRESETS]
    + [("view", name) for name in VIEWS]
    + [("clip", name) for name in (None, *CLIPS)]
    + [("mapper", name) for name in ("auto", "software", "hardware")]
    + [("colormap", "fire"), ("colormap", "plasma"), ("size", 64), ("size", 4096)],
)
def test_valid_options_are_accepted(field, value):
    check_options(dataclasses.replace(RenderOptions(), **{field: value}))


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("preset", "shiny", "linear, gradient, otsu or classic"),
        ("view", "frontal", "three_quarter"),
        ("clip", "oblique", "axial"),
        ("mapper", "gpu", "auto, software or hardware"),
        ("colormap", "fires", "matplotlib"),
        ("size", 63, "64 to 4096"),
        ("size", 10**6, "64 to 4096"),
        ("size", True, "whole number"),
        ("size", 99.5, "whole number"),
    ],
)
def test_invalid_options_are_refused_in_one_line(field, value, remedy):
    with pytest.raises(ValueError, match=remedy) as error:
        check_options(dataclasses.replace(RenderOptions(), **{field: value}))
    assert str(error.value).startswith(f"{field}={value}: ")
    assert "\n" not in str(error.value)


NODE = {
    "preset": "otsu",
    "colormap": "magma",
    "view": "left",
    "clip": "axial",
    "size": 512,
    "mapper": "software",
}


def test_keys_of_the_configuration_are_fields_and_other_keys_are_ignored():
    assert read_options(NODE) == RenderOptions(
        preset="otsu", colormap="magma", view="left", clip="axial", size=512, mapper="software"
    )
    assert read_options(OmegaConf.create({**NODE, "interactive": True})) == read_options(NODE)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("preset", "shiny"),
        ("colormap", "rainbows"),
        ("view", "top"),
        ("clip", "x"),
        ("size", 1),
        ("mapper", "gpu"),
    ],
)
def test_invalid_value_is_an_input_error_that_names_the_key(key, value):
    with pytest.raises(InputError, match=rf"^render\.{key}={value}: .*\.$") as error:
        read_options({**NODE, key: value})
    assert "\n" not in str(error.value)
