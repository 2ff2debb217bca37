"""Digests of many files: those of their content, of which only what changed is read again."""

import hashlib
import os

import pytest

from lepton.storage import file_digests
from lepton.storage.file_digests import FEWEST, digests_below, digests_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of files that were written a while ago."""
    monkeypatch.setenv("LEPTON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(file_digests, "SETTLED_NS", -(10**12))
    monkeypatch.setattr(file_digests, "LAST", {})
    for number in range(FEWEST):
        for name in (f"a/{number}.png", f"a-b/deep/{number}"):
            (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / name).write_text(f"{name} {number}")
    return tmp_path / "data"


@pytest.fixture
def read_files(monkeypatch):
    """The names of the files whose content was read."""
    names, read = [], file_digests.sha256_of

    def noted(path):
        names.append(path.name)
        return read(path)

    monkeypatch.setattr(file_digests, "sha256_of", noted)
    return names


def by_hand(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        (path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
    ]


def test_they_are_those_of_each_file_in_the_order_of_paths(folder):
    (folder / "link").symlink_to(folder / "a" / "1.png")
    (folder / "circle").symlink_to(folder)
    for _ in range(2):
        assert digests_below(folder) == by_hand(folder)
    paths = [path for path in folder.rglob("*.png") if path.is_file()]
    assert digests_of(paths) == [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def test_only_files_that_changed_are_read_again(folder, read_files):
    digests_below(folder)
    assert len(read_files) == 2 * FEWEST
    read_files.clear()
    assert digests_below(folder) == by_hand(folder)
    digests_of((folder / "a").glob("*"))
    assert read_files == [path.name for path in (folder / "a").glob("*")]  # another folder's
    read_files.clear()
    changed = folder / "a" / "3.png"
    stat, text = changed.stat(), changed.read_text()
    changed.write_text(text[::-1])
    os.utime(changed, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as old, and as large
    (folder / "a" / "4.png").unlink()
    assert digests_below(folder) == by_hand(folder)
    assert read_files == ["3.png"]


def test_a_file_that_has_just_changed_is_read_again(folder, read_files, monkeypatch):
    monkeypatch.setattr(file_digests, "SETTLED_NS", 10**12)
    digests_below(folder)
    read_files.clear()
    digests_below(folder)
    assert len(read_files) == 2 * FEWEST


def test_damaged_digests_are_not_believed(folder, tmp_path):
    digests_below(folder)
    (kept,) = (tmp_path / "cache" / "digests").glob("*.json")
    kept.write_bytes(kept.read_bytes().replace(b"a/1.png", b"a/2.png"))
    assert digests_below(folder) == by_hand(folder)
    kept.write_bytes(b"")
    assert digests_below(folder) == by_hand(folder)


def test_a_folder_is_looked_at_each_time(folder, read_files):
    for change in (lambda: (folder / "new").write_text(""), (folder / "a" / "1.png").unlink):
        assert digests_below(folder) == by_hand(folder)
        read_files.clear()
        assert digests_below(folder) == by_hand(folder)
        assert read_files == []
        change()
    assert digests_below(folder) == by_hand(folder)


@pytest.mark.parametrize("few", [True, False])
def test_files_that_cannot_be_read_have_none(folder, few):
    (folder / "a" / "round").symlink_to(folder / "a" / "round")
    os.mkfifo(folder / "a" / "pipe")
    below = folder / "a" if few else folder
    assert digests_below(below) == by_hand(below)
    paths = [folder / "a" / name for name in ("1.png", "round", "pipe")]
    others = [] if few else [folder / "a-b" / "deep" / f"{number}" for number in range(FEWEST)]
    digests = digests_of([*paths, *others])
    assert digests[:3] == [hashlib.sha256(paths[0].read_bytes()).hexdigest(), "", ""]
