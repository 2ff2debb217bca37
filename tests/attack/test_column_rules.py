from dataclasses import replace

import pytest
import torch

from lepton.attack.attacked_inputs import AttackedInputs
from lepton.attack.column_rules import ColumnRules
from lepton.errors import ConfigError
from lepton.example import make_spec, make_text_spec
from lepton.randomness.draw import Draw
from tests.attack.linear import UNITS, linear_case

NAMES = ("age", "income", "debt", "debt is missing")
DATE = ("due year", "due month", "due day", "due weekday", "due days since 1970")


def named_case():
    spec, _, batch = linear_case()
    return replace(spec, num_features=NAMES), batch


def extremes(spec, rules, batch, epsilon=0.5):
    """The batch with all numbers pushed down, and up, as far as they may."""
    around = AttackedInputs(spec, rules).around(batch, epsilon=epsilon, norm="linf")
    far = [{"num": torch.full_like(batch["num"], way)} for way in (-1e9, 1e9)]
    return [around.moved(around.project(change))["num"] for change in far]


def test_immutable_columns_stay_and_those_of_one_way_go_that_way_by_epsilon_of_their_spread():
    spec, batch = named_case()
    batch["num"][:, 3] = 0
    rules = ColumnRules("attack", immutable=["debt"], only_up=["age"], only_down=["income"])
    low, high = extremes(spec, rules, batch, epsilon=0.05)
    num = batch["num"]
    assert torch.equal(low[:, [0, 2, 3]], num[:, [0, 2, 3]])
    assert torch.equal(high[:, [1, 2, 3]], num[:, [1, 2, 3]])
    torch.testing.assert_close(low[:, 1], num[:, 1] - 0.05 * UNITS[1])
    torch.testing.assert_close(high[:, 0], num[:, 0] + 0.05 * UNITS[0])


def test_numbers_stay_in_the_training_range_or_where_they_were():
    spec, _, batch = linear_case()
    batch["num"][0] = torch.tensor([9.9, -50.0, 50.0, 0.0])
    low, high = extremes(spec, ColumnRules("attack"), batch)
    torch.testing.assert_close(high[0, 0], torch.tensor(10.0))
    assert low[0, 1] == -50
    assert high[0, 2] == 50
    assert low[0, 2] < 50
    assert high[0, 1] > -50


def test_a_number_that_stands_for_a_missing_one_stays_with_its_mark():
    spec, batch = named_case()
    batch["num"][:, 3] = torch.tensor([1.0, 0, 0, 1, 0, 0])
    low, high = extremes(spec, ColumnRules("attack"), batch)
    is_missing = batch["num"][:, 3] == 1
    assert torch.equal(low[is_missing, 2], batch["num"][is_missing, 2])
    assert (high[~is_missing, 2] > batch["num"][~is_missing, 2]).all()
    assert torch.equal(low[:, 3], batch["num"][:, 3])


def test_dates_stay():
    spec = make_spec("binary", numbers=6, cardinalities=())
    spec = replace(spec, num_features=("sum", *DATE))
    batch = {"num": torch.zeros(2, 6), "id": torch.arange(2)}
    low, high = extremes(spec, ColumnRules("attack", immutable=["due"]), batch)
    assert not low[:, 1:].any()
    assert not high[:, 1:].any()
    assert high[:, 0].all()


def draw():
    return Draw(torch.tensor(1), torch.tensor(9))


def test_random_starts_keep_the_rules_and_are_those_of_the_row_in_any_batch():
    spec, batch = named_case()
    inputs = AttackedInputs(spec, ColumnRules("attack", only_up=["age"]))
    whole = inputs.around(batch, epsilon=0.3, norm="l2").random(draw())["num"]
    some = {name: values[2:4] for name, values in batch.items()}
    part = inputs.around(some, epsilon=0.3, norm="l2").random(draw())["num"]
    torch.testing.assert_close(part, whole[2:4], rtol=0, atol=0)
    assert (whole[:, 0] >= 0).all()
    assert whole[:, 1].min() < 0 < whole[:, 1].max()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"immutable": ["incme"]}, r"attack\.immutable: 'incme' is no column of dataset; did you"),
        ({"only_up": ["town"]}, r"attack\.only_up: 'town' is a category or a date"),
        (
            {"only_up": ["age"], "only_down": ["age"]},
            r"attack\.only_down: 'age' stands in attack\.only_up too",
        ),
        ({"immutable": NAMES[:3]}, r"attack\.immutable, dataset: no number is left"),
        ({"only_down": [NAMES[3]]}, "'debt is missing' is no column of dataset"),
    ],
)
def test_columns_that_are_not_there_or_cannot_move_are_told(rules, message):
    spec = make_spec("binary", numbers=4, cardinalities=(3,))
    spec = replace(spec, num_features=NAMES, cat_features=("town",))
    with pytest.raises(ConfigError, match=message):
        AttackedInputs(spec, ColumnRules("attack", **rules))


@pytest.mark.parametrize(
    ("spec", "kinds"),
    [
        (make_text_spec("binary"), "text"),
        (make_spec("binary", numbers=0), "a table without numbers that may change"),
    ],
)
def test_inputs_without_a_gradient_are_refused_by_both_keys(spec, kinds):
    with pytest.raises(ConfigError, match=rf"attack, dataset: the inputs \({kinds}\) have no grad"):
        AttackedInputs(spec, ColumnRules("attack"))
