"""`lepton explain RUN [key=value ...]`: shows which pixels, words or columns moved predictions.

For a run of a network: integrated gradients for each input of some rows of the test split, and for
pictures, clips and spectrograms Grad-CAM too, through captum (extra `explain`). Of pairs it is what
in each side makes it like its partner.
The data must be there, as they were. One page is written, and beside it a Parquet file of all
attributions; the run stays as it is.

  RUN                   a finished run's folder
  samples=N             rows, half of them the worst mistakes (12)
  ids=[A,B]             these rows of the test split instead
  towards=actual        the class whose logit is explained: actual or predicted, which it is else
  steps=N               of integrated gradients (64)
  least_side=N          pixels that the maps of Grad-CAM's layer have at least (7)
  --out FILE            where the page is written (reports/RUN-explained.html)

examples:
  lepton explain runs/first/wine-mlp-s0-65d0a8dcbb
  lepton explain runs/first/digits-cnn_small-s0-0f4f9aef35 ids=[3,17] towards=actual
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lepton.commands.flags import run_and_overrides, take_flag
from lepton.errors import LeptonError
from lepton.foreign_text import say

if TYPE_CHECKING:
    import pandas as pd

USAGE = "usage: lepton explain RUN [key=value ...] [--out FILE]"


def main(arguments: Sequence[str]) -> int:
    """Writes the page and the table, and prints where they are."""
    words, out = take_flag(arguments, "--out")
    folder, overrides = run_and_overrides(words, "explain", USAGE)
    from lepton.config.explain_root import compose_explanation

    config = compose_explanation(overrides)
    from lepton.explain.explained_rows import chosen_positions, explained_rows, read_explained_run
    from lepton.explain.page import attribution_frame, explanation_page
    from lepton.report.single_page import page_path, refuse_other_files, write_page

    path = Path(out) if out is not None else page_path(folder.resolve().name, "explained")
    refuse_other_files(path)
    table = path.with_suffix(".parquet")
    if table.exists() and not path.exists():
        raise LeptonError(f"--out {path}: {table} is there, and no page beside it")
    run = read_explained_run(folder, config["towards"])
    mistakes = chosen_positions(run, config)[1]
    rows = list(explained_rows(run, config))
    command = shlex.join(["lepton", "explain", *arguments])
    page = explanation_page(run, rows, config, mistakes, command)
    write_page(page, path)
    _write_table(attribution_frame(run, rows), table)
    for line in (*page.summary, path, table):
        say(line)
    return 0


def _write_table(frame: "pd.DataFrame", path: Path) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        frame.to_parquet(new, index=False)
        os.replace(new, path)
    except OSError as e:
        raise LeptonError(f"--out {path}: cannot write the table ({e.strerror})") from None
    finally:
        new.unlink(missing_ok=True)
