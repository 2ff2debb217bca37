"""Processes that give a run different names, and begin at the same time, train it once."""

import re
import threading
from pathlib import Path

import pytest

from lepton.errors import Finished, Locked
from lepton.storage.lock import release_lock
from lepton.storage.namesakes import as_it_lies, lock_run, namesakes
from lepton.storage.run_folder import run_status
from lepton.storage.run_writing import writing_run

ID = "0123456789"
OTHER_ID = ID[::-1]


@pytest.mark.slow
def test_of_many_that_have_names_of_their_own_for_a_run_one_gets_it(here):
    for _ in range(20):
        barrier, locks, refusals = threading.Barrier(6), [], []

        def take(name, barrier=barrier, locks=locks, refusals=refusals):
            barrier.wait()
            try:
                locks.append(lock_run(Path("study", f"{name}-{ID}"), rerun=False))
            except Locked as e:
                refusals.append(str(e))

        threads = [threading.Thread(target=take, args=(name,)) for name in "abcdef"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (lock_file,) = locks
        assert len(refusals) == 5
        # one may be told of another that is about to give way
        told = [re.fullmatch(r"(.)-.* is training this run, as (.)-.*", line) for line in refusals]
        assert all(match and match[1] != match[2] for match in told)
        assert lock_file.parent.name[0] not in {match[1] for match in told if match}
        assert list(Path("study").iterdir()) == [lock_file.parent]
        release_lock(lock_file)
        lock_file.parent.rmdir()


def test_what_was_finished_under_another_name_meanwhile_is_not_written_again(here):
    theirs, mine = Path("study", f"theirs-{ID}"), Path("study", f"mine-{ID}")
    with writing_run(theirs) as unfinished:
        (unfinished / "result.json").write_text("1")
    with pytest.raises(Finished) as error, writing_run(mine, rerun=False):
        raise AssertionError("it is written again")
    assert str(error.value) == f"{theirs}: another process has finished this run"
    assert [path.name for path in Path("study").iterdir()] == [theirs.name]
    with writing_run(Path("study", f"mine-{OTHER_ID}"), rerun=False):
        pass  # another run is another one


def test_a_run_lies_under_the_name_that_another_process_gave_it(here):
    mine = Path("study", f"mine-{ID}")
    assert as_it_lies(mine) == mine
    Path("study", f"failed-{ID}.failed").mkdir(parents=True)
    Path("study", f"theirs-{ID}.part").mkdir()
    Path("study", f"theirs-{OTHER_ID}").mkdir()
    assert [path.name for path in namesakes(mine)] == [f"theirs-{ID}.part", f"failed-{ID}.failed"]
    assert as_it_lies(mine).name == f"theirs-{ID}"
    assert run_status(as_it_lies(mine)) == "to do"  # whoever trained it is gone
    mine.mkdir()
    assert as_it_lies(mine) == mine
