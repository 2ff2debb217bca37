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
from lepton.attack.attacked_inputs import AttackedInputs, without_gradient
from lepton.attack.column_rules import ColumnRules
from lepton.attack.goal import TASKS, Goal, cross_entropies
from lepton.attack.suite import Suite
from lepton.attack.worst import worst_found
from lepton.config.attack_root import refuse_keys_of_numbers
from lepton.dataset.data import Rows
from lepton.errors import LeptonError
from lepton.evaluation.attack_outcomes import attack_draw
from lepton.evaluation.attacked_rows import AttackedRows
from lepton.evaluation.attacked_texts import AttackedTexts
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.loading import load_evaluated_run
from lepton.evaluation.waveform_rows import with_waveforms
from lepton.foreign_text import spreadsheet_safe
from lepton.storage.results import finished_result
from lepton.training.prediction import default_dtype

BY_GRADIENTS = (
    "FGSM, PGD, APGD and Square looked for these changes, one after the other, in rows that were "
    "not yet broken."
)
BY_TYPOS = (
    "Words were misspelt one after the other, those first without which the prediction moves most, "
    "each by the typo that misleads most: two letters exchanged, one left out, another in its "
    "place, or one more."
)


@dataclass(frozen=True)
class AttackedExamples:
    """The rows as they were and as files hold them, and what the run predicts of both.

    `rows` has a row each: id, target, before, after. `inputs` are the columns of a table or of
    texts with what was changed in them, None without either; `raw` what they were. `text_columns`
    are those in which words were changed. `size` and `how` say how large changes may be, and how
    they were found.
    Shapes: before and after hold tensors of the same rows, in order.
    """

    folder: Path
    model: EvaluatedModel
    before: Rows
    after: Rows
    rows: pd.DataFrame
    inputs: pd.DataFrame | None
    raw: pd.DataFrame
    size: str
    how: str
    text_columns: tuple[str, ...] = ()


def attacked_examples(folder: Path, config: dict[str, Any]) -> AttackedExamples:
    """The rows that a config asks for, attacked: by gradients, or by typos where there are texts
    and nothing with a gradient.

    Raises: LeptonError for a run that cannot be attacked, or whose data are not there any more.
    """
    finished_result(folder)
    model = load_evaluated_run(folder)
    if model.task.name not in TASKS:
        raise LeptonError(
            f"{folder}: a task {model.task.name} decides for nothing that could change"
        )
    by_typos = model.spec.text_features and without_gradient(model.spec)
    return (_by_typos if by_typos else _by_gradients)(folder, model, config)


def _by_gradients(folder: Path, model: EvaluatedModel, config: dict[str, Any]) -> AttackedExamples:
    rules = ColumnRules("", *(config[key] for key in ("immutable", "only_up", "only_down")))
    AttackedInputs(model.spec, rules)
    model = with_waveforms(model)
    attacked = AttackedRows(model, rules, _positions(model, config))
    changed = _changed(attacked, config)
    before = _rows_at(model, attacked.positions)
    raw = model.raw_rows(attacked.positions)
    inputs = changed_table(attacked, raw, before, changed)
    after = changed_rows(attacked, before, changed, inputs)
    rows = _table(model, before, after)
    size = f"{config['epsilon']:g} ({config['norm']})"
    return AttackedExamples(folder, model, before, after, rows, inputs, raw, size, BY_GRADIENTS)


def _by_typos(folder: Path, model: EvaluatedModel, config: dict[str, Any]) -> AttackedExamples:
    refuse_keys_of_numbers(config)
    texts = AttackedTexts(model, _positions(model, config), spreadsheet_safe)
    searched = {key: config[key] for key in ("epsilon", "queries", "seed")}
    traces = texts.traces(**searched)
    frame = texts.frame([trace.steps[-1][0] for trace in traces])
    before = _rows_at(model, texts.positions)
    raw = spreadsheet_safe(model.raw_rows(texts.positions))
    read = dict.fromkeys(name for kind in model.kinds for name in kind.read_columns)
    inputs = raw[[*read]].assign(**{name: frame[name] for name in frame})
    after = {**before, **texts.kind.encode(frame)}
    rows = _table(model, before, after)
    rows["words"] = [len(words.places) for words in texts.words]
    rows["changed_words"] = [len(trace.steps) - 1 for trace in traces]
    rows["queries"] = [trace.queries for trace in traces]
    size = f"{config['epsilon']:g} of the words of a text"
    columns = tuple(map(str, frame))
    return AttackedExamples(
        folder, model, before, after, rows, inputs, raw, size, BY_TYPOS, columns
    )


def _rows_at(model: EvaluatedModel, positions: np.ndarray) -> Rows:
    return {name: values[torch.from_numpy(positions)] for name, values in model.rows.items()}


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
