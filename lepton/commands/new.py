"""`lepton new KIND NAME`: makes a project, or an option of the project here, to begin from.

A project is a folder with an option of each kind, its tests and a CI file; `lepton train` runs in
it as it is. An option is a YAML file, a module and a test. No file is overwritten.

  project       a folder of this name, with one of each of the others
  model         a network
  module        a LightningModule, which keeps its own steps
  dataset       where rows come from
  method        what changes training, as an augmentation or a regularizer
  loss, metric, callback, evaluation, ensemble
  experiment    a YAML of choices alone, and its test

examples:
  lepton new project credit
  lepton new model deep
"""

from collections.abc import Sequence

from lepton.errors import LeptonError
from lepton.foreign_text import printable, say

USAGE = "usage: lepton new KIND NAME"


def main(arguments: Sequence[str]) -> int:
    """Writes the files, and says what they are and what to type next."""
    from lepton.scaffold.template import KINDS
    from lepton.scaffold.write import new_option, new_project

    if strays := [word for word in arguments if word.startswith("-")]:
        raise LeptonError(f"{printable(strays[0], one_line=True)}: no such flag; {USAGE}")
    if len(arguments) != 2:
        words = printable(" ".join(["new", *arguments]), one_line=True)
        raise LeptonError(f"{words}: {USAGE} (project, {', '.join(KINDS)})")
    kind, name = arguments
    if kind == "project":
        files = new_project(name)
        first = KINDS["experiment"].option
        steps = [f"cd {name}", f"lepton train experiment={first}", "lepton list", "pytest"]
    else:
        files = new_option(kind, name)
        group = KINDS[kind].group
        tests = next(path for path in files if path.parts[0] == "tests")
        steps = [f"lepton list {group}/{name}", f"pytest {tests}"]
    for path in files:
        say(path)
    say("\n".join(["", "next:", *(f"  {step}" for step in steps)]))
    return 0
