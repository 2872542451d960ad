import pytest

from lungcam.files import clear_unfinished, whole, write_text


def test_file_is_there_when_the_block_ends(tmp_path):
    with whole(tmp_path / "a" / "b" / "c.txt") as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path / "a" / "b"
        assert not (tmp_path / "a" / "b" / "c.txt").exists()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["c.txt"]
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_old_file_outlives_an_error_and_no_temporary_stays(tmp_path, error):
    file = tmp_path / "a.txt"
    file.write_text("old")

    def fail():
        with whole(file) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_error_before_anything_is_written_leaves_nothing(tmp_path):
    def fail():
        with whole(tmp_path / "a.txt"):
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_old_file_is_replaced(tmp_path):
    (tmp_path / "a.txt").write_text("a longer old text")
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.parametrize("name", ["a.nii.gz", "a.png", "a"])
def test_temporary_keeps_the_suffixes(tmp_path, name):
    with whole(tmp_path / name) as temporary:
        assert temporary.name.endswith(name)
        temporary.write_bytes(b"")


def test_text_is_utf_8(tmp_path):
    write_text(tmp_path / "a.txt", "Brust-CT, 5 µm, 肺\n")
    assert (tmp_path / "a.txt").read_bytes() == "Brust-CT, 5 µm, 肺\n".encode()


def test_what_a_kill_left_unfinished_is_cleared_and_nothing_else(tmp_path):
    for name in (".123.last.ckpt", "checkpoints/.7.best.ckpt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("half")
    kept = [".hydra/config.yaml", "last.ckpt", ".hidden", ".12", "1.2.txt"]
    for name in kept:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("whole")
    clear_unfinished(tmp_path)
    left = {str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*") if one.is_file()}
    assert left == set(kept)
