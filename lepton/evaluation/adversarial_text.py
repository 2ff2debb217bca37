"""AdversarialText: how a finished model does on texts in which words are misspelt to mislead it."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lepton.attack.goal import TASKS
from lepton.attack.word_search import Trace
from lepton.errors import LeptonError
from lepton.evaluation.attack_outcomes import RIGHT, AttackOutcomes
from lepton.evaluation.attack_tables import row_table
from lepton.evaluation.attacked_rows import drawn_positions
from lepton.evaluation.attacked_texts import AttackedTexts, allowed_words
from lepton.evaluation.broken_attacks import weak_attacks
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator
from lepton.evaluation.robust_scores import (
    CLEAN,
    epsilon_name,
    robust_intervals,
    robust_scores,
)
from lepton.evaluation.shown_table import ShownTable, with_limits
from lepton.stats.bootstrap import Intervals
from lepton.task.base import Task
from lepton.values.bounds import AtLeast1, From0To1

TYPOS = "typos"  # the attack
ROWS, PROBLEMS = "rows", "problems"  # the tables
log = logging.getLogger("lepton")


class AdversarialText(Evaluator):
    """Misspells words of rows, at most each share of them, and scores each row by the worst typos.

    The search asks for predictions alone, so that it is made on models of any kind. It takes words
    in the order of what is lost without them, and of the typos of each that which misleads most.
    Metrics: `clean/NAME` and `eps_E/NAME`, of classes the accuracy (of labels the share of rows
    with all of them right), of a quantity the errors; `broken`, 1 where typos do not raise the
    loss, so that the search does not tell how robust the model is.
    The table `rows` has a row for each row and epsilon, `problems` one for each sign that the
    evaluation is broken.
    """

    def __init__(self, *, epsilons: list[From0To1], queries: AtLeast1, max_rows: AtLeast1) -> None:
        """Raises: ValueError for no epsilon."""
        if not epsilons:
            raise ValueError("epsilons: [] has no share of words that may change; one at least")
        self.epsilons, self.queries = sorted({*epsilons}), queries
        self.max_rows = max_rows

    def check(self, task: Task) -> None:
        if task.name not in TASKS:
            raise LeptonError(f"a task {task.name} decides for no class and tells no quantity")
        if not task.spec.text_features:
            raise LeptonError(
                "the data hold no texts whose words could be misspelt; evaluation=adversarial "
                "changes numbers, pixels and samples"
            )

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        positions = drawn_positions(model, self.max_rows, seed)
        texts = AttackedTexts(model, positions)
        traces = texts.traces(epsilon=self.epsilons[-1], queries=self.queries, seed=seed)
        is_quantity = model.task.name == "regression"
        found = [_Found(texts, traces, epsilon, is_quantity) for epsilon in self.epsilons]
        outcomes = [of_one.outcomes() for of_one in found]
        table = row_table(model, positions, outcomes)
        table["words"] = [len(words.places) for words in texts.words] * len(found)
        table["changed_words"] = np.concatenate([of_one.changed for of_one in found])
        table["queries"] = [trace.queries for trace in traces] * len(found)
        problems = [line for of_one in outcomes for line in weak_attacks(of_one)]
        for line in problems:
            log.warning("%s: evaluation=adversarial_text is broken: %s", model.run, line)
        metrics = {**robust_scores(table), "broken": float(bool(problems))}
        frames = {
            ROWS: table,
            PROBLEMS: pd.DataFrame({"problem": pd.Series(problems, dtype="string")}),
        }
        return Evaluation(metrics, frames)

    def shown(self, frames: Mapping[str, pd.DataFrame]) -> ShownTable:
        rows = frames[ROWS]
        scores, limits = robust_scores(rows), robust_intervals(rows)
        names = [name.partition("/")[2] for name in scores if name.startswith(f"{CLEAN}/")]
        texts = []
        for epsilon, of_one in [(0, rows[:0]), *rows.groupby("epsilon", sort=True)]:
            begin = epsilon_name(float(str(epsilon))) if len(of_one) else CLEAN
            keys = {name: f"{begin}/{name}" for name in names}
            told = {name: with_limits(scores[key], *limits[key]) for name, key in keys.items()}
            changed = f"{of_one['changed_words'].mean():.2f}" if len(of_one) else ""
            texts.append({"epsilon": f"{epsilon:g}", **told, "changed words": changed})
        return ShownTable(pd.DataFrame(texts), _lines(rows, frames[PROBLEMS]), all_metrics=True)

    def intervals(self, frames: Mapping[str, pd.DataFrame]) -> Intervals:
        return robust_intervals(frames[ROWS])


class _Found:
    """What traces say of one epsilon. Shapes: changed (rows,), words that were changed."""

    def __init__(
        self, texts: AttackedTexts, traces: Sequence[Trace], epsilon: float, is_quantity: bool
    ) -> None:
        self.epsilon, self.is_quantity, self.traces = epsilon, is_quantity, traces
        allowed = [allowed_words(words, epsilon) for words in texts.words]
        reached = [len(trace.steps) - 1 for trace in traces]
        self.allowed, self.changed = np.array(allowed), np.minimum(allowed, reached)

    def outcomes(self) -> AttackOutcomes:
        """What the typos did to each row; rows in which no word may change are not attacked."""
        clean = [trace.steps[0][1] for trace in self.traces]
        last = [
            trace.steps[count][1] for trace, count in zip(self.traces, self.changed, strict=True)
        ]
        was_wrong = np.array([look.is_broken for look in clean])
        is_wrong = np.array([look.is_broken for look in last])
        broken_by = np.where(was_wrong, CLEAN, np.where(is_wrong, TYPOS, RIGHT)).astype(object)
        before, after = (np.array([look.loss for look in looks]) for looks in (clean, last))
        is_attacked = ~was_wrong & (self.allowed > 0)
        outcomes = AttackOutcomes(self.epsilon, self.is_quantity, broken_by, before)
        outcomes.after = {TYPOS: np.where(is_attacked, after, np.nan)}
        return outcomes


def _lines(rows: pd.DataFrame, problems: pd.DataFrame) -> list[str]:
    broken = [f"broken evaluation: {problem}" for problem in problems["problem"]]
    count = rows["id"].nunique()
    return [
        *broken,
        f"{count} rows attacked by typos; epsilon: share of the words of a text that may change; "
        "changed words: their mean number, rows that are wrong anyway with none; [ ]: 95 %, over "
        "rows",
    ]
