"""Assembles the report on a study, from its summary down to every run; draws no figure yet."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lepton.analysis.compared_keys import check_curve, check_keys
from lepton.analysis.comparison import (
    Comparison,
    comparable_runs,
    compare,
    selection_metric,
)
from lepton.analysis.conclusions import caveats, headline
from lepton.analysis.grouping import (
    chosen_groups,
    varying_settings,
    with_unique_derived_names,
    without_derived,
)
from lepton.analysis.score_metrics import directed
from lepton.analysis.study import describe_counts
from lepton.analysis.study_comparison import compared_metrics
from lepton.errors import LeptonError
from lepton.report.blocks import Report, Section
from lepton.report.dataset_runs import split_by_dataset
from lepton.report.sections.best_setting import best_setting_section
from lepton.report.sections.comparison import comparison_section, forest_plot
from lepton.report.sections.curve import curve_sections
from lepton.report.sections.derived_runs import derived_sections
from lepton.report.sections.error_analysis import error_analysis_section
from lepton.report.sections.fine_tuning import fine_tuning_section
from lepton.report.sections.importance import importance_section
from lepton.report.sections.ranking import ranking_conclusion, ranking_section
from lepton.report.sections.result import result_section
from lepton.report.sections.runs import runs_section
from lepton.report.sections.training import training_section
from lepton.stats.importance import Importance, importance
from lepton.storage.derived_record import DERIVED_KEY

MAX_OPTIONS = 12  # of a key that is compared without being asked for
MAX_DATASETS = 4  # with figures and sentences of their own


@dataclass(frozen=True)
class ReportRequest:
    """The arguments of the command line; None leaves the choice to the study's runs."""

    studies: list[str]
    keys: list[str] | None
    metrics: list[str] | None  # compared by the first, the others told beside it
    baseline: str | None
    select: str
    command: str
    filter_note: str | None = None  # which runs were left out
    curve: str | None = None  # the key of a number over which the options are shown


def assemble_report(frame: pd.DataFrame, request: ReportRequest) -> Report:
    """The report on a table of runs as `analysis.study` returns it.

    Raises: LeptonError for a key, metric or baseline that the study does not have.
    """
    finished = _finished(frame)
    title = ", ".join(Path(study).name for study in request.studies)
    facts = {"Runs looked at": describe_counts(frame)}
    facts |= {"Filter": request.filter_note} if request.filter_note else {}
    if finished.empty:
        sections = [runs_section("Runs", frame, [], [])]
        return Report(title, ["No run has finished."], facts, sections, request.command)
    select = selection_metric(request.select, finished)
    metric, further = compared_metrics(request.metrics, finished)
    trained_runs, derived_runs = without_derived(finished), _derived_runs(finished)
    varied = varying_settings(trained_runs, chosen_groups(trained_runs))
    key_importance = importance(trained_runs, varied, select)
    keys = _compared_keys(request, finished, trained_runs, varied, key_importance)
    options = {"metric": metric, "baseline": request.baseline, "select": select}
    comparisons = compare(frame, keys, **options, further=further) if keys else []
    datasets = split_by_dataset(trained_runs, comparisons, metric)
    metrics = [*dict.fromkeys(dataset.metric for dataset in datasets)]
    sections = _comparison_sections(comparisons, finished, without_curve=request.curve)
    if request.curve is not None:
        named = request.baseline is not None
        told = {"is_baseline_named": named, "select": select}
        sections += curve_sections(frame, datasets, comparisons, request.curve, **told)
    if not comparisons:
        sections.append(result_section(trained_runs, metrics[0], varied))
    sections += ranking_section(comparisons)
    sections += fine_tuning_section(datasets, keys)
    if varied:
        sections.append(importance_section(key_importance, trained_runs, select))
    sections.append(best_setting_section(datasets, select))
    sections += derived_sections(derived_runs)
    detailed, left_out = datasets[:MAX_DATASETS], len(datasets) - MAX_DATASETS
    sections.append(training_section(detailed, keys, varied, left_out=left_out))
    sections += [
        error_analysis_section(dataset, derived_runs, keys, select) for dataset in detailed
    ]
    sections.append(runs_section("Every run", frame, varied, metrics))
    summary = _summary(comparisons) or [_summary_without_comparison(trained_runs, varied)]
    facts |= _facts(trained_runs, request, metrics, select)
    answer = [figure for c in comparisons[:MAX_DATASETS] for figure in forest_plot(c)]
    return Report(title, summary, facts, sections, request.command, answer=answer)


def _finished(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["status"] == "finished"].dropna(axis=1, how="all")


def _derived_runs(finished: pd.DataFrame) -> pd.DataFrame:
    """The finished runs that were made of others, best first, each with a name of its own."""
    if DERIVED_KEY not in finished:
        return finished.iloc[:0]
    derived_runs = with_unique_derived_names(finished[finished[DERIVED_KEY].notna()])
    return derived_runs.sort_values("score", ascending=False, kind="stable")


def _compared_keys(
    request: ReportRequest,
    finished: pd.DataFrame,
    trained_runs: pd.DataFrame,
    varied: list[str],
    key_importance: Importance | None,
) -> list[str]:
    """The keys asked for, else the one that explains most of those with a few options.

    Raises: LeptonError where there is none, and a baseline was asked for.
    """
    keys = request.keys
    if request.curve is not None:
        check_curve(request.curve, keys, comparable_runs(finished, keys or []))
    if keys:
        return check_keys(keys, comparable_runs(finished, keys))
    candidates = [k for k in varied if k != "dataset" and _has_few_options(trained_runs, k)]
    by_share = [k for k in key_importance.shares if k in candidates] if key_importance else []
    if not candidates and request.baseline is not None:
        raise LeptonError(
            f"--baseline {request.baseline}: the runs have one setting; nothing to compare"
        )
    return (by_share or candidates)[:1]


def _has_few_options(runs: pd.DataFrame, key: str) -> bool:
    """True for a key with a few options, which is not a number that each run has its own of."""
    count = len(runs[key].drop_duplicates())
    is_repeated = key in chosen_groups(runs) or 2 * count <= len(runs)
    return 2 <= count <= MAX_OPTIONS and is_repeated


def _comparison_sections(
    comparisons: list[Comparison], finished: pd.DataFrame, *, without_curve: str | None
) -> list[Section]:
    """A section for each data set; `without_curve` has figures in a section of its own."""
    return [
        comparison_section(
            comparison,
            _compared_runs(finished, comparison),
            with_figures=i < MAX_DATASETS,
            without_curve=without_curve,
        )
        for i, comparison in enumerate(comparisons)
    ]


def _compared_runs(finished: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    runs = comparable_runs(finished, comparison.keys)
    return runs if comparison.dataset is None else runs[runs["dataset"] == comparison.dataset]


def _summary(comparisons: list[Comparison]) -> list[str]:
    """The report's conclusions in a few sentences."""
    headlines = [headline(comparison) for comparison in comparisons[:MAX_DATASETS]]
    return [*headlines, *ranking_conclusion(comparisons), *caveats(comparisons)]


def _summary_without_comparison(runs: pd.DataFrame, varied: list[str]) -> str:
    count = f"{len(runs)} finished run{'' if len(runs) == 1 else 's'}"
    return f"{count}, and no options to compare." if varied else f"{count} of one setting."


def _facts(
    runs: pd.DataFrame, request: ReportRequest, metrics: list[str], select: str
) -> dict[str, str]:
    """The lines above the sections, by title."""
    seconds = runs["seconds"].sum()
    return {
        "Chosen by": f"{directed(select, runs)}; the test split chose nothing",
        "Compared by": ", ".join(metrics).replace("/", " "),
        "Training time": f"{seconds:.0f} s" if seconds < 7200 else f"{seconds / 3600:.1f} h",
        "Studies": ", ".join(request.studies),
    }
