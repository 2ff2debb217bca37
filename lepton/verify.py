"""`lepton verify RUN`: trains a run again from its folder, and says whether the same comes out."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from lepton import results
from lepton.best import command
from lepton.errors import LeptonError
from lepton.identity import known_as
from lepton.rules import data_files

USAGE = "usage: lepton verify RUN (a run's folder)"
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

    Raises: LeptonError when there is no finished run, or its data are not there.
    """
    first = results.read(folder)
    if first is None:
        raise LeptonError(f"{folder}: holds no finished run; {USAGE}")
    if "ensemble" in first.config:
        made = command(folder, first.config)
        raise LeptonError(f"{folder}: an ensemble, which nothing trained; `{made}` makes it again")
    plain = _checked(folder)
    with tempfile.TemporaryDirectory() as runs:
        again = Path(runs) / folder.name
        second = _trained(plain, again)
        gaps = _differences(folder, again, first, second)
        causes = _causes(folder, again, plain, first)
    if not gaps:
        what = f"{len(first.metrics)} metrics, the history and every prediction"
        lines = [f"{folder.name}: the same again, bit for bit: {what}"]
        return [*lines, *(f"  although {cause}" for cause in causes)], True
    lines = [f"{folder.name}: not the same again", *(f"  {gap}" for gap in gaps)]
    known = causes or ["nothing that is known: training is not deterministic on this machine"]
    return [*lines, "what is different:", *(f"  {cause}" for cause in known)], False


def _checked(folder: Path) -> dict[str, Any]:
    """The run's config, held against today's options."""
    from omegaconf import OmegaConf

    from lepton.check import check

    return check(OmegaConf.create(results.read_config(folder / results.CONFIG)))


def _trained(plain: dict[str, Any], again: Path) -> results.Result:
    """The run trained anew in another place, without telling its logger."""
    from lepton.run import train_checked

    quiet = {"runs": str(again.parent), "study": ".", "rerun": False, "logger": {}}
    return train_checked({**plain, **quiet}, again)


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
    for name in ("history.parquet", "predictions/val.parquet", "predictions/test.parquet"):
        if line := _table_gap(folder / name, again / name):
            found.append(f"{name}: {line}")
    weights = [path / "model.safetensors" for path in (folder, again)]
    if all(path.is_file() for path in weights):
        contents = [path.read_bytes() for path in weights]
        found += ["model.safetensors"] if contents[0] != contents[1] else []
    return found


def _table_gap(first: Path, second: Path) -> str | None:
    """How two tables differ; durations do not count."""
    if not first.is_file():
        return "was not kept"
    a, b = (
        pd.read_parquet(path).drop(columns="seconds", errors="ignore") for path in (first, second)
    )
    if a.equals(b):
        return None
    if a.shape != b.shape or list(a) != list(b):
        return f"{a.shape[0]} rows of {', '.join(a)[:60]}, now {b.shape[0]} of {', '.join(b)[:60]}"
    numbers = a.select_dtypes("number").columns
    return f"differs by up to {(a[numbers] - b[numbers]).abs().max().max():.3g}"


def _causes(folder: Path, again: Path, plain, first) -> list[str]:
    """What of data, code, versions and machine is not what it was."""
    causes = []
    if not known_as(plain, folder.name):
        files = ", ".join(data_files(plain).values())
        causes.append(f"data: {files}" if files else "code: an option has other values or keys now")
    if first.trained != "alone":
        causes.append(f"training: then in a {first.trained}, now alone; last digits differ")
    then, now = (_environment(path) for path in (folder, again))
    if then is None:
        return [*causes, "environment.json cannot be read: versions are not known"]
    commits = [known.get("git", {}).get("lepton") for known in (then, now)]
    pairs = {"lepton commit": commits} | {k: [then.get(k), now.get(k)] for k in MACHINE}
    packages = then.get("packages", {})
    pairs |= {name: [packages.get(name), v] for name, v in now["packages"].items()}
    for name, (before, after) in pairs.items():
        kind = "code" if name.startswith("lepton") else "machine" if name in MACHINE else "version"
        if before != after:
            causes.append(f"{kind}: {name} {before or 'not known'}, now {after or 'not known'}")
    return causes


def _environment(folder: Path) -> dict[str, Any] | None:
    try:
        return json.loads((folder / "environment.json").read_text())
    except (OSError, ValueError):
        return None
