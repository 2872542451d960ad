"""The command `lungcam` as a module: python -m lungcam COMMAND [KEY=VALUE]."""

if __name__ == "__main__":
    # here: processes that check scans load this file too, and need none of it
    from lungcam.cli.commands import run_command

    run_command()
