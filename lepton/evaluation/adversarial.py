"""Adversarial: how a finished network does on rows that are changed a little to mislead it."""

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from lepton.attack.attacked_inputs import AttackedInputs, without_gradient
from lepton.attack.column_rules import ColumnRules
from lepton.attack.goal import TASKS
from lepton.attack.norms import NormName
from lepton.attack.suite import Suite
from lepton.errors import LeptonError
from lepton.evaluation.attack_outcomes import AttackOutcomes, attack_all
from lepton.evaluation.attack_tables import attack_table, row_table, shown_attacks
from lepton.evaluation.attacked_rows import AttackedRows, drawn_positions
from lepton.evaluation.broken_attacks import broken_attacks
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator
from lepton.evaluation.robust_scores import robust_intervals, robust_scores
from lepton.evaluation.shown_table import ShownTable
from lepton.evaluation.waveform_rows import with_waveforms
from lepton.stats.bootstrap import Intervals
from lepton.task.base import Task
from lepton.training.prediction import default_dtype
from lepton.values.bounds import Above0, AtLeast1, Between0And1, NotBelow0

OPTION = "evaluation.adversarial"
ATTACKS, ROWS, PROBLEMS = "attacks", "rows", "problems"
log = logging.getLogger("lepton")


class Adversarial(Evaluator):
    """Attacks rows at each epsilon, and scores each by the worst that any attack does to it.

    Metrics: `clean/NAME` and `eps_E/NAME`, of classes the accuracy (of labels the share of rows
    with all of them right), of a quantity the errors; `broken`, 1 where attacks do not tell how
    robust the model is.
    The table `attacks` has a row for each attack and epsilon, `rows` one for each row and epsilon,
    `problems` one for each sign that the evaluation is broken.
    """

    needs_gradients = True

    def __init__(
        self,
        *,
        epsilons: list[NotBelow0],
        norm: Literal["linf", "l2"],
        steps: AtLeast1,
        step: Above0,
        restarts: AtLeast1,
        apgd_steps: AtLeast1,
        targets: AtLeast1,
        queries: AtLeast1,
        max_rows: AtLeast1,
        immutable: list[str],
        only_up: list[str],
        only_down: list[str],
        level: Between0And1,
    ) -> None:
        """Raises: ValueError for no epsilon."""
        if not epsilons:
            raise ValueError("epsilons: [] has no size of a change; one at least, as [0.1]")
        self.epsilons = sorted({*epsilons})
        self.norm: NormName = norm
        self.suite = Suite(
            steps=steps,
            step=step,
            restarts=restarts,
            apgd_steps=apgd_steps,
            targets=targets,
            queries=queries,
        )
        self.max_rows, self.level = max_rows, level
        self.rules = ColumnRules(OPTION, immutable, only_up, only_down)

    def check(self, task: Task) -> None:
        if task.name not in TASKS:
            raise LeptonError(f"a task {task.name} decides for no class and tells no quantity")
        if task.spec.text_features and (problem := without_gradient(task.spec)):
            line = f"{OPTION}, dataset: {problem}; evaluation=adversarial_text misspells words"
            raise LeptonError(line)
        AttackedInputs(task.spec, self.rules)

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        model = with_waveforms(model)
        positions = drawn_positions(model, self.max_rows, seed)
        rows = AttackedRows(model, self.rules, positions)
        with default_dtype(rows.dtype):
            outcomes = [self._attack(rows, epsilon, seed) for epsilon in self.epsilons]
        table = row_table(model, positions, outcomes)
        problems = broken_attacks(outcomes, self.level)
        for line in problems:
            log.warning("%s: evaluation=adversarial is broken: %s", model.run, line)
        metrics = {**robust_scores(table), "broken": float(bool(problems))}
        frames = {
            ATTACKS: attack_table(model.task, outcomes),
            ROWS: table,
            PROBLEMS: pd.DataFrame({"problem": pd.Series(problems, dtype="string")}),
        }
        return Evaluation(metrics, frames)

    def _attack(self, rows: AttackedRows, epsilon: float, seed: int) -> AttackOutcomes:
        return attack_all(rows, self.suite, epsilon=epsilon, norm=self.norm, seed=seed)

    def shown(self, frames: Mapping[str, pd.DataFrame]) -> ShownTable:
        problems: Sequence[str] = frames[PROBLEMS]["problem"].tolist()
        return shown_attacks(frames[ATTACKS], frames[ROWS], problems)

    def intervals(self, frames: Mapping[str, pd.DataFrame]) -> Intervals:
        return robust_intervals(frames[ROWS])
