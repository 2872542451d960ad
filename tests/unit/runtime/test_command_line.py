"""Commands of runs as reports show them."""

from lungcam.runtime.command_line import command_line, without_folder


def test_the_command_names_the_seed_and_no_folder():
    overrides = ["model=small3d", "data.table=/home/someone/my scans/table.csv", "+tta=flips"]
    text = command_line(overrides, seed=3)
    assert text == (
        "python train.py model=small3d 'data.table=.../table.csv' +tta=flips seed=3"
    ).replace("'", "")
    assert "someone" not in text
    assert command_line(["seed=4"], seed=4) == "python train.py seed=4"
    assert command_line(["a=1,2"], sweep=True) == "python train.py -m a=1,2"


def test_folders_of_windows_are_left_out_too():
    assert without_folder(r"data.root=C:\Users\someone\scans") == "data.root=.../scans"
    assert without_folder("optimizer.lr=1e-3") == "optimizer.lr=1e-3"
    assert without_folder("data.root='/home/someone/my scans'") == "data.root=.../my scans"
