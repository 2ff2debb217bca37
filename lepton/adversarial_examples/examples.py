"""AttackedExamples: rows of a run's test split with the worst change that attacks find for each."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.adversarial_examples.as_files import changed_rows, changed_table
from lepton.attack.attacked_inputs import AttackedInputs
from lepton.attack.column_rules import ColumnRules
from lepton.attack.goal import TASKS, Goal, cross_entropies
from lepton.attack.suite import Suite
from lepton.attack.worst import worst_found
from lepton.dataset.data import Rows
from lepton.errors import LeptonError
from lepton.evaluation.attack_outcomes import attack_draw
from lepton.evaluation.attacked_rows import AttackedRows
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.loading import load_evaluated_run
from lepton.evaluation.waveform_rows import with_waveforms
from lepton.storage.results import finished_result
from lepton.training.prediction import default_dtype


@dataclass(frozen=True)
class AttackedExamples:
    """The rows as they were and as files hold them, and what the run predicts of both.

    `rows` has a row each: id, target, before, after. `inputs` are the raw
    columns with changed numbers, None without a table; `raw` what they were.
    Shapes: before and after hold tensors of the same rows, in order.
    """

    folder: Path
    model: EvaluatedModel
    before: Rows
    after: Rows
    rows: pd.DataFrame
    inputs: pd.DataFrame | None
    raw: pd.DataFrame


def attacked_examples(folder: Path, config: dict[str, Any]) -> AttackedExamples:
    """The rows that a config asks for, attacked.

    Raises: LeptonError for a run that cannot be attacked, or whose data are not there any more.
    """
    finished_result(folder)
    model = load_evaluated_run(folder)
    rules = ColumnRules("", *(config[key] for key in ("immutable", "only_up", "only_down")))
    if model.task.name not in TASKS:
        raise LeptonError(
            f"{folder}: a task {model.task.name} decides for nothing that could change"
        )
    AttackedInputs(model.spec, rules)
    model = with_waveforms(model)
    attacked = AttackedRows(model, rules, _positions(model, config))
    changed = _changed(attacked, config)
    before = {
        name: values[torch.from_numpy(attacked.positions)] for name, values in model.rows.items()
    }
    raw = _raw_rows(model, attacked.positions)
    inputs = changed_table(attacked, raw, before, changed)
    after = changed_rows(attacked, before, changed, inputs)
    rows = _table(model, before, after)
    return AttackedExamples(folder, model, before, after, rows, inputs, raw)


def _positions(model: EvaluatedModel, config: dict[str, Any]) -> np.ndarray:
    """Raises: LeptonError for ids that were not predicted."""
    ids = model.rows["id"].tolist()
    if config["ids"] is None:
        count = min(config["samples"], len(ids))
        drawn = np.random.default_rng(config["seed"]).choice(len(ids), count, replace=False)
        return np.sort(drawn)
    place = {row: i for i, row in enumerate(ids)}
    if strays := [row for row in config["ids"] if row not in place]:
        known = ", ".join(map(str, ids[:3]))
        raise LeptonError(
            f"ids: row {strays[0]} is not in the test split of {model.run}; its rows "
            f"are {known}, ..."
        )
    return np.array([place[row] for row in dict.fromkeys(config["ids"])])


def _changed(attacked: AttackedRows, config: dict[str, Any]) -> dict[str, Tensor]:
    """The tensors that attacks change, of all rows in order."""
    keys = ("steps", "apgd_steps", "queries")
    suite = Suite(
        **{key: config[key] for key in keys}, step=2.5 / config["steps"], restarts=2, targets=9
    )
    task = attacked.model.task
    goal = Goal(task, attacked.forward, cross_entropies)
    attacks = suite.attacks(task, attacked.forward)
    parts: dict[str, dict[int, Tensor]] = {}
    with default_dtype(attacked.dtype):
        for places, around in attacked.around(config["epsilon"], config["norm"]):
            found = worst_found(goal, attacks, around, partial(attack_draw, config["seed"]))
            moved = around.moved(found.change)
            for name in around.clean:
                for place, values in zip(places, moved[name].cpu(), strict=True):
                    parts.setdefault(name, {})[int(place)] = values
    return {
        name: _stacked([of_rows[i] for i in sorted(of_rows)]) for name, of_rows in parts.items()
    }


def _stacked(rows: list[Tensor]) -> Tensor:
    """Rows in one tensor; shorter ones, as of sounds, with zeros behind them."""
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def _raw_rows(model: EvaluatedModel, positions: np.ndarray) -> pd.DataFrame:
    place = {int(row): i for i, row in enumerate(model.predictions.ids.tolist())}
    order = [place[int(row)] for row in model.rows["id"][torch.from_numpy(positions)].tolist()]
    return model.inputs.inputs.iloc[order].reset_index(drop=True)


def _table(model: EvaluatedModel, before: Rows, after: Rows) -> pd.DataFrame:
    task = model.task
    decided = []
    for rows in (before, after):
        columns = task.decide(model.learner.predict(rows))
        decided.append(pd.DataFrame({name: np.asarray(values) for name, values in columns.items()}))
    target = before["target"]
    names = model.spec.classes or model.spec.target_names
    truth = (
        {"target": np.asarray(task.class_values)[target.long().numpy()]}
        if task.name in ("binary", "multiclass")
        else {
            f"target_{name}" if target.ndim > 1 else "target": values.numpy()
            for name, values in zip(names, target.reshape(len(target), -1).T, strict=True)
        }
    )
    columns = {"id": before["id"].numpy(), **truth}
    for when, frame in zip(("before", "after"), decided, strict=True):
        columns |= {
            when if frame.shape[1] == 1 else f"{when}_{name}": frame[name].to_numpy()
            for name in frame
        }
    return pd.DataFrame(columns)
