"""Fuzzer: valid input with random changes, for a stated time: `python tests/attacks/fuzz.py 600`.

Whatever is changed, a scan is read or refused in one line, a table gives rows or faults, metadata
of a checkpoint pass or are refused, a run folder is continued or refused. Anything else is printed
with its seed, which repeats it: `python tests/attacks/fuzz.py 0 SEED`.
"""

import copy
import random
import resource
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk
import yaml
from pydicom.uid import CTImageStorage, generate_uid

from lungcam.cli.resume import resume_arguments
from lungcam.cohorts.table import read_samples
from lungcam.errors import InputError
from lungcam.scans import check_scan
from lungcam.training.checkpoint_schema import check_schema

MEMORY = 2 << 30
VALUES = (0, -1, 1e300, float("nan"), "", "x\x1b[31m\n", None, True, [], {}, 2**63, "../..", b"x")
SPICE = (b"\xff" * 4, b"\0" * 4, b"-1", b"99999999", b"nan", b"\n", b"1e999", b"\x7f\xff\xff\xff")
METADATA = {
    "config": {
        "model": {"_target_": "lungcam.nets.Small3D"},
        "transforms": {"hu": {"_target_": "lungcam.transforms.HUThreshold"}},
        "explain": {"layer": "conv3", "method": "gradcam"},
        "view": {"shape": [16, 16, 16], "spacing_mm": 1.0},
        "table": {"columns": {"label": "label"}},
    },
    "label_rule": "label 1: x",
    "threshold": 0.5,
    "calibration": {"slope": 1.0, "intercept": 0.0},
}
TABLE = b"image,sample_id,label,coordX,coordY,coordZ\na.nii,a,1,1,2,3\nb.nii,b,0,4,5,6\n"


def volume() -> np.ndarray:
    """Return a small volume of HU."""
    return np.random.default_rng(0).integers(-1000, 400, (12, 11, 10)).astype(np.int16)


def seeds(folder: Path) -> dict[str, bytes]:
    """Write valid files of each format, and return their bytes by suffix."""
    image = nib.Nifti1Image(volume(), np.diag([2, 2, 2, 1]))
    image.set_sform(image.affine, 1)
    nib.save(image, folder / "a.nii")
    nib.save(image, folder / "a.nii.gz")
    for name in ("a.nrrd", "a.mha"):
        sitk.WriteImage(sitk.GetImageFromArray(volume()), str(folder / name), name == "a.mha")
    data = pydicom.Dataset()
    data.update(
        {
            "SOPClassUID": CTImageStorage, "SOPInstanceUID": generate_uid(), "Modality": "CT",
            "SeriesInstanceUID": "1.2.3", "ImagePositionPatient": [0, 0, 0],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1], "Rows": 11,
            "Columns": 12, "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15,
            "PixelRepresentation": 1, "RescaleSlope": 1, "RescaleIntercept": 0,
            "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2",
            "PixelData": volume()[:, :, 0].tobytes(),
        }
    )  # fmt: skip
    data["PixelData"].VR = "OW"
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    data.save_as(folder / "a.dcm", enforce_file_format=True)
    files = sorted(folder.glob("a.*"))
    return {file.name.removeprefix("a"): file.read_bytes() for file in files}


def changed(rng: random.Random, content: bytes) -> bytes:
    """Change some bytes, most of them in the header."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(min(len(content), rng.choice((64, 400, 2000, 10**9))))
        kind = rng.randrange(5)
        if kind == 0:
            content[place] = rng.randrange(256)
        elif kind == 1:
            spice = rng.choice(SPICE)
            content[place : place + len(spice)] = spice
        elif kind == 2:
            content[place:place] = rng.choice(SPICE)
        elif kind == 3:
            del content[place : place + rng.randint(1, 40)]
        else:
            del content[max(place, 8) :]
        if not content:
            return b""
    return bytes(content)


def try_scan(rng: random.Random, folder: Path, files: dict[str, bytes]) -> None:
    suffix = rng.choice(sorted(files))
    path = folder / "scan" if suffix == ".dcm" else folder / f"b{suffix}"
    if suffix == ".dcm":
        path.mkdir(exist_ok=True)
        for number in range(2):
            (path / f"{number}.dcm").write_bytes(changed(rng, files[suffix]))
    elif suffix == ".nii.gz" and rng.random() < 0.5:
        plain = zlib.decompress(files[suffix], 31)
        compress = zlib.compressobj(1, zlib.DEFLATED, 31)
        path.write_bytes(compress.compress(changed(rng, plain)) + compress.flush())
    else:
        path.write_bytes(changed(rng, files[suffix]))
    check, scan = check_scan(path, whole_chest=False)
    assert (scan is not None) == check.usable
    assert check.line.isprintable(), check.line


def try_table(rng: random.Random, folder: Path, files: dict[str, bytes]) -> None:
    (folder / "t.csv").write_bytes(changed(rng, TABLE))
    _, faults = read_samples(folder / "t.csv", {})
    assert all(fault.reason.isprintable() for fault in faults)


def try_metadata(rng: random.Random, folder: Path, files: dict[str, bytes]) -> None:
    metadata = copy.deepcopy(METADATA)
    for _ in range(rng.randint(1, 3)):
        node = metadata
        while isinstance(node, dict) and node:
            key = rng.choice(sorted(map(str, node)))
            if not isinstance(node.get(key), dict) or rng.random() < 0.3:
                node[key] = rng.choice(VALUES)
                break
            node = node[key]
    check_schema(folder / "a.ckpt", metadata)


def try_run_folder(rng: random.Random, folder: Path, files: dict[str, bytes]) -> None:
    run = folder / "run"
    (run / ".hydra").mkdir(parents=True, exist_ok=True)
    contents = {
        "config.yaml": {"seed": 0, "model": {"_target_": "lungcam.nets.Small3D"}, "plugins": []},
        "hydra.yaml": {"hydra": {"runtime": {"cwd": str(folder)}}},
        "overrides.yaml": [],
    }
    for name, content in contents.items():
        text = yaml.safe_dump(content).encode()
        text = changed(rng, text) if rng.random() < 0.7 else text
        (run / ".hydra" / name).write_bytes(text)
    resume_arguments([f"resume={run}"])


TRIES: tuple[Callable[..., None], ...] = (try_scan, try_table, try_metadata, try_run_folder)


def fuzz(seed: int, folder: Path, files: dict[str, bytes]) -> str:
    """Try a single change; return its kind and outcome.

    Raises:
        Exception: It was neither taken nor refused.
    """
    rng = random.Random(seed)
    attempt = rng.choices(TRIES, (4, 1, 1, 1))[0]
    message = ""
    try:
        attempt(rng, folder, files)
    except InputError as error:
        message = str(error)
    assert message.isprintable(), message
    return f"{attempt.__name__} {'refused' if message else 'done'}"


def main() -> None:
    """Fuzz for so many seconds from a seed on, and print the counts."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY + (4 << 30), MEMORY + (4 << 30)))
    counts: Counter[str] = Counter()
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = seeds(folder)
        while True:
            try:
                counts[fuzz(seed, folder, files)] += 1
            except Exception:
                print(f"seed {seed}: python tests/attacks/fuzz.py 0 {seed}", file=sys.stderr)
                raise
            seed += 1
            if time.monotonic() > end:
                break
    print(f"{counts.total()} tries: {dict(sorted(counts.items()))}")


if __name__ == "__main__":
    main()
