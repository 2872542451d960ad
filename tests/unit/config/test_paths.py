"""Paths in a configuration: refused in one line if there is nothing at them."""

import os
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from lungcam.config.paths import (
    EITHER,
    FILE,
    FOLDER,
    TRAIN_INPUTS,
    check_infer_paths,
    check_train_paths,
    find_checkpoint,
    find_checkpoints,
    refuse_absent,
    refuse_file,
)
from lungcam.errors import InputError


@pytest.fixture
def ckpt(tmp_path) -> Path:
    """Return a file of the container that torch writes, as best.ckpt of a run folder."""
    file = tmp_path / "run" / "checkpoints" / "best.ckpt"
    file.parent.mkdir(parents=True)
    with ZipFile(file, "w") as archive:
        archive.writestr("data.pkl", b"")
    return file


def train_nodes(folder: Path, **data: object) -> dict:
    nodes = {"data": {"_target_": "lungcam.cohorts.table.table_cohort"} | data}
    others = {"split": {"manifest": None}, "detection": {}, "cache": str(folder / "cache")}
    return nodes | others


def test_a_checkpoint_is_found_by_file_and_by_run_folder(ckpt):
    assert find_checkpoint(ckpt) == ckpt
    assert find_checkpoint(ckpt.parents[1]) == ckpt


def test_a_missing_checkpoint_is_named(tmp_path, ckpt):
    with pytest.raises(InputError, match=r"gone\.ckpt: there is no such checkpoint; check ckpt="):
        find_checkpoint(tmp_path / "gone.ckpt")
    with pytest.raises(InputError, match=r"no checkpoints/best\.ckpt in it"):
        find_checkpoint(tmp_path)
    ckpt.unlink()
    ckpt.mkdir()
    with pytest.raises(InputError, match=r"no checkpoints/best\.ckpt in it"):
        find_checkpoint(ckpt.parents[1])


@pytest.mark.parametrize("content", [b"", b"hello, I am a text\n", b"PK\x03\x04", b"\x80\x02"])
def test_a_file_of_another_kind_is_no_checkpoint(tmp_path, content):
    file = tmp_path / "other.ckpt"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"other\.ckpt: not a checkpoint"):
        find_checkpoint(file)


@pytest.fixture
def folds(tmp_path, ckpt) -> Path:
    """Return the folder of a finished cross-validation of eleven folds."""
    folder = tmp_path / "cv"
    for fold in range(11):
        run = folder / f"fold_{fold}"
        shutil.copytree(ckpt.parents[1], run)
        (run / "metrics.json").touch()
    (folder / "metrics.json").touch()
    return folder


def best(*runs: Path) -> list[Path]:
    return [run / "checkpoints" / "best.ckpt" for run in runs]


def test_all_nets_of_a_cross_validation_are_found_in_the_order_of_their_folds(folds, ckpt):
    expected = best(*(folds / f"fold_{fold}" for fold in range(11)))
    assert find_checkpoints(str(folds)) == expected
    assert find_checkpoints(str(ckpt)) == find_checkpoints(str(ckpt.parents[1])) == [ckpt]
    assert find_checkpoints([str(ckpt), str(folds)]) == [ckpt, *expected]
    for fold in range(11):
        (folds / f"fold_{fold}").rename(folds / f"seed_{fold % 2}_fold_{fold // 2}")
    assert [file.parents[1].name for file in find_checkpoints(str(folds))][:7] == [
        *(f"seed_0_fold_{fold}" for fold in range(6)),
        "seed_1_fold_0",
    ]


@pytest.mark.parametrize("lost", ["metrics.json", "fold_3/metrics.json"])
def test_an_unfinished_cross_validation_is_refused(folds, lost):
    (folds / lost).unlink()
    with pytest.raises(InputError, match=r"this training is not finished; continue it") as refusal:
        find_checkpoints(str(folds))
    assert str(refusal.value).startswith(f"{(folds / lost).parent}: ")
    assert f"resume={folds}," in str(refusal.value)


def write_sweep(folder: Path, ckpt: Path, overrides: list[list[str]]) -> None:
    for job, lines in enumerate(overrides):
        run = folder / str(job)
        shutil.copytree(ckpt.parents[1], run)
        (run / "metrics.json").touch()
        (run / ".hydra").mkdir()
        text = "".join(f"- {line}\n" for line in lines)
        (run / ".hydra" / "overrides.yaml").write_text(text)


def test_a_sweep_over_seeds_is_several_nets_and_any_other_is_not(tmp_path, ckpt):
    write_sweep(tmp_path / "seeds", ckpt, [["model=small3d", f"seed={n}"] for n in range(3)])
    runs = [tmp_path / "seeds" / str(job) for job in range(3)]
    assert find_checkpoints(str(tmp_path / "seeds")) == best(*runs)
    write_sweep(tmp_path / "rates", ckpt, [[f"optimizer.lr={n}", "seed=0"] for n in range(1, 3)])
    with pytest.raises(InputError, match=r"rates: its runs differ in more than the seed; name"):
        find_checkpoints(str(tmp_path / "rates"))
    (runs[1] / "metrics.json").unlink()
    with pytest.raises(InputError, match=r"not finished; continue it with train\.py resume=.*1,"):
        find_checkpoints(str(tmp_path / "seeds"))


def test_no_net_and_a_net_that_is_named_twice_are_refused(ckpt):
    with pytest.raises(InputError, match=r"^ckpt=\[\]: no path is given"):
        find_checkpoints([])
    with pytest.raises(InputError, match=r"named twice"):
        find_checkpoints([str(ckpt), str(ckpt.parents[1])])


@pytest.mark.parametrize(
    ("kind", "fitting"),
    [
        (FILE, {"file", "pipe"}),
        (FOLDER, {"folder"}),
        (EITHER, {"file", "pipe", "folder"}),
    ],
)
def test_what_is_absent_or_of_another_kind_is_refused(tmp_path, kind, fitting):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    for name in ("file", "folder", "pipe", "dangling", "gone", "file/below"):
        path = tmp_path / name
        if name in fitting:
            refuse_absent(path, "scan=", kind=kind)
        else:
            with pytest.raises(InputError) as refusal:
                refuse_absent(path, "scan=", kind=kind)
            assert str(refusal.value) == f"{path}: there is no such {kind}; check scan=."


def test_a_file_in_the_way_of_a_folder_is_refused(tmp_path):
    refuse_file(tmp_path / "new" / "deep", "out")
    refuse_file(tmp_path, "out")
    file = tmp_path / "taken"
    file.touch()
    for path in (file, file / "below" / "deep"):
        with pytest.raises(InputError) as refusal:
            refuse_file(path, "out")
        assert str(refusal.value) == f"{file}: this is a file; give out= a folder."


@pytest.mark.parametrize("key", TRAIN_INPUTS)
def test_every_input_of_a_training_is_checked(tmp_path, key):
    group, _, name = key.rpartition(".")
    nodes = train_nodes(tmp_path)
    check_train_paths(nodes)
    (nodes[group] if group else nodes)[name] = str(tmp_path / "gone")
    with pytest.raises(InputError, match=rf"gone: there is no such .*; check {key}=\.$"):
        check_train_paths(nodes)


def test_each_of_several_tables_is_checked(tmp_path):
    (tmp_path / "a.csv").touch()
    tables = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    with pytest.raises(InputError, match=r"b\.csv: there is no such file; check data\.table="):
        check_train_paths(train_nodes(tmp_path, table=tables))


def test_phantoms_are_made_where_none_are(tmp_path):
    root = str(tmp_path / "phantoms")
    check_train_paths(train_nodes(tmp_path, _target_="lungcam.phantom.phantom_cohort", root=root))


def test_values_that_are_no_paths_are_left_to_the_cohort(tmp_path):
    check_train_paths(train_nodes(tmp_path, table=5, root=None, nodules=[7]))


def test_a_cache_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "cache").touch()
    with pytest.raises(InputError, match=r"cache: this is a file; give cache= a folder"):
        check_train_paths(train_nodes(tmp_path))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scan": "gone.nii.gz"}, r"^gone\.nii\.gz: there is no such file or folder; check scan="),
        ({"ckpt": "gone.ckpt"}, r"^gone\.ckpt: there is no such checkpoint; check ckpt="),
        ({"out": "scan.nii.gz"}, r"^scan\.nii\.gz: this is a file; give out= a folder"),
        ({"prior": "scan.nii.gz"}, r"^scan\.nii\.gz: there is no such folder; check prior="),
        ({"prior": [".", "gone"]}, r"^gone: there is no such folder; check prior="),
        ({"lungs": {"mask": "gone", "segment": None}}, r"^gone: .* check lungs\.mask="),
        ({"lungs": {"mask": None, "segment": "1"}}, r"^lungs\.segment: .* give lungs\.mask="),
    ],
)
def test_every_path_of_an_inference_is_checked(tmp_path, monkeypatch, ckpt, changed, message):
    monkeypatch.chdir(tmp_path)
    Path("scan.nii.gz").touch()
    lungs = {"mask": "scan.nii.gz", "segment": None}
    nodes = {"ckpt": "run", "scan": "scan.nii.gz", "out": "results"}
    nodes |= {"lungs": lungs, "prior": [str(tmp_path)]}
    check_infer_paths(nodes)
    with pytest.raises(InputError, match=message):
        check_infer_paths(nodes | changed)
