"""Puts hostile files into runs without digests, seeded: none runs code, and none costs much.

    python scripts/campaign_hostile.py [--count 200] [--seed 0] [--minutes 60] [--show]

Code in targets, interpolations and pickles, bombs in JSON, YAML, Parquet, skops and safetensors,
terminal escapes, and links and pipes that lead elsewhere; each stands in a run of a study, of which
commands are asked. Prints what ran code, was read or written outside, a traceback, slow (10 s) or
large (1 GB), then a line of figures; exit code 1 on a finding.
"""

import argparse
import math
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lepton.storage.digests import SUMS_FILE
from scripts.campaign_study import STUDY, ask, build_study, faults_of
from scripts.hostile_files import KINDS, MARKER, SECRET

COMMANDS = ("results", "predict", "verify", "ensemble", "start")


def _put(kind: Callable[[Path, random.Random], str], run: Path, seed: float) -> None:
    for path in STUDY.rglob(SUMS_FILE):
        path.unlink()
    Path("secret.txt").write_text(SECRET)
    Path("evil.py").write_text(f"import os\nos.mkdir({MARKER!r})\n")
    Path("what.txt").write_text(kind(run, random.Random(seed)), errors="replace")


def outcome(place: Path, texts: list[str]) -> list[str]:
    """Marks that hostile code ran or that something outside was read."""
    found = [f"code ran: {path}" for path in place.rglob(MARKER)]
    found += ["a file outside was read"] if any(SECRET in text for text in texts) else []
    raw = [sign for sign in "\x1b\x07\0" if any(sign in text for text in texts)]
    return [*found, *(f"raw {sign!r} was printed" for sign in raw)]


def campaign(count: int, seed: int, *, show: bool = False, minutes: float = math.inf) -> int:
    """Tries so many hostile inputs; returns how many did what none may."""
    rng, began, before_folder = random.Random(seed), time.perf_counter(), os.getcwd()
    findings, most_seconds, most_bytes = 0, 0.0, 0.0
    with tempfile.TemporaryDirectory() as root:
        pristine, place = Path(root, "pristine"), Path(root, "case")
        pristine.mkdir()
        try:
            build_study(pristine)
            run = next(STUDY.glob("*-mlp_small-s0-*"))
            for number in range(count):
                if time.perf_counter() - began > 60 * minutes:
                    count = number
                    break
                kind = KINDS[number % len(KINDS)]
                case = ask(pristine, place, run, partial(_put, kind, run, rng.random()), COMMANDS)
                texts = [answer.text for answer in case.answers.values()]
                faults = faults_of(case) + outcome(place, texts)
                findings += bool(faults)
                most_seconds = max([most_seconds, *(a.seconds for a in case.answers.values())])
                most_bytes = max(most_bytes, case.bytes)
                if faults or show:
                    what = (place / "what.txt").read_text().strip()
                    print(f"{number}: {kind.__name__} ({what}): {'; '.join(faults)}")
                    if show:
                        for name, answer in case.answers.items():
                            print(f"    {name}: {answer.code}: {answer.text[-160:]!r}")
                    sys.stdout.flush()
        finally:
            os.chdir(before_folder)
            shutil.rmtree(place, ignore_errors=True)
    print(
        f"{count} hostile inputs of {len(set(KINDS))} families, seed {seed}: {findings} did what "
        f"none may; at most {most_seconds:.1f} s of CPU a command, {most_bytes / 1e6:.0f} MB; "
        f"{time.perf_counter() - began:.0f} s"
    )
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=math.inf, help="after which it ends")
    parser.add_argument("--show", action="store_true", help="prints what every command said")
    options = parser.parse_args()
    return int(campaign(**vars(options)) > 0)


if __name__ == "__main__":
    sys.exit(main())
