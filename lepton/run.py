"""One run from top to bottom; read this first."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lepton import build
from lepton.config.check import check
from lepton.config.identity import run_folder
from lepton.config.input_kinds import describe_kinds, idle_groups, used_kinds
from lepton.config.model_kind import fits_itself, given_groups, model_kind
from lepton.config.validation import few_rows_advice, is_inside
from lepton.dataset.data import Data
from lepton.dataset.describe.opening import opening_lines
from lepton.errors import Diverged, EndedMeanwhile, Finished, Pruned
from lepton.evaluation.adding import add_evaluations, refuse_evaluations_of, refuse_evaluators
from lepton.evaluation.told_runs import tell_named_runs
from lepton.metric.direction import directions_to_store
from lepton.storage.finished_run import write_outcome, write_settings
from lepton.storage.namesakes import as_it_lies
from lepton.storage.results import Result, finished_result, read_result
from lepton.storage.run_folder import (
    LOG_FILE,
    ended_status,
    read_failure,
    read_pruned_run,
    run_status,
)
from lepton.storage.run_log import log_once, logged_to
from lepton.storage.run_writing import writing_run
from lepton.storage.shared_files import share_files
from lepton.training.data_description import write_data_description
from lepton.training.evaluation import constant_metrics, evaluate
from lepton.training.inside import fit_inside
from lepton.training.known_rows import known_rows_line
from lepton.training.learner import Learner, build_learner
from lepton.training.module import Watch
from lepton.training.publish import publish_run
from lepton.training.rehearsal import rehearse_end

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from torch import Tensor

log = logging.getLogger("lepton")


def train(cfg: "DictConfig") -> Result:
    """The result of a composed config: trained now, or read when the same run is finished.

    Raises: ConfigError, DataError; and what `train_checked` raises.
    """
    return finished_result(train_to_folder(cfg))


def train_to_folder(cfg: "DictConfig") -> Path:
    """The folder of a composed config's finished run. Raises: as `train`."""
    config = check(cfg)
    folder = run_folder(config)
    evaluated(config, folder, train_checked(config, folder))
    return as_it_lies(folder)


def evaluated(config: dict[str, Any], folder: Path, result: Result) -> Result:
    """The result of a finished run, with the evaluations of its config, made where it lacks them.

    Raises: EvaluationFailed when an evaluator does.
    """
    if not config["evaluation"]:
        return result
    lying = as_it_lies(folder)
    evaluated_result = add_evaluations(lying, config["evaluation"])
    if evaluated_result.metrics != result.metrics:
        publish_run(config, lying)
    return evaluated_result


def train_checked(config: dict[str, Any], folder: Path, watch: Watch | None = None) -> Result:
    """The result of a checked config: trained into its folder, or read from there.

    `watch` is called after each epoch with its number and val/score, and ends the run by saying
    True. A run that goes on from a checkpoint tells it the earlier epochs again, and then does
    not listen to the answer.

    Raises: Locked while another process trains the run; Pruned when `watch` ends it; Diverged,
        also when the run is known to; Interrupted on SIGTERM or Ctrl-C, with a checkpoint saved.
    """
    if not config["rerun"] and (stored_result := read_result(folder)):
        log.info("%s is finished; rerun=true trains it again", folder)
        return stored_result
    if not config["rerun"] and (end := _known_end(folder, run_status(folder), watch)):
        raise end
    try:
        with writing_run(folder, rerun=config["rerun"]) as unfinished:
            if not config["rerun"] and (end := _known_end(folder, ended_status(folder), watch)):
                raise EndedMeanwhile(end)
            _write_run(config, unfinished, name=folder.name, watch=watch)
    except Finished as e:
        log.info("%s", e)
        return finished_result(e.folder)
    except EndedMeanwhile as e:
        raise e.end from None
    publish_run(config, folder)
    return finished_result(folder)


def _known_end(folder: Path, status: str, watch: Watch | None) -> Exception | None:
    """What an attempt with this status ended with, where another one would end the same."""
    if status == "diverged":
        failure = read_failure(folder)
        assert failure is not None
        error = Diverged(f"{failure['error'].removeprefix('Diverged: ')}; rerun=true tries again")
        error.weights = failure.get("weights")
        return error
    if status == "pruned" and watch is not None:
        pruned_run = read_pruned_run(folder)
        return Pruned(pruned_run["epoch"], pruned_run["scores"], pruned_run["monitored"])
    return None


def _write_run(config: dict[str, Any], folder: Path, *, name: str, watch: Watch | None) -> None:
    """Trains, and writes the run folder whose result comes last."""
    with logged_to(folder / LOG_FILE):
        write_settings(config, folder)
        _train(config, folder, name=name, watch=watch)


def _train(
    config: dict[str, Any], folder: Path, *, name: str, watch: Watch | None = None
) -> Result:
    """Reads the data, fits and scores: writes all of the run folder but its settings."""
    refuse_evaluators(config["evaluation"] or {})
    data = read_data(config)
    save_data_description(data, folder)
    learner = build_learner(config, data.spec)
    refuse_evaluations_of(config, learner, data)
    tell_named_runs(config, learner, data)
    constant = constant_metrics(data, learner.task)  # first: a metric that fails, fails before
    rehearse_end(config, learner, data, folder)
    known = {}
    if is_inside(config):
        if watch is not None:
            log_once(
                "dataset.validation=inside: not pruned, since all folds score an epoch at once"
            )
        tell = partial(tell_named_runs, config)
        fitted_data, known["val"] = fit_inside(config, learner, data, folder, tell)
    else:
        fitted_data = learner.fit(data, folder, watch)
    return score_and_save(
        config, learner, fitted_data, folder, name=name, constant=constant, known=known
    )


def read_data(config: dict[str, Any]) -> Data:
    """Reads the data of a run, and logs what was done to them."""
    data = build.data(config)
    for line in opening_lines(data):
        log_once(line)
    if data.streamed_from is not None:
        log_once(f"data: the rows are streamed from {data.streamed_from}")
    if data.read_whole is not None:
        log_once(f"data: the rows are read whole: {data.read_whole}")
    for note in data.notes:
        log_once(f"data: {note}")
    if advice := few_rows_advice(config, {s: len(rows["id"]) for s, rows in data.splits.items()}):
        log_once(advice)
    if line := known_rows_line(config, data):
        log_once(line)
    choices = config["choices"]
    if data.streamed_from is not None and fits_itself(config):
        log_once(f"model={choices['model']} fits itself: it takes the streamed rows whole")
    given = given_groups(config)
    for group in idle_groups(config):
        if group in given:
            reads = describe_kinds(used_kinds(config))
            log_once(f"model={choices['model']} reads {reads}: {group} does nothing")
    kind = model_kind(config)
    if idle := [group for group in kind.unheeded if group in given]:
        does = "does" if len(idle) == 1 else "do"
        nothing = f"{does} nothing{kind.beyond}"
        log_once(f"model={choices['model']} {kind.words}: {', '.join(idle)} {nothing}")
    return data


def save_data_description(data: Data, folder: Path) -> None:
    """Writes the spec of the data, and how raw rows become inputs, into the folder of a run.

    What other runs of the study hold too is one file on the disk.
    """
    with TemporaryDirectory(dir=folder, prefix=".") as written:
        write_data_description(data, Path(written))
        share_files(Path(written), folder)


def score_and_save(
    config: dict[str, Any],
    learner: Learner,
    data: Data,
    folder: Path,
    *,
    name: str,
    constant: dict[str, float],
    known: "Mapping[str, Tensor]" = MappingProxyType({}),
) -> Result:
    """Scores what has been fitted, and writes its weights, history, predictions and result.

    `known`: predictions that were made before, by split.
    """
    learner.save(folder)
    task, facts = learner.task, learner.facts()
    facts["added"] = {**facts.get("added", {}), **directions_to_store(task.metrics)}
    predictions, metrics = evaluate(learner, data, known=known)
    return write_outcome(
        folder,
        config=config,
        columns=task.columns,
        predictions=predictions,
        history=learner.history,
        run=name,
        metrics=metrics,
        constant=constant,
        score=task.as_score(metrics[f"val/{task.monitor}"]),
        seconds=learner.seconds,
        trained=learner.trained_as,
        epochs=len(learner.history),
        best_epoch=learner.best_epoch,
        rows={split: len(rows["id"]) for split, rows in data.splits.items()},
        cleaning=[vars(note) for note in data.notes],
        **learner.sizes(),
        **facts,
    )
