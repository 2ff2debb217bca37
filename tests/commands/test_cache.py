"""`lepton cache` says what lies in the cache, and clears what it is told to."""

import os
import re
import time

import pytest

from lepton.storage.array_cache import ArrayCache
from lepton.storage.cache import cache_key
from lepton.storage.cache_entries import write_entry
from lepton.storage.cache_locks import let_go

DAY = 86400


@pytest.fixture
def filled(cache):
    """Two kinds of files, of 1 to 5 days, and arrays of this moment."""
    for days, kind in enumerate(("tokens", "features", "features", "tokens", "features"), 1):
        path = cache / kind / cache_key(days)
        write_entry(path, bytes(1000 * days))
        used = time.time() - days * DAY
        os.utime(path, (used, used))
    with ArrayCache("pictures").writing(cache_key("a")[:16], cache_key("a")[16:]) as entry:
        entry.make("pixels", (100_000,), "uint8")
    yield cache
    let_go(entry.folder)


def sizes(cache):
    """The bytes and the number of the entries of each kind, as the system has them."""
    return {
        kind.name: (
            len([*kind.iterdir()]),
            sum(path.stat().st_size for path in kind.rglob("*") if path.is_file()),
        )
        for kind in cache.iterdir()
    }


def left(cache):
    return {kind.name: len([*kind.iterdir()]) for kind in cache.iterdir()}


def test_each_kind_has_a_line_with_its_entries_and_size(lepton, filled, monkeypatch):
    monkeypatch.setenv("LEPTON_CACHE_GB", "3")
    code, out, _ = lepton("cache")
    head, *lines, folder, limit = out.splitlines()
    shown = {line.split()[0]: re.split("  +", line)[1:3] for line in lines}
    assert code == 0
    assert head.split()[:3] == ["what", "entries", "size"]
    assert [line.split()[0] for line in lines] == ["pictures", "features", "tokens"]
    assert shown == {
        kind: [f"{count}", f"{size / 1e3:.3g} kB"] for kind, (count, size) in sizes(filled).items()
    }
    assert folder.startswith(f"{filled}: 6 entries, ")
    assert limit == "limit: 3 GB (LEPTON_CACHE_GB)"


@pytest.mark.parametrize(
    ("words", "stay"),
    [
        ((), {"pictures": 1}),
        (("features",), {"pictures": 1, "tokens": 2}),
        (("--older", "36h"), {"pictures": 1, "tokens": 1}),
        (("tokens", "--older=3d"), {"pictures": 1, "features": 3, "tokens": 1}),
        (("--older", "9d"), {"pictures": 1, "features": 3, "tokens": 2}),
    ],
)
def test_what_is_told_is_cleared_but_for_what_is_in_use(lepton, filled, words, stay):
    before = left(filled)
    code, out, _ = lepton("cache", "clear", *words)
    assert code == 0
    assert left(filled) == {**dict.fromkeys(before, 0), **stay}
    removed = sum(before.values()) - sum(stay.values())
    assert f"removed {removed} entr" in out
    assert ("1 entry in use" in out) == (words == ())


def test_without_clear_nothing_goes(lepton, filled):
    before = left(filled)
    code, out, _ = lepton("cache", "features", "--older", "4d")
    assert code == 0
    assert "features  1 " in out
    assert "tokens" not in out
    assert left(filled) == before


def test_an_empty_cache_is_said_to_be(lepton, cache):
    code, out, _ = lepton("cache")
    assert (code, out.splitlines()[0]) == (0, f"{cache}: 0 entries, 0 kB (LEPTON_CACHE)")
    assert "half of its disk" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("clear", "feature"), "no 'feature'"),
        (("clean",), "; did you mean 'clear'?"),
        (("--older", "soon"), "--older soon: is no span of time; write 12h or 30d"),
        (("clear", "--older"), "--older"),
        (("--all",), "--all"),
    ],
)
def test_mistakes_are_a_line_and_clear_nothing(lepton, filled, words, said):
    before = left(filled)
    code, _, err = lepton("cache", *words)
    assert (code, len(err.splitlines())) == (2, 1)
    assert said in err
    assert left(filled) == before


def test_a_file_in_the_place_of_the_folder_is_a_line(lepton, monkeypatch, here):
    (here / "notes").touch()
    monkeypatch.setenv("LEPTON_CACHE", "notes")
    for words in ((), ("clear",)):
        code, _, err = lepton("cache", *words)
        assert (code, err) == (2, "lepton: LEPTON_CACHE=notes: is no folder; name one, or none\n")


def test_a_limit_that_is_no_size_ends_a_command_before_it_does_anything(lepton, monkeypatch, here):
    monkeypatch.setenv("LEPTON_CACHE_GB", "much")
    for words in (("cache",), ("train", "dataset=wine")):
        code, _, err = lepton(*words)
        assert (code, len(err.splitlines())) == (2, 1)
        assert "LEPTON_CACHE_GB=much: is no size" in err
    assert not (here / "runs").exists()


def test_kinds_in_the_cache_and_clear_complete_a_line(lepton, filled, monkeypatch):
    for line, offered in {
        "cache ": "clear features pictures tokens",
        "cache fe": "features",
    }.items():
        monkeypatch.setenv("COMP_LINE", f"lepton {line}")
        monkeypatch.setenv("COMP_POINT", str(len(f"lepton {line}")))
        code, out, _ = lepton("-sc", "query=bash")
        assert (code, sorted(out.split())) == (0, offered.split())
