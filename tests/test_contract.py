"""The contracts of lepton.testing: kept by all that conf/ names, broken by what should break."""

from functools import cache, partial

import pytest
import torch
from pytorch_lightning.callbacks import LambdaCallback
from torch import nn

from lepton import build
from lepton.config.check import check, fits_itself
from lepton.config.options import find_options
from lepton.dataset.synthetic import make_table
from lepton.example import make_batch, make_spec, make_text_spec
from lepton.method import Method
from lepton.testing import TASKS, check_dataset, check_method, check_model, composed_data
from tests.quick import compose

FOUND = find_options()
TEXT = ["bag_of_embeddings", "text_cnn", "transformer_tiny"]
PRETRAINED = ["minilm", "transformer"]  # the class of transformer_tiny on weights from elsewhere
ESTIMATORS = ["gradient_boosting", "tfidf_linear"]
NETWORKS = [name for name in FOUND["model"] if name not in [*TEXT, *PRETRAINED, *ESTIMATORS]]
DATASETS = ["breast_cancer", "diabetes", "digits_flat", "german_credit", "wine", "synthetic"]
METHODS = [name for name in FOUND["regularization"] if name != "none"]


def test_no_option_is_left_out():
    assert len(NETWORKS) >= 6
    assert len(METHODS) >= 7
    assert set(FOUND["dataset"]) - set(DATASETS) == {
        *("csv", "parquet", "openml", "vader", "text_csv", "huggingface")
    }


@cache
def plain(*words):
    return check(compose(*words))


def network(name, *, spec):
    node = plain(f"model={name}")["model"]
    narrow = {key: value for key, value in {"width": 32, "k": 4}.items() if key in node}
    return build.instantiate(node | narrow, spec=spec)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_keeps_the_contract_of_models(name, task):
    check_model(partial(network, name), make_spec(task))


@pytest.mark.parametrize("texts", [1, 2])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", TEXT)
def test_every_text_network_keeps_the_contract_of_models(name, task, texts):
    node = plain(f"model={name}", "dataset=vader")["model"]
    check_model(partial(build.instantiate, node), make_text_spec(task, texts=texts))


@pytest.mark.parametrize("words", [[], ["dataset.target=rating"]])
def test_the_shipped_texts_keep_the_contract_of_datasets(words):
    few = ["dataset.source=reviews", "dataset.split=random", "dataset.split_column=null"]
    check_dataset(composed_data("dataset=vader", "model=text_cnn", *few, *words))


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_keeps_the_contract_of_datasets(name):
    check_dataset(composed_data(f"dataset={name}"))


@pytest.mark.parametrize("words", [["dataset.labels=3"], ["dataset.classes=0"]])
def test_a_made_up_dataset_keeps_the_contract_for_labels_and_numbers(words):
    check_dataset(composed_data("dataset=synthetic", "dataset.missing=0.1", *words))


@pytest.mark.parametrize("option", ["csv", "parquet"])
def test_a_file_keeps_the_contract_of_datasets(option, tmp_path):
    frame = make_table(
        rows=200,
        numbers=3,
        categories=[3],
        classes=3,
        labels=0,
        noise=0.3,
        missing=0.1,
        data_seed=0,
    )
    path = tmp_path / f"table.{option}"
    frame.to_csv(path, index=False) if option == "csv" else frame.to_parquet(path)
    words = [f"dataset={option}", f"dataset.path={path}", "dataset.target=target"]
    check_dataset(composed_data(*words))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_keeps_the_contract_of_methods(name):
    node = plain(f"regularization={name}")["regularization"][name]
    check_method(build.instantiate(node))


@pytest.mark.parametrize("words", [["dataset.classes=3"], ["dataset.labels=3"]])
def test_label_smoothing_keeps_the_contract_for_more_classes(words):
    node = plain("regularization=label_smoothing")["regularization"]["label_smoothing"]
    check_method(build.instantiate(node), *words)


class Model(nn.Module):
    """A network that keeps its promises; those below break one each."""

    def __init__(self, *, spec):
        super().__init__()
        self.spec = spec
        width = len(spec.num_features) + len(spec.cat_features)
        self.norm = nn.BatchNorm1d(width)
        self.output = nn.Linear(width, spec.outputs)

    def inputs(self, batch):
        return self.norm(torch.cat([batch[k].float() for k in ("num", "cat") if k in batch], 1))

    def forward(self, batch):
        return self.output(self.inputs(batch))


class Flat(Model):
    def forward(self, batch):
        return super().forward(batch)[:, 0]


class Infinite(Model):
    def forward(self, batch):
        return super().forward(batch) / torch.zeros(1)


class Numeric(Model):
    def forward(self, batch):
        assert "num" in batch, "there must be numbers"
        return super().forward(batch)


class Unused(Model):
    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.extra = nn.Parameter(torch.ones(3))


class Blocked(Model):
    def forward(self, batch):
        return super().forward(batch) * 1.0 + 0.0 * self.output.bias.sum() - self.output.bias


class Noisy(Model):
    def forward(self, batch):
        return super().forward(batch) + torch.rand(1)


class Mixing(Model):
    def forward(self, batch):
        logits = super().forward(batch)
        return logits - logits.mean(0) * 0.5


class Counting(Model):
    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, batch):
        self.calls += 1
        return super().forward(batch)


class Secretive(Model):
    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.secret = torch.randn(1)

    def forward(self, batch):
        return super().forward(batch) + self.secret


class Tied(Model):
    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.twin = self.output


def test_the_example_network_keeps_the_contract():
    for task in TASKS:
        check_model(Model, make_spec(task))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Flat, r"Flat \(multiclass, 3 numbers, 2 categories\): logits must be \(rows, outputs\)"),
        (Infinite, "logits must be finite"),
        (Numeric, r"Numeric \(multiclass, 0 numbers, 2 categories\): there must be numbers"),
        (Unused, r"depend on every parameter; it does not on \['extra'\]"),
        (Blocked, r"needs a gradient; it is all zero for \['output.bias'\]"),
        (Noisy, "the same batch must give the same logits"),
        (Mixing, "a row must give the same logits alone"),
        (Counting, r"nothing may change; \['calls'\] did"),
        (Secretive, "something it computes with is neither parameter nor buffer"),
        (Tied, "saved as safetensors, which says"),
    ],
)
def test_a_network_that_breaks_a_promise_is_told_which(broken, said):
    with pytest.raises(AssertionError, match=said):
        check_model(broken, make_spec("multiclass"))


def spoiled(spoil):
    """Data modules of which something is changed after setup."""
    make = composed_data("dataset=synthetic", "dataset.rows=200")

    def changed(seed):
        data = make(seed)
        spoil(data, seed)
        return data

    return changed


def same_row_twice(data, seed):
    data.splits["val"]["id"][0] = data.splits["train"]["id"][0]


def no_test_rows(data, seed):
    data.splits["test"] = {k: v[:0] for k, v in data.splits["test"].items()}


def missing_rows(data, seed):
    data.splits["val"]["num"] = data.splits["val"]["num"][1:]


def unknown_code(data, seed):
    data.splits["test"]["cat"][3, 1] = 99


def infinite_number(data, seed):
    data.splits["test"]["num"][3, 1] = torch.inf


def wrong_class(data, seed):
    data.splits["train"]["target"][0] = 2.0


def wrong_dtype(data, seed):
    data.splits["train"]["target"] = data.splits["train"]["target"].long()


def other_counts(data, seed):
    object.__setattr__(data.spec, "class_counts", (1, 2))


def split_by_seed(data, seed):
    if seed:
        data.splits["val"], data.splits["test"] = data.splits["test"], data.splits["val"]


def fixed_order(data, seed):
    data.seed = 0


def foreign_note(data, seed):
    data.notes.append("dropped some rows")


def wrong_count(data, seed):
    batches = data.train_dataloader()
    batches.num_batches += 1
    data.train_dataloader = lambda: batches


def shuffled_targets(data, seed):
    batches = data.train_dataloader()
    batches.tensors = {**batches.tensors, "target": batches.tensors["target"].flip(0)}
    data.train_dataloader = lambda: batches


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (same_row_twice, "an id must be in one split, once"),
        (no_test_rows, r"no split may be empty; \['test'\] is"),
        (missing_rows, "val: tensors differ in rows"),
        (unknown_code, r"test: codes must lie in \[0, cardinality\)"),
        (infinite_number, "test: numbers must be finite"),
        (wrong_class, r"train: a binary target must be in \[0\.0, 1\.0\], not \[2\.0\]"),
        (wrong_dtype, "train: a binary target must be torch.float32"),
        (other_counts, r"class_counts must be the training split's, .* \[1, 2\] is said"),
        (split_by_seed, "must not depend on the seed of the run"),
        (fixed_order, "another seed must give another order"),
        (foreign_note, r"notes must be .* \['dropped some rows'\]"),
        (wrong_count, r"the loader says \{'rows': 128, 'num_batches': 2\}, and gives \[128\]"),
        (shuffled_targets, "`target` of a batch must be that of its ids"),
    ],
)
def test_a_dataset_that_breaks_a_promise_is_told_which(spoil, said):
    with pytest.raises(AssertionError, match=said):
        check_dataset(spoiled(spoil))


class Nothing(Method):
    def prepare(self, model, spec):
        return None


class Frozen(Method):
    """Undoes every step."""

    def before_step(self, model, optimizer):
        self.kept = [p.detach().clone() for p in model.parameters()]

    @torch.no_grad()
    def after_step(self, model, optimizer):
        for p, kept in zip(model.parameters(), self.kept, strict=True):
            p.copy_(kept)


class Thawing(Method):
    @torch.no_grad()
    def after_step(self, model, optimizer):
        for p in model.parameters():
            p.mul_(0.99)


class Lingering(Method):
    """Scales the logits from the end of training on."""

    def prepare(self, model, spec):
        self.factor = 1.0
        model.register_forward_hook(lambda m, i, logits: logits * self.factor)
        return model

    def callbacks(self):
        return [LambdaCallback(on_train_end=lambda *_: setattr(self, "factor", 2.0))]


def test_a_method_that_does_nothing_keeps_the_contract():
    check_method(Method())


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Nothing, "prepare must return the model to train; it returned None"),
        (Frozen, r"trainable parameters must move; \['blocks"),
        (Thawing, r"frozen parameters must not move; \['inputs.categories.table.weight'\] did"),
        (Lingering, "must score as in its epoch"),
    ],
)
def test_a_method_that_breaks_a_promise_is_told_which(broken, said):
    with pytest.raises(AssertionError, match=said):
        check_method(broken())


def test_two_models_fit_themselves_and_none_is_left_out():
    alone = [plain("model=gradient_boosting"), plain("model=tfidf_linear", "dataset=vader")]
    assert all(map(fits_itself, alone))
    assert set(FOUND["model"]) == {*NETWORKS, *TEXT, *PRETRAINED, *ESTIMATORS}


def test_example_batches_hold_what_the_spec_says():
    spec = make_spec("multiclass", numbers=0, cardinalities=(5,))
    batch = make_batch(spec, rows=300)
    assert set(batch) == {"id", "cat", "target"}
    assert set(batch["cat"].flatten().tolist()) == set(range(5))
    assert set(batch["target"].tolist()) == {0, 1, 2}
