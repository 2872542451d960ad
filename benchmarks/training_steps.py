"""Training steps by precision and memory format, and the slowness of the defaults."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from monai.networks.nets import resnet10
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.instruction_sets import on_each_set
from benchmarks.markdown import digits, ratio_table
from benchmarks.measure import Results, Times, alternate
from lungcam.nets import LogitNet, LungNet, NoduleNet, Small3D
from lungcam.runtime.precision import AUTO, FULL, MIXED, choose_precision

ROUNDS, LIMIT_S = 5, 12
# a default may be this much slower than the best setting
ALLOWED = 1.5
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last_3d}
SETTINGS = [(precision, layout) for precision in (FULL, MIXED) for layout in FORMATS]
DEFAULT = "as by default"


@dataclass(frozen=True)
class Case:
    """Net and batch of a training.

    Attributes:
        make: Makes the net for a shape.
        shape: `(W, H, D)` of the input.
        batch: Samples in a batch, as configured.
    """

    make: Callable[[tuple[int, int, int]], nn.Module]
    shape: tuple[int, int, int]
    batch: int

    def net(self) -> nn.Module:
        """Make the net, with the same weights every time."""
        torch.manual_seed(0)
        return self.make(self.shape)

    def enlarged(self, factor: int) -> "Case":
        """Return the same net with larger batches."""
        return replace(self, batch=self.batch * factor)


LUNGS = (64, 48, 64)
CASES = {
    "small3d": Case(lambda shape: Small3D(input_shape=shape), LUNGS, 4),
    "nodule": Case(lambda shape: NoduleNet(shape=shape), (32, 32, 32), 24),
    "lungs": Case(LungNet, LUNGS, 8),
    "resnet10": Case(
        lambda _: resnet10(spatial_dims=3, n_input_channels=1, num_classes=1), LUNGS, 4
    ),
}
HOW = """\
## Training steps by precision and memory format

A step (forward, backward, AdamW) on a batch in memory, by the precision (`trainer.precision`) and
the order of the tensors in memory: {cases}. `trainer.precision=auto`, the default, is `32-true` on
processors: gradients of small maps are wrong in `bf16-mixed`, which is shown without being a
choice. Alternately on {threads} threads; median (least-most) of {rounds} steps after the first one,
of fewer if they take over {limit} s in all.
"""


class Steps:
    """Training steps of a net at one setting; each call takes some and waits for their end.

    Args:
        case: Net and batch.
        precision: `32-true` or `bf16-mixed`.
        layout: Key of `FORMATS`.
        device: Device of net and batch.
        count: Steps of a call.
    """

    def __init__(
        self, case: Case, precision: str, layout: str, *, device: torch.device, count: int = 1
    ):
        layout = FORMATS[layout]
        self.net = case.net().to(device).to(memory_format=layout)
        self.optimizer = torch.optim.AdamW(self.net.parameters())
        image = torch.randn(case.batch, 1, *case.shape, device=device)
        self.image = image.contiguous(memory_format=layout)
        self.label = (torch.arange(case.batch, device=device) % 2).float()
        self.mixed = torch.autocast(device.type, torch.bfloat16, enabled=precision == MIXED)
        self.count = count

    def __call__(self) -> float:
        """Take the steps, and return the last loss."""
        for _ in range(self.count):
            self.optimizer.zero_grad()
            with self.mixed:
                logits = self.net(self.image).reshape(-1)
                loss = binary_cross_entropy_with_logits(logits.float(), self.label)
            loss.backward()
            self.optimizer.step()
        return loss.item()


def default_setting(case: Case, device: torch.device) -> tuple[str, str]:
    """Return the precision and the memory format in which lungcam trains a net by default."""
    weights = LogitNet(case.net()).parameters()
    kernel = next(w for w in weights if w.ndim == 5 and min(w.shape[1:]) > 1)
    last = kernel.is_contiguous(memory_format=torch.channels_last_3d)
    precision = choose_precision(AUTO, gpu=device.type == "cuda")
    return precision, "channels_last" if last else "contiguous"


def cases(small: bool = False) -> dict[str, Case]:
    """Return all nets; on request with an input and a batch that take no time."""
    if not small:
        return CASES
    return {name: replace(case, shape=(16, 16, 16), batch=2) for name, case in CASES.items()}


def measure(
    rounds: int, device: str = "cpu", count: int = 1, small: bool = False
) -> dict[str, Times]:
    """Time a step of each net at each setting, the default under a name of its own.

    Args:
        rounds: Timed calls of each, after a first one.
        device: `cpu` or `cuda`.
        count: Steps of a call.
        small: True for tiny inputs.
    """
    on, times = torch.device(device), {}
    for name, case in cases(small).items():
        calls = {
            row(name, *setting): Steps(case, *setting, device=on, count=count)
            for setting in SETTINGS
        }
        taken = {
            setting: seconds.divided(count)
            for setting, seconds in alternate(calls, rounds, limit_s=LIMIT_S).items()
        }
        default = taken[row(name, *default_setting(case, on))]
        times |= {row(name, DEFAULT): default, **taken}
    return times


def row(name: str, *setting: str) -> str:
    """Return the name of a net's row."""
    return f"{name}, {', '.join(setting)}"


def peers() -> dict[str, str]:
    """Return the row of the default by each net's rows."""
    return {
        row(name, *setting): row(name, DEFAULT)
        for name in CASES
        for setting in [(DEFAULT,), *SETTINGS]
    }


def section(rounds: int = ROUNDS) -> str:
    """Measure all nets.

    Returns:
        Markdown.
    """
    results = on_each_set(measure, rounds=rounds)
    how = HOW.format(
        cases=", ".join(
            f"{name} with {case.batch} of {' x '.join(map(str, case.shape))}"
            for name, case in CASES.items()
        ),
        threads=torch.get_num_threads(),
        rounds=rounds,
        limit=LIMIT_S,
    )
    rows = ratio_table(results, peers(), ratio="times the default")
    return f"{how}\n{rows}\n\n{' '.join(verdict(name, results) for name in results)}\n"


def verdict(name: str, results: Results) -> str:
    """Say whether every default is about as fast as the best setting on an instruction set."""
    times = results[name]
    slowness = {
        net: times[row(net, DEFAULT)].median
        / min(times[row(net, FULL, layout)].median for layout in FORMATS)
        for net in CASES
    }
    slowest = max(slowness, key=slowness.__getitem__)
    is_met = slowness[slowest] <= ALLOWED
    return (
        f"{name}: {'no default is' if is_met else 'a default IS'} more than {ALLOWED} times slower "
        f"than the best setting in {FULL}; the slowest, that of `{slowest}`, takes "
        f"{digits(slowness[slowest])} times as long."
    )


if __name__ == "__main__":
    print(section())
