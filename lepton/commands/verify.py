"""`lepton verify RUN`: makes a run again from its folder, and says whether the same comes out."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.config.constraints import data_files
from lepton.config.identity import is_run_name
from lepton.errors import LeptonError
from lepton.pretrained import init_weights
from lepton.storage.results import Result, read_result
from lepton.storage.run_folder import CONFIG_FILE, read_config

USAGE = "usage: lepton verify RUN (a run's folder)"
TABLES = (
    "history.parquet",
    "members.parquet",
    *(f"predictions/{s}.parquet" for s in ("val", "test")),
)
FACTS, ELSEWHERE = "ensemble.json", ("skipped", "pool")
MACHINE = ("python", "platform", "gpus")  # of environment.json, what can change a number


def verify_command(words: list[str]) -> int:
    """Prints what was compared; 0 when everything is the same, bit for bit, else 1."""
    if len(words) != 1 or words[0].startswith("-"):
        raise LeptonError(f"verify {' '.join(words)}: {USAGE}")
    lines, same = verify(Path(words[0]))
    print("\n".join(lines))
    return 0 if same else 1


def verify(folder: Path) -> tuple[list[str], bool]:
    """What a reader is told of a run trained again, and whether nothing differs.

    An ensemble is made again from its members.

    Raises: LeptonError when there is no finished run, or its data or its members are not there.
    """
    first = read_result(folder)
    if first is None:
        raise LeptonError(f"{folder}: holds no finished run; {USAGE}")
    made = "ensemble" in first.config
    with tempfile.TemporaryDirectory() as runs:
        again = Path(runs) / folder.name
        causes = (_combined if made else _trained)(folder, again, first)
        gaps = _differences(folder, again, first, read_result(again))
        causes += _changed(folder, again)
    if not gaps:
        kept = "every member's weight" if made else "the history"
        what = f"{len(first.metrics)} metrics, {kept} and every prediction"
        lines = [f"{folder.name}: the same again, bit for bit: {what}"]
        return [*lines, *(f"  although {cause}" for cause in causes)], True
    lines = [f"{folder.name}: not the same again", *(f"  {gap}" for gap in gaps)]
    how = "combining the members" if made else "training"
    known = causes or [f"nothing that is known: {how} is not deterministic on this machine"]
    return [*lines, "what is different:", *(f"  {cause}" for cause in known)], False


def _combined(folder: Path, again: Path, first: Result) -> list[str]:
    """Makes an ensemble anew in another place; says what its members are no longer."""
    from lepton.ensemble.machinery.reproduce import make_again

    return make_again(folder, first.config, again)


def _trained(folder: Path, again: Path, first: Result) -> list[str]:
    """Trains the run anew in another place, without telling its logger; says what is not the same.

    Its config is held against today's options.
    """
    from omegaconf import OmegaConf

    from lepton.config.check import check
    from lepton.run import train_checked

    plain = check(OmegaConf.create(read_config(folder / CONFIG_FILE)))
    quiet = {"runs": str(again.parent), "study": ".", "rerun": False, "logger": {}}
    train_checked({**plain, **quiet}, again)
    causes = []
    if not is_run_name(plain, folder.name):
        causes.append(_otherwise(plain))
    now = read_result(again).precision
    if first.precision not in (None, now):
        causes.append(f"machine: trained in {first.precision}, now in {now}")
    if first.trained != "alone":
        causes.append(f"training: then in a {first.trained}, now alone; last digits differ")
    return causes


def _otherwise(plain: dict[str, Any]) -> str:
    """What a run's name no longer stands for: files that it was made of, or else an option."""
    files = {"data": list(data_files(plain).values())}
    if (weights := init_weights.base(plain)["path"]) is not None:
        files["weights"] = [weights]
    found = ", or ".join(f"{kind}: {', '.join(paths)}" for kind, paths in files.items() if paths)
    return found or "code: an option has other values or keys now"


def _differences(folder: Path, again: Path, first, second) -> list[str]:
    found = []
    changed = {
        name: (value, second.metrics.get(name))
        for name, value in first.metrics.items()
        if value != second.metrics.get(name) and value == value
    }
    if changed:
        name = max(changed, key=lambda n: abs(changed[n][0] - (changed[n][1] or 0)))
        before, after = changed[name]
        most = f"the most in {name}: {before!r}, now {after!r}"
        found.append(f"{len(changed)} of {len(first.metrics)} metrics, {most}")
    for name in TABLES:
        if (again / name).is_file() and (line := _table_gap(folder / name, again / name)):
            found.append(f"{name}: {line}")
    if (line := _facts_gap(folder / FACTS, again / FACTS)) is not None:
        found.append(f"{FACTS}: {line}")
    for name in (init_weights.WEIGHTS, init_weights.ADAPTER, init_weights.SPEC):
        if (again / name).is_file():
            found += _file_gap(folder / name, again / name)
    if (again / init_weights.BASE).is_file():
        found += _base_gap(folder / init_weights.BASE, again / init_weights.BASE)
    return found


def _file_gap(first: Path, second: Path) -> list[str]:
    if not first.is_file():
        return [f"{first.name}: was not kept"]
    return [] if first.read_bytes() == second.read_bytes() else [first.name]


def _base_gap(first: Path, second: Path) -> list[str]:
    """Whether the weights that an adapter belongs to are known, and the same."""
    try:
        contents = [init_weights.read_base(path)["sha256"] for path in (first, second)]
    except LeptonError as e:
        return [f"{init_weights.BASE}: {str(e).removeprefix(f'{first}: ')}"]
    return [f"{init_weights.BASE}: names other weights"] if contents[0] != contents[1] else []


def _facts_gap(first: Path, second: Path) -> str | None:
    """In what an ensemble's facts differ, beside where its members lie."""
    if not second.is_file():
        return None
    a, b = (json.loads(path.read_text()) for path in (first, second))
    other = [k for k in b if k not in ELSEWHERE and json.dumps(a.get(k)) != json.dumps(b[k])]
    return ", ".join(other) or None


def _table_gap(first: Path, second: Path) -> str | None:
    """How two tables differ; durations do not count."""
    if not first.is_file():
        return "was not kept"
    try:
        a, b = (
            pd.read_parquet(path).drop(columns="seconds", errors="ignore")
            for path in (first, second)
        )
    except (OSError, ValueError):
        return "cannot be read"
    if a.equals(b):
        return None
    if a.shape != b.shape or list(a) != list(b):
        return f"{a.shape[0]} rows of {', '.join(a)[:60]}, now {b.shape[0]} of {', '.join(b)[:60]}"
    numbers = a.select_dtypes("number").columns
    return f"differs by up to {(a[numbers] - b[numbers]).abs().max().max():.3g}"


def _changed(folder: Path, again: Path) -> list[str]:
    """What of code, versions and machine is not what it was."""
    then, now = (_environment(path) for path in (folder, again))
    if then is None:
        return ["environment.json cannot be read: versions are not known"]
    causes = []
    commits = [known.get("git", {}).get("lepton") for known in (then, now)]
    pairs = {"lepton commit": commits} | {k: [then.get(k), now.get(k)] for k in MACHINE}
    packages = then.get("packages", {})
    pairs |= {
        name: [packages[name], version]
        for name, version in now["packages"].items()
        if name in packages  # later versions of lepton record more
    }
    for name, (before, after) in pairs.items():
        kind = "code" if name.startswith("lepton") else "machine" if name in MACHINE else "version"
        if before != after:
            causes.append(f"{kind}: {name} {before or 'not known'}, now {after or 'not known'}")
    return causes


def _environment(folder: Path) -> dict[str, Any] | None:
    try:
        known = json.loads((folder / "environment.json").read_text())
        return known if known["packages"] and known["git"] else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
