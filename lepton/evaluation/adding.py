"""Adds evaluations to finished runs: what a run has already is not measured again."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd

from lepton import build
from lepton.dataset.data import Data, Rows
from lepton.errors import ConfigError, EvaluationFailed, LeptonError
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator
from lepton.evaluation.loading import load_evaluated_run
from lepton.evaluation.sample_inputs import require_columns
from lepton.seeds import derive
from lepton.storage.evaluations import (
    EVALUATED_SPLIT,
    PLAIN_NAME,
    add_evaluation,
    lacking_evaluations,
)
from lepton.storage.followed_rule import RULE, TABLE, of_other_rules, rule_digest
from lepton.storage.results import Result, finished_result
from lepton.task.base import Task
from lepton.training.learner import Learner

EVALUATOR_CLASS = f"{Evaluator.__module__}.{Evaluator.__name__}"

log = logging.getLogger("lepton")
Nodes = Mapping[str, dict[str, Any]]  # the values of evaluators, `_target_` included, by name
RequireColumns = Callable[[Sequence[str]], None]  # raises LeptonError for one that is not there


def add_evaluations(folder: Path, evaluators: Nodes, *, again: bool = False) -> Result:
    """The result of a finished run, to which it adds the evaluations that the run lacks.

    Each is written when it is made, so that nothing that is finished is lost with the process.
    `again` makes also those anew that are there. Those that follow another rule than the run's,
    also by what is added here, are made anew too.

    Raises: EvaluationFailed when an evaluator does; LeptonError for what the user can mend.
    """
    result = finished_result(folder)
    nodes = evaluators if again else lacking_evaluations(folder, result, evaluators)
    result = _with_evaluations(folder, result, nodes)
    return _with_evaluations(folder, result, of_other_rules(result.evaluations))


def _with_evaluations(folder: Path, result: Result, nodes: Nodes) -> Result:
    """The result with all of these evaluations, each of them made now."""
    if not nodes:
        return result
    log.info("%s: adds evaluation %s", folder, ", ".join(nodes))
    model, seed = load_evaluated_run(folder), result.config["seed"]
    for name, node in nodes.items():
        evaluation = evaluate(model, name, node, seed)
        follows = build_evaluator(name, node).follows_rule
        facts = {RULE: rule_digest(result.evaluations)} if follows else {}
        found = evaluation.metrics, evaluation.frames
        result = add_evaluation(folder, result, name, node, *found, **facts)
        if TABLE in evaluation.frames:
            model = load_evaluated_run(folder)  # which has another rule now
    return result


def build_evaluator(name: str, node: dict[str, Any]) -> Evaluator:
    """The evaluator of a node; `name` is that of its option.

    Raises: ConfigError for values that it refuses.
    """
    config = {"evaluation": node, "choices": {"evaluation": name}}
    evaluator = build.component(config, "evaluation")
    if not isinstance(evaluator, Evaluator):
        kind = type(evaluator).__name__
        raise ConfigError(f"evaluation.{name}: {kind} is not derived from {EVALUATOR_CLASS}")
    return evaluator


def refuse_evaluators(
    evaluators: Nodes,
    task: Task | None = None,
    require: RequireColumns | None = None,
    run: tuple[Learner, Mapping[str, Any], Mapping[str, Rows]] | None = None,
) -> None:
    """Refuses, before what takes long, values that an evaluator refuses; where the task is known
    also a task that it cannot measure, where `require` is data without the columns it needs, and
    where `run`, what is to be trained by a config on splits, such a run.

    Raises: ConfigError.
    """
    for name, node in evaluators.items():
        evaluator = build_evaluator(name, node)
        try:
            if task is not None:
                evaluator.check(task)
                if run is not None:
                    learner, config, splits = run
                    evaluator.check_run(learner, config)
                    evaluator.check_splits(splits)
            if require is not None:
                for column in evaluator.columns():
                    _require(column, node, require)
        except LeptonError as e:
            raise ConfigError(f"evaluation={name}: {e}") from e


def _require(column: str, node: dict[str, Any], require: RequireColumns) -> None:
    """Raises: LeptonError that begins with the key under which the column stands."""
    try:
        require([column])
    except LeptonError as e:
        key = next((key for key, value in node.items() if value == column), None)
        raise LeptonError(f"{key}: {e}" if key else str(e)) from e


def refuse_evaluations_of(config: dict[str, Any], learner: Learner, data: Data) -> None:
    """Raises: ConfigError for what a run could not be evaluated by, before it is trained."""
    if not config["evaluation"]:
        return
    if EVALUATED_SPLIT not in data.splits:
        raise ConfigError("evaluation: needs a test split, which dataset.test_size=0 does without")
    require, run = partial(require_columns, data), (learner, config, data.splits)
    refuse_evaluators(config["evaluation"], learner.task, require, run)


def evaluate(model: EvaluatedModel, name: str, node: dict[str, Any], seed: int) -> Evaluation:
    """What the evaluator of a node finds; `name` is that of its option, `seed` that of the run.

    Raises: as `add_evaluations`.
    """
    where = f"{model.run}: evaluation={name}"
    if not PLAIN_NAME.fullmatch(name):
        raise LeptonError(f"{where}: the name of an evaluator is letters, digits, '.', '_' and '-'")
    try:
        evaluator = build_evaluator(name, node)
        evaluator.check(model.task)
        for column in evaluator.columns():
            _require(column, node, model.inputs.require)
        evaluation = evaluator.evaluate(model, derive(seed, f"evaluation.{name}"))
        _check(evaluation)
    except LeptonError as e:
        raise LeptonError(f"{where}: {str(e).removeprefix(f'{model.run}: ')}") from e
    except Exception as e:
        message = " ".join(str(e).split())
        raise EvaluationFailed(f"{where} failed: {type(e).__name__}: {message}") from e
    return evaluation


def _check(evaluation: Any) -> None:
    """Raises: TypeError for what an evaluator must not return."""
    if not isinstance(evaluation, Evaluation):
        raise TypeError(f"`evaluate` must return an Evaluation, not {type(evaluation).__name__}")
    for metric, value in evaluation.metrics.items():
        if not isinstance(metric, str) or not isinstance(value, Real):
            raise TypeError(f"metric {metric!r} is {value!r}, and no number")
    for frame, table in evaluation.frames.items():
        if not PLAIN_NAME.fullmatch(str(frame)) or not isinstance(table, pd.DataFrame):
            raise TypeError(f"frame {frame!r} must have a plain name and be a DataFrame")
