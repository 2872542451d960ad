"""Train a 3D CNN on chest CT: python train.py [GROUP=CHOICE] [KEY=VALUE]. Research use only."""

from lungcam.cli.train import main

if __name__ == "__main__":
    main()
