"""Entries of the cache are whole or not there, whoever writes, removes or dies meanwhile."""

import errno
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from lepton.errors import LeptonError
from lepton.storage.array_cache import ArrayCache
from lepton.storage.cache import cache_key, without_cache
from lepton.storage.cache_entries import cache_entries, cache_folder, read_entry, write_entry
from lepton.storage.cache_limit import make_room
from lepton.storage.cache_locks import HELD, let_go, make_held_folder
from tests.flipped_bytes import flip

NAME, KEY = cache_key("x")[:16], cache_key("x")[16:]
KILLED = {  # in the middle of writing
    "file": """
import os, signal
from lepton.storage import cache
os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
cache.cached("numbers", "x", lambda: b"1" * 9999, bytes, computed_by=())
""",
    "arrays": """
import os, signal
import numpy as np
from lepton.storage.array_cache import ArrayCache
with ArrayCache("streamed").writing(name, key) as entry:
    entry.make("numbers", (1000,), np.int64)[:500] = 1
    os.kill(os.getpid(), signal.SIGKILL)
""",
    "scratch": """
import os, signal
from lepton.storage.scratch import scratch_file
with scratch_file() as (file, path):
    file.write(b"1" * 9999)
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
""",
    "apart": """
import os, signal
from lepton.storage.cache import cached, without_cache
with without_cache():
    cached("numbers", "x", lambda: b"1" * 9999, bytes, computed_by=())
    os.kill(os.getpid(), signal.SIGKILL)
""",
}
RACE = """
import time
import numpy as np
from lepton.storage.array_cache import ArrayCache
from lepton.storage.cache import cached
from lepton.storage.cache_limit import make_room
from lepton.storage.cache_locks import let_go
(there / f"ready{number}").touch()
while not (there / "go").exists():
    time.sleep(0.0002)
cache, sums = ArrayCache("streamed"), []
for turn in range(60):
    text = cached("numbers", f"{turn % 7}", lambda: b"7" * 5000, bytes, computed_by=())
    sums.append(text.count(b"7"))
    entry = cache.open(name, key)
    if entry is None:
        with cache.writing(name, key) as entry:
            entry.make("numbers", (500,), np.int64)[:] = 2
    sums.append(int(entry.read("numbers").sum()))
    let_go(entry.folder)
    make_room()
(there / f"sums{number}").write_text(" ".join(map(str, sorted({*sums}))))
"""


def held_by_nobody(folder):
    let_go(folder)
    return folder


def write_arrays(value=1):
    with ArrayCache("streamed").writing(NAME, KEY) as entry:
        entry.make("numbers", (100,), np.int64)[:] = value
        entry.facts = {"value": value}
    return entry.folder


@pytest.mark.parametrize("what", KILLED)
def test_what_a_killed_process_was_writing_is_no_entry_and_is_cleared(what, cache, process):
    killed = process(KILLED[what], name=NAME, key=KEY)
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    (left,) = cache_entries()
    assert left.is_unfinished
    assert left.bytes > 4000
    assert ArrayCache("streamed").open(NAME, KEY) is None
    assert make_room()
    assert cache_entries() == []


def test_processes_that_write_read_and_remove_at_once_read_what_was_written(cache, here, process):
    racers = [process(RACE, there=here, number=n, name=NAME, key=KEY) for n in range(2)]
    while not all((here / f"ready{n}").exists() for n in range(2)):
        assert all(racer.is_alive() for racer in racers)
    (here / "go").touch()
    for racer in racers:
        racer.join(60)
    assert [racer.exitcode for racer in racers] == [0, 0]
    assert {(here / f"sums{n}").read_text() for n in range(2)} == {"1000 5000"}
    while make_room():
        pass
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_damaged_arrays_are_replaced_while_another_process_uses_them(cache, process, here, caplog):
    folder = held_by_nobody(write_arrays())
    code = """
import time
from lepton.storage.array_cache import ArrayCache
assert ArrayCache("streamed").open(name, key)
(there / "held").touch()
time.sleep(600)
"""
    other = process(code, name=NAME, key=KEY, there=here)
    while not (here / "held").exists():
        assert other.is_alive()
    flip(folder / "numbers.npy", -1, -9)
    assert ArrayCache("streamed").open(NAME, KEY) is None
    assert caplog.text.count("damaged (numbers.npy: its SHA-256") == 1
    assert write_arrays() == folder
    entry = ArrayCache("streamed").open(NAME, KEY)
    assert entry.read("numbers").tolist() == [1] * 100
    assert entry.facts == {"value": 1}


def test_arrays_as_an_earlier_version_wrote_them_are_made_anew_without_a_word(cache, caplog):
    folder = held_by_nobody(write_arrays())
    (folder / "facts.json").write_text('{"facts": {"value": 1}, "sha256": {}}')
    assert ArrayCache("streamed").open(NAME, KEY) is None
    assert caplog.text == ""
    write_arrays(2)
    assert ArrayCache("streamed").open(NAME, KEY).read("numbers")[0] == 2


def test_arrays_that_are_gone_are_made_anew(cache):
    folder = write_arrays()
    for path in [*folder.iterdir(), folder]:
        path.rmdir() if path.is_dir() else path.unlink()
    assert ArrayCache("streamed").open(NAME, KEY) is None
    write_arrays(3)
    assert ArrayCache("streamed").open(NAME, KEY).read("numbers")[0] == 3


def test_arrays_whose_lock_is_gone_are_made_anew(cache):
    (held_by_nobody(write_arrays()) / "lock").unlink()
    assert ArrayCache("streamed").open(NAME, KEY) is None
    write_arrays(4)
    assert ArrayCache("streamed").open(NAME, KEY).read("numbers")[0] == 4


def test_arrays_of_a_user_who_lets_no_other_lock_them_end_in_a_line(cache, monkeypatch):
    folder = held_by_nobody(write_arrays())

    def refuse(path, *arguments, opened=os.open):
        if path == folder / "lock":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *arguments)

    monkeypatch.setattr(os, "open", refuse)
    assert ArrayCache("streamed").open(NAME, KEY) is None
    with pytest.raises(LeptonError, match="Permission denied"):
        write_arrays()


def test_a_new_folder_that_is_removed_before_it_is_locked_is_made_again(cache, monkeypatch):
    touched = []

    def touch_and_lose(path, touch=Path.touch):
        touch(path)
        touched.append(path)
        if len(touched) == 1:
            shutil.rmtree(path.parent)  # as another process does that clears what was left

    monkeypatch.setattr(Path, "touch", touch_and_lose)
    folder = make_held_folder(cache)
    assert folder in HELD
    assert [path.parent for path in touched][1:] == [folder]


def put_in_the_place(kind, folder):
    """Something that lepton does not write, under the name of an entry."""
    folder.parent.mkdir(parents=True)
    if kind == "a file":
        folder.touch()
        return
    if kind == "a link that leads nowhere":
        folder.symlink_to("/nowhere")
        return
    folder.mkdir()
    (folder / "numbers.npy").touch()
    if kind == "a folder whose lock is one":
        (folder / "lock").mkdir()
    if kind == "a folder whose facts are a pipe":
        (folder / "lock").touch()
        os.mkfifo(folder / "facts.json")


@pytest.mark.parametrize(
    "kind",
    [
        *("a file", "a link that leads nowhere"),
        *("a folder whose lock is one", "a folder whose facts are a pipe"),
    ],
)
def test_what_is_no_entry_makes_place_for_one(kind, cache):
    put_in_the_place(kind, cache / "streamed" / f"{NAME}-{KEY}")
    assert ArrayCache("streamed").open(NAME, KEY) is None
    write_arrays(4)
    assert ArrayCache("streamed").open(NAME, KEY).read("numbers")[0] == 4


def test_apart_from_the_cache_nothing_of_it_is_read_and_nothing_stays(cache):
    path = cache / "numbers" / cache_key("a")
    write_entry(path, b"kept")
    with without_cache():
        assert cache_folder() != cache
        assert cache_entries() == []
        write_arrays()
        write_entry(cache_folder() / "numbers" / cache_key("a"), b"other")
    assert cache_folder() == cache
    assert [entry.path for entry in cache_entries()] == [path]
    assert read_entry(path) == b"kept"
    assert not [held for held in HELD if cache in held.parents]


def test_a_cache_that_cannot_be_written_has_an_apart_too(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LEPTON_CACHE", str(tmp_path / "file"))
    with without_cache():
        folder = cache_folder()
        write_entry(folder / "numbers" / cache_key("a"), b"other")
    assert os.environ["LEPTON_CACHE"] == str(tmp_path / "file")
    assert not folder.exists()
