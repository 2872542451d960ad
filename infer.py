"""Apply a trained net to scans: python infer.py ckpt=... scan=... Research use only."""

if __name__ == "__main__":
    # here: processes that prepare scans load this file too, and need none of it
    from lungcam.cli.infer import main

    main()
