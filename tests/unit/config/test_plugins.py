"""Plug-ins are found without being imported, recorded by their code, and imported by name."""

import multiprocessing
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lungcam.config import plugins
from lungcam.config.plugins import (
    code_record,
    find_plugin,
    load_installed,
    load_plugins,
    loaded_plugins,
    targets_of,
)
from lungcam.errors import InputError

TRIPWIRE = "from pathlib import Path\nPath('tripped').touch()\n"


@pytest.fixture
def package(here) -> Path:
    """Return the folder of a package `outside` with a module and a folder of configurations."""
    folder = here / "lib" / "outside"
    (folder / "conf" / "model").mkdir(parents=True)
    (folder / "__init__.py").write_text("from outside.nets import make\n__version__ = '1.2'\n")
    (folder / "nets.py").write_text("def make(width: int = 3):\n    return width\n")
    return folder


@pytest.mark.parametrize("name", ["tool.py", "./tool.py", "tool"])
def test_a_file_is_found_by_path_or_name_and_not_imported(here, name):
    (here / "tool.py").write_text(TRIPWIRE)
    plugin = find_plugin(name)
    assert (plugin.module, plugin.origin.name, plugin.configs) == ("tool", "tool.py", None)
    assert len(plugin.sha256) == 64
    assert not (here / "tripped").exists()
    load_plugins([name])
    assert (here / "tripped").exists()
    assert [plugin.package for plugin in loaded_plugins()] == ["tool"]


def test_a_package_is_found_by_its_folder_and_by_a_module_in_it(here, package, monkeypatch):
    by_folder = find_plugin("lib/outside")
    assert by_folder.origin == package
    assert by_folder.configs == package / "conf"
    assert find_plugin("outside.nets").package == "outside"
    load_plugins(["outside.nets"])
    assert sys.modules["outside.nets"].make() == 3


def test_the_hash_follows_every_file_of_a_package(package):
    before = find_plugin("lib/outside").sha256
    (package / "conf" / "model" / "a.yaml").write_text("a: 1\n")
    assert find_plugin("lib/outside").sha256 == before
    (package / "nets.py").write_text("def make(width: int = 4):\n    return width\n")
    after = find_plugin("lib/outside").sha256
    assert after != before
    (package / "nets.py").rename(package / "other.py")
    assert find_plugin("lib/outside").sha256 not in (before, after)


def test_the_record_of_a_target_is_that_of_its_package(here, package):
    load_plugins(["lib/outside"])
    expected = {"sha256": find_plugin("lib/outside").sha256, "version": "1.2"}
    assert code_record("outside.nets.make") == expected
    # the version of a distribution is known without importing it
    assert code_record("pytest.fixture")["version"] == pytest.__version__


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.py", r"absent\.py: there is no such Python file or package"),
        ("lib/", r"lib/: there is no such"),
        ("absent", r"plugins=absent: there is no such module here"),
        ("two words.py", r"two words is no name of a Python module; rename it"),
        ("os", r"os is part of Python or of lungcam"),
        ("torch.hub", r"torch is part of Python or of lungcam"),
        ("lungcam", r"lungcam is part of"),
        ("pytest.py", r"__init__.py|pytest has the same name and comes first; rename yours"),
        ("broken.py", r"broken cannot be imported: ValueError: no good \(broken\.py, line 2\)"),
        ("wrong.py", r"wrong cannot be imported: SyntaxError"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(here, name, message):
    for file, text in {
        "two words.py": "",
        "pytest.py": "",
        "broken.py": "\nraise ValueError('no good')\n",
        "wrong.py": "def f(:\n",
    }.items():
        (here / file).write_text(text)
    with pytest.raises(InputError, match=message) as refused:
        load_plugins([name])
    assert "\n" not in str(refused.value)


def test_the_folder_of_a_file_comes_after_all_others(here):
    (here / "json.py").write_text("raise AssertionError\n")
    (here / "tool.py").write_text("import json\njson.dumps(1)\n")
    load_plugins(["tool.py"])
    assert sys.path[-1] == str(here)


def test_a_spawned_process_imports_a_plugin_that_its_parent_has_loaded(here):
    (here / "tool.py").write_text("def square(x):\n    return x * x\n")
    load_plugins(["tool.py"])
    from tool import square

    for method in ("spawn", "fork"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.map(square, [3]) == [9]


def test_installed_packages_register_by_an_entry_point(here, package, monkeypatch):
    sys.path.append(str(package.parent))
    entry = EntryPoint("mine", "outside.nets", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] * (group == plugins.GROUP))
    load_installed()
    assert [plugin.module for plugin in loaded_plugins()] == ["outside.nets"]


def test_targets_are_found_at_any_depth():
    config = {"a": {"_target_": "x.A", "b": [{"c": ({"_target_": "y.B"},)}]}, "_target_": "z.C"}
    assert list(targets_of(config)) == ["z.C", "x.A", "y.B"]
