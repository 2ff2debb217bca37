"""The contract of ensemble methods that combine predictions: weights, predictions, saving."""

import copy
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from lepton.ensemble.combiner import Combiner, ValidationPredictions, predicted_classes
from lepton.task import TASKS
from lepton.testing.contract import Contract, shared
from lepton.testing.members import made_up_members


@dataclass
class FittedCombiner:
    """A combiner that was fitted to made-up members, and tried on their predictions for other rows.

    Shapes: weights (members,); test (members, rows[, classes]); prediction (rows[, classes]).
    """

    task: str
    combiner: Combiner
    members: ValidationPredictions
    weights: Tensor
    test: Tensor
    prediction: Tensor
    fitted_on: ValidationPredictions  # the copy of `members` that the combiner was fitted to

    @property
    def validation(self) -> ValidationPredictions:
        """A copy of the members' validation predictions, for a fit that may change them."""
        return copy.deepcopy(self.members)


class CombinerContract(Contract):
    """The contract of an ensemble method that combines predictions.

    A subclass defines `build(self, task)`. The method combines made-up members, for each of the
    tasks that its `possible` names.
    """

    def build(self, task: str) -> Combiner:
        """The method for members of this task, as new."""
        raise NotImplementedError(
            "a CombinerContract needs build(self, task), which returns a Combiner"
        )

    def possible_tasks(self) -> list[str]:
        """The tasks that the method makes sense for."""
        return [task for task in TASKS if task in self.build(task).possible]

    @shared
    def fitted(self) -> list[FittedCombiner]:
        """The method, fitted for each task."""
        return [self._fit(task) for task in self.possible_tasks()]

    def _fit(self, task: str) -> FittedCombiner:
        validation, test = made_up_members(task)
        combiner = self.build(task)
        fitted_on = copy.deepcopy(validation)
        weights = combiner.fit(fitted_on)
        prediction = combiner.combine(test.clone(), weights)
        return FittedCombiner(task, combiner, validation, weights, test, prediction, fitted_on)

    def test_it_is_possible_for_tasks_that_there_are(self) -> None:
        """`possible` names one task at least, and none that lepton does not have."""
        for task in TASKS:
            possible = [*self.build(task).possible]
            assert {*possible} & {*TASKS} == {*possible} != set(), (
                f"possible must name some of {', '.join(TASKS)}; it is {possible}"
            )

    def test_each_member_has_a_weight(self) -> None:
        """`fit` returns a float64 weight for each member."""
        for fit in self.fitted():
            expected = ((len(fit.test),), torch.float64)
            actual = (tuple(fit.weights.shape), fit.weights.dtype)
            assert actual == expected, (
                f"{fit.task}: fit must return weights of shape and dtype {expected}; "
                f"it gave {actual}"
            )

    def test_weights_are_shares(self) -> None:
        """Weights are not negative, and have sum 1."""
        for fit in self.fitted():
            low, total = float(fit.weights.min()), float(fit.weights.sum())
            assert low >= 0, f"{fit.task}: weights must not be negative; one is {low}"
            assert abs(total - 1) < 1e-6, f"{fit.task}: weights must have sum 1; it is {total}"

    def test_each_row_has_a_prediction(self) -> None:
        """`combine` returns a prediction for each row, of the shape that members' have."""
        for fit in self.fitted():
            expected, shape = tuple(fit.test.shape[1:]), tuple(fit.prediction.shape)
            assert shape == expected, (
                f"{fit.task}: combine must make (rows[, classes]) = {expected} of predictions; "
                f"it made {shape}"
            )

    def test_predictions_are_values_of_the_task(self) -> None:
        """Predictions are finite, and probabilities where the task has classes."""
        for fit in self.fitted():
            self._check_values(fit.task, fit.prediction)

    def test_members_may_be_certain(self) -> None:
        """Members that predict probabilities of 0 and 1 alone are combined too."""
        for fit in self.fitted():
            if fit.task != "regression":
                certain = predicted_classes(fit.test, fit.task)
                self._check_values(fit.task, fit.combiner.combine(certain, fit.weights))

    @staticmethod
    def _check_values(task: str, prediction: Tensor) -> None:
        count = int((~prediction.isfinite()).sum())
        assert not count, f"{task}: predictions must be finite; {count} are not"
        if task == "regression":
            return
        low, high = float(prediction.min()), float(prediction.max())
        assert low >= -1e-9, f"{task}: probabilities must be from 0 to 1; one is {low}"
        assert high <= 1 + 1e-9, f"{task}: probabilities must be from 0 to 1; one is {high}"
        if task == "multiclass":
            totals = prediction.sum(-1)
            off_totals = totals[(totals - 1).abs() > 1e-6]
            assert not len(off_totals), (
                "the classes' probabilities must have sum 1; "
                f"of a row they have {float(off_totals[0])}"
            )

    def test_a_row_is_predicted_whatever_other_rows_there_are(self) -> None:
        """The prediction of a row does not depend on the other rows."""
        for fit in self.fitted():
            alone = fit.combiner.combine(fit.test[:, 3:4], fit.weights)
            assert torch.allclose(alone, fit.prediction[3:4]), (
                f"{fit.task}: a row must get the same prediction alone and among others; it got "
                f"{alone.tolist()} and {fit.prediction[3:4].tolist()}"
            )

    def test_the_same_members_get_the_same_weights(self) -> None:
        """Fitting again, with the same seed, gives the same weights."""
        for fit in self.fitted():
            again = self.build(fit.task).fit(fit.validation)
            assert torch.equal(again, fit.weights), (
                f"{fit.task}: the same members and seed must give the same weights; they gave "
                f"{fit.weights.tolist()} and {again.tolist()}"
            )

    def test_the_order_of_members_changes_no_prediction(self) -> None:
        """Members in another order give the same predictions."""
        order = torch.tensor([2, 0, 3, 1])
        for fit in self.fitted():
            combiner, weights = fit.combiner, fit.weights[order]
            if combiner.refits:  # what it learned is of members in their places
                combiner = self.build(fit.task)
                weights = combiner.fit(fit.validation.only(order.tolist()))
            reordered = combiner.combine(fit.test[order], weights)
            difference = float((reordered - fit.prediction).abs().max())
            assert difference <= 1e-3 * float(fit.prediction.abs().max()), (
                f"{fit.task}: the order of members must change no prediction; one changed by "
                f"{difference}"
            )

    def test_a_member_without_weight_changes_no_prediction(self) -> None:
        """A member of weight 0 takes no part in the predictions."""
        for fit in self.fitted():
            if fit.combiner.refits:
                continue  # its weights only say how much it relies on a member
            weights = fit.weights.clone()
            weights[1] = 0
            if not weights.any():
                weights[0] = 1
            weights /= weights.sum()
            changed_test = fit.test.clone()
            changed_test[1] = changed_test[1].roll(1, 0)
            prediction = fit.combiner.combine(fit.test, weights)
            changed = fit.combiner.combine(changed_test, weights)
            assert torch.allclose(prediction, changed), (
                f"{fit.task}: a member with weight 0 must change no prediction; one changed by "
                f"{float((prediction - changed).abs().max())}"
            )

    def test_one_member_is_enough(self) -> None:
        """A single member gets the weight 1, and finite predictions."""
        for fit in self.fitted():
            combiner = self.build(fit.task)
            weights = combiner.fit(fit.validation.only([0]))
            assert weights.tolist() == [1.0], (
                f"{fit.task}: a single member must have the weight 1; it has {weights.tolist()}"
            )
            alone = combiner.combine(fit.test[:1], weights)
            assert alone.isfinite().all(), f"{fit.task}: one member must give finite predictions"

    def test_only_a_method_that_learns_looks_at_validation(self) -> None:
        """Weights depend on validation targets only where the method says `learns = True`."""
        for fit in self.fitted():
            other_targets = replace(fit.validation, target=fit.members.target.roll(1, 0))
            weights = self.build(fit.task).fit(other_targets)
            assert fit.combiner.learns or torch.equal(weights, fit.weights), (
                f"{fit.task}: a method whose weights depend on validation must say "
                "`learns = True`, so that other rows score it; other targets gave "
                f"{weights.tolist()} in place of {fit.weights.tolist()}"
            )

    def test_a_method_with_limits_heeds_them(self) -> None:
        """A method that says `limits = True` gives no weight to more members than fit."""
        for fit in self.fitted():
            for limit in ({"max_members": 2}, {"max_size": 25}) if fit.combiner.limits else ():
                weights = self.build(fit.task).fit(replace(fit.validation, **limit))
                count = int((weights > 0).sum())
                assert count <= 2, (
                    f"{fit.task}: a method that says `limits = True` must heed {limit}, for 2 "
                    f"members of 10 bytes; {count} got weights"
                )

    def test_fitting_changes_nothing_that_it_is_given(self) -> None:
        """`fit` leaves the validation predictions and targets as they are."""
        for fit in self.fitted():
            for name in ("prediction", "target"):
                same = torch.equal(getattr(fit.fitted_on, name), getattr(fit.members, name))
                assert same, f"{fit.task}: fit must not change the {name} it is given; it did"

    def test_what_is_saved_predicts_the_same(self) -> None:
        """A method that has loaded what another saved predicts as the other."""
        for fit in self.fitted():
            with tempfile.TemporaryDirectory() as folder:
                fit.combiner.save(Path(folder))
                loaded = self.build(fit.task)
                loaded.load(Path(folder))
            prediction = loaded.combine(fit.test, fit.weights)
            assert torch.equal(prediction, fit.prediction), (
                f"{fit.task}: a method that loads what another saved must predict the same; a "
                f"prediction differs by {float((prediction - fit.prediction).abs().max())}"
            )

    def test_a_copy_is_fitted_by_itself(self) -> None:
        """Fitting a deep copy of the method does not change the method."""
        for fit in self.fitted():
            other = copy.deepcopy(fit.combiner)
            other.fit(fit.validation.rows(torch.arange(len(fit.members.target)) % 2 == 0))
            prediction = fit.combiner.combine(fit.test, fit.weights)
            assert torch.equal(prediction, fit.prediction), (
                f"{fit.task}: fitting a copy must not change the original; a prediction changed by "
                f"{float((prediction - fit.prediction).abs().max())}"
            )
