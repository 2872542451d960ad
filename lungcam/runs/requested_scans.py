"""Scans that a command names, listed before torch is loaded: a wrong path is refused at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lungcam.cohorts.sample import Sample
from lungcam.errors import InputError
from lungcam.scans import discover, scan_name


def requested_samples(
    scan: Path, *, series: str | None, out: Path, settings: Mapping[str, Any] | None = None
) -> list[Sample] | None:
    """List the scans that `scan=` names.

    Args:
        scan: DICOM folder, volume file, folder of many, or table.
        series: SeriesInstanceUID of the only scan, wherever it lies below the folder.
        out: Folder of results, which are no scans.
        settings: Further fields of the samples.

    Returns:
        A sample for each scan; None for a table, which is read with the columns of the checkpoint.

    Raises:
        InputError: There is no scan, or a series is given for a table.
    """
    if scan.suffix.lower() == ".csv":
        if series is not None:
            raise InputError(f"series={series}: {scan} is a table; give scan= one scan.")
        return None
    fields = settings or {}
    sources = discover(scan, without=out) if series is None else []
    if len(sources) > 1:
        return [_sample(source.name, source.path, **fields) for source in sources]
    # the path as given: files next to the scan are then reported too
    name = sources[0].name if sources else scan_name(scan.resolve())
    return [_sample(name, scan, series_uid=series, **fields)]


def _sample(name: str, image: Path, **fields: Any) -> Sample:
    return Sample(
        sample_id=name,
        patient_id=name,
        image=image,
        label=None,
        label_source="",
        **fields,
    )
