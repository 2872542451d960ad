"""Targets of the configuration, and composition of every choice in conf/."""

from pathlib import Path

import pytest
import torch
import torchio as tio
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lungcam.cohorts.table.columns import DEFAULT_COLUMNS
from lungcam.config.instantiate import ALLOWED_TARGETS, check_targets, instantiate
from lungcam.config.schema import TrainConfig, check_nodes, plain
from lungcam.data import SplitRule
from lungcam.errors import InputError
from lungcam.nets import Small3D
from lungcam.nets.monai_nets import named_net

# settings that a choice needs, other than the defaults
GOES_WITH = {
    ("experiment", "nlst_risk"): ["data.root=given"],
    ("model", "nodule"): ["view=nodule"],
    ("model", "monai"): ["model.name=resnet18"],
    ("data", "own"): ["data._target_=lungcam.phantom.phantom_cohort"],
    ("model", "own"): ["model._target_=lungcam.nets.Small3D", "explain.layer=conv3"],
}
CONF = Path(__file__).parents[3] / "conf"
GROUPS = [
    (file.parent.name, file.stem)
    for file in sorted(CONF.glob("*/*.yaml"))
    if file.parent.name != "hydra"
]


# targets that are allowed


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "subprocess.run",
        "torch.load",
        "torch.hub.load",
        "pickle.loads",
        "lungcam.runs.train.train",
        "torchiox.ToCanonical",
        "torch.optimx.Adam",
        "",
    ],
)
def test_other_targets_are_refused(target):
    with pytest.raises(InputError, match=r"^model\._target_=.*: allowed are "):
        instantiate({"_target_": target}, "model")


@pytest.mark.parametrize(
    "target",
    [
        "torchio.transforms.transform.os.system",
        "torchio.datasets.ixi.shutil.copy",
        "torch.optim.optimizer.torch.load",
        "torch.optim.optimizer.torch.hub.load",
        "pytorch_lightning.callbacks.model_checkpoint.shutil.rmtree",
        "pytorch_lightning.callbacks.model_checkpoint.pl.Trainer",
        "lungcam.phantom.cohort.os.system",
        "lungcam.phantom.cohort.run_all",
        "lungcam.callbacks.heatmap_export.write_volume",
        "torchio.transforms",
        "torchio.__version__",
        # public names with methods or neighbours that download
        "torchio.datasets.IXI",
        "monai.networks.nets.transchex.BertPreTrainedModel.from_pretrained",
        "monai.networks.nets.resnet._resnet",
        "lungcam.nets.Small3D.load_state_dict",
        "lungcam.nets.__init__",
        "lungcam.nets.Small3D.__init__",
    ],
)
def test_names_that_a_module_only_imports_are_refused(target):
    with pytest.raises(InputError, match=r"^model\._target_="):
        instantiate({"_target_": target}, "model")


def test_a_target_that_does_not_exist_is_named():
    with pytest.raises(InputError, match=r"model\._target_=lungcam\.nets\.Small4D: there is no"):
        instantiate({"_target_": "lungcam.nets.Small4D"}, "model")


def writer(marker: Path) -> dict[str, object]:
    """Return a config that writes a file when it is instantiated."""
    return {"_target_": "torch.save", "obj": 1, "f": str(marker)}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda bad: bad,
        lambda bad: {"_target_": "lungcam.nets.Small3D", "channels": bad},
        lambda bad: {"_target_": "lungcam.nets.Small3D", "channels": {"deep": {"er": bad}}},
        lambda bad: {"_target_": "torchio.Compose", "transforms": [bad]},
        lambda bad: {"_target_": "torchio.Compose", "transforms": [[{"step": bad}]]},
        lambda bad: {"_target_": "torchio.Compose", "_args_": [[bad]]},
        lambda bad: {"plain": [1, bad]},
        lambda bad: {
            "_target_": "torchio.Compose",
            "transforms": f"${{oc.create:{{_target_: torch.save, obj: 1, f: '{bad['f']}'}}}}",
        },
    ],
    ids=["itself", "argument", "deeper", "list", "list of lists", "_args_", "plain", "resolver"],
)
def test_a_refused_target_is_not_run_at_any_depth(tmp_path, wrap):
    marker = tmp_path / "marker"
    with pytest.raises(InputError, match=r"^model"):
        instantiate(wrap(writer(marker)), "model")
    assert not marker.exists()


def test_the_position_in_a_list_is_named():
    steps = [{"_target_": "torchio.ToCanonical"}, {"_target_": "os.system"}]
    with pytest.raises(InputError, match=r"^transforms\[1\]\._target_=os\.system"):
        check_targets({"transforms": steps})


def test_an_unknown_setting_is_named_with_its_path():
    config = {"model": {"_target_": "lungcam.nets.Small3D", "chanels": [1, 2, 3]}}
    with pytest.raises(InputError, match=r"^model\.chanels: .*it takes channels, hidden"):
        check_targets(config)
    with pytest.raises(InputError, match=r"^a\.model\.chanels: "):
        check_targets(config, "a")


def test_a_correct_configuration_passes():
    check_targets(
        {
            "model": {"_target_": "lungcam.nets.Small3D", "pool": "avg"},
            "optimizer": {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 1e-3},
            "steps": [{"_target_": "torchio.ToCanonical"}],
            "seed": 0,
        }
    )


# objects


def test_arguments_are_passed_on():
    net = instantiate({"_target_": "lungcam.nets.Small3D", "channels": [2, 3, 4]}, "model")
    assert isinstance(net, Small3D)
    assert [net.conv1.out_channels, net.conv2.out_channels, net.conv3.out_channels] == [2, 3, 4]
    net = instantiate({"_target_": "lungcam.nets.Small3D"}, "model", channels=[5, 6, 7])
    assert net.conv3.out_channels == 7


def test_a_partial_takes_the_missing_arguments_later():
    node = {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.5}
    optimizer = instantiate(node, "optimizer")([torch.zeros(1, requires_grad=True)])
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_nested_targets_are_instantiated():
    node = {"_target_": "torchio.Compose", "transforms": [{"_target_": "torchio.ToCanonical"}]}
    assert isinstance(instantiate(node, "steps")[0], tio.ToCanonical)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pool": "median"}, "model.pool=median"),  # ValueError
        ({"channels": 3}, "cannot unpack"),  # TypeError
        ({"channels": [1, 2]}, "not enough values"),
    ],
)
def test_a_setting_that_a_constructor_refuses_is_an_input_error(settings, message):
    with pytest.raises(InputError, match=rf"^model: .*{message}"):
        instantiate({"_target_": "lungcam.nets.Small3D", **settings}, "model")


def test_an_input_error_of_the_target_is_kept(tmp_path):
    node = {"_target_": "lungcam.phantom.phantom_cohort", "root": str(tmp_path), "n": 3}
    with pytest.raises(InputError, match=r"^The phantom cohort's n is 3; set it"):
        instantiate(node, "data")


@pytest.fixture
def phantom_node(tmp_path) -> dict[str, object]:
    return {"_target_": "lungcam.phantom.phantom_cohort", "root": str(tmp_path)}


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (
            {"_target_": "lungcam.cohorts.table.table_cohort"},
            "missing a required argument: 'table'",
        ),
        ({"n": "many"}, "^data.n=many: it must be int.$"),
        ({"n": 2.5}, "^data.n=2.5: it must be int.$"),
        ({"n": True}, "^data.n=True: it must be int.$"),
        ({"n": [20, 30]}, "^data.n=.20, 30.: it must be int.$"),
        ({"difficulty": "hard"}, "^data.difficulty=hard: it must be float.$"),
        ({"workers": "all"}, "^data.workers=all: it must be int.$"),
        ({"root": 2024}, "^data.root=2024: it must be str.$"),
    ],
)
def test_arguments_that_a_cohort_cannot_take_are_input_errors(phantom_node, node, message):
    with pytest.raises(InputError, match=message):
        instantiate(phantom_node | node if "_target_" not in node else node, "data")


def test_an_int_is_accepted_as_a_float_and_null_where_optional(phantom_node):
    node = phantom_node | {"n": 3, "difficulty": 1, "workers": None}
    with pytest.raises(InputError, match=r"^The phantom cohort's n is 3"):
        instantiate(node, "data")


@pytest.mark.parametrize(
    "defect", [TypeError, ValueError, AttributeError, KeyError, RuntimeError, OSError]
)
def test_a_defect_in_a_reader_is_raised_unchanged(phantom_node, monkeypatch, defect):
    """It ends with a traceback and exit code 1, not as an error in the settings."""

    def broken(root: str) -> None:
        raise defect("a defect")

    broken.__module__, broken.__qualname__ = "lungcam.phantom.cohort", "broken"
    monkeypatch.setattr("lungcam.phantom.phantom_cohort", broken)
    with pytest.raises(defect, match="a defect") as caught:
        instantiate(phantom_node, "data")
    assert caught.traceback[-1].name == "broken"
    assert not isinstance(caught.value, HydraException)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"_target_": "torchio.RandomFlip", "axes": 7}, ""),
        ({"_target_": "torchio.RandomNoise", "std": "much"}, ""),
        ({"_target_": "monai.networks.nets.resnet18", "spatial_dims": 5}, ""),
        ({"_target_": "torch.optim.AdamW", "params": []}, "empty parameter list"),
        ({"_target_": "pytorch_lightning.callbacks.EarlyStopping"}, "monitor"),
        ({"_target_": "pytorch_lightning.callbacks.ModelCheckpoint", "save_top_k": -5}, "save_top"),
    ],
    ids=lambda part: part["_target_"] if isinstance(part, dict) else "",
)
def test_settings_that_other_libraries_refuse_are_input_errors(node, message):
    with pytest.raises(InputError, match=rf"(?s)^callbacks\.mine: .*{message}"):
        instantiate(node, "callbacks.mine")


@pytest.mark.parametrize(
    ("view", "settings", "message"),
    [
        ("LungView", {"shape": [32, 32]}, "shape=[32, 32]: give three whole numbers"),
        ("NoduleView", {"shape": [0, 32, 32]}, "shape=[0, 32, 32]: give three whole numbers"),
        ("NoduleView", {"window_hu": [0, 0]}, "window_hu=[0, 0]: give two HU, the lower one first"),
        ("NoduleView", {"spacing_mm": 0}, "spacing_mm=0: give a number of mm above 0."),
    ],
)
def test_an_impossible_view_is_refused_in_one_line(view, settings, message):
    with pytest.raises(InputError) as caught:
        instantiate({"_target_": f"lungcam.transforms.{view}", **settings}, "transforms.view")
    assert str(caught.value).startswith(f"transforms.view: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("seed", "message"),
    [(-1, "seed=-1: give 0 or more."), (2**32, f"seed={2**32}: give less than {2**32}.")],
)
def test_a_seed_out_of_range_is_refused(composer, seed, message):
    with pytest.raises(InputError) as caught:
        check_nodes(plain(composer("train", f"seed={seed}")), TrainConfig)
    assert str(caught.value) == message
    check_nodes(plain(composer("train", f"seed={2**32 - 1}")), TrainConfig)


def test_plain_resolves_interpolations():
    config = OmegaConf.create({"a": 1, "b": {"c": "${a}"}})
    assert plain(config) == {"a": 1, "b": {"c": 1}}
    assert type(plain(config)["b"]) is dict
    assert plain(3) == 3


# configurations in conf/


@pytest.mark.parametrize(("group", "choice"), GROUPS, ids=lambda part: part)
def test_every_choice_composes(composer, group, choice):
    # settings that only the user knows, such as the folder of a data set
    node = OmegaConf.to_container(OmegaConf.load(CONF / group / f"{choice}.yaml"), resolve=False)
    # an experiment's settings are those of the whole configuration
    place = "" if group == "experiment" else f"{group}."
    mandatory = [f"{place}{key}=given" for key, value in node.items() if value == "???"]
    known = GOES_WITH.get((group, choice), ())
    config = composer("train", f"{group}={choice}", *mandatory, *known)
    nodes = plain(config)
    if choice == "monai":
        nodes["model"] = named_net(nodes["model"], shape=nodes["view"]["shape"])
    check_targets(nodes)
    assert OmegaConf.missing_keys(config) == set()
    for name in ("data", "model", "optimizer"):
        assert nodes[name]["_target_"].startswith(ALLOWED_TARGETS)


@pytest.mark.parametrize(
    ("choice", "mandatory"),
    [("table", {"table"}), ("luna16", {"root"}), ("lidc", {"root"}), ("nlst", {"root"})],
)
def test_only_the_path_of_a_data_set_is_mandatory(composer, choice, mandatory):
    node = OmegaConf.to_container(composer("train", f"data={choice}").data, resolve=False)
    assert {key for key, value in node.items() if value == "???"} == mandatory


def test_every_column_of_a_table_can_be_named(composer):
    nodes = plain(composer("train", "data=table", "data.table=a.csv"))
    assert nodes["data"]["columns"] == dict.fromkeys(DEFAULT_COLUMNS)


def test_the_split_is_by_shares_by_default(composer):
    nodes = plain(composer("train"))
    assert SplitRule(**nodes["split"]) == SplitRule(val=0.15, test=0.25)
    nodes = plain(composer("train", "split.folds=official", "split.fold=3", "split.manifest=a.csv"))
    assert SplitRule(**nodes["split"]) == SplitRule(
        val=0.15, test=0.25, folds="official", fold=3, manifest="a.csv"
    )
    assert plain(composer("train", "split.folds=5"))["split"]["folds"] == 5


def test_by_default_only_the_label_is_learnt_and_one_fold_trained(composer):
    config = composer("train")
    assert plain(config.auxiliary) == {"outline": 0, "attributes": 0, "location": 0}
    assert plain(config.cv) == {"folds": None, "repeats": 1}
    config = composer("train", "auxiliary.outline=0.3", "cv.folds=5", "cv.repeats=3")
    assert (config.auxiliary.outline, config.cv.folds, config.cv.repeats) == (0.3, 5, 3)


def test_the_experiment_for_real_nodules_composes_and_its_parts_fit(composer):
    config = composer("train", "experiment=lidc_nodules")
    assert OmegaConf.missing_keys(config) == set()
    nodes = plain(config)
    check_nodes(nodes, TrainConfig)
    check_targets(nodes)
    net = instantiate(nodes["model"], "model")
    # its auxiliary targets are columns of the table, and visible in the window of the view
    assert set(net.attributes) - {"diameter_mm"} == set(nodes["data"]["features"])
    assert [net.low_hu, net.high_hu] == nodes["transforms"]["view"]["window_hu"]
    assert net(torch.zeros(1, 1, *nodes["view"]["shape"])).shape == (1, 1)
    assert nodes["auxiliary"]["outline"] > 0
    # TorchIO's transforms would move the input and leave the outline
    for name, node in nodes["augmentation"].items():
        assert not isinstance(instantiate(node, name), tio.Transform)


def test_infer_composes(composer):
    config = composer("infer", "ckpt=a", "scan=b")
    assert (config.ckpt, config.scan, config.gpus) == ("a", "b", 0)
    assert OmegaConf.missing_keys(config) == set()
    assert OmegaConf.missing_keys(composer("infer")) == {"ckpt", "scan"}


# the layer of a net of MONAI follows from a rule
@pytest.mark.parametrize(
    "choice", sorted({path.stem for path in (CONF / "model").glob("*.yaml")} - {"monai"})
)
def test_every_model_has_the_layer_it_explains(composer, choice):
    nodes = plain(composer("train", f"model={choice}", *GOES_WITH.get(("model", choice), ())))
    net = instantiate(nodes["model"], "model")
    assert nodes["explain"]["layer"] in dict(net.named_modules())


@pytest.mark.parametrize(
    ("name", "typo"),
    [
        ("train", "sead=1"),
        ("train", "split.vall=0.1"),
        ("train", "loader.batchsize=2"),
        ("train", "trainer.epochs=2"),
        ("train", "trainer.gpu=1"),
        ("train", "monitor.metrics=val/auc"),
        ("train", "model=smal3d"),
        ("train", "seed=many"),
        ("train", "trainer.gpus=half"),
        ("train", "split.val=some"),
        ("train", "auxiliary.outlines=1"),
        ("train", "auxiliary.outline=some"),
        ("train", "cv.fold=1"),
        ("train", "cv.repeats=twice"),
        ("infer", "scans=x"),
        ("infer", "gpus=none"),
    ],
)
def test_a_typo_is_refused_when_composing(composer, name, typo):
    with pytest.raises((HydraException, OmegaConfBaseException)):
        composer(name, typo)
