"""`lepton evaluate RUN [FILE] [evaluation=NAMES] [key=value ...]`: scores a finished run again.

On its test split, or on the rows of FILE (CSV, Parquet, or JSON lines), which have the columns that
the run was trained with, the target among them. Metrics have 95 % bootstrap intervals over rows.
What evaluators measure on the test split is added to the run; nothing is trained.

  evaluation=NAMES      what is measured beside the clean rows: slices, or [a,b]; see
                        `lepton list evaluation`
  key=value             a value of an evaluator, or of conf/evaluate.yaml: resamples=0, rerun=true
  --csv FILE, --parquet FILE   the table as a file

examples:
  lepton evaluate runs/first/wine-mlp-s0-65d0a8dcbb
  lepton evaluate runs/first/wine-mlp-s0-65d0a8dcbb evaluation=slices resamples=0
  lepton evaluate runs/first/csv-mlp-s0-0f4f9aef35 new_customers.csv --csv scores.csv
"""

from collections.abc import Sequence
from pathlib import Path

from lepton.commands.flags import places_and_overrides
from lepton.commands.terminal_log import show_log
from lepton.errors import LeptonError
from lepton.foreign_text import spreadsheet_safe

TABLE_FLAGS = ("--csv", "--parquet")
USAGE = "usage: lepton evaluate RUN [FILE] [evaluation=NAMES] [key=value ...]"


def main(arguments: Sequence[str]) -> int:
    """Scores, shows the table, and writes it to the files that were named.

    Raises: LeptonError for the user's mistakes, and EvaluationFailed for an evaluator's.
    """
    words, tables = _without_tables(arguments)
    places, overrides = places_and_overrides(words)
    if not 1 <= len(places) <= 2:
        raise LeptonError(f"evaluate: give the folder of a run, and at most one file; {USAGE}")
    from lepton.config.evaluate_root import compose_evaluation

    config = compose_evaluation(overrides)
    from lepton.rescoring.rescore import rescore_test_split, score_file
    from lepton.rescoring.tables import scores_frame, show_scores
    from lepton.storage.study import refresh_tables

    show_log()
    folder = Path(places[0])
    if len(places) == 1:
        scored = rescore_test_split(folder, config)
        refresh_tables(folder.parent)
    else:
        scored = score_file(folder, Path(places[1]), config)
    show_scores(scored)
    try:
        for flag, path in tables.items():
            frame = scores_frame(scored)
            if flag == "--csv":
                spreadsheet_safe(frame).to_csv(path, index=False)
            else:
                frame.to_parquet(path, index=False)
    except OSError as e:
        raise LeptonError(f"evaluate: cannot write the table ({e})") from None
    return 0


def _without_tables(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The words without --csv and --parquet, and the files that these name.

    Raises: LeptonError for one without a file.
    """
    others, tables, remaining = list[str](), dict[str, str](), iter(arguments)
    for argument in remaining:
        flag, equals, value = argument.partition("=")
        if flag not in TABLE_FLAGS:
            others.append(argument)
            continue
        tables[flag] = value if equals else next(remaining, "")
        if not tables[flag] or tables[flag].startswith("-"):
            raise LeptonError(f"evaluate: {flag} needs a file; {USAGE}")
    return others, tables
