"""HParams tab of TensorBoard, read from the events."""

from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from lungcam.report.hparams import log_figures


def test_run_is_one_point_with_its_overrides_and_metrics(tmp_path):
    logger = TensorBoardLogger(tmp_path, name="", version="")
    logger.log_metrics({"val/auc": 0.6}, 1)
    logger.finalize("success")
    metrics = {"val": {"auc": 0.75, "brier": 0.2}, "test": {"auc": None, "brier": 0.25}}
    log_figures([logger], ["optimizer.lr=1e-3", "model=small3d", "~x"], metrics=metrics, step=2)

    events = EventAccumulator(str(tmp_path)).Reload()
    points = {
        tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
    assert points.pop("val/auc") == [0.6000000238418579]
    assert points == {
        "hparams/val_auc": [0.75],
        "hparams/val_brier": [0.20000000298023224],
        "hparams/test_brier": [0.25],
    }
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    hparams = HParamsPluginData.FromString(content).session_start_info.hparams
    assert hparams["optimizer.lr"].number_value == 0.001
    assert hparams["model"].string_value == "small3d"
