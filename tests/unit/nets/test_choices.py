"""Every net that `model=` names explains a layer that is fine enough and covers the view."""

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from lungcam.config.instantiate import instantiate
from lungcam.config.schema import plain, register_schemas
from lungcam.explain import explain
from lungcam.grid import Grid
from lungcam.runtime.versions import CONFIG_FOLDER

# the user names the net itself, and a rule the layer; see tests/unit/runs/test_train_nodes.py; a
# detector has no single logit to explain
OPEN = ("monai", "own", "detector")
FILES = CONFIG_FOLDER.glob("model/*.yaml")
MODELS = sorted(file.stem for file in FILES if file.stem not in OPEN)
VIEWS = sorted(file.stem for file in CONFIG_FOLDER.glob("view/*.yaml"))
# along the shortest side: 30 mm of the lungs, 4 mm of a nodule's cube
LEAST_CELLS = 8
# nets for view=nodule only
NODULES = ("nodule",)
PAIRS = [(m, v) for m in MODELS for v in VIEWS if v == "nodule" or m not in NODULES]


@pytest.mark.parametrize(("model", "view"), PAIRS)
def test_heat_map_of_the_layer_that_a_model_explains(model, view):
    register_schemas()
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = compose("train", [f"model={model}", f"view={view}"])
    shape, mm = tuple(config.view.shape), float(config.view.spacing_mm)
    grid = Grid(shape, np.diag([mm, mm, mm, 1]))
    torch.manual_seed(0)
    net = instantiate(plain(config.model), "model").eval()
    image = torch.randn(1, 1, *shape)
    with torch.no_grad():
        assert net(image).shape == (1, 1)

    heat = explain(net, image, grid=grid, layer=config.explain.layer, evidence="for")
    assert min(heat.values.shape) >= LEAST_CELLS
    assert np.isfinite(heat.values).all()
    assert heat.values.min() >= 0
    # the cells cover the view: none is beyond it, and no voxel is farther than a cell from one
    ends = np.array([(0, 0, 0), np.subtract(heat.cells.shape, 1)])
    within = grid.to_index(heat.cells.to_world(ends))
    step = np.divide(heat.cells.spacing_mm, mm)
    assert (within[0] >= 0).all()
    assert (within[0] <= step).all()
    assert (within[1] <= np.subtract(shape, 1)).all()
    assert (within[1] >= np.subtract(shape, 1) - step).all()
