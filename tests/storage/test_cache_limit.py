"""The cache stays within its limit: the longest unused goes, and nothing that a process uses."""

import json
import os
import shutil
import time

import numpy as np
import pytest

from lepton.errors import LeptonError
from lepton.storage import cache_limit
from lepton.storage.array_cache import ArrayCache
from lepton.storage.cache import cache_key, cached
from lepton.storage.cache_entries import cache_entries, write_entry
from lepton.storage.cache_limit import keep_within_limit, limit_bytes
from lepton.storage.cache_locks import let_go

HEAD = 65  # bytes of a digest before each content


def survivors(used, sizes, limit):
    """The entries that stay, computed one removal at a time."""
    left = dict(sizes)
    while sum(left.values()) > limit:
        del left[min(left, key=lambda name: used[name])]
    return {*left}


@pytest.mark.parametrize("seed", range(8))
def test_what_was_not_used_for_longest_goes_until_the_others_fit(seed, cache, monkeypatch):
    rng = np.random.default_rng(seed)
    used, sizes, names = {}, {}, [cache_key(number) for number in range(20)]
    for name, age in zip(names, rng.permutation(len(names)), strict=True):
        path = cache / str(rng.choice(["first", "second"])) / name
        write_entry(path, bytes(int(rng.integers(1, 2000))))
        sizes[path], used[path] = path.stat().st_size, 1000.0 + age
        os.utime(path, (0, used[path]))
    again = rng.choice([*sizes], 5, replace=False)
    for number, path in enumerate(again):  # read once more
        cached_bytes = path.read_bytes()[HEAD:]
        assert cached_bytes == bytes(len(cached_bytes))
        os.utime(path, (0, 5000.0 + number))
        used[path] = 5000.0 + number
    limit = int(rng.integers(0, sum(sizes.values())))
    monkeypatch.setenv("LEPTON_CACHE_GB", f"{limit / 1e9:.12f}")
    keep_within_limit(1)
    assert {entry.path for entry in cache_entries()} == survivors(used, sizes, limit)


def test_to_read_an_entry_is_to_use_it(cache, monkeypatch):
    def entry(name, content):
        compute = lambda: json.dumps(content).encode()  # noqa: E731
        return cached("numbers", name, compute, json.loads, computed_by=())

    for number, name in enumerate(("a", "b", "c")):
        entry(name, number)
        for path in (cache / "numbers").iterdir():
            os.utime(path, (0, path.stat().st_mtime - 100))
    assert entry("a", "computed again") == 0
    size = max(path.stat().st_size for path in (cache / "numbers").iterdir())
    monkeypatch.setenv("LEPTON_CACHE_GB", f"{2.5 * size / 1e9:.12f}")
    entry("d", 3)
    assert len([*(cache / "numbers").iterdir()]) == 2
    assert entry("a", "computed again") == 0
    assert entry("b", "computed again") == "computed again"


HOLDER = """
import time
from lepton.storage.array_cache import ArrayCache
entry = ArrayCache("streamed").open(name, key)
array = entry.read("numbers")
(there / "held").touch()
while not (there / "done").exists():
    time.sleep(0.005)
(there / "sum").write_text(str(array.sum()))
"""


def write_array(name, key, numbers=1000):
    with ArrayCache("streamed").writing(name, key) as entry:
        entry.make("numbers", (numbers,), np.int64)[:] = np.arange(numbers)
    let_go(entry.folder)
    return entry.folder


def wait_for(path):
    for _ in range(6000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} does not come")


@pytest.mark.slow
def test_what_another_process_uses_stays_until_it_ends(cache, here, process, monkeypatch):
    keys = [(cache_key(number)[:16], cache_key(number)[16:]) for number in range(3)]
    used, unused = (write_array(*key) for key in keys[:2])
    holder = process(HOLDER, name=keys[0][0], key=keys[0][1], there=here)
    wait_for(here / "held")
    for path in (used, unused):
        os.utime(path / "lock", (0, 1000))
    monkeypatch.setenv("LEPTON_CACHE_GB", "0")
    monkeypatch.setattr(cache_limit, "COUNTS", {})
    keep_within_limit(1)
    assert (used.exists(), unused.exists()) == (True, False)
    (here / "done").touch()
    holder.join(60)
    assert (here / "sum").read_text() == str(sum(range(1000)))
    keep_within_limit(1)
    assert not used.exists()


def test_files_of_others_in_the_folder_are_left_alone(cache, monkeypatch):
    own = cache / "numbers" / cache_key("own")
    write_entry(own, b"own")
    others = [
        cache / "photos" / "holiday.jpg",
        cache / "photos" / f"{cache_key('photo')}.json",  # named as entries are
        cache / "photos" / f"{cache_key('a')[:16]}-{cache_key('a')[16:]}" / "photo.jpg",
        cache / f"{cache_key('b')}.json",
        cache / "deep" / "deeper" / cache_key("c"),
    ]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("none of lepton's")
    monkeypatch.setenv("LEPTON_CACHE_GB", "0")
    keep_within_limit(1)
    assert not own.exists()
    assert all(path.exists() for path in others)


def test_a_link_is_no_entry_and_what_it_leads_to_stays(cache, tmp_path):
    (tmp_path / "precious").write_bytes(b"0" * 64 + b"\n")
    (cache / "numbers").mkdir()
    (cache / "numbers" / cache_key("a")).symlink_to(tmp_path / "precious")
    (cache / "linked").symlink_to(tmp_path)
    assert cache_entries() == []


def test_without_a_limit_it_is_half_of_the_disk(cache, monkeypatch):
    monkeypatch.delenv("LEPTON_CACHE_GB", raising=False)
    assert limit_bytes() == shutil.disk_usage(cache).total / 2
    monkeypatch.setenv("LEPTON_CACHE_GB", "1.5")
    assert limit_bytes() == 1.5e9


@pytest.mark.parametrize("text", ["much", "-1", "nan", "20 GB"])
def test_a_limit_that_is_no_size_is_a_line(text, monkeypatch):
    monkeypatch.setenv("LEPTON_CACHE_GB", text)
    with pytest.raises(LeptonError, match=r"^LEPTON_CACHE_GB=.*: is no size; give gigabytes") as e:
        limit_bytes()
    assert "\n" not in str(e.value)
