"""Apply a trained net to scans: python infer.py ckpt=... scan=... Research use only."""

import hydra
from omegaconf import DictConfig

from lungcam.command import run
from lungcam.config import register_schemas

register_schemas()


@hydra.main(version_base="1.3", config_path="conf", config_name="infer")
def main(config: DictConfig) -> None:
    """Predict and explain one scan or many."""
    from lungcam.runs.infer import infer

    infer(config)


if __name__ == "__main__":
    run(main, paths=("ckpt", "scan", "out"))
