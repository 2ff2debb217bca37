"""`lepton predict RUN FILE --out FILE [key=value ...]`: what a finished run predicts for new rows.

The rows are those of a CSV, Parquet or JSON lines file with the columns that the run was trained
with, or the files of a folder where it reads pictures, sounds or clips. A row in, a row out, in the
same order: the columns that the model does not read, what is predicted, and for classes the
probability of each. CSV and Parquet of any length take the memory of some thousand rows.

  RUN                   a finished run's folder, of an ensemble too
  FILE                  .csv (or any other delimited text), .parquet, .jsonl, or a folder
  --out FILE            .csv, .parquet or .jsonl; written whole or not at all
  keep=COLUMNS          what goes along: unread (the default), all, none, or [customer,date]
  root=FOLDER           where paths in the cells start from (the folder the command is typed in)
  rows=N                rows at a time (8192)
  overwrite=true        replaces a file of the name of --out

examples:
  lepton predict runs/first/csv-mlp-s0-0f4f9aef35 new_customers.csv --out predictions.csv
  lepton predict runs/first/photos-cnn_small-s0-65d0a8dcbb new_photos --out labels.csv
"""

from collections.abc import Sequence
from pathlib import Path

from lepton.commands.flags import places_and_overrides, take_flag
from lepton.commands.terminal_log import show_log
from lepton.errors import LeptonError
from lepton.foreign_text import say

USAGE = "usage: lepton predict RUN FILE --out FILE [key=value ...]"


def main(arguments: Sequence[str]) -> int:
    """Writes the predictions, and prints how many there are of each class."""
    words, out = take_flag(arguments, "--out")
    places, overrides = places_and_overrides(words)
    if len(places) != 2:
        raise LeptonError(f"predict: give the folder of a run, and one file or folder; {USAGE}")
    if out is None:
        raise LeptonError(f"predict: give the file to write with --out; {USAGE}")
    from lepton.config.predict_root import compose_prediction

    config = compose_prediction(overrides)
    from lepton.batch_prediction.predict_file import predict_file

    show_log()
    for line in predict_file(Path(places[0]), Path(places[1]), Path(out), config):
        say(line)
    return 0
