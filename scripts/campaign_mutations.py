"""Damages files of a study, seeded: each damage is named by the commands, or changes nothing.

    python scripts/campaign_mutations.py [--count 300] [--seed 0] [--minutes 60] [--show]

Every kind of file of a run and a study is flipped in a bit, cut, emptied, doubled, swapped with
another run's, replaced by another type or by noise, made a folder, a link or a pipe, or deleted.
Three commands, and two of five others or a report, are asked of each study. Prints what was a
traceback, silent, slow (10 s) or large (1 GB), then a line of figures; exit code 1 on a finding.
"""

import argparse
import math
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.campaign_study import (
    STUDY,
    Case,
    ask,
    build_study,
    faults_of,
    silent_changes,
)

ALWAYS = ("results", "verify", "predict")
SOMETIMES = ("compare", "status", "evaluate", "ensemble", "start")


def flip(path: Path, rng: random.Random, other: Path) -> None:
    content = bytearray(path.read_bytes())
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    _write(path, bytes(content))


def truncate(path: Path, rng: random.Random, other: Path) -> None:
    content = path.read_bytes()
    _write(path, content[: rng.randrange(len(content) or 1)])


def empty(path: Path, rng: random.Random, other: Path) -> None:
    _write(path, b"")


def double(path: Path, rng: random.Random, other: Path) -> None:
    _write(path, path.read_bytes() * 2)


def swap(path: Path, rng: random.Random, other: Path) -> None:
    mine, theirs = path.read_bytes(), other.read_bytes()
    _write(path, theirs)
    _write(other, mine)


def noise(path: Path, rng: random.Random, other: Path) -> None:
    _write(path, rng.randbytes(path.stat().st_size or 10))


def other_type(path: Path, rng: random.Random, other: Path) -> None:
    _write(path, rng.choice([b"null", b"[]", b"{}", b"3", b'"x"', b"PK\3\4", b"PAR1"]))


def delete(path: Path, rng: random.Random, other: Path) -> None:
    path.unlink()


def folder(path: Path, rng: random.Random, other: Path) -> None:
    path.unlink()
    path.mkdir()


def link(path: Path, rng: random.Random, other: Path) -> None:
    path.unlink()
    path.symlink_to(rng.choice(["/dev/zero", str(other.absolute()), "nowhere"]))


def pipe(path: Path, rng: random.Random, other: Path) -> None:
    path.unlink()
    os.mkfifo(path)


MUTATIONS = (
    *(flip, flip, truncate, empty, double, swap, noise, other_type, delete, folder, link, pipe),
)


def _write(path: Path, content: bytes) -> None:
    """In another file, as files that runs share are one on the disk."""
    path.unlink()
    path.write_bytes(content)


def files_by_kind() -> dict[str, list[Path]]:
    """The files of the study by their names in runs; those of the study itself by their own."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(STUDY.rglob("*")):
        if path.is_file():
            within = path.relative_to(STUDY)
            suffix = within.parts[0].rpartition(".")[2] if "." in within.parts[0] else ""
            name = "/".join(within.parts[1:]) if len(within.parts) > 1 else within.name
            kinds.setdefault(f"{suffix}:{name}" if suffix else name, []).append(path)
    return kinds


def campaign(count: int, seed: int, *, show: bool = False, minutes: float = math.inf) -> int:
    """Damages so many copies of a study; returns how many damages were not borne."""
    rng, began, before_folder = random.Random(seed), time.perf_counter(), os.getcwd()
    told, findings, most_seconds, most_bytes = Counter(), 0, 0.0, 0.0
    with tempfile.TemporaryDirectory() as root:
        pristine, place = Path(root, "pristine"), Path(root, "case")
        pristine.mkdir()
        try:
            build_study(pristine)
            kinds = files_by_kind()
            baselines: dict[Path, Case] = {}
            for number in range(count):
                if time.perf_counter() - began > 60 * minutes:
                    count = number
                    break
                kind = [*kinds][number % len(kinds)]
                path = rng.choice(kinds[kind])
                mutate = MUTATIONS[(number // len(kinds) + number) % len(MUTATIONS)]
                others = [p for p in kinds[kind] if p != path] or [
                    p for paths in kinds.values() for p in paths if p != path
                ]
                other, own = rng.choice(others), random.Random(rng.random())
                run = STUDY / path.relative_to(STUDY).parts[0]
                if not (run / "result.json").is_file():
                    run = next(STUDY.glob("*-linear-s0-*"))
                names = [*ALWAYS, *(["report"] if number % 10 == 0 else rng.sample(SOMETIMES, 2))]
                if run not in baselines:
                    everything = [*ALWAYS, *SOMETIMES, "report"]
                    baselines[run] = ask(pristine, place, run, lambda: None, everything)
                    assert not faults_of(baselines[run]), faults_of(baselines[run])
                case = ask(pristine, place, run, partial(mutate, path, own, other), names)
                faults = faults_of(case)
                silent = silent_changes(case, baselines[run], path.relative_to(STUDY).parts[0])
                same = all(
                    a.text == baselines[run].answers[n].text for n, a in case.answers.items()
                )
                told["harmless" if same else "named"] += not (faults or silent)
                findings += bool(faults or silent)
                most_seconds = max([most_seconds, *(a.seconds for a in case.answers.values())])
                most_bytes = max(most_bytes, case.bytes)
                if faults or silent or show:
                    print(f"{number}: {mutate.__name__} {path}: {'; '.join(faults + silent)}")
                    if show:
                        for name, answer in case.answers.items():
                            print(f"    {name}: {answer.code}: {answer.text[-160:]!r}")
                    sys.stdout.flush()
        finally:
            os.chdir(before_folder)
            shutil.rmtree(place, ignore_errors=True)
    print(
        f"{count} mutations of {len(kinds)} kinds of files, seed {seed}: {told['named']} named, "
        f"{told['harmless']} harmless, {findings} not borne; at most {most_seconds:.1f} s of CPU a "
        f"command, {most_bytes / 1e6:.0f} MB; {time.perf_counter() - began:.0f} s"
    )
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=math.inf, help="after which it ends")
    parser.add_argument("--show", action="store_true", help="prints what every command said")
    options = parser.parse_args()
    return int(campaign(**vars(options)) > 0)


if __name__ == "__main__":
    sys.exit(main())
