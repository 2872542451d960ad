"""Exported nets, read by ONNX Runtime and torch alone."""

import json

import numpy as np
import pytest
import torch

from lungcam.errors import DefectError, InputError
from lungcam.export import formats
from lungcam.export.formats import check_format, export_net, read_description
from lungcam.nets import LogitNet, LungNet, NoduleNet, Small3D, YearlyLogitNet, add_hazards

SHAPE = (16, 16, 16)
NOTE = {"notice": "Research use only", "label_rule": "Größe > 8 mm"}
NETS = {
    "small3d": lambda: LogitNet(Small3D(channels=[2, 3, 4], hidden=[5, 4], input_shape=SHAPE)),
    "nodule": lambda: LogitNet(NoduleNet(shape=SHAPE, width=4, hidden=6)),
    "lungs": lambda: LogitNet(LungNet(shape=SHAPE, width=4, hidden=6)),
    "risk": lambda: YearlyLogitNet(
        add_hazards(Small3D(channels=[2, 3, 4], hidden=[5, 4], input_shape=SHAPE), 6)
    ),
}


def net_of(name):
    torch.manual_seed(0)
    net = NETS[name]().eval()
    with torch.no_grad():
        # otherwise some begin with equal logits for every image
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net


def images(count):
    generator = torch.Generator().manual_seed(count)
    noise = torch.rand(count, 1, *SHAPE, generator=generator)
    # from dark to bright, so that their logits differ
    return noise - torch.linspace(1, 0, count).view(-1, 1, 1, 1, 1)


def read(file, batch):
    if file.suffix == ".pt2":
        return torch.export.load(file).module()(batch).detach().numpy()
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime: '.[export]'")
    return onnxruntime.InferenceSession(file).run(["logits"], {"image": batch.numpy()})[0]


@pytest.fixture(autouse=True)
def _packages(request):
    if "onnx" in request.node.name:
        pytest.importorskip("onnxscript", reason="needs onnxscript: '.[export]'")


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
@pytest.mark.parametrize("name", NETS)
def test_logits_are_equal_in_batches_of_any_size(tmp_path, name, suffix):
    net, file = net_of(name), tmp_path / f"net{suffix}"
    difference = export_net(net, file, images=[images(1)], description=NOTE)
    assert difference < 1e-4
    for count in (1, 2, 5):
        with torch.no_grad():
            expected = net.logits(images(count)).numpy()
        assert expected.std() > 1e-3 or count == 1
        np.testing.assert_allclose(read(file, images(count)), expected, atol=1e-4)
    assert read_description(file) == NOTE
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_onnx_keeps_the_description_and_names_the_batch(tmp_path):
    onnx = pytest.importorskip("onnx", reason="needs onnx: '.[export]'")
    file = tmp_path / "net.onnx"
    export_net(net_of("small3d"), file, images=[images(1)], description=NOTE)
    model = onnx.load(file)
    assert {item.key: json.loads(item.value) for item in model.metadata_props} == {"lungcam": NOTE}
    sizes = [
        size.dim_param or size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim
    ]
    assert sizes == ["batch", 1, *SHAPE]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("fault", [2e-4, float("nan")])
def test_other_logits_leave_no_file(tmp_path, monkeypatch, fault):
    write, open_reader, packages = formats.FORMATS[".pt2"]

    def open_faulty(file):
        read = open_reader(file)
        return lambda batch: read(batch) + fault

    monkeypatch.setitem(formats.FORMATS, ".pt2", (write, open_faulty, packages))
    with pytest.raises(DefectError, match=r"net\.pt2: not written: its logits differ by"):
        export_net(net_of("small3d"), tmp_path / "net.pt2", images=[images(1)], description=NOTE)
    assert list(tmp_path.iterdir()) == []


class Erratic(torch.nn.Module):
    """Net with a branch that depends on the values, which cannot be exported."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, image):
        return image.mean((2, 3, 4)) * (self.weight if image.sum() > 0 else -self.weight)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_net_that_torch_cannot_export_is_refused_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"net\.pt2: torch cannot export this net \(") as error:
        export_net(LogitNet(Erratic()), tmp_path / "net.pt2", images=[images(1)], description={})
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_suffix_and_a_missing_package_are_named(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"^out=net\.h5: give it the suffix \.onnx or \.pt2\.$"):
        check_format(tmp_path.relative_to(tmp_path) / "net.h5")
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(InputError, match=r"needs onnxscript: pip install 'lungcam\[export\]'"):
        check_format(tmp_path / "net.onnx")
    check_format(tmp_path / "net.pt2")
