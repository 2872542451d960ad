"""Train a 3D CNN on chest CT: python train.py [GROUP=CHOICE] [KEY=VALUE]. Research use only."""

if __name__ == "__main__":
    # here: processes that prepare scans load this file too, and need none of it
    from lungcam.cli.train import main

    main()
