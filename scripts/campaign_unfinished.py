"""Damages files of a study that is not finished, seeded: the same command goes on, or names it.

    python scripts/campaign_unfinished.py [--count 100] [--seed 0] [--minutes 60] [--show]

Checkpoints of runs alone and in a stack, what else lies in unfinished folders, records of stacks
and of a search are flipped in a bit, cut, swapped, replaced and so on. The commands that were
stopped are given again: no run may end with other bits than without the damage, unless a line
names it. Prints what was a traceback, silent, slow or large, then a line of figures; exit code 1
on a finding.
"""

import argparse
import hashlib
import importlib
import json
import math
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lepton.storage.digests import damaged_files
from lepton.training.checkpoint import Checkpoints
from scripts.campaign_mutations import MUTATIONS
from scripts.campaign_parts import bits_of_run, finished
from scripts.campaign_study import (
    MOST_BYTES,
    MOST_SECONDS,
    STUDY,
    WALL_SECONDS,
    WORDS_OF_DAMAGE,
    Answer,
    command,
)

WINE = ("-m", "dataset=wine", "model=mlp_small", "study=s", "trainer.checkpoint_every=0")
COMMANDS = {  # of which each is stopped on the way
    "stack": (*WINE, "seed=0,1,2", "trainer.max_epochs=6", "hydra.launcher.size=3"),
    "alone": (*WINE, "seed=7", "batch_size=64", "trainer.max_epochs=3"),
    "search": (
        *(*WINE, "batch_size=128", "hydra/sweeper=search", "hydra.sweeper.n_trials=3"),
        *("hydra.sweeper.batch=1", "optimizer.lr=interval(1e-3,1e-1)", "trainer.max_epochs=2"),
    ),
}
SAVED_BEFORE = {"stack": 7, "alone": 3, "search": 3}  # checkpoints before the signal
PRELOADED = (  # by whoever forks the processes of the commands
    *("lepton.run", "lepton.analysis.table", "lepton.sweep.grid", "lepton.launch.auto"),
    *("lepton.vectorize.job_group", "lepton.sweep.search.sweeper", "lepton.training.learner"),
)
LATER = ("checkpoint", ".stacks", "searches.json", "sweep.json", "spec.json", "log.txt")


def stop(name: str) -> None:
    """Trains by a command, and stops it once it has saved so many checkpoints."""
    save, saved = Checkpoints.save, []

    def counted(self: Checkpoints, state: Any, **options: Any) -> None:
        save(self, state, **options)
        saved.append(1)
        if len(saved) == SAVED_BEFORE[name]:
            os.kill(os.getpid(), signal.SIGTERM)

    with mock.patch.object(Checkpoints, "save", counted):
        answer = command("train", *COMMANDS[name])
    assert answer.code == 143, answer.text


def build_study(root: Path) -> None:
    """Leaves a study with work in progress in a folder, which becomes the working directory."""
    os.chdir(root)
    in_child(lambda: [stop(name) for name in COMMANDS])
    assert list(STUDY.glob("*.part/checkpoint/*.ckpt")), "nothing is left to go on from"
    assert list(STUDY.glob(".stacks/*/stack.json")), "no stack is recorded"


def in_child(work: Callable[[], object]) -> None:
    """Works in a process of its own: one that has trained itself forks none that can."""
    if child := os.fork():
        os.waitpid(child, 0)
        return
    try:
        signal.alarm(4 * WALL_SECONDS)
        work()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def targets() -> list[list[Path]]:
    """The files of the study that a command reads when it goes on, by kind."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(STUDY.rglob("*")):
        parts = path.relative_to(STUDY).parts
        is_finished = (STUDY / parts[0] / "result.json").exists()  # scripts/campaign_mutations.py
        if path.is_file() and not is_finished and any(part in LATER for part in parts):
            kinds.setdefault(f"{parts[0] in LATER} {path.name}", []).append(path)
    return [*kinds.values()]


def go_on(pristine: Path, place: Path, change: Callable[[], object]) -> dict[str, Any]:
    """Changes a copy of the study, and gives its commands again in a process of its own."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(pristine, place, symlinks=True)
    notes = place / "case.json"

    def work() -> None:
        os.chdir(place)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        change()
        answers = {name: vars(command("train", *words)) for name, words in COMMANDS.items()}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        digests = {path.parent.name: digest_of(path.parent) for path in finished("s")}
        case = {"answers": answers, "runs": digests, "bytes": peak * 1024}
        notes.write_text(json.dumps(case, default=str))

    in_child(work)
    return json.loads(notes.read_text()) if notes.exists() else {}


def digest_of(run: Path) -> str:
    """What a finished run holds; empty for one that is damaged, which a command has to name."""
    if damaged_files(run):
        return ""
    return hashlib.sha256(repr(sorted(bits_of_run(run).items())).encode()).hexdigest()


def verdict(case: dict[str, Any], whole: dict[str, Any]) -> tuple[str, list[str]]:
    """named or harmless, and what was not borne."""
    if not case:
        return "", ["hung or died"]
    faults, named = [], False
    for name, values in case["answers"].items():
        answer, before = Answer(**values), Answer(**whole["answers"][name])
        if answer.code not in (0, 1, 2) or "Traceback (most recent" in answer.text:
            last = answer.text.strip().splitlines()[-1:]
            faults.append(f"{name}: exit code {answer.code}: {last}")
        if answer.seconds > before.seconds + MOST_SECONDS:
            faults.append(f"{name}: {answer.seconds:.0f} s")
        was = set(before.text.splitlines())
        news = [line for line in answer.text.splitlines() if line not in was]
        named |= answer.code != 0 and any(WORDS_OF_DAMAGE.search(line) for line in news)
    if case["bytes"] > whole["bytes"] + MOST_BYTES:
        faults.append(f"{case['bytes'] / 1e9:.1f} GB")
    expected = whole["runs"]
    whole_runs = {run: digest for run, digest in case["runs"].items() if digest}
    others = [run for run, digest in whole_runs.items() if expected.get(run, digest) != digest]
    faults += [f"other bits: {run}" for run in others]
    lost = expected.keys() - whole_runs.keys()
    if lost and not named:
        faults.append(f"silent: {', '.join(sorted(lost))} not trained")
    return "named" if named else "harmless", faults


def campaign(count: int, seed: int, *, show: bool = False, minutes: float = math.inf) -> int:
    """Damages so many copies of a study; returns how many damages were not borne."""
    rng, began, folder_before = random.Random(seed), time.perf_counter(), os.getcwd()
    told, findings = Counter[str](), 0
    with tempfile.TemporaryDirectory() as root:
        pristine, place = Path(root, "pristine"), Path(root, "case")
        pristine.mkdir()
        for module in PRELOADED:
            importlib.import_module(module)
        try:
            build_study(pristine)
            kinds = targets()
            whole = go_on(pristine, place, lambda: None)
            assert verdict(whole, whole) == ("harmless", []), verdict(whole, whole)
            for number in range(count):
                if time.perf_counter() - began > 60 * minutes:
                    count = number
                    break
                paths = kinds[number % len(kinds)]
                path, mutate = rng.choice(paths), rng.choice(MUTATIONS)
                everything = [p for some in kinds for p in some if p != path]
                other = rng.choice([p for p in paths if p != path] or everything)
                own = random.Random(rng.random())
                case = go_on(pristine, place, lambda: mutate(path, own, other))  # noqa: B023
                kind, faults = verdict(case, whole)
                told[kind] += not faults
                findings += bool(faults)
                if faults or show:
                    print(f"{number}: {mutate.__name__} {path}: {kind} {'; '.join(faults)}")
                    sys.stdout.flush()
        finally:
            os.chdir(folder_before)
            shutil.rmtree(place, ignore_errors=True)
    print(
        f"{count} mutations of {len(kinds)} kinds of files of unfinished work, seed {seed}: "
        f"{told['named']} named, {told['harmless']} harmless, {findings} not borne; "
        f"{time.perf_counter() - began:.0f} s"
    )
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=math.inf, help="after which it ends")
    parser.add_argument("--show", action="store_true", help="prints what became of each")
    options = parser.parse_args()
    return int(campaign(**vars(options)) > 0)


if __name__ == "__main__":
    sys.exit(main())
