"""`lepton sweep status STUDY`: what of a study is done, failed, running, and still to do."""

from collections import Counter
from pathlib import Path

from lepton.errors import LeptonError
from lepton.storage.lock import lock_owner
from lepton.storage.results import study_folder
from lepton.storage.run_folder import STATE_SUFFIXES, read_failure, run_status, unfinished_folder
from lepton.storage.study import planned_runs

USAGE = "usage: lepton sweep status STUDY"
ORDER = ("finished", "pruned", "diverged", "failed", "running", "to do")


def sweep_command(words: list[str]) -> int:
    """Prints the state of a study that sweeps or single runs have made."""
    if words[:1] != ["status"] or len(words) != 2 or words[1].startswith("-"):
        raise LeptonError(f"sweep {' '.join(words)}: {USAGE}")
    print("\n".join(describe(study_folder(words[1]))))
    return 0


def describe(study: Path) -> list[str]:
    """A line of counts, then one for each run that is not finished."""
    asked = planned_runs(study)
    known = {name: run_status(study / name) for name in sorted({*asked, *_names(study)})}
    if not known:
        raise LeptonError(f"{study}: holds no run yet")
    counts = Counter(known.values())
    said = ", ".join(f"{counts[word]} {word}" for word in ORDER if counts[word])
    lines = [f"{study}: {len(known)} {'run' if len(known) == 1 else 'runs'}: {said}"]
    for word in ORDER[1:]:
        here = [name for name, state in known.items() if state == word]
        lines += [
            f"  {word:8}  {name}  {_about(study, name, word, asked)}".rstrip() for name in here
        ]
    return lines


def _names(study: Path) -> list[str]:
    """The runs of which something lies in the study."""
    return [
        path.name.removesuffix(path.suffix) if path.suffix in STATE_SUFFIXES else path.name
        for path in study.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    ]


def _about(study: Path, name: str, word: str, asked: dict[str, str]) -> str:
    if word == "running":
        owner = lock_owner(unfinished_folder(study / name))
        return f"{owner}" if owner else "ended just now"
    if word in ("failed", "diverged"):
        known = read_failure(study / name)
        return known["error"] if known else "tried again just now"
    return asked.get(name, "") if word == "to do" else ""
