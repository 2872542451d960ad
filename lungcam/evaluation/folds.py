"""Run folders of the folds of a cross-validation."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, read_write

from lungcam.runtime.atomic import write_text


@contextmanager
def redirect_outputs(folder: Path) -> Iterator[None]:
    """Set `${hydra:runtime.output_dir}` to another folder, so that a run writes there."""
    runtime = HydraConfig.get().runtime
    outer = runtime.output_dir
    with read_write(runtime):
        runtime.output_dir = str(folder)
    try:
        yield
    finally:
        with read_write(runtime):
            runtime.output_dir = outer


def write_config(folder: Path, config: DictConfig) -> None:
    """Write a fold's configuration to the place that it has in a run folder."""
    write_text(folder / ".hydra" / "config.yaml", OmegaConf.to_yaml(config))


def sibling_runs(folder: Path) -> list[Path]:
    """Return finished runs of the same recipe: the same fold with other seeds, or else other folds.

    Args:
        folder: Run folder; it has siblings only if it is that of a fold.
    """
    match = re.fullmatch(r"(?P<seed>seed_\d+_)?(?P<fold>fold_\d+)", folder.name)
    if match is None:
        return []
    pattern = f"seed_*_{match['fold']}" if match["seed"] else "fold_*"
    return [
        path
        for path in sorted(folder.parent.glob(pattern))
        if path != folder and (path / "metrics.json").is_file()
    ]
