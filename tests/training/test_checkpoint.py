"""Checkpoints: whole or noticed not to be, and the one before is there."""

import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch

import lepton.run
import lepton.training.network
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder
from lepton.errors import LeptonError
from lepton.run import train_checked
from lepton.storage.run_folder import run_status, unfinished_folder
from lepton.training import checkpoint
from lepton.training.checkpoint import Checkpoints, pack, unpack
from lepton.training.resume import Resume
from lepton.training.signals import RECEIVED, Interrupted

OVERRIDES = (
    *("dataset=synthetic", "dataset.rows=170", "batch_size=16", "trainer=cpu", "study=stopped"),
    *("model=mlp_small", "model.dropout=0.3", "trainer.max_epochs=4", "optimizer.lr=0.01"),
)
ABOUT = {"config": {"model": {"hidden": [8]}, "seed": 0}, "versions": {"torch": "1"}}


@pytest.fixture
def checkpoints(tmp_path):
    """Two checkpoints of a made-up training."""
    checkpoints = Checkpoints(tmp_path / "checkpoint", ABOUT)
    for step in (1, 2):
        checkpoints.save({"step": step, "weights": torch.arange(64.0) + step})
    return checkpoints


def test_the_newest_of_two_is_loaded_and_no_third_is_kept(checkpoints):
    checkpoints.save({"step": 3})
    assert checkpoints.load() == {"step": 3}
    assert sorted(p.name for p in checkpoints.folder.iterdir()) == ["last.ckpt", "previous.ckpt"]
    assert unpack((checkpoints.folder / "previous.ckpt").read_bytes())["state"]["step"] == 2
    assert Checkpoints(checkpoints.folder.with_name("none"), ABOUT).load() is None


def test_every_single_flipped_bit_is_noticed_and_the_one_before_is_taken(checkpoints, caplog):
    rng, last = random.Random(0), checkpoints.folder / "last.ckpt"
    content = last.read_bytes()
    places = [rng.randrange(8 * len(content)) for _ in range(100)]
    for place in (*places, 0, 8 * len(checkpoint.MAGIC) + 5, 8 * len(content) - 1):
        spoilt = bytearray(content)
        spoilt[place // 8] ^= 1 << place % 8
        last.write_bytes(spoilt)
        caplog.clear()
        assert checkpoints.load()["step"] == 1
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        assert record.getMessage().startswith(f"{last}: ")
        assert "damaged" in record.getMessage()


@pytest.mark.parametrize("length", [0, 1, 19, 20, 50, 84, 85, 500, -1])
def test_a_file_cut_short_is_noticed_and_the_one_before_is_taken(checkpoints, length, caplog):
    last = checkpoints.folder / "last.ckpt"
    last.write_bytes(last.read_bytes()[:length])
    assert checkpoints.load()["step"] == 1
    assert len(caplog.records) == 1
    assert not last.exists()


def test_a_page_of_zeros_is_noticed(checkpoints):
    last = checkpoints.folder / "last.ckpt"
    content = bytearray(last.read_bytes())
    content[300:400] = bytes(100)
    last.write_bytes(content)
    assert checkpoints.load()["step"] == 1


def test_training_starts_anew_when_both_are_damaged(checkpoints, caplog):
    for path in checkpoints.folder.iterdir():
        path.write_bytes(b"")
    assert checkpoints.load() is None
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    "make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("previous.ckpt")]
)
def test_what_is_no_regular_file_is_not_waited_for_but_told_and_removed(checkpoints, make, caplog):
    checkpoints.last.unlink()
    make(checkpoints.last)
    assert [state["step"] for state in checkpoints.peek_all()] == [1]
    state = checkpoints.load()
    assert state is not None
    assert state["step"] == 1
    assert "where lepton writes a regular file; it is not used, and removed" in caplog.text
    assert not os.path.lexists(checkpoints.last)
    assert checkpoints.previous.exists()


@pytest.mark.parametrize("name", ["last.ckpt", "previous.ckpt"])
def test_a_folder_in_a_checkpoints_place_keeps_nothing_from_being_saved(checkpoints, name):
    path = checkpoints.folder / name
    path.unlink()
    (path / "within").mkdir(parents=True)
    checkpoints.save({"step": 3})
    checkpoints.save({"step": 4})
    assert [state["step"] for state in checkpoints.peek_all()] == [4, 3]


def test_a_pickle_that_would_run_something_does_not(checkpoints, tmp_path):
    class Poison:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "poisoned"),)

    (checkpoints.folder / "last.ckpt").write_bytes(pack({"about": "{}", "state": Poison()}))
    assert checkpoints.load()["step"] == 1
    assert not (tmp_path / "poisoned").exists()


def test_a_checkpoint_of_another_config_is_refused_with_the_keys_that_differ(checkpoints):
    other = {"config": {"model": {"hidden": [16]}, "seed": 0, "new": 1}, "versions": {"torch": "1"}}
    with pytest.raises(LeptonError) as error:
        Checkpoints(checkpoints.folder, other).load()
    assert str(error.value) == (
        f"{checkpoints.folder}/last.ckpt: a checkpoint of another config (model.hidden: [8] "
        f"there, [16] here; new: None there, 1 here); remove {checkpoints.folder} to train anew"
    )


def test_a_checkpoint_of_other_versions_is_not_used_and_told_of(checkpoints, caplog):
    assert Checkpoints(checkpoints.folder, ABOUT | {"versions": {"torch": "2"}}).load() is None
    assert "versions.torch: '1' there, '2' here); training starts anew" in caplog.text


def test_a_training_in_the_precision_of_another_machine_starts_anew(tmp_path, monkeypatch, caplog):
    config = check(compose(*OVERRIDES, "trainer.precision=auto"))
    monkeypatch.setattr("lepton.trainer.default.auto_precision", lambda accelerator: "bf16-mixed")
    Checkpoints.of_run(tmp_path, config, trained="alone").save({"step": 1})
    assert Checkpoints.of_run(tmp_path, config, trained="alone").load() == {"step": 1}
    monkeypatch.setattr("lepton.trainer.default.auto_precision", lambda accelerator: "32-true")
    assert Checkpoints.of_run(tmp_path, config, trained="alone").load() is None
    assert "precision: 'bf16-mixed' there, '32-true' here); training starts anew" in caplog.text


def test_a_training_of_another_kind_of_device_starts_anew(tmp_path, monkeypatch, caplog):
    config = check(compose(*OVERRIDES, "trainer.accelerator=auto"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    Checkpoints.of_run(tmp_path, config, trained="alone").save({"step": 1})
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert Checkpoints.of_run(tmp_path, config, trained="alone").load() is None
    assert "device: None there, 'cuda' here); training starts anew" in caplog.text
    on_cpu = check(compose(*OVERRIDES, "trainer.accelerator=cpu"))
    assert "device" not in Checkpoints.of_run(tmp_path, on_cpu, trained="alone").about


def test_a_checkpoint_lasts_before_it_has_its_name_and_its_name_after(checkpoints, monkeypatch):
    steps, replace = [], os.replace

    def renamed(a, b):
        replace(a, b)
        steps.append(f"{Path(a).name} -> {Path(b).name}")

    monkeypatch.setattr(
        os, "fsync", lambda n: steps.append(Path(os.readlink(f"/proc/self/fd/{n}")).name)
    )
    monkeypatch.setattr(os, "replace", renamed)
    checkpoints.save({"step": 3})
    assert steps == [
        *("last.ckpt -> previous.ckpt", "last.ckpt.part", "last.ckpt.part -> last.ckpt"),
        "checkpoint",
    ]


STEPS = """
from pathlib import Path
from lepton.storage.run_writing import writing_run
from lepton.training.checkpoint import Checkpoints
Path("study").mkdir()
with writing_run(Path("study/run")) as part:
    Checkpoints(part / "checkpoint", {}).save({})
    (part / "result.json").write_text("{}")
"""
CALLS = ("fsync", "fdatasync", "syncfs", "rename", "renameat", "renameat2")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_the_system_itself_is_asked_in_that_order(here):
    line = ["strace", "-f", "-y", "-e", f"trace={','.join(CALLS)}", "-o", "trace.txt"]
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2]))
    subprocess.run([*line, sys.executable, "-c", STEPS], env=environment, check=True)
    trace = Path("trace.txt").read_text()
    calls = re.findall(r"^\d+ +(\w+)\((.*)\) += 0$", trace, re.MULTILINE)
    named = [(call, re.findall(r'[^/"]+(?=[>"])', arguments)[-1]) for call, arguments in calls]
    steps = [f"{re.sub('renameat2?', 'rename', call)} {name}" for call, name in named]
    assert steps == [
        *("fsync last.ckpt.part", "rename last.ckpt", "fsync checkpoint"),
        *("syncfs run.part", "rename run", "fsync study"),
    ]


def test_a_folder_that_cannot_be_written_is_said_before_the_first_step(run, monkeypatch, here):
    steps = []
    monkeypatch.setattr("lepton.training.module.TrainingModule._step", lambda *_: steps.append(1))
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: "runs" not in str(path) and access(path, mode)
    )
    with pytest.raises(LeptonError, match=r"^runs/.*/checkpoint: checkpoints cannot be written"):
        run(*OVERRIDES)
    assert not steps
    assert not list(here.glob("runs/*/*"))


def test_a_file_in_the_place_of_the_folder_is_said_before_the_first_step(tmp_path):
    (tmp_path / "checkpoint").touch()
    with pytest.raises(LeptonError, match=r"checkpoint: checkpoints cannot be written there$"):
        Checkpoints(tmp_path / "checkpoint", ABOUT).check_space(1)


def test_a_disk_without_room_for_two_is_said_before_the_first_step(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(LeptonError, match=r"checkpoint: .* MB are free .*: no space to train"):
        Checkpoints(tmp_path / "checkpoint", ABOUT).check_space(free)
    Checkpoints(tmp_path / "checkpoint", ABOUT).check_space(free // 4)


def test_a_disk_that_is_full_is_said_and_the_one_before_is_whole(checkpoints, monkeypatch):
    real = os.fsync

    def full(number):
        if os.readlink(f"/proc/self/fd/{number}").endswith(".part"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(number)

    monkeypatch.setattr(os, "fsync", full)
    expected = r"^.*/last.ckpt: the checkpoint cannot be written \(No space left on device\); mend"
    with pytest.raises(LeptonError, match=expected):
        checkpoints.save({"step": 3})
    assert checkpoints.load()["step"] == 2
    assert [p.name for p in checkpoints.folder.iterdir()] == ["previous.ckpt"]


@pytest.fixture
def small_disk(here):
    """A file system of three megabytes, where root may mount one."""
    disk = here / "disk"
    disk.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(line, capture_output=True).returncode:
        pytest.skip("may not mount a small file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(path):
    """Writes until there is no room for another byte."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while os.write(number, bytes(4096)):
            pass
    os.close(number)


@pytest.mark.slow
def test_a_run_that_fills_the_disk_goes_on_when_there_is_room(
    small_disk, here, run, fingerprint, monkeypatch
):
    overrides = [*OVERRIDES, "model.hidden=[64,64]", "trainer.checkpoint_every=0"]
    config = check(compose(*overrides, f"runs={small_disk}"))
    folder, written, real = run_folder(config), [], checkpoint.write_bytes

    def filled(path, content):
        written.append(path)
        if len(written) == 9:
            fill(small_disk / "filler")
        real(path, content)

    monkeypatch.setattr(checkpoint, "write_bytes", filled)
    with pytest.raises(LeptonError, match=r"^/.*/checkpoint/last.ckpt: .*No space left on device"):
        train_checked(config, folder)
    assert len(written) == 9
    files = [p for p in small_disk.rglob("*") if p.suffix in (".ckpt", ".json")]
    assert {p.name for p in files} >= {"previous.ckpt"}
    for path in files:
        unpack(path.read_bytes()) if path.suffix == ".ckpt" else json.loads(path.read_text())
    (small_disk / "filler").unlink()
    train_checked(config, folder)
    assert len(written) > 10
    assert fingerprint(folder) == fingerprint(run(*overrides, "study=whole"))


@pytest.mark.slow
def test_a_run_that_cannot_write_its_result_for_want_of_room_goes_on_when_there_is(
    small_disk, run, fingerprint, monkeypatch
):
    overrides = [*OVERRIDES, "trainer.checkpoint_every=0"]
    config = check(compose(*overrides, f"runs={small_disk}"))
    folder, real = run_folder(config), lepton.run.score_and_save

    def filled(*arguments, **named):
        fill(small_disk / "filler")
        return real(*arguments, **named)

    monkeypatch.setattr(lepton.run, "score_and_save", filled)
    with pytest.raises(LeptonError, match=r"^/.*\.part: no space left on the disk; free some"):
        train_checked(config, folder)
    assert run_status(folder) == "to do"
    (small_disk / "filler").unlink()
    monkeypatch.setattr(lepton.run, "score_and_save", real)
    train_checked(config, folder)
    assert "goes on after epoch 4" in (folder / "log.txt").read_text()
    assert fingerprint(folder) == fingerprint(run(*overrides, "study=whole"))


@pytest.fixture
def stopped(here, monkeypatch):
    """The unfinished folder of a run stopped after its twelfth boundary, with two checkpoints."""
    config = check(compose(*OVERRIDES, "trainer.checkpoint_every=0"))
    real, boundaries = Resume.is_due, []

    def due(self):
        boundaries.append(1)
        if len(boundaries) == 12:
            RECEIVED.append(signal.SIGTERM)
        return real(self)

    monkeypatch.setattr(Resume, "is_due", due)
    with pytest.raises(Interrupted):
        train_checked(config, run_folder(config))
    return unfinished_folder(run_folder(config))


@pytest.mark.slow
@pytest.mark.parametrize("spoil", ["flip", "cut", "empty", "both"])
def test_a_run_with_a_damaged_checkpoint_still_ends_as_one_that_was_never_stopped(
    spoil, stopped, run, fingerprint, caplog
):
    last, previous = (stopped / "checkpoint" / f"{n}.ckpt" for n in ("last", "previous"))
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes({"flip": content, "cut": content[:999]}.get(spoil, b""))
    if spoil == "both":
        previous.write_bytes(b"")
    caplog.set_level("INFO", logger="lepton")
    folder = run(*OVERRIDES)
    assert ("goes on after epoch 2, batch 4" in caplog.text) == (spoil != "both")
    assert "it is not used" in caplog.text
    assert fingerprint(folder) == fingerprint(run(*OVERRIDES, "study=whole"))


@pytest.mark.slow
def test_a_run_does_not_go_on_from_another_ones_checkpoint(stopped, run):
    other = run_folder(check(compose(*OVERRIDES, "optimizer.lr=0.5")))
    stopped.rename(unfinished_folder(other))
    with pytest.raises(LeptonError, match=r"another config \(optimizer.lr: 0.01 there, 0.5 here\)"):
        run(*OVERRIDES, "optimizer.lr=0.5")


@pytest.mark.slow
def test_a_run_does_not_go_on_from_a_model_of_another_shape(stopped, run, monkeypatch):
    real = lepton.training.network.build.component

    def wider(config, group, **arguments):
        if group == "model":
            config = {**config, "model": {**config["model"], "hidden": [9]}}
        return real(config, group, **arguments)

    monkeypatch.setattr(lepton.training.network.build, "component", wider)
    with pytest.raises(LeptonError) as error:
        run(*OVERRIDES)
    assert "checkpoint: a checkpoint of another architecture (blocks.0.bias: [" in str(error.value)
    assert "] there, [9] here; " in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_disk_that_is_read_only_is_said_in_a_line(small_disk, lepton):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, _, output = lepton("train", *OVERRIDES, f"runs={small_disk}")
    assert code == 2
    assert output == f"lepton: runs: cannot write to {small_disk}/stopped (Read-only file system)\n"
