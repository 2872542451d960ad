"""File formats of exported nets: writing, reading back, and the check of equal logits."""

import copy
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lungcam.errors import DefectError, InputError
from lungcam.nets import LogitNet
from lungcam.runtime.atomic import atomic_write

# key of the description in ONNX's metadata, and its file in a torch.export archive
KEY = "lungcam"
EXTRA_FILE = f"{KEY}.json"
INPUT, OUTPUT = "image", "logits"
# packages of the extra `export`
PACKAGES = ("onnx", "onnxruntime", "onnxscript")
# largest difference of a logit
TOLERANCE = 1e-4

Reader = Callable[[torch.Tensor], np.ndarray]


def export_net(
    net: LogitNet, file: Path, *, images: Sequence[torch.Tensor], description: Mapping[str, Any]
) -> float:
    """Write a net for another program, and check that it gives the same logits there.

    The size of the batch is free. Nothing is written if the check fails.

    Args:
        net: Trained net, on the CPU.
        file: `.onnx`, or `.pt2` for torch.export.
        images: Prepared scans, `(1, 1, W, H, D)` each, that the check predicts.
        description: Plain dict that travels with the net, see `lungcam.export.describe`.

    Returns:
        The largest difference of a logit.

    Raises:
        InputError: The suffix is unknown, a package is missing, or torch cannot export this net.
        DefectError: A logit differs by more than `TOLERANCE`.
    """
    write, open_reader = _format(file)
    text = json.dumps(description, indent=2)
    with atomic_write(file) as temporary:
        with _quiet():
            try:
                write(_Logits(net).eval(), images[0], file=temporary, text=text)
            except Exception as error:  # an operation that the exporter does not know
                reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
                raise InputError(
                    f"{file}: torch cannot export this net ({reason[0]}); try another format."
                ) from error
            difference = _largest_difference(net, images, read=open_reader(temporary))
        if not difference <= TOLERANCE:
            raise DefectError(f"{file}: not written: its logits differ by {difference:.2g}.")
    return difference


def check_format(file: Path) -> None:
    """Refuse an unknown suffix or a missing package, before anything slow is loaded.

    Raises:
        InputError: Names the suffix or the package.
    """
    _format(file)


def read_description(file: Path) -> dict[str, Any]:
    """Read the description that travels with an exported net."""
    if file.suffix == ".onnx":
        import onnx

        properties = {item.key: item.value for item in onnx.load(file).metadata_props}
        return json.loads(properties[KEY])
    extra = {EXTRA_FILE: ""}
    with _quiet():
        torch.export.load(file, extra_files=extra)
    return json.loads(extra[EXTRA_FILE])


class _Logits(nn.Module):
    """Net with one method, the one that is exported."""

    def __init__(self, net: LogitNet):
        super().__init__()
        # torch warns where it saves weights in another memory order than its usual one
        self.net = copy.deepcopy(net).to(memory_format=torch.contiguous_format)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.net.logits(image)


def _write_onnx(net: nn.Module, image: torch.Tensor, *, file: Path, text: str) -> None:
    import onnx

    program = torch.onnx.export(
        net,
        (_pair(image),),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes={INPUT: {0: torch.export.Dim("batch", min=1)}},
        verbose=False,
    )
    model = program.model_proto
    model.metadata_props.add(key=KEY, value=text)
    onnx.checker.check_model(model)
    onnx.save(model, file)


def _write_torch(net: nn.Module, image: torch.Tensor, *, file: Path, text: str) -> None:
    batch = {INPUT: {0: torch.export.Dim("batch", min=1)}}
    program = torch.export.export(net, (_pair(image),), dynamic_shapes=batch)
    torch.export.save(program, file, extra_files={EXTRA_FILE: text})


def _pair(image: torch.Tensor) -> torch.Tensor:
    """Return a batch of two: torch takes a size of one for a constant."""
    return image.expand(2, -1, -1, -1, -1).contiguous()


def _open_onnx(file: Path) -> Reader:
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return lambda images: session.run([OUTPUT], {INPUT: images.numpy()})[0]


def _open_torch(file: Path) -> Reader:
    net = torch.export.load(file).module()

    @torch.no_grad()
    def read(images: torch.Tensor) -> np.ndarray:
        return net(images).numpy()

    return read


FORMATS: dict[str, tuple[Callable[..., None], Callable[[Path], Reader], tuple[str, ...]]] = {
    ".onnx": (_write_onnx, _open_onnx, PACKAGES),
    ".pt2": (_write_torch, _open_torch, ()),
}


def _format(file: Path) -> tuple[Callable[..., None], Callable[[Path], Reader]]:
    if file.suffix not in FORMATS:
        raise InputError(f"out={file}: give it the suffix {' or '.join(FORMATS)}.")
    write, open_reader, packages = FORMATS[file.suffix]
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise InputError(
            f"out={file}: it needs {' and '.join(missing)}: pip install 'lungcam[export]'."
        )
    return write, open_reader


@torch.no_grad()
def _largest_difference(net: LogitNet, images: Sequence[torch.Tensor], *, read: Reader) -> float:
    """Compare the logits of each image alone, and of all in one batch."""
    batches = [*images, torch.cat([*images, images[0]])]
    differences = [np.abs(read(batch) - net.logits(batch).numpy()).max() for batch in batches]
    return float(np.max(differences))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes on what it does not need off the terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # torch calls its own deprecated functions
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            yield
        finally:
            logger.setLevel(level)
