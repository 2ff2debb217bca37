"""Gives lepton bad inputs in one process: each must be one line, exit code 2, nothing written.

    python scripts/campaign_bad_inputs.py [--count 300] [--seed 0] [--show]

Prints every input that was answered otherwise, then a line of figures; exit code 1 on a finding.
"""

import argparse
import contextlib
import io
import os
import shlex
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lepton import cli
from scripts.bad_inputs.families import BadInput, bad_inputs

STUDY = ["train", "dataset=wine", "model=linear", "trainer.max_epochs=1", "study=there"]


@dataclass
class Answer:
    """How a command ended, what it said, and which files it wrote or changed."""

    code: object
    lines: list[str]
    seconds: float
    written: list[str]
    faults: list[str] = field(default_factory=list)


def run(words: list[str]) -> tuple[object, str]:
    """The exit code of a command, and all that it said on the error stream."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["lepton", *words]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code: object = cli.main()
        except SystemExit as e:
            code = e.code
        except BaseException:
            code = "an exception"
            err.write(traceback.format_exc())
    return code, err.getvalue()


def files_here() -> dict[str, tuple[int, int]]:
    """Every file and folder below the working directory, with its size and time."""
    entries = {}
    for path in Path().rglob("*"):
        status = path.lstat()
        is_folder = path.is_dir()
        entries[str(path)] = (-1, 0) if is_folder else (status.st_size, status.st_mtime_ns)
    return entries


def answer_to(bad: BadInput) -> Answer:
    """What lepton does with an input, which is written before and removed after."""
    for name, content in bad.files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
    before, started = files_here(), time.perf_counter()
    code, text = run(bad.words)
    seconds, after = time.perf_counter() - started, files_here()
    written = [name for name, entry in after.items() if before.get(name) != entry]
    for name in bad.files:
        Path(name).unlink()
    answer = Answer(code, text.splitlines(), seconds, written)
    if code != 2:
        answer.faults.append(f"exit code {code}")
    if "Traceback" in text:
        answer.faults.append("a traceback")
    if len(answer.lines) != 1 or not text.startswith("lepton: "):
        answer.faults.append(f"{len(answer.lines)} lines")
    if written:
        answer.faults.append(f"wrote {', '.join(written[:3])}")
    return answer


def campaign(count: int, seed: int, *, show: bool = False) -> int:
    """Tries so many inputs in a folder of their own; returns how many were answered otherwise."""
    started, findings, by_family = time.perf_counter(), 0, Counter()
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            assert run(STUDY)[0] == 0
            for name, bad in bad_inputs(count, seed):
                answer = answer_to(bad)
                by_family[name] += 1
                findings += bool(answer.faults)
                if answer.faults or show:
                    said = " | ".join(line[:200] for line in answer.lines[-3:])
                    print(f"{name}: lepton {shlex.join(bad.words)[:300]}")
                    print(f"    {'; '.join(answer.faults) or 'right'}: {said}", flush=True)
        finally:
            os.chdir(before)
    print(
        f"{count} bad inputs of {len(by_family)} families, seed {seed}: {findings} not answered by "
        f"one line, exit code 2 and nothing written; {time.perf_counter() - started:.0f} s"
    )
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="prints the right answers too")
    options = parser.parse_args()
    return int(campaign(options.count, options.seed, show=options.show) > 0)


if __name__ == "__main__":
    sys.exit(main())
