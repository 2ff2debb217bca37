"""`lepton show [RUN] [dataset=OPTION] [key=value ...]`: shows a run, or a data set as one page.

A finished run on the terminal: its metrics, the words that it was given, what in its config is not
as by default, its files, and how to predict with it.
A data set as a page, before anything is trained: sizes of the splits, classes, what cleaning did,
columns that may give the target away or identify rows, samples of each class (pictures, sounds that
play, texts, rows), and each column by class. The page is one file that needs no network; samples
and columns are of the training split.

  RUN                   a finished run's folder
  dataset=, preprocessing=, task=   options as of `lepton train`, and their keys
  augmentation=, model=, seed=      with them also what the first batch of such a training is
                        before and after, with the very numbers that it draws
  samples=N             shown of each class (8)
  classes=N             shown at most, the largest first (24)
  columns=N             of the profile at most, those with remarks first (200)
  rows=N                of train that the profile is made of at most (100000)
  --out FILE            where the page is written (reports/NAME-data.html)

examples:
  lepton show runs/first/wine-mlp-s0-65d0a8dcbb
  lepton show dataset=wine
  lepton show dataset=csv dataset.path=loans.csv dataset.target=defaulted
  lepton show dataset=digits augmentation=[affine,mixup] augmentation.affine.flip=0
  lepton show dataset=image_folder dataset.path=photos dataset.size=64 samples=12
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lepton.commands.flags import plain_arguments, take_flag
from lepton.config.misread_words import misread_hint
from lepton.config.options import find_options
from lepton.errors import LeptonError
from lepton.foreign_text import printable, say
from lepton.storage.results import finished_result, no_finished_run
from lepton.storage.run_folder import RESULT_FILE

USAGE = "usage: lepton show RUN, or lepton show dataset=NAME [key=value ...] [--out FILE]"


def main(arguments: Sequence[str]) -> int:
    """Shows a run, or writes the page of data and prints its summary and where it is."""
    if len(arguments) == 1 and (Path(arguments[0]) / RESULT_FILE).is_file():
        _show_run(Path(arguments[0]))
        return 0
    words, out = take_flag(arguments, "--out")
    parsed = plain_arguments(words)
    if len(words) == 1 and _seems_a_place(words[0]):
        raise no_finished_run(Path(words[0]))
    if strays := [word for word in parsed.overrides if "=" not in word]:
        hint = misread_hint(strays[0], {"dataset": find_options()["dataset"]})
        raise LeptonError(f"show: {strays[0]!r} is no key=value{hint}; {USAGE}")
    from lepton.config.show_root import compose_show, compose_training, training_words
    from lepton.report.single_page import page_path, refuse_other_files, write_page
    from lepton.show.page import data_page
    from lepton.show.shown_data import read_shown_data

    shown_words, words_of_training = training_words(parsed.overrides)
    config = compose_show(shown_words)
    training = compose_training(words_of_training, config) if words_of_training else None
    if out is not None:
        refuse_other_files(Path(out))
    data = read_shown_data(config)
    page = data_page(data, config, shlex.join(["lepton", "show", *arguments]))
    if training is not None:
        from lepton.show.augmented import augmented_section

        page.sections.insert(0, augmented_section(training, config["samples"]))
    path = Path(out) if out is not None else page_path(data.name, "data")
    write_page(page, path)
    for line in (*page.summary, *parsed.notes, path):
        say(line)
    return 0


def _seems_a_place(word: str) -> bool:
    """True for a word that is a folder's, or written as the path of one, or a study's name."""
    return "=" not in word and (
        "/" in word or any(map(Path.is_dir, (Path(word), Path("runs") / word)))
    )


def _show_run(folder: Path) -> None:
    """Prints a finished run: metrics, what it was given, files, and how to predict."""
    from lepton.analysis.run_table import show_run

    result = finished_result(folder)
    show_run(result)
    overrides = shlex.join(map(str, result.config.get("overrides", [])))
    say(f"given: {overrides or 'nothing, all is as by default'}")
    _say_differences(result.config)
    say("files:")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        say(f"  {path.relative_to(folder).as_posix():32}  {path.stat().st_size / 1000:8.1f} kB")
    say("predict:")
    say(f"  {shlex.join(['lepton', 'predict', str(folder), 'new.csv', '--out', 'predicted.csv'])}")
    say(f"  from lepton import load_model; load_model({str(folder)!r}).predict(frame)")


def _say_differences(config: Mapping[str, Any]) -> None:
    """Prints what in a run's config is not as by default, each with the default."""
    from lepton.config.default_differences import differences_from_defaults
    from lepton.storage.derived_record import DERIVED_KEY

    if DERIVED_KEY in config:  # what it is made of stands in its metrics and words
        return
    if different := differences_from_defaults(config):
        say("not as by default:")
    for key, (value, default) in different.items():
        instead = "" if default == "???" else f"  instead of {_text(default)}"
        say(printable(f"  {key}={_text(value)}{instead}", one_line=True))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
