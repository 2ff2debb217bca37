"""`lepton profile FILE --target COLUMN`: writes a table as one page, as `lepton show` does.

The file is read by its ending: Parquet (.parquet, .pq), or delimited text.

  --target COLUMN       what would be predicted
  --out FILE            where the page is written (reports/NAME-data.html)
  KEY=VALUE             as of `lepton show`: keys of the data set, samples=, columns=, rows=

examples:
  lepton profile loans.csv --target defaulted
  lepton profile loans.parquet --target defaulted dataset.positive=yes --out loans.html
"""

from collections.abc import Sequence
from pathlib import Path

from lepton.commands import show
from lepton.commands.flags import take_flag
from lepton.config.words import value_text
from lepton.errors import LeptonError

USAGE = "usage: lepton profile FILE --target COLUMN [key=value ...] [--out FILE]"
PARQUET = (".parquet", ".pq")


def main(arguments: Sequence[str]) -> int:
    """Writes the page of the file, and prints what `lepton show` of it does."""
    words, target = take_flag(arguments, "--target")
    if not words or words[0].startswith("-") or target is None:
        raise LeptonError(f"profile: {'which file?' if target else 'which column?'} {USAGE}")
    path, *further = words
    if chosen := [word for word in further if word.startswith(("dataset=", "dataset.path="))]:
        raise LeptonError(f"profile: {chosen[0]!r}: the file says it; {USAGE}")
    option = "parquet" if Path(path).suffix.lower() in PARQUET else "csv"
    given = [f"dataset.path={value_text(path)}", f"dataset.target={value_text(target)}"]
    return show.main([f"dataset={option}", *given, *further])
