"""`lepton importance RUN [key=value ...]`: what a run's predictions lose without each input.

Permutation importance: each column of the validation split, or of test, gets its cells from other
rows, several times, and the metric is computed again, with a 95 % interval over rows. Columns that
are one input, as those of a text or the path of a picture, are permuted as one. For runs of any
model, and for ensembles; the data must be there, as they were, and the run stays as it is. The
importance of settings in a study is another matter: `lepton report` has it.
With method=shap it is Shapley values instead: what each input adds to the predictions for single
rows (extra `explain`).

  RUN                   a finished run's folder, of an ensemble too
  method=permutation    or shap
  split=val             or test, also of runs with dataset.validation=inside
  metric=NAME           of the run's task; the one that it monitors where none is named
  repeats=N             permutations of each input (10)
  rows=N                of the split at most, drawn by chance (2000)
  together=[[A,B]]      inputs that are taken as one
  samples=N, background=N, permutations=N   of method=shap: rows explained (30), rows that stand in
                        for inputs left out (30), orders of the inputs (10)
  --csv FILE            the table, with the spread over repeats or the mean with its sign
  --values FILE         of method=shap: the value of each input of each row, as Parquet
  --out FILE            the table and a figure as a page (extra `report`)

examples:
  lepton importance runs/first/wine-mlp-s0-65d0a8dcbb
  lepton importance runs/first/german_credit-mlp-s0-0f4f9aef35 metric=auroc --csv importance.csv
  lepton importance runs/first/wine-mlp-s0-65d0a8dcbb method=shap --values shap.parquet
"""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton.commands.flags import run_and_overrides, take_flag
from lepton.commands.terminal_log import show_log
from lepton.errors import LeptonError
from lepton.foreign_text import say, spreadsheet_safe

if TYPE_CHECKING:
    import pandas as pd

    from lepton.input_importance.table import Importances

USAGE = "usage: lepton importance RUN [key=value ...] [--csv FILE] [--values FILE] [--out FILE]"


def main(arguments: Sequence[str]) -> int:
    """Prints the table, and writes it to the files that were named."""
    words, out = take_flag(arguments, "--out")
    words, csv = take_flag(words, "--csv")
    words, values = take_flag(words, "--values")
    folder, overrides = run_and_overrides(words, "importance", USAGE)
    from lepton.config.importance_root import compose_importance

    config = compose_importance(overrides)
    if values is not None and config["method"] != "shap":
        raise LeptonError("--values: method=shap alone has a value of each row")
    from lepton.input_importance.page import importance_page, require_figures
    from lepton.input_importance.table import show_importances
    from lepton.report.single_page import refuse_other_files, write_page

    show_log()
    if out is not None:
        require_figures()
        refuse_other_files(Path(out))
    importances, of_rows = _weighed(folder, config)
    show_importances(importances)
    if csv is not None:
        with _named("--csv", csv):
            spreadsheet_safe(importances.frame).to_csv(csv, index=False)
    if of_rows is not None and values is not None:
        with _named("--values", values):
            of_rows.to_parquet(values, index=False)
    if out is not None:
        command = shlex.join(["lepton", "importance", *arguments])
        write_page(importance_page(importances, folder, command), Path(out))
        say(out)
    return 0


def _weighed(folder: Path, config: dict[str, Any]) -> "tuple[Importances, pd.DataFrame | None]":
    """The inputs by the method of the config, and where it has them the values of each row."""
    from lepton.input_importance.permuting import permuted_importances
    from lepton.input_importance.predicted_rows import read_predicted_rows
    from lepton.input_importance.shapley import shapley_values

    read = {"split": config["split"], "together": config["together"] or [], "seed": config["seed"]}
    if config["method"] == "permutation":
        rows = read_predicted_rows(folder, rows=config["rows"], **read)
        options = {key: config[key] for key in ("metric", "repeats", "seed")}
        return permuted_importances(rows, **options), None
    rows = read_predicted_rows(folder, rows=config["samples"] + config["background"], **read)
    options = {key: config[key] for key in ("samples", "background", "permutations", "seed")}
    shapley = shapley_values(rows, **options)
    return shapley, shapley.values_frame()


@contextmanager
def _named(flag: str, path: str) -> Iterator[None]:
    """Raises: LeptonError naming the flag for a file that cannot be written."""
    try:
        yield
    except OSError as e:
        raise LeptonError(f"{flag} {path}: cannot be written ({e.strerror or e})") from None
