"""The contract of data sets: for each property a data module that breaks it."""

import copy
import re

import pandas as pd
import pytest
import torch

from lepton.dataset.load.epoch_sampler import EpochSampler
from lepton.testing import DatasetContract, check_dataset, composed_data
from tests.testing.broken import broken, named, precise

TABLE = ("dataset=synthetic", "dataset.rows=200", "batch_size=32")
TEXTS = (
    *("dataset=text_csv", "dataset.path=texts.csv", "dataset.text=text", "dataset.target=target"),
    *("model=text_cnn", "batch_size=32"),
)


def change_spec(data, **values):
    for name, value in values.items():
        object.__setattr__(data.spec, name, value)


class Altered:
    """A loader that has these values, whatever it is told."""

    def __init__(self, loader, **values):
        vars(self).update(values, loader=loader)

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def __setattr__(self, name, value):
        if name not in vars(self):
            setattr(self.loader, name, value)

    def __iter__(self):
        return iter(self.loader)


def alter_loader(data, **values):
    make = data.train_dataloader
    data.train_dataloader = lambda: Altered(make(), **values)


def another_split(data, seed, call):
    rows = data.splits["val"]
    data.splits["extra"] = rows | {"id": rows["id"] + 1000}


def ids_of_32_bits(data, seed, call):
    data.splits["val"]["id"] = data.splits["val"]["id"].int()


def no_test_rows(data, seed, call):
    data.splits["test"] = {k: v[:0] for k, v in data.splits["test"].items()}


def same_row_twice(data, seed, call):
    data.splits["val"]["id"][0] = data.splits["train"]["id"][0]


def missing_rows(data, seed, call):
    data.splits["val"]["num"] = data.splits["val"]["num"][1:]


def missing_categories(data, seed, call):
    del data.splits["val"]["cat"]


def double_numbers(data, seed, call):
    data.splits["val"]["num"] = data.splits["val"]["num"].double()


def infinite_number(data, seed, call):
    data.splits["test"]["num"][3, 1] = torch.inf


def unknown_code(data, seed, call):
    data.splits["test"]["cat"][3, 1] = 99


def unknown_token(data, seed, call):
    data.splits["val"]["tokens"][0, 0] = data.spec.vocabulary


def no_length(data, seed, call):
    data.splits["val"]["length"][2] = 0


def two_outputs(data, seed, call):
    change_spec(data, outputs=2)


def wrong_dtype(data, seed, call):
    data.splits["train"]["target"] = data.splits["train"]["target"].long()


def wrong_class(data, seed, call):
    data.splits["train"]["target"][0] = 2.0


def wrong_class_in_validation(data, seed, call):
    data.splits["val"]["target"][0] = 2.0


def fewer_rows_in_the_spec(data, seed, call):
    change_spec(data, train_rows=1)


def other_counts(data, seed, call):
    change_spec(data, class_counts=(1, 2))


def narrow_quantiles(data, seed, call):
    quantiles = [[value / 2 for value in values] for values in data.spec.quantiles]
    change_spec(data, quantiles=quantiles)


def foreign_note(data, seed, call):
    data.notes.append("dropped some rows")


def other_rows_the_second_time(data, seed, call):
    if call == 1:
        data.splits["val"]["num"] += 1


def split_by_seed(data, seed, call):
    if seed:
        data.splits["val"], data.splits["test"] = data.splits["test"], data.splits["val"]


def other_order_the_second_time(data, seed, call):
    if call == 1:
        data.seed = 5


def fixed_order(data, seed, call):
    data.seed = 0


class FirstEpochs(EpochSampler):
    def set_epoch(self, epoch):
        """Every epoch is the first."""


def same_order_in_each_epoch(data, seed, call):
    make = data._epoch_sampler

    def sampler():
        sampler = make()
        sampler.__class__ = FirstEpochs
        return sampler

    data._epoch_sampler = sampler


def one_row_twice_an_epoch(data, seed, call):
    rows = torch.arange(len(data.splits["train"]["id"]))
    rows[0] = rows[1]
    data._training_rows = lambda: rows


def wrong_count(data, seed, call):
    batches = data.train_dataloader()
    batches.num_batches += 1
    data.train_dataloader = lambda: batches


def half_full_batches(data, seed, call):
    alter_loader(data, batch_size=64)


def shuffled_targets(data, seed, call):
    batches = data.train_dataloader()
    batches.tensors = {**batches.tensors, "target": batches.tensors["target"].flip(0)}
    data.train_dataloader = lambda: batches


def nothing_is_done(data, seed, call):
    alter_loader(data, done=(0, 0))


BREAKERS = [  # what a property says, and which properties do not hold
    (
        another_split,
        r"splits must be train, val, test: \['train', 'val', 'test', 'extra'\]",
        ["test_the_splits_are_train_val_and_test"],
    ),
    (
        ids_of_32_bits,
        "val: ids must be int64; they are torch.int32",
        ["test_ids_are_whole_numbers"],
    ),
    (no_test_rows, r"no split may be empty; \['test'\] is", ["test_no_split_is_empty"]),
    (same_row_twice, "an id must be in one split, once", ["test_an_id_is_in_one_split_once"]),
    (
        missing_rows,
        "val: tensors differ in rows",
        ["test_the_tensors_of_a_split_have_as_many_rows"],
    ),
    (
        missing_categories,
        "val: `cat` must be there if the spec describes it, and only then; it is not there",
        ["test_inputs_are_those_that_the_spec_names"],
    ),
    (
        double_numbers,
        r"val: `num` must have columns, dtype \(8, torch.float32\); has \(8, torch.float64\)",
        ["test_inputs_are_as_their_kind_promises"],
    ),
    (infinite_number, "test: numbers must be finite", ["test_inputs_are_as_their_kind_promises"]),
    (
        unknown_code,
        r"test: codes must lie in \[0, cardinality\) of their feature; \[99\] do not",
        ["test_inputs_are_as_their_kind_promises"],
    ),
    (
        two_outputs,
        "a binary spec must have 2 classes and 1 outputs; it has 2 and 2",
        ["test_classes_and_outputs_fit_the_task"],
    ),
    (
        wrong_dtype,
        "train: a binary target must be torch.float32",
        ["test_targets_have_the_dtype_and_the_shape_of_their_task"],
    ),
    (
        wrong_class,
        r"train: a binary target must be in \[0\.0, 1\.0\], not \[2\.0\]",
        [
            "test_targets_are_finite_and_of_known_classes",
            "test_statistics_in_the_spec_are_those_of_the_training_targets",
        ],
    ),
    (
        wrong_class_in_validation,
        r"val: a binary target must be in \[0\.0, 1\.0\], not \[2\.0\]",
        ["test_targets_are_finite_and_of_known_classes"],
    ),
    (
        fewer_rows_in_the_spec,
        "spec.train_rows must be 128; it is 1",
        ["test_the_spec_counts_the_training_rows"],
    ),
    (
        other_counts,
        r"class_counts must be the training split's, .* \[1, 2\] is said",
        ["test_statistics_in_the_spec_are_those_of_the_training_targets"],
    ),
    (
        narrow_quantiles,
        "spec.quantiles must go from the smallest to the largest training value",
        ["test_inputs_are_as_their_kind_promises"],
    ),
    (
        foreign_note,
        r"notes must be .* \['dropped some rows'\]",
        ["test_notes_are_cleaning_notes"],
    ),
    (
        other_rows_the_second_time,
        "val: `num` must be the same each time; it is not",
        ["test_rows_are_the_same_each_time"],
    ),
    (
        split_by_seed,
        "must not depend on the seed of the run",
        ["test_rows_do_not_depend_on_the_seed_of_the_run"],
    ),
    (
        other_order_the_second_time,
        "the same seed must give the same order",
        ["test_the_same_seed_gives_the_same_order"],
    ),
    (
        fixed_order,
        "another seed must give another order",
        ["test_another_seed_gives_another_order"],
    ),
    (
        same_order_in_each_epoch,
        "sampler.set_epoch must give another order",
        ["test_another_epoch_has_another_order"],
    ),
    (
        one_row_twice_an_epoch,
        "must show each of 128 rows once, .*; it shows 128, 127 different",
        ["test_an_epoch_shows_each_row_once"],
    ),
    (
        wrong_count,
        r"says \{'rows': 128, 'num_batches': 5\}, and gives \[32, 32, 32, 32\]",
        ["test_the_loader_counts_its_rows_and_batches"],
    ),
    (
        half_full_batches,
        r"batches but the last must have 64 rows; they have \[32, 32, 32, 32\]",
        ["test_batches_but_the_last_are_full"],
    ),
    (
        shuffled_targets,
        "`target` of a batch must be that of its ids",
        ["test_a_batch_holds_the_values_of_its_rows"],
    ),
    (
        nothing_is_done,
        r"must leave out the first batch .*; 4 batches came where 3 were left",
        ["test_a_loader_leaves_out_the_batches_that_are_done"],
    ),
]
OF_TEXTS = [
    (
        unknown_token,
        r"val: tokens must lie in \[0, vocabulary\)",
        ["test_inputs_are_as_their_kind_promises"],
    ),
    (
        no_length,
        r"val: lengths must be from 1 to the spec's max_length, .*; \[0\] are not",
        ["test_inputs_are_as_their_kind_promises"],
    ),
]
NAMES = ("spoil", "message", "properties")


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """Data modules of a table and of texts, set up: first word -> those with seeds 0 and 1."""
    folder = tmp_path_factory.mktemp("modules")
    rows = range(80)
    texts = [f"a {'fine' if row % 3 else 'dull'} film, part {row * row}" for row in rows]
    frame = pd.DataFrame({"text": texts, "target": [row % 2 for row in rows]})
    frame.to_csv(folder / "texts.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        makes = {words: composed_data(*words) for words in (TABLE, TEXTS)}
        return {words[0]: [make(seed) for seed in (0, 1)] for words, make in makes.items()}


def spoiled(modules, spoil=lambda data, seed, call: None):
    """What builds data modules of which something is changed after setup."""
    calls = []

    def build(seed):
        data = copy.deepcopy(modules[seed])
        calls.append(seed)
        spoil(data, seed, len(calls) - 1)
        return data

    return build


class Contract(DatasetContract):
    def __init__(self, build):
        self.build = build


@pytest.mark.slow
@pytest.mark.parametrize("words", [TABLE, TEXTS], ids=["table", "texts"])
def test_a_dataset_that_keeps_its_promises_passes(words, modules):
    assert broken(Contract(spoiled(modules[words[0]]))) == {}


@pytest.mark.parametrize(NAMES, named([*BREAKERS, *OF_TEXTS]))
def test_a_dataset_that_breaks_a_promise_fails_just_that_test(spoil, message, properties, modules):
    of_texts = spoil in [row[0] for row in OF_TEXTS]
    build = spoiled(modules[(TEXTS if of_texts else TABLE)[0]], spoil)
    messages = broken(Contract(build))
    assert [*messages] == properties
    assert re.search(message, messages[properties[0]])


def test_each_property_has_a_dataset_that_breaks_it_alone():
    assert precise([*BREAKERS, *OF_TEXTS]) == {*DatasetContract.properties()}


@pytest.mark.parametrize(NAMES, named([BREAKERS[0], BREAKERS[-1]]))
def test_check_dataset_says_which_promise_was_broken(spoil, message, properties, modules):
    with pytest.raises(AssertionError, match=message):
        check_dataset(spoiled(modules[TABLE[0]], spoil))


def test_a_contract_builds_what_its_words_choose():
    class Small(DatasetContract):
        overrides = TABLE

    data = Small().build(3)
    assert data.seed == 3
    assert sum(len(rows["id"]) for rows in data.splits.values()) == 200
    Small.teardown_class()
