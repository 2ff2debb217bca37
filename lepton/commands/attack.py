"""`lepton attack RUN [key=value ...]`: writes test rows that are changed a little to mislead a run.

For a run of a network with pixels, samples or numbers among its inputs, each row gets the worst
change that FGSM, PGD, APGD and Square find, as `evaluation=adversarial` does it; for any run on
texts the worst typos that a search finds, as `evaluation=adversarial_text`. The data must be there,
as they were; the run stays as it is.
A folder is written: pictures as PNG, sounds as WAV, texts and numbers as inputs.csv in the unit of
the data, predictions before and after in rows.csv, and a page that shows them side by side,
index.html.

  RUN                   a finished run's folder
  epsilon=E             size of a change (0.1): of pixels and samples in their full range, of
                        numbers in standard deviations of their column, of texts the share of words
  norm=l2               how it is measured: linf, which it is else, or l2
  samples=N             rows of the test split, drawn by chance (12)
  ids=[A,B]             these rows instead
  immutable=[A], only_up=[B], only_down=[C]   columns of a table that stay, or go one way
  steps=N, apgd_steps=N, queries=N   how long PGD (40), APGD (100) and Square (500) look; of texts
                        queries are how often the model is asked for each row
  --out FOLDER          what is written (reports/RUN-attacked); it must not be there

examples:
  lepton attack runs/first/digits-cnn_small-s0-0f4f9aef35 epsilon=0.05
  lepton attack runs/first/german_credit-mlp-s0-0f4f9aef35 'immutable=[age_years]' --out attacked
  lepton attack runs/first/vader-text_cnn-s0-0f4f9aef35 epsilon=0.2
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from lepton.commands.flags import run_and_overrides, take_flag
from lepton.foreign_text import say

USAGE = "usage: lepton attack RUN [key=value ...] [--out FOLDER]"


def main(arguments: Sequence[str]) -> int:
    """Writes the folder, and prints how many rows are broken and where the page is."""
    words, out = take_flag(arguments, "--out")
    folder, overrides = run_and_overrides(words, "attack", USAGE)
    from lepton.config.attack_root import compose_attack

    config = compose_attack(overrides)
    from lepton.adversarial_examples.examples import attacked_examples
    from lepton.adversarial_examples.folder import folder_path, refuse_what_is_there, write_folder
    from lepton.adversarial_examples.sheet import sheet

    path = Path(out) if out is not None else folder_path(folder)
    refuse_what_is_there(path)
    examples = attacked_examples(folder, config)
    page = sheet(examples, shlex.join(["lepton", "attack", *arguments]))
    write_folder(examples, page, path)
    for line in (*page.summary, path / "index.html"):
        say(line)
    return 0
