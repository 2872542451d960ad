"""Settings of Lightning's Trainer under the names users know."""

import inspect
from dataclasses import fields
from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf

from lungcam.config.options import TrainerOptions
from lungcam.errors import InputError
from lungcam.training.classifier import Classifier
from lungcam.training.trainer import choose_strategy, device_settings, make_trainer

NODE = {
    "gpus": 0,
    "devices": 1,
    "num_nodes": 1,
    "max_epochs": 3,
    "precision": "32-true",
    "deterministic": "warn",
    "accumulate_grad_batches": 2,
    "gradient_clip_val": 0.5,
    "log_every_n_steps": 7,
}


@pytest.fixture(autouse=True)
def restore_determinism():
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True


def make(tmp_path, **changes) -> pl.Trainer:
    return make_trainer(OmegaConf.create({**NODE, **changes}), tmp_path, logger=[], callbacks=[])


def test_without_gpus_the_cpu_is_used():
    assert device_settings(0) == {"accelerator": "cpu", "devices": 1}
    assert device_settings(0, 3) == {"accelerator": "cpu", "devices": 3}


def test_a_negative_number_of_gpus_is_refused():
    with pytest.raises(InputError, match=r"^trainer\.gpus=-1: give 0"):
        device_settings(-1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_refused():
    with pytest.raises(InputError, match=r"^trainer\.gpus=2, but 0 .*use trainer\.gpus=0\.$"):
        device_settings(2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_available_gpus_are_used():
    count = torch.cuda.device_count()
    assert device_settings(count) == {"accelerator": "gpu", "devices": count}
    with pytest.raises(InputError, match=f"trainer.gpus={count} or fewer"):
        device_settings(count + 1)


def test_settings_reach_the_trainer(tmp_path):
    callback = pl.callbacks.LambdaCallback()
    logger = pl.loggers.CSVLogger(tmp_path)
    trainer = make_trainer(OmegaConf.create(NODE), tmp_path, logger=[logger], callbacks=[callback])
    assert isinstance(trainer.accelerator, pl.accelerators.CPUAccelerator)
    assert trainer.num_devices == 1
    assert trainer.max_epochs == 3
    assert trainer.precision == "32-true"
    assert trainer.accumulate_grad_batches == 2
    assert trainer.gradient_clip_val == 0.5
    assert trainer.log_every_n_steps == 7
    assert trainer.default_root_dir == str(tmp_path)
    assert trainer.loggers == [logger]
    assert callback in trainer.callbacks
    # Grad-CAM needs gradients in predict
    assert trainer.predict_loop.inference_mode is False
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()


def test_new_arrays_are_not_filled_before_they_are_written(tmp_path):
    torch.utils.deterministic.fill_uninitialized_memory = True
    assert make(tmp_path).num_devices == 1
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "33-true"}, "33-true"),
        ({"max_epochs": -5}, "max_epochs"),
        ({"epochs": 3}, "epochs"),
        ({"gpus": -1}, r"\.gpus=-1"),
        ({"devices": 0}, r"\.devices=0"),
        ({"num_nodes": 2}, r"\.num_nodes=2: start the processes"),
    ],
)
def test_settings_that_lightning_refuses_are_input_errors(tmp_path, changes, message):
    with pytest.raises(InputError, match=rf"^trainer.*({message})"):
        make(tmp_path, **changes)


def test_processes_are_spawned_unless_torchrun_started_them(monkeypatch):
    assert choose_strategy(1, 1) == "auto"
    # spawn imports the script without running it: one run folder
    assert choose_strategy(2, 1)._start_method == "spawn"
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert choose_strategy(2, 2)._start_method == "popen"
    for devices, nodes in ((1, 1), (2, 1), (3, 2)):
        with pytest.raises(InputError, match=rf"makes {devices * nodes}, but 4 processes were"):
            choose_strategy(devices, nodes)


def test_a_trainer_for_evaluation_has_one_process(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    config = OmegaConf.create({**NODE, "devices": 2, "num_nodes": 2})
    assert make_trainer(config, tmp_path, logger=[], callbacks=[], alone=True).world_size == 1


class Line(torch.nn.Module):
    """Net with one weight: the logit is the weight times the image's sum."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, image):
        return self.weight * image.sum((1, 2, 3, 4))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("clip", "step"), [(None, 0.75), (0.5, 0.5)])
def test_gradients_are_averaged_over_batches_and_clipped(tmp_path, clip, step):
    # with p = 1/2 the gradient of a positive sample is -x/2: batches of -0.5 and -1
    images = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1, 1)
    batches = [{"input": image[None], "label": torch.ones(1, dtype=torch.long)} for image in images]
    classifier = Classifier(Line(), optimizer=partial(torch.optim.SGD, lr=1.0))
    trainer = make(tmp_path, max_epochs=1, gradient_clip_val=clip)
    loader = torch.utils.data.DataLoader(batches, batch_size=None)
    trainer.fit(classifier, train_dataloaders=loader)
    assert trainer.global_step == 1
    assert float(classifier.net.weight) == pytest.approx(step, rel=1e-5)


def test_a_profiler_writes_into_the_run_folder(tmp_path):
    profiler = make(tmp_path, profiler="simple").profiler
    assert (profiler.dirpath, profiler.filename) == (tmp_path, "profile")


def test_lightnings_own_keys_reach_its_trainer(tmp_path):
    trainer = make(
        tmp_path,
        limit_train_batches=2,
        limit_val_batches=0.5,
        overfit_batches=0.0,
        detect_anomaly=True,
        min_epochs=2,
        enable_progress_bar=False,
        num_sanity_val_steps=1,
    )
    assert (trainer.limit_train_batches, trainer.limit_val_batches) == (2, 0.5)
    assert trainer._detect_anomaly
    assert trainer.progress_bar_callback is None
    assert (trainer.min_epochs, trainer.num_sanity_val_steps) == (2, 1)


def test_every_key_of_the_trainer_is_one_of_lightnings_or_of_lungcams():
    names = {item.name for item in fields(TrainerOptions)}
    assert names - set(inspect.signature(pl.Trainer).parameters) == {"gpus"}
