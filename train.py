"""Train a 3D CNN on chest CT: python train.py [GROUP=CHOICE] [KEY=VALUE]. Research use only."""

import hydra
from omegaconf import DictConfig

from lungcam.command import run
from lungcam.config import PATH_KEYS, register_schemas
from lungcam.ranks import rank_arguments
from lungcam.resume import resume_arguments

register_schemas()


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(config: DictConfig) -> float:
    """Train one run and return the figure that sweeps compare."""
    from lungcam.runs.train import train

    return train(config)


if __name__ == "__main__":
    run(main, paths=PATH_KEYS, rewrites=(resume_arguments, rank_arguments))
