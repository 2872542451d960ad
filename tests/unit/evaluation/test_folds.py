"""Run folders of folds are read as they were written."""

from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from omegaconf import OmegaConf

from lungcam.evaluation.folds import redirect_outputs, sibling_runs


def test_outputs_are_redirected_until_the_fold_ends(tmp_path):
    # registers the resolver of ${hydra:}
    setup_globals()
    HydraConfig.instance().cfg = OmegaConf.create(
        {"hydra": {"runtime": {"output_dir": "outer"}}}, flags={"readonly": True}
    )
    config = OmegaConf.create({"root": "${hydra:runtime.output_dir}/logs"})
    try:
        with redirect_outputs(tmp_path / "fold_1"):
            assert config.root == f"{tmp_path}/fold_1/logs"
        assert config.root == "outer/logs"
        with pytest.raises(RuntimeError, match="stopped"), redirect_outputs(tmp_path):
            raise RuntimeError("stopped")
        assert config.root == "outer/logs"
    finally:
        HydraConfig.instance().cfg = None


def make_finished_runs(root: Path, *names: str) -> None:
    for name in names:
        (root / name).mkdir()
        (root / name / "metrics.json").touch()


def test_siblings_of_a_fold_are_the_other_finished_folds(tmp_path):
    make_finished_runs(tmp_path, "fold_0", "fold_1", "figures")
    (tmp_path / "fold_2").mkdir()
    assert sibling_runs(tmp_path / "fold_2") == [tmp_path / "fold_0", tmp_path / "fold_1"]
    assert sibling_runs(tmp_path / "fold_1") == [tmp_path / "fold_0"]
    assert sibling_runs(tmp_path / "figures") == []


def test_with_several_seeds_siblings_are_the_same_fold_of_other_seeds(tmp_path):
    make_finished_runs(tmp_path, "seed_0_fold_0", "seed_0_fold_1", "seed_1_fold_0", "seed_1_fold_1")
    assert sibling_runs(tmp_path / "seed_1_fold_1") == [tmp_path / "seed_0_fold_1"]
