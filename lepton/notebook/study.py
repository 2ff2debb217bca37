"""Study: a folder of runs from Python, as tables, comparisons, a report, and one run of them."""

import shlex
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton.config.call_arguments import given_name, given_path
from lepton.errors import LeptonError
from lepton.notebook.python_calls import names_of, python_call, words_of
from lepton.notebook.run_result import RunResult
from lepton.storage.study_table import study_folder

if TYPE_CHECKING:
    import pandas as pd

    from lepton.analysis.run_filter import FilteredRuns

SCORE = "score"
EXAMPLES = {
    "metric": "accuracy",
    "baseline": "linear",
    "select": "val/auroc",
    "curve": "dataset.shots",
}


class Study:
    """The runs of a study, given by its folder or its name in runs/; read anew by each call.

    `where` is in all of them the condition that the runs looked at meet, as
    'split_seed == 0 and model != linear'.

    Raises: LeptonError when there is no such study.
    """

    def __init__(self, study: str | Path) -> None:
        self.folder = study_folder(given_path("Study", study, "lepton.Study('first')"))

    def __repr__(self) -> str:
        from lepton.analysis.study import describe_counts

        return f"<Study {self.folder}: {describe_counts(self._runs(None).runs)}>"

    def _repr_html_(self) -> str:
        from lepton.analysis.table import show_study
        from lepton.notebook.html import Page

        page = Page(str(self.folder))
        show_study(self.folder, out=page)
        return page.html()

    def frame(self, *, all: bool = False, where: str | None = None) -> "pd.DataFrame":
        """A row a run that is not in progress, in the columns that tell runs apart: settings that
        differ, seed, status, the monitored metrics and those of the test split; or in `all`.

        Raises: LeptonError for a condition that cannot be read, or that holds for no run.
        """
        from lepton.analysis.compact_table import compact_table
        from lepton.analysis.run_filter import filter_runs
        from lepton.storage.study_table import load

        with python_call():
            runs = filter_runs(load(self.folder), where).runs
            return runs if all else compact_table(runs)

    def compare(
        self,
        by: str | list[str] | None = None,
        *,
        metric: str | None = None,
        baseline: str | None = None,
        select: str = "score",
        where: str | None = None,
    ) -> "pd.DataFrame":
        """The options of the keys `by`, or of all that differ, best validation score first.

        Columns: dataset and metric; the keys; runs, score; n (repetitions, over which other
        settings are averaged), mean, sd, low, high (its 95 % interval over so many `units`);
        difference from the baseline over `pairs`, low and high of its interval as gap_low and
        gap_high, p, p_holm, unit (what a pair is); better (the probability of being better); lost
        (runs without a result). `attrs` holds the sentences that may be said, as `conclusions`.

        Raises: LeptonError for a key, metric or baseline that the study does not have.
        """
        from lepton.analysis.study_comparison import compare_study
        from lepton.notebook.comparison_frame import comparison_frame

        with python_call():
            asked = _names(metric=metric, baseline=baseline, select=select)
            comparisons = compare_study(
                self._runs(where).runs,
                names_of("by", by),
                study=str(self.folder),
                metrics=[asked["metric"]] if asked["metric"] else None,
                baseline=asked["baseline"],
                select=asked["select"],
            )
            return comparison_frame(comparisons)

    def report(
        self,
        by: str | list[str] | None = None,
        *,
        curve: str | None = None,
        metric: str | None = None,
        baseline: str | None = None,
        select: str = "score",
        where: str | None = None,
        folder: str | Path | None = None,
    ) -> Path:
        """The folder in which the report is written, by default reports/STUDY.

        `curve` is the key of a number, as dataset.shots, over which the options are shown.

        Raises: LeptonError as `compare`, and for a folder that holds something else.
        """
        from lepton.report.assemble import ReportRequest, assemble_report
        from lepton.report.write import write_report

        default = Path("reports") / self.folder.resolve().name
        with python_call():
            out = given_path("folder", folder or default, f"folder={str(default)!r}")
            filtered, keys = self._runs(where), names_of("by", by)
            asked = _names(metric=metric, baseline=baseline, select=select, curve=curve)
            metric = asked.pop("metric")
            flags = {"compare": ",".join(keys) if keys else None, "metric": metric, **asked}
            flags |= {"where": where}
            flags["select"] = None if asked["select"] == SCORE else asked["select"]
            words = [(f"--{name}", value) for name, value in flags.items() if value]
            command = shlex.join(["lepton", "report", str(self.folder), *chain(*words)])
            request = ReportRequest(
                studies=[str(self.folder)],
                keys=keys,
                metrics=[metric] if metric else None,
                **asked,
                command=command,
                filter_note=filtered.note,
            )
            write_report(assemble_report(filtered.runs, request), filtered.runs, out)
        return out

    def ensemble(self, *words: str, where: str | None = None, **named: object) -> RunResult:
        """The run that `lepton ensemble runs=STUDY WORDS` makes of the study's runs.

        Raises: LeptonError for a mistake of the caller's, and where nothing is kept.
        """
        from lepton.config.command import WHERE
        from lepton.config.words import value_text
        from lepton.derived.planning import plan_command

        with python_call():
            given = words_of("ensemble", words, named)
            if any(word.startswith("runs=") for word in given):
                raise LeptonError("ensemble: its runs are the study's; where= chooses among them")
            runs = f"runs={value_text(str(self.folder))}"
            plan = plan_command("ensemble", [runs, *given, *([f"{WHERE}{where}"] if where else [])])
            from lepton.derived.make import make_or_read

            folder = make_or_read(plan)
            if folder is None:
                raise LeptonError(
                    "ensemble: nothing was kept, as it does not beat its best member on the "
                    "validation split; ensemble('keep=true') keeps it"
                )
            return RunResult.read(folder)

    def _runs(self, where: str | None) -> "FilteredRuns":
        """All runs of the study for which a condition holds, also those that are planned."""
        from lepton.analysis.run_filter import filter_runs
        from lepton.analysis.study import gather_runs

        return filter_runs(gather_runs([self.folder]), where)


def _names(**given: object) -> dict[str, Any]:
    """The metric, the baseline and what orders options, as a comparison was given them.

    Raises: LeptonError for what is no text.
    """
    names = {argument: given_name(argument, v, EXAMPLES[argument]) for argument, v in given.items()}
    return {**names, "select": names["select"] or SCORE}
