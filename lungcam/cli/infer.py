"""Command `infer.py`, or `lungcam infer`: apply a trained net to scans."""

from collections.abc import Sequence
from pathlib import Path

import hydra
from omegaconf import DictConfig

from lungcam.cli.app import run
from lungcam.cli.help import print_help
from lungcam.cli.plugins import quote_plugins
from lungcam.config.early_checks import check_infer_config
from lungcam.config.paths import INFER_PATHS, expand
from lungcam.config.schema import plain, register_schemas
from lungcam.runtime.versions import CONFIG_FOLDER

register_schemas()
DICOM = ("dicom=", "+dicom=")


# Hydra names the job after this module
@hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="infer")
def job(config: DictConfig) -> None:
    """Predict and explain one scan or many."""
    # bad input is refused before torch is loaded, and most of it before anything slow
    check_infer_config(config)
    from lungcam.runs.requested_scans import requested_samples

    lungs, segment = config.lungs.mask, plain(config.lungs.segment)
    segments = segment if isinstance(segment, list) else [segment]
    samples = requested_samples(
        Path(config.scan),
        series=config.series,
        out=Path(config.out),
        settings={
            "time": config.time,
            "tilt": config.tilt or "straighten",
            "lungs_mask": None if lungs is None else expand(lungs),
            "lungs_segment": None if segment is None else ",".join(map(str, segments)),
        },
    )
    from lungcam.runs.infer import infer

    infer(config, samples)


def spell_out(arguments: Sequence[str]) -> list[str]:
    """Replace `dicom=true` and `dicom=false`, which stand for a key of the group `dicom`."""
    return [
        f"dicom.write={argument.partition('=')[2]}" if argument.startswith(DICOM) else argument
        for argument in arguments
    ]


def main() -> None:
    """Run the command line and end with lungcam's exit codes."""
    if print_help("infer"):
        return
    run(job, paths=INFER_PATHS, name="infer", rewrites=(spell_out, quote_plugins))
