"""The tables of attacked rows and of attacks, and what is shown of them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lepton.evaluation.attack_outcomes import RIGHT, AttackOutcomes
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.robust_scores import (
    CLEAN,
    ERROR,
    OF_CLASSES,
    epsilon_name,
    robust_intervals,
    robust_scores,
    value_column,
)
from lepton.evaluation.shown_table import ShownTable, with_limits
from lepton.task.base import Task

ALL_ATTACKS = "worst of all"


def row_table(
    model: EvaluatedModel, positions: np.ndarray, outcomes: Sequence[AttackOutcomes]
) -> pd.DataFrame:
    """A row for each attacked row and epsilon, by the worst at this epsilon or a smaller one.

    A change that is allowed at a smaller one is allowed at a larger one too.
    """
    shared = {"id": model.rows["id"].numpy()[positions]}
    if "weight" in model.rows:
        shared["weight"] = model.rows["weight"].double().numpy()[positions]
    clean, tables, worst = None, [], None
    for of_one in outcomes:
        values, by = _values(model.task, of_one)
        if worst is None:
            clean, worst, worst_by = _clean_values(model.task, of_one), values, by
        else:
            is_worse = values > worst if of_one.is_quantity else values < worst
            worst, worst_by = np.where(is_worse, values, worst), np.where(is_worse, by, worst_by)
        name = _column(model.task)
        columns = {f"{CLEAN}_{name}": clean, name: worst, "worst_by": worst_by.astype(str)}
        tables.append(pd.DataFrame({**shared, "epsilon": of_one.epsilon, **columns}))
    return pd.concat(tables, ignore_index=True)


def attack_table(task: Task, outcomes: Sequence[AttackOutcomes]) -> pd.DataFrame:
    """A row for each attack and epsilon: how many rows it was made on and broke, what share it and
    those before it left right, or the mean error under it, and the loss before and after."""
    rows = []
    for of_one in outcomes:
        broken = of_one.broken_by == CLEAN
        for name, after in of_one.after.items():
            of_this = of_one.broken_by == name
            broken = broken | of_this
            before_it, after_it = of_one.raised(name)
            measured = {"broken": int(of_this.sum()), "left": 1 - broken.mean()}
            if of_one.is_quantity:
                measured = {"mae": float(np.sqrt(after).mean() * _unit(task))}
            attacked = {"rows": int((~np.isnan(after)).sum()), **measured}
            losses = {"loss_before": before_it, "loss_after": after_it}
            rows.append({"epsilon": of_one.epsilon, "attack": name, **attacked, **losses})
    return pd.DataFrame(rows)


def shown_attacks(attacks: pd.DataFrame, rows: pd.DataFrame, problems: Sequence[str]) -> ShownTable:
    """What `lepton evaluate` shows: a row an attack, a column an epsilon, and the worst of all."""
    is_quantity = value_column(rows) == ERROR
    metric = "mae" if is_quantity else value_column(rows)
    scores, limits = robust_scores(rows), robust_intervals(rows)
    epsilons = attacks["epsilon"].unique()
    clean = f"{scores[f'{CLEAN}/{metric}']:.4f}"
    value = "mae" if is_quantity else "left"
    texts = [
        {"attack": name, "epsilon 0": "", **{f"{e:g}": f"{v:.4f}" for e, v in of_one}}
        for name, of_one in (
            (name, zip(some["epsilon"], some[value], strict=True))
            for name, some in attacks.groupby("attack", sort=False)
        )
    ]
    worst = {
        f"{e:g}": with_limits(scores[key], *limits[key])
        for e in epsilons
        for key in [f"{epsilon_name(float(e))}/{metric}"]
    }
    texts.append({"attack": ALL_ATTACKS, "epsilon 0": clean, **worst})
    return ShownTable(pd.DataFrame(texts), _lines(rows, metric, problems), all_metrics=True)


def _lines(rows: pd.DataFrame, metric: str, problems: Sequence[str]) -> list[str]:
    count = rows["id"].nunique()
    how = (
        f"{metric} under each attack; the last row: of each row the largest error that any finds, "
        "there or at a smaller epsilon"
        if value_column(rows) == ERROR
        else f"{metric} that an attack and those above it leave; the last row: rows that none "
        "breaks, there or at a smaller epsilon"
    )
    broken = [f"broken evaluation: {problem}" for problem in problems]
    return [*broken, f"{count} rows attacked; {how}; [ ]: 95 %, over rows"]


def _column(task: Task) -> str:
    if task.name == "regression":
        return ERROR
    return OF_CLASSES[task.name == "multilabel"]


def _unit(task: Task) -> float:
    """The deviation of the target, by which errors are divided in training."""
    return task.spec.target_std or 1.0


def _clean_values(task: Task, outcomes: AttackOutcomes) -> np.ndarray:
    if outcomes.is_quantity:
        return np.sqrt(outcomes.before) * _unit(task)
    return (outcomes.broken_by != CLEAN).astype(float)


def _values(task: Task, outcomes: AttackOutcomes) -> tuple[np.ndarray, np.ndarray]:
    """What rows are scored by at an epsilon, and the attack that did it."""
    if not outcomes.is_quantity:
        return (outcomes.broken_by == RIGHT).astype(float), outcomes.broken_by
    losses = np.stack([outcomes.before, *outcomes.after.values()])
    names = np.array([RIGHT, *outcomes.after], object)
    return np.sqrt(np.nanmax(losses, 0)) * _unit(task), names[np.nanargmax(losses, 0)]
