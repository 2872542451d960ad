"""Options are declared once: code, conf/ and docs/reference.md follow the dataclasses."""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from pathlib import Path

import pytest
import yaml
from omegaconf import MISSING, OmegaConf

from lungcam.config import options, schema
from lungcam.config.options import (
    ExplainOptions,
    LungsOptions,
    RenderOptions,
    TrainerOptions,
    check_choices,
    describe,
    nullable,
)
from lungcam.config.schema import InferConfig, TrainConfig
from lungcam.data import SplitRule
from lungcam.explain import EVIDENCE, METHODS
from lungcam.lungs import MASKS
from lungcam.render import VIEWS
from lungcam.render.options import CLIPS
from lungcam.render.transfer_functions import PRESETS

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
CONFIGURATIONS = {"train.yaml": TrainConfig, "infer.yaml": InferConfig}
OPTIONS = [value for value in vars(options).values() if is_dataclass(value)]


def settings(configuration: type) -> Iterator[tuple[str, Field]]:
    """Yield every option of a configuration under its full key, and every group."""
    for item in fields(configuration):
        if item.metadata:
            yield item.name, item
            if is_dataclass(item.type):
                yield from ((f"{item.name}.{inner.name}", inner) for inner in fields(item.type))


def comments(file: Path) -> dict[str, str]:
    """Read the comment at each key of a YAML file of two levels, empty where there is none."""
    comment_of, section = {}, ""
    for line in file.read_text(encoding="utf-8").splitlines():
        key, comment = re.match(r"( *\w*):?[^#]*(?:# (.*))?", line).groups()
        if key and not key.startswith(" "):
            section = key
        full = f"{section}.{key.strip()}" if key.startswith("  ") else key
        comment_of[full] = comment or ""
    return comment_of


def documented(heading: str) -> dict[str, tuple[str, str]]:
    """Read default and meaning of each setting below a heading of the reference."""
    section = REFERENCE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| (?:`(.*?)`)? ?\| (.*) \|$", section, re.MULTILINE)
    return {key: (default, plain_text(meaning)) for key, default, meaning in rows}


def plain_text(markdown: str) -> str:
    return re.sub(r"\[(.*?)\]\(.*?\)", r"\1", markdown).replace("`", "")


def default_of(item: Field) -> object:
    """Return the default of an option, which may be an empty list or dict."""
    return item.default if item.default_factory is dataclasses.MISSING else item.default_factory()


def as_yaml(value: object) -> object:
    """Return a default as YAML gives it back."""
    return yaml.safe_load(str(value)) if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("file", "configuration"),
    [*CONFIGURATIONS.items(), ("trainer/default.yaml", TrainerOptions)],
)
def test_yaml_files_have_the_values_and_comments_of_the_options(file, configuration):
    node = OmegaConf.load(ROOT / "conf" / file)
    comment_of = comments(ROOT / "conf" / file)
    listed = [
        (key, item)
        for key, item in settings(configuration)
        if key.partition(".")[0] in node and key not in ("view", "trainer")
    ]
    assert listed
    for key, item in listed:
        if is_dataclass(item.type):
            assert comment_of[key] == describe(item), key
        elif default_of(item) != MISSING or key in comment_of:
            assert comment_of[key] == describe(item), key
            value = OmegaConf.to_container(node, resolve=False)
            for name in key.split("."):
                value = value[name]
            assert value == default_of(item), key


def test_every_option_with_a_default_is_in_a_yaml_file():
    for file, configuration in CONFIGURATIONS.items():
        node = OmegaConf.load(ROOT / "conf" / file)
        node = OmegaConf.merge(
            {"trainer": OmegaConf.load(ROOT / "conf/trainer/default.yaml")}, node
        )
        for key, item in settings(configuration):
            if not is_dataclass(item.type) and default_of(item) != MISSING:
                *sections, name = key.split(".")
                assert name in (node[sections[0]] if sections else node), key


@pytest.mark.parametrize("script", ["train.py", "infer.py"])
def test_the_reference_has_default_and_meaning_of_every_option(script):
    configuration = CONFIGURATIONS[script.replace(".py", ".yaml")]
    rows = documented(f"Configuration of `{script}`")
    shared = {f"render.{item.name}" for item in fields(RenderOptions)} if script[0] == "i" else ()
    for key, item in settings(configuration):
        if is_dataclass(item.type) or key in shared:
            continue
        default, meaning = rows.pop(key)
        assert meaning.startswith(describe(item)), key
        assert yaml.safe_load(default or MISSING) == as_yaml(default_of(item)), key
    # what is left over are the groups, which choose a file each
    assert all(key not in dict(settings(configuration)) or "." not in key for key in rows)


@pytest.mark.parametrize(
    ("choices_of", "name", "implemented"),
    [
        (RenderOptions, "preset", PRESETS),
        (RenderOptions, "view", VIEWS),
        (RenderOptions, "clip", (None, *CLIPS)),
        (ExplainOptions, "method", METHODS),
        (ExplainOptions, "evidence", EVIDENCE),
        (LungsOptions, "mask", MASKS),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_choices_are_those_that_are_implemented(choices_of, name, implemented):
    (item,) = [item for item in fields(choices_of) if item.name == name]
    assert set(item.metadata["choices"]) == set(implemented)


@pytest.mark.parametrize("declared", OPTIONS, ids=lambda declared: declared.__name__)
def test_options_can_be_changed_after_composing(declared):
    """Hydra merges the command line into them, which a frozen dataclass does not allow."""
    node = OmegaConf.structured(declared)
    assert not OmegaConf.is_readonly(node)
    for item in fields(declared):
        default = default_of(item)
        assert item.metadata["meaning"], item.name
        assert default == MISSING or default in (item.metadata["choices"] or (default,))


def test_the_consumers_use_these_dataclasses():
    import lungcam.render

    assert lungcam.render.RenderOptions is RenderOptions
    assert fields(SplitRule) == fields(options.SplitOptions)


def test_a_nullable_variant_has_the_same_fields_in_the_same_order():
    variant = nullable(ExplainOptions, "method")
    assert [item.name for item in fields(variant)] == [item.name for item in fields(ExplainOptions)]
    node = OmegaConf.structured(variant(layer="conv3"))
    assert OmegaConf.to_container(node) == {
        **vars(ExplainOptions(layer="conv3")),
        "method": None,
    }
    assert [describe(item) for item in fields(variant)] == list(
        map(describe, fields(ExplainOptions))
    )
    assert schema.InferConfig().explain.layer is None


def test_a_wrong_choice_is_refused_in_one_line():
    with pytest.raises(
        ValueError, match=r"^clip=oblique: choose axial, coronal, sagittal or null.$"
    ):
        check_choices(RenderOptions, {"view": "left", "clip": "oblique"})
    check_choices(RenderOptions, {"view": "left", "clip": None, "other": 1})
