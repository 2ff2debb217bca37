"""`lepton publish STUDY to=TRACKER [key=value ...]`: tells a tracker all of the finished runs.

As if it had heard them train: every key of the config, the metrics, the history by epoch, tags, and
where the tracker keeps files the config, the result, and a page with plots. Twice makes no doubles.

  STUDY                 a study's folder or its name in runs/, or a run's folder; several
  to=TRACKER            mlflow, wandb or tensorboard, or [a,b]; see `lepton list logger`
  key=value             a value of a tracker: to.mlflow.tracking_uri=http://127.0.0.1:5000
  report=false          without the page and the plots of each run

examples:
  lepton publish first to=mlflow
  lepton publish first second to=[tensorboard,wandb] report=false
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lepton.commands.flags import places_and_overrides
from lepton.commands.terminal_log import show_log
from lepton.derived.run_paths import find_run_folders
from lepton.errors import Damaged, LeptonError, TrackerFailed
from lepton.foreign_text import printable, say
from lepton.storage.run_folder import run_status

USAGE = "usage: lepton publish STUDY to=TRACKER [key=value ...]"


def main(arguments: Sequence[str]) -> int:
    """Publishes the runs, and prints how many of each study, and which were left out."""
    places, overrides = places_and_overrides(arguments)
    if not places:
        raise LeptonError(f"publish: give the name of a study, or the folder of a run; {USAGE}")
    by_study: dict[Path, list[Path]] = {}
    for folder in find_run_folders(places):
        if run_status(folder) == "finished":
            by_study.setdefault(folder.parent, []).append(folder)
    if not by_study:
        raise LeptonError(f"publish: {', '.join(places)}: holds no finished run")
    from lepton.config.publish_root import compose_publishing

    configs = {study: compose_publishing(overrides, study) for study in by_study}
    show_log()
    for study, folders in by_study.items():
        _publish(study, folders, configs[study])
    return 0


def _publish(study: Path, folders: list[Path], config: dict[str, Any]) -> None:
    """Publishes the runs of a study, without those that are damaged, which it names.

    Raises: LeptonError when a tracker fails.
    """
    from lepton.report.run_report import run_with_report
    from lepton.training.publish import can_publish, publish_to

    trackers = {f"to={name}": node for name, node in config["to"].items()}
    for option, node in trackers.items():
        if not can_publish(node):
            raise LeptonError(f"{option}: is told of runs while they train alone: logger=...")
    told = 0
    for folder in folders:
        try:
            with run_with_report(folder, wanted=config["report"]) as run:
                for option, node in trackers.items():
                    with _named(option, folder, f"{told} of {len(folders)} runs of {study.name}"):
                        publish_to(option, node, run)
        except Damaged as e:
            say(f"left out: {e}")
        else:
            told += 1
    line = f"{study.name}: {told} run{'' if told == 1 else 's'} in {', '.join(config['to'])}"
    say(printable(line, one_line=True))


@contextmanager
def _named(option: str, folder: Path, done: str) -> Iterator[None]:
    """Raises: LeptonError naming the tracker that fails, its run, and what is done by then."""
    try:
        yield
    except TrackerFailed as e:
        line = f"publish: {option}: {folder}: {e}; {done} are published, the same command goes on"
        raise LeptonError(line) from None
