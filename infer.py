"""Apply a trained net to scans: python infer.py ckpt=... scan=... Research use only."""

from lungcam.cli.infer import main

if __name__ == "__main__":
    main()
