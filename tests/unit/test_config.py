"""What a config may name, and that every choice the project ships composes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torchio as tio
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lungcam.cohorts.table.columns import USUAL
from lungcam.config import ALLOWED_TARGETS, check_targets, instantiate, plain, register_schemas
from lungcam.data import SplitRule
from lungcam.errors import InputError
from lungcam.nets import Small3D

CONF = Path(__file__).parents[2] / "conf"
GROUPS = [
    (file.parent.name, file.stem)
    for file in sorted(CONF.glob("*/*.yaml"))
    if file.parent.name != "hydra"
]


@pytest.fixture
def composer(tmp_path) -> Iterator:
    register_schemas()

    def make(name: str, *overrides: str) -> DictConfig:
        # as in a run, where Hydra knows the run folder
        config = compose(
            name,
            [*overrides, f"hydra.runtime.output_dir={tmp_path}", "hydra.job.num=0"],
            return_hydra_config=True,
        )
        HydraConfig.instance().set_config(config)
        OmegaConf.set_struct(config, False)
        del config["hydra"]
        OmegaConf.set_struct(config, True)
        return config

    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield make
    HydraConfig.instance().cfg = None


# what a config may name


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
        "lungcam.cohorts.phantom.cohort.os.system",
        "lungcam.cohorts.phantom.cohort.run_all",
        "lungcam.callbacks.export.write_volume",
        "torchio.transforms",
        "torchio.__version__",
    ],
)
def test_what_a_module_has_only_imported_is_refused(target):
    with pytest.raises(InputError, match=r"^model\._target_="):
        instantiate({"_target_": target}, "model")


def test_a_target_that_does_not_exist_is_named():
    with pytest.raises(InputError, match=r"model\._target_=lungcam\.nets\.Small4D: there is no"):
        instantiate({"_target_": "lungcam.nets.Small4D"}, "model")


def writer(marker: Path) -> dict[str, object]:
    """A config that writes a file when it is made."""
    return {"_target_": "torch.save", "obj": 1, "f": str(marker)}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda bad: bad,
        lambda bad: {"_target_": "lungcam.nets.Small3D", "channels": bad},
        lambda bad: {"_target_": "lungcam.nets.Small3D", "channels": {"deep": {"er": bad}}},
        lambda bad: {"_target_": "torchio.Compose", "transforms": [bad]},
        lambda bad: {"_target_": "torchio.Compose", "transforms": [[{"one": bad}]]},
        lambda bad: {"_target_": "torchio.Compose", "_args_": [[bad]]},
        lambda bad: {"plain": [1, bad]},
        lambda bad: {
            "_target_": "torchio.Compose",
            "transforms": f"${{oc.create:{{_target_: torch.save, obj: 1, f: '{bad['f']}'}}}}",
        },
    ],
    ids=["itself", "argument", "deeper", "list", "list of lists", "_args_", "plain", "resolver"],
)
def test_a_refused_target_is_not_run_wherever_it_hides(tmp_path, wrap):
    marker = tmp_path / "marker"
    with pytest.raises(InputError, match=r"^model"):
        instantiate(wrap(writer(marker)), "model")
    assert not marker.exists()


def test_the_place_in_a_list_is_named():
    steps = [{"_target_": "torchio.ToCanonical"}, {"_target_": "os.system"}]
    with pytest.raises(InputError, match=r"^transforms\[1\]\._target_=os\.system"):
        check_targets({"transforms": steps})


def test_an_unknown_setting_is_named_with_its_path():
    config = {"model": {"_target_": "lungcam.nets.Small3D", "chanels": [1, 2, 3]}}
    with pytest.raises(InputError, match=r"^model\.chanels: .*it takes channels, hidden"):
        check_targets(config)
    with pytest.raises(InputError, match=r"^a\.model\.chanels: "):
        check_targets(config, "a")


def test_what_is_right_passes():
    check_targets(
        {
            "model": {"_target_": "lungcam.nets.Small3D", "pool": "avg"},
            "optimizer": {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 1e-3},
            "steps": [{"_target_": "torchio.ToCanonical"}],
            "seed": 0,
        }
    )


# what is made


def test_arguments_arrive():
    net = instantiate({"_target_": "lungcam.nets.Small3D", "channels": [2, 3, 4]}, "model")
    assert isinstance(net, Small3D)
    assert [net.conv1.out_channels, net.conv2.out_channels, net.conv3.out_channels] == [2, 3, 4]
    net = instantiate({"_target_": "lungcam.nets.Small3D"}, "model", channels=[5, 6, 7])
    assert net.conv3.out_channels == 7


def test_a_partial_waits_for_the_rest():
    node = {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.5}
    optimizer = instantiate(node, "optimizer")([torch.zeros(1, requires_grad=True)])
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_nested_targets_are_made():
    node = {"_target_": "torchio.Compose", "transforms": [{"_target_": "torchio.ToCanonical"}]}
    assert isinstance(instantiate(node, "steps")[0], tio.ToCanonical)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"pool": "median"}, "model.pool=median"),  # ValueError
        ({"channels": 3}, "cannot unpack"),  # TypeError
        ({"channels": [1, 2]}, "not enough values"),
    ],
)
def test_a_refused_setting_is_the_users_to_mend(settings, says):
    with pytest.raises(InputError, match=rf"^model: .*{says}"):
        instantiate({"_target_": "lungcam.nets.Small3D", **settings}, "model")


def test_the_targets_own_words_to_the_user_stand(tmp_path):
    node = {"_target_": "lungcam.cohorts.phantom.phantom_cohort", "root": str(tmp_path), "n": 3}
    with pytest.raises(InputError, match=r"^The phantom cohort's n is 3; set it"):
        instantiate(node, "data")


def test_plain_resolves():
    config = OmegaConf.create({"a": 1, "b": {"c": "${a}"}})
    assert plain(config) == {"a": 1, "b": {"c": 1}}
    assert type(plain(config)["b"]) is dict
    assert plain(3) == 3


# what the project ships


@pytest.mark.parametrize(("group", "choice"), GROUPS, ids=lambda part: part)
def test_every_choice_composes(composer, group, choice):
    # what only the user knows, such as where a data set lies
    node = OmegaConf.to_container(OmegaConf.load(CONF / group / f"{choice}.yaml"), resolve=False)
    asked = [f"{group}.{key}=given" for key, value in node.items() if value == "???"]
    config = composer("train", f"{group}={choice}", *asked)
    nodes = plain(config)
    check_targets(nodes)
    assert OmegaConf.missing_keys(config) == set()
    for name in ("data", "model", "optimizer"):
        assert nodes[name]["_target_"].startswith(ALLOWED_TARGETS)


@pytest.mark.parametrize(
    ("choice", "asked"),
    [("table", {"table"}), ("luna16", {"root"}), ("lidc", {"root"}), ("nlst", {"root"})],
)
def test_a_data_set_asks_only_where_it_lies(composer, choice, asked):
    node = OmegaConf.to_container(composer("train", f"data={choice}").data, resolve=False)
    assert {key for key, value in node.items() if value == "???"} == asked


def test_a_tables_columns_are_those_that_can_be_chosen(composer):
    nodes = plain(composer("train", "data=table", "data.table=a.csv"))
    assert nodes["data"]["columns"] == dict.fromkeys(USUAL)


def test_the_split_is_by_shares_unless_it_is_said_otherwise(composer):
    nodes = plain(composer("train"))
    assert SplitRule(**nodes["split"]) == SplitRule(0.15, 0.25)
    nodes = plain(composer("train", "split.folds=official", "split.fold=3", "split.manifest=a.csv"))
    assert SplitRule(**nodes["split"]) == SplitRule(0.15, 0.25, "official", 3, "a.csv")
    assert plain(composer("train", "split.folds=5"))["split"]["folds"] == 5


def test_infer_composes(composer):
    config = composer("infer", "ckpt=a", "scan=b")
    assert (config.ckpt, config.scan, config.gpus) == ("a", "b", 0)
    assert OmegaConf.missing_keys(config) == set()
    assert OmegaConf.missing_keys(composer("infer")) == {"ckpt", "scan"}


@pytest.mark.parametrize("choice", sorted(path.stem for path in (CONF / "model").glob("*.yaml")))
def test_every_model_has_the_layer_it_explains(composer, choice):
    nodes = plain(composer("train", f"model={choice}"))
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
        ("infer", "scans=x"),
        ("infer", "gpus=none"),
    ],
)
def test_a_typo_is_refused_when_composing(composer, name, typo):
    with pytest.raises((HydraException, OmegaConfBaseException)):
        composer(name, typo)
