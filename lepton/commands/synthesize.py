"""`lepton synthesize out=FOLDER [dataset=OPTION] [generator=OPTION] [key=value ...]`: makes rows.

They do not exist, and are like the training rows of a table, which the generator learns from; then
they are held against real rows that it has not seen. The folder holds rows.parquet, which
dataset=parquet reads; where each row is from (origin.parquet, generated.json); and the quality, as
a page (quality.html) and as figures (quality.json, columns.parquet, pairs.parquet). Verdicts: leaks
(rows of training are among them), unusable (they do not teach what real rows do), fine. As test
data such rows are refused.

  out=FOLDER            where the data set is written; it must not be there yet
  generator=NAME        copula, smotenc, tvae; bootstrap and independent are what bad ones are
  dataset=, preprocessing=, task=   options as of `lepton train`, and their keys
  rows=N                to generate (as many as training rows)
  seed=N                draws what the generator draws (0)
  judged_on=test        holds them against the test split (val)

examples:
  lepton synthesize dataset=german_credit generator=copula out=credit-copula
  lepton synthesize dataset=csv dataset.path=loans.csv dataset.target=defaulted rows=2000 out=more
  lepton train dataset=parquet dataset.path=more/rows.parquet dataset.target=defaulted
"""

import shlex
from collections.abc import Sequence

from lepton.commands.flags import plain_arguments
from lepton.errors import LeptonError
from lepton.foreign_text import say

USAGE = "usage: lepton synthesize out=FOLDER [dataset=NAME] [generator=NAME] [key=value ...]"


def main(arguments: Sequence[str]) -> int:
    """Generates, measures and writes; prints the verdict and where everything is."""
    parsed = plain_arguments(arguments)
    if strays := [word for word in parsed.overrides if "=" not in word]:
        raise LeptonError(f"synthesize: {strays[0]!r} is no key=value; {USAGE}")
    from lepton.config.synthesize_root import compose_synthesis

    config = compose_synthesis(parsed.overrides)
    from lepton import build
    from lepton.seeds import derive
    from lepton.synthesis.page import quality_page, summary_lines
    from lepton.synthesis.quality import measure_quality
    from lepton.synthesis.source import read_source, rows_to_make
    from lepton.synthesis.written import PAGE_FILE, ROWS_FILE, write_data_set

    source = read_source(config)
    generator = build.instantiate(config["generator"], "generator")
    count = rows_to_make(source, config)
    generated = generator.generate(source.train, count, derive(config["seed"], "synthesize"))
    quality = measure_quality(source, generated.rows, config)
    command = shlex.join(["lepton", "synthesize", *arguments])
    page = quality_page(source, generated, quality, config, command)
    folder = write_data_set(source, generated, quality, page, config)
    for line in (*summary_lines(quality), *parsed.notes, folder / ROWS_FILE, folder / PAGE_FILE):
        say(line)
    return 0
