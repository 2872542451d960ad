"""Export of a trained net, with a check on real input."""

from pathlib import Path

import torch

from lungcam.cohorts.sample import Sample
from lungcam.evaluation.predictor import Predictor, load_predictor
from lungcam.export import describe, export_net
from lungcam.grid import Grid
from lungcam.inference.prepare import prepare_scan, segment_search_region
from lungcam.phantom import make_phantom
from lungcam.runtime.written import keep_record
from lungcam.scans import Scan
from lungcam.transforms import prepare, shows_whole_chest

# scans of a folder that are compared
COMPARED = 20
# phantom on which the export is checked where no scan is given
SEED, MATRIX = 0, 96


def export_checkpoint(
    ckpt: Path, out: Path, *, samples: list[Sample] | None, plugins: list[str]
) -> str:
    """Export a net, and return a line on what was compared.

    Args:
        ckpt: Checkpoint that lungcam wrote.
        out: File to write, `.onnx` or `.pt2`.
        samples: Scans for the check, 20 at most; None for a phantom.
        plugins: As for `load_predictor`.

    Raises:
        InputError: The checkpoint or a scan is at fault, or the net cannot be exported.
        DefectError: The exported net gives other logits.
    """
    predictor = load_predictor(ckpt, torch.device("cpu"), plugins=plugins)
    if samples is None:
        images, compared = [_phantom_image(predictor)], "a phantom"
    else:
        images = [_image(predictor, sample) for sample in samples[:COMPARED]]
        compared = f"{len(images)} scan{'s' if len(images) > 1 else ''}"
    description = describe(ckpt, predictor, shape=tuple(images[0].shape[2:]))
    keep_record(out.parent)
    difference = export_net(predictor.classifier, out, images=images, description=description)
    return f"logits of {compared} differ by {difference:.1e} at most"


def _phantom_image(predictor: Predictor) -> torch.Tensor:
    """Prepare a phantom's nodule, or its lungs, as the net reads them."""
    phantom = make_phantom(SEED, "malignant", matrix=MATRIX)
    grid = Grid(phantom.hu.shape, phantom.affine)
    scan = Scan(name="phantom", source=Path("phantom"), hu=phantom.hu, grid=grid)
    center_mm = None if shows_whole_chest(predictor.transforms) else phantom.center_mm
    return _input(prepare(scan, predictor.transforms, center_mm=center_mm))


def _image(predictor: Predictor, sample: Sample) -> torch.Tensor:
    """Prepare a scan; a nodule's net sees a cube inside the lungs where no centre is known."""
    prepared = prepare_scan(sample, predictor.transforms)
    if prepared.subject is not None:
        return _input(prepared.subject)
    inside = segment_search_region(prepared.scan)["lungs"].nonzero()
    middle = [axis[len(axis) // 2] for axis in inside]
    center_mm = tuple(prepared.scan.grid.canonical.to_world(middle))
    return _input(prepare(prepared.scan, predictor.transforms, center_mm=center_mm))


def _input(subject) -> torch.Tensor:
    return subject["input"].data[None].float()
