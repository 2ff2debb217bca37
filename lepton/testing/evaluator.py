"""The contract of evaluators: what they return, and what they leave as it was."""

import copy
import io
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import torch

from lepton.dataset.data import Rows
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator
from lepton.evaluation.loading import load_evaluated_run
from lepton.run import train
from lepton.testing.contract import Contract, shared
from lepton.testing.method import SHORT_TRAINING, SMALL_TABLE

ROWS_OF_A_BATCH = 7
SEED = 3


class SmallBatches(EvaluatedModel):
    """An evaluated model that takes few rows at once."""

    def batches(self) -> Iterator[Rows]:
        for rows in super().batches():
            for start in range(0, len(rows["id"]), ROWS_OF_A_BATCH):
                part = slice(start, start + ROWS_OF_A_BATCH)
                yield {name: values[part] for name, values in rows.items()}


class EvaluatorContract(Contract):
    """The contract of an evaluator.

    A subclass defines `build(self)`, the evaluator; it may set `overrides`, the words of a command
    line that train what is evaluated.
    """

    overrides: Sequence[str] = (*SMALL_TABLE, *SHORT_TRAINING)

    def build(self) -> Evaluator:
        """The evaluator."""
        raise NotImplementedError("a subclass of EvaluatorContract defines `build`")

    @shared
    def model(self) -> EvaluatedModel:
        """A finished run, and its test split."""
        from lepton.config.compose import compose

        with tempfile.TemporaryDirectory() as runs:
            result = train(compose(*self.overrides, f"runs={runs}", "study=contract"))
            model = load_evaluated_run(Path(runs) / "contract" / result.run)
            _ = model.learner, model.rows, model.predictions, model.validation, model.inputs
            _ = model.rule, model.validation_inputs, model.kinds, model.config
        return model

    @shared
    def evaluation(self) -> Evaluation:
        """What the evaluator finds."""
        evaluator = self.build()
        evaluator.check(self.model().task)
        return evaluator.evaluate(self.model(), SEED)

    def test_it_returns_numbers_by_name(self) -> None:
        """`evaluate` returns an Evaluation, whose metrics are numbers by name."""
        evaluation = self.evaluation()
        assert isinstance(evaluation, Evaluation), (
            f"`evaluate` must return an Evaluation; it returns {type(evaluation).__name__}"
        )
        assert evaluation.metrics, "there must be a metric; there is none"
        for name, value in evaluation.metrics.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            is_metric = isinstance(name, str) and is_number and not math.isinf(value)
            assert is_metric, f"a metric must be a finite number by name; {name!r} is {value!r}"

    def test_the_same_seed_finds_the_same(self) -> None:
        """The model, its rows and the seed decide what is found."""
        first, again = self.evaluation(), self.build().evaluate(self.model(), SEED)
        _assert_same(first, again, "evaluating again")

    def test_the_random_numbers_of_others_change_nothing(self) -> None:
        """Random numbers come from `draw` or the seed, not from torch's own generator."""
        with torch.random.fork_rng():
            torch.manual_seed(12345)
            again = self.build().evaluate(self.model(), SEED)
        _assert_same(self.evaluation(), again, "with another state of torch's generator,")

    def test_how_rows_are_cut_into_batches_changes_nothing(self) -> None:
        """What is found does not depend on how many rows come at once, but for rounding."""
        model = self.model()
        small = SmallBatches(**{name: getattr(model, name) for name in _fields(model)})
        small.__dict__.update({name: model.__dict__[name] for name in _read_parts(model)})
        metrics = self.build().evaluate(small, SEED).metrics
        for name, value in self.evaluation().metrics.items():
            now = metrics.get(name, math.nan)
            assert math.isclose(value, now, rel_tol=1e-3, abs_tol=1e-4) or value != value, (
                f"{name} must not depend on how rows are cut into batches; it was {value}, and is "
                f"{now} with {ROWS_OF_A_BATCH} rows at once (draw.each(batch['id']) gives each row "
                "its own numbers)"
            )

    def test_model_and_rows_stay_as_they_were(self) -> None:
        """Weights, buffers, rows and predictions are not changed in place."""
        model = self.model()
        network = getattr(model.learner, "model", None)
        state = network.state_dict() if isinstance(network, torch.nn.Module) else {}
        predictions = {k: v for k, v in vars(model.predictions).items() if v is not None}
        given = ({**state}, model.rows, predictions)
        kept = copy.deepcopy(given)
        self.build().evaluate(model, SEED)
        for part, before, after in zip(
            ("weights", "rows", "predictions"), kept, given, strict=True
        ):
            for name, value in before.items():
                assert torch.equal(torch.as_tensor(value), torch.as_tensor(after[name])), (
                    f"{part} must stay as they were; {name} was changed in place"
                )

    def test_tables_can_be_kept(self) -> None:
        """Tables are DataFrames that a Parquet file holds as they are."""
        for name, table in self.evaluation().frames.items():
            assert isinstance(table, pd.DataFrame), f"frame {name!r} must be a DataFrame"
            buffer = io.BytesIO()
            table.to_parquet(buffer, index=False)
            stored = pd.read_parquet(buffer)
            assert stored.equals(table.reset_index(drop=True)), (
                f"frame {name!r} must come back from a Parquet file as it was; it does not"
            )


def _assert_same(first: Evaluation, second: Evaluation, how: str) -> None:
    """Raises: AssertionError where two evaluations differ."""
    for name, value in first.metrics.items():
        now = second.metrics.get(name)
        assert value == now or value != value, f"{how} {name} must be {value} again; it is {now}"
    for name, table in first.frames.items():
        assert table.equals(second.frames.get(name)), f"{how} frame {name!r} must be the same again"


def _fields(model: EvaluatedModel) -> list[str]:
    return list(type(model).__dataclass_fields__)


def _read_parts(model: EvaluatedModel) -> list[str]:
    """The names of the parts that have been read, and would not be there any more."""
    return [name for name in vars(model) if name not in _fields(model)]
