"""`lepton importance RUN [key=value ...]`: what a run's predictions lose without each input.

Permutation importance: each column of the validation split gets its cells from other rows, several
times, and the metric is computed again, with a 95 % interval over rows. Columns that are one input,
as those of a text or the path of a picture, are permuted as one. For runs of any model, and for
ensembles; the data must be there, as they were, and the run stays as it is. The importance of
settings in a study is another matter: `lepton report` has it.

  RUN                   a finished run's folder, of an ensemble too
  metric=NAME           of the run's task; the one that it monitors where none is named
  repeats=N             permutations of each input (10)
  rows=N                of the validation split at most, drawn by chance (2000)
  together=[[A,B]]      inputs that are permuted as one
  --csv FILE            the table, with the spread over repeats
  --out FILE            the table and a figure as a page (extra `report`)
  --config-dir FOLDER   your own groups and options (conf/ here is found by itself)
  --allow PACKAGE       lets a _target_ name something in your own package

examples:
  lepton importance runs/first/wine-mlp-s0-65d0a8dcbb
  lepton importance runs/first/german_credit-mlp-s0-0f4f9aef35 metric=auroc --csv importance.csv
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from lepton.commands.flags import places_and_overrides, take_flag
from lepton.commands.terminal_log import show_log
from lepton.errors import LeptonError
from lepton.foreign_text import say, spreadsheet_safe

USAGE = "usage: lepton importance RUN [key=value ...] [--csv FILE] [--out FILE]"


def main(arguments: Sequence[str]) -> int:
    """Prints the table, and writes it to the files that were named."""
    words, out = take_flag(arguments, "--out")
    words, csv = take_flag(words, "--csv")
    places, overrides = places_and_overrides(words)
    if len(places) != 1:
        raise LeptonError(f"importance: give the folder of one run; {USAGE}")
    from lepton.config.importance_root import compose_importance

    config = compose_importance(overrides)
    from lepton.input_importance.page import importance_page, require_figures
    from lepton.input_importance.permuting import permuted_importances
    from lepton.input_importance.table import importance_frame, show_importances
    from lepton.input_importance.validation_rows import read_validation_rows
    from lepton.report.single_page import refuse_other_files, write_page

    show_log()
    if out is not None:
        require_figures()
        refuse_other_files(Path(out))
    folder, seed = Path(places[0]), config["seed"]
    together = config["together"] or []
    rows = read_validation_rows(folder, rows=config["rows"], together=together, seed=seed)
    importances = permuted_importances(
        rows, metric=config["metric"], repeats=config["repeats"], seed=seed
    )
    show_importances(importances)
    if csv is not None:
        try:
            spreadsheet_safe(importance_frame(importances)).to_csv(csv, index=False)
        except OSError as e:
            raise LeptonError(f"--csv {csv}: cannot be written ({e.strerror or e})") from None
    if out is not None:
        command = shlex.join(["lepton", "importance", *arguments])
        write_page(importance_page(importances, folder, command), Path(out))
        say(out)
    return 0
