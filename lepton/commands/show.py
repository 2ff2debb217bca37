"""`lepton show dataset=OPTION [key=value ...]`: writes a data set as one page to look at.

Before anything is trained: sizes of the splits, classes, what cleaning did, columns that may give
the target away or identify rows, samples of each class (pictures, sounds that play, texts, rows),
and each column by class. The page is one file that needs no network; samples and columns are of
the training split.

  dataset=, preprocessing=, task=   options as of `lepton train`, and their keys
  samples=N             shown of each class (8)
  classes=N             shown at most, the largest first (24)
  columns=N             of the profile at most, those with remarks first (200)
  rows=N                of train that the profile is made of at most (100000)
  --out FILE            where the page is written (reports/NAME-data.html)
  --config-dir FOLDER   your own groups and options (conf/ here is found by itself)
  --allow PACKAGE       lets a _target_ name something in your own package

examples:
  lepton show dataset=wine
  lepton show dataset=csv dataset.path=loans.csv dataset.target=defaulted
  lepton show dataset=image_folder dataset.path=photos dataset.size=64 samples=12
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from lepton.commands.flags import plain_arguments, take_flag
from lepton.errors import LeptonError
from lepton.foreign_text import say

USAGE = "usage: lepton show dataset=NAME [key=value ...] [--out FILE]"


def main(arguments: Sequence[str]) -> int:
    """Writes the page, and prints its summary and where it is."""
    words, out = take_flag(arguments, "--out")
    parsed = plain_arguments(words)
    if strays := [word for word in parsed.overrides if "=" not in word]:
        raise LeptonError(f"show: {strays[0]!r} is no key=value; {USAGE}")
    from lepton.config.show_root import compose_show
    from lepton.report.single_page import page_path, refuse_other_files, write_page
    from lepton.show.page import data_page
    from lepton.show.shown_data import read_shown_data

    config = compose_show(parsed.overrides)
    if out is not None:
        refuse_other_files(Path(out))
    data = read_shown_data(config)
    page = data_page(data, config, shlex.join(["lepton", "show", *arguments]))
    path = Path(out) if out is not None else page_path(data.name, "data")
    write_page(page, path)
    for line in (*page.summary, *parsed.notes, path):
        say(line)
    return 0
