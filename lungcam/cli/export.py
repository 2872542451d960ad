"""Export of a trained net: `python -m lungcam export ckpt=RUN out=FILE`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lungcam.cli.app import DONE
from lungcam.cli.plugins import plugin_names
from lungcam.config.paths import find_checkpoint, refuse_absent
from lungcam.errors import InputError
from lungcam.runtime.written import open_record

SUFFIXES = (".onnx", ".pt2")


def run(paths: Sequence[Path], settings: Mapping[str, str]) -> int:
    """Write a net as ONNX or for `torch.export`, print what was compared, and return the exit code.

    Args:
        paths: None.
        settings: `ckpt` and `out`; `scan` for the check, and `series`; `plugins`.

    Raises:
        InputError: A setting is missing or wrong, or the net cannot be exported.
    """
    if paths or "ckpt" not in settings or "out" not in settings:
        raise InputError(
            "export: give a net and a file: python -m lungcam export ckpt=RUN out=FILE"
        )
    out = Path(settings["out"])
    if out.suffix not in SUFFIXES:
        raise InputError(f"out={out}: give it the suffix {' or '.join(SUFFIXES)}.")
    if out.is_dir():
        raise InputError(f"{out}: this is a folder; give out= a file.")
    open_record(out.parent).refuse_foreign([out])
    ckpt = find_checkpoint(Path(settings["ckpt"]))
    samples = None
    if "scan" in settings:
        refuse_absent(Path(settings["scan"]), "scan=")
        samples = _samples(Path(settings["scan"]), settings.get("series"))
    plugins = plugin_names([f"plugins={settings['plugins']}"]) if "plugins" in settings else []
    # slow to load
    from lungcam.export.formats import check_format
    from lungcam.runs.export import export_checkpoint

    check_format(out)
    print(export_checkpoint(ckpt, out, samples=samples, plugins=plugins))
    print(f"net: {out}")
    return DONE


def _samples(scan: Path, series: str | None) -> list:
    from lungcam.runs.requested_scans import requested_samples

    samples = requested_samples(scan, series=series, out=scan / "none")
    if samples is None:
        raise InputError(f"{scan}: this is a table; give scan= a scan, or a folder of some.")
    return samples
