"""What campaigns on damaged and hostile files share: a small study, and what commands say of it.

Each case has a copy of the study and a process of its own, which is measured.
"""

import contextlib
import io
import json
import os
import re
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from lepton import cli, load, load_model
from lepton.errors import LeptonError
from lepton.storage import index
from lepton.storage.digests import write_sums
from lepton.storage.study_table import read_rows

STUDY = Path("runs/s")
SHORT = ("trainer.max_epochs=2", "study=s")
CSV = ("dataset=csv", "dataset.path=base.csv", "dataset.target=y", *SHORT)
RUNS = (
    ("-m", *CSV, "model=linear,mlp_small", "seed=0,1"),
    (*CSV, "model=gradient_boosting", "model.max_iter=5"),
    (*CSV[:-1], "study=source", "model=mlp", "model.hidden=[8]"),
    (*CSV, "model=mlp", "model.hidden=[8]", "finetune=lora", "init_from=SOURCE"),
    (*CSV, "model=mlp_small", "optimizer.lr=1e30", "optimizer=sgd", "seed=7"),
)
START = ("study=e", "model=mlp_small", "finetune=full")
MOST_SECONDS, MOST_BYTES = 10, 1e9
WALL_SECONDS = 120  # after which a command that takes no CPU time is taken to hang
WORDS_OF_DAMAGE = re.compile(
    r"damaged|unreadable|cannot be read|is gone|not a |no finished run|not what|the limit|a link"
    r"|unchecked|no file|lacks|anchor|missing|left out|not inside|interpolations|refused|does not"
    r"|to do|not finished|has no|cannot write|no such file|a folder, where"
)


@dataclass
class Answer:
    """What one command did on a study."""

    code: object
    text: str
    seconds: float  # of CPU


@dataclass
class Case:
    """What all commands did on a study: their answers, its rows, and the memory that they took."""

    answers: dict[str, Answer] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    bytes: float = 0.0
    hung: str = ""


def build_study(root: Path) -> None:
    """Trains a study of runs of several kinds in a folder, which becomes the working directory."""
    os.chdir(root)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 120)).round(3)
    y = (a + rng.normal(0, 0.3, 120) > 0).astype(int)
    pd.DataFrame({"a": a, "b": b, "c": rng.choice(["u", "v"], 120), "y": y}).to_csv(
        "base.csv", index=False
    )
    for words in RUNS:
        source = next((str(path) for path in Path("runs/source").glob("*-mlp-*")), "")
        answer = command("train", *(word.replace("SOURCE", source) for word in words))
        assert answer.code == int("seed=7" in words), answer.text  # that one diverges
    linear = next(STUDY.glob("*-linear-s0-*"))
    command("evaluate", str(linear), "evaluation=slices")
    command("ensemble", "runs=s", "method=stacking", "keep=true")
    pruned = STUDY / "csv-linear-s9-0123456789.pruned"
    pruned.mkdir()
    shutil.copy(linear / "config.yaml", pruned)
    record = {"run": pruned.stem, "status": "pruned", "epoch": 1, "scores": [0.1, 0.2]}
    (pruned / "pruned.json").write_text(json.dumps(record))
    write_sums(pruned, "checkpoint")
    with mock.patch.object(index, "MIN_INDEXED_RUNS", 1):
        load(STUDY)


def command(*words: str) -> Answer:
    """What lepton's command line answers, in this process."""
    out, began = io.StringIO(), time.process_time()
    with (
        mock.patch.object(sys, "argv", ["lepton", *words]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
    ):
        try:
            code: object = cli.main()
        except SystemExit as e:
            code = e.code
        except BaseException:
            code = "an exception"
            out.write(traceback.format_exc())
    return Answer(code, _without_times(out.getvalue()), time.process_time() - began)


def predict(run: Path) -> Answer:
    """What a run predicts for the rows of its file, in this process."""
    began = time.process_time()
    try:
        frame = load_model(run).predict_raw(pd.read_csv("base.csv"))
        code, text = 0, frame.to_csv()
    except LeptonError as e:
        code, text = 2, str(e)
    except BaseException:
        code, text = "an exception", traceback.format_exc()
    return Answer(code, text, time.process_time() - began)


def commands_on(run: Path, names: Collection[str]) -> dict[str, Callable[[], Answer]]:
    """What is asked of a study and of one of its runs, by name."""
    asked: dict[str, Callable[[], Answer]] = {
        "results": lambda: command("results", "s"),
        "compare": lambda: command("results", "s", "--compare", "model"),
        "status": lambda: command("sweep", "status", "s"),
        "verify": lambda: command("verify", str(run)),
        "predict": lambda: predict(run),
        "evaluate": lambda: command("evaluate", str(run), "evaluation=slices"),
        "ensemble": lambda: command("ensemble", "runs=s", "method=mean", "keep=true", "study=e"),
        "start": lambda: command("train", *CSV[:-1], *START, f"init_from={run}"),
        "report": lambda: command("report", "s"),
    }
    return {name: asked[name] for name in names}


def ask(
    pristine: Path, place: Path, run: Path, change: Callable[[], object], names: Collection[str]
) -> Case:
    """Changes a copy of the study, and asks every command of it in a process of its own."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(pristine, place, symlinks=True)
    notes = place / "case.jsonl"
    child = os.fork()
    if child == 0:
        try:
            _child(place, run, change, notes, names)
        finally:
            os._exit(0)
    deadline = time.monotonic() + WALL_SECONDS * 3
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.02)
    return _case(notes)


def _child(
    place: Path, run: Path, change: Callable[[], object], notes: Path, names: Collection[str]
) -> None:
    os.chdir(place)
    base = _resident()
    index.MIN_INDEXED_RUNS = 1
    load(STUDY)  # its index fits this copy
    change()
    with notes.open("a") as file:

        def note(**content: Any) -> None:
            file.write(json.dumps(content, default=str) + "\n")
            file.flush()

        note(begun="load")
        rows = {row["folder"]: row for row in read_rows(STUDY)}
        note(rows={name: {k: repr(v) for k, v in row.items()} for name, row in rows.items()})
        for name, ask_it in commands_on(run, names).items():
            note(begun=name)
            signal.alarm(WALL_SECONDS)
            note(name=name, answer=vars(ask_it()))
            signal.alarm(0)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        note(bytes=most - base, begun="")


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _case(notes: Path) -> Case:
    case = Case(hung="the beginning")
    for line in notes.read_text().splitlines() if notes.exists() else ():
        content = json.loads(line)
        if "answer" in content:
            case.answers[content["name"]] = Answer(**content["answer"])
        case.rows = content.get("rows", case.rows)
        case.bytes = content.get("bytes", case.bytes)
        case.hung = content.get("begun", case.hung)
    return case


def _without_times(text: str) -> str:
    """A text without durations and sizes of memory."""
    return re.sub(r"\b\d+(\.\d+)? (s|ms|min|MB)\b", "T", text)


def faults_of(case: Case) -> list[str]:
    """What no file may bring about: tracebacks, other exit codes, time and memory."""
    faults = [f"{case.hung}: hung or died"] if case.hung else []
    for name, answer in case.answers.items():
        if answer.code not in (0, 1, 2):
            faults.append(f"{name}: exit code {answer.code}")
        if "Traceback (most recent" in answer.text:
            faults.append(f"{name}: a traceback: {answer.text.strip().splitlines()[-1][:160]}")
        if answer.seconds > MOST_SECONDS:
            faults.append(f"{name}: {answer.seconds:.0f} s")
    if case.bytes > MOST_BYTES:
        faults.append(f"{case.bytes / 1e9:.1f} GB")
    return faults


def silent_changes(case: Case, before: Case, mutated: str) -> list[str]:
    """Commands that say something else than before without a word of damage, and changed rows."""
    silent = []
    for name, answer in case.answers.items():
        was = set(before.answers[name].text.splitlines())
        news = [line for line in answer.text.splitlines() if line not in was]
        same = answer.text == before.answers[name].text
        if not same and not any(WORDS_OF_DAMAGE.search(line) for line in news):
            silent.append(f"{name}: other words than before and none of damage")
    for folder, row in case.rows.items():
        was = before.rows.get(folder)
        if was != row and row["status"] != "'unreadable'":
            keys = [key for key in row if was is None or was.get(key) != row[key]]
            silent.append(f"rows: {Path(folder).name} differs in {', '.join(keys[:3])}")
    lost = set(before.rows) - set(case.rows)
    silent += [f"rows: {name} is gone" for name in lost if Path(name).name != mutated]
    return silent
