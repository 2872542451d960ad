"""Small commands: python -m lungcam check|compare|phantom|cache ... [KEY=VALUE]."""

if __name__ == "__main__":
    # here: processes that check scans load this file too, and need none of it
    import sys

    from lungcam.cli.app import exit_codes
    from lungcam.cli.commands import main
    from lungcam.runtime.versions import TRAIN_COMMAND

    with exit_codes(TRAIN_COMMAND):
        sys.exit(main(sys.argv[1:]))
