"""The contract of networks: for each property a network that breaks it."""

import re

import pytest
import torch
from torch import nn

from lepton.example import make_batch, make_spec, make_text_spec
from lepton.testing import ModelContract, check_model
from tests.testing.broken import broken, named, precise


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


class Numeric(Model):
    def forward(self, batch):
        assert "num" in batch, "there must be numbers"
        return super().forward(batch)


class Clueless(Model):
    def forward(self, batch):
        return super().forward({"num": batch["num"]} | batch)


class Flat(Model):
    def forward(self, batch):
        return super().forward(batch)[:, 0]


class Wide(Model):
    """An output too many."""

    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.output = nn.Linear(self.output.in_features, spec.outputs + 1)


class Infinite(Model):
    def forward(self, batch):
        return super().forward(batch) / torch.zeros(1)


class Forbidding(Model):
    """Rules out a class that is not the first row's, which costs no loss."""

    def forward(self, batch):
        logits = super().forward(batch)
        ruled_out = torch.zeros_like(logits, dtype=torch.bool)
        ruled_out[0, (int(batch["target"][0]) + 1) % logits.shape[1]] = True
        return logits.masked_fill(ruled_out, -torch.inf)


class Untrainable(Model):
    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.requires_grad_(False)


class Unused(Model):
    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.extra = nn.Parameter(torch.ones(3))


class Rooted(Model):
    """The square root has no slope at 0."""

    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.power = nn.Parameter(torch.zeros(1))

    def forward(self, batch):
        return super().forward(batch) + self.power.abs().sqrt()


class Blocked(Model):
    def forward(self, batch):
        return super().forward(batch) * 1.0 + 0.0 * self.output.bias.sum() - self.output.bias


class Noisy(Model):
    def forward(self, batch):
        logits = super().forward(batch)
        return logits + torch.randn_like(logits)


class Ageing(Model):
    """Adds a little from its third evaluation on, which no buffer says."""

    evaluations = 0

    def forward(self, batch):
        self.evaluations += not self.training
        return super().forward(batch) + 1e-6 * (self.evaluations > 2)


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


class Tied(Model):
    """Holds one layer under two names, which a file can do too."""

    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.twin = self.output


class Complex(Model):
    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.register_buffer("mask", torch.eye(3, dtype=torch.complex128))


class Secretive(Model):
    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.secret = torch.randn(1)

    def forward(self, batch):
        return super().forward(batch) + self.secret


class Layered(Model):
    """A network that can be fine-tuned."""

    def layers(self):
        return ["norm", "output"]

    def features(self, batch):
        return self.inputs(batch)

    @property
    def head(self):
        return self.output


class Overlapping(Layered):
    def layers(self):
        return ["norm+norm.weight", "output"]


class Hollow(Layered):
    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.dropout = nn.Dropout()

    def layers(self):
        return ["norm", "dropout", "output"]


class Headless(Layered):
    def layers(self):
        return ["output", "norm"]


class Skewed(Layered):
    def features(self, batch):
        return 2 * super().features(batch)


class Deep(Layered):
    """Features of four dimensions."""

    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.output = nn.Sequential(nn.Flatten(), self.output)

    def features(self, batch):
        return self.inputs(batch)[:, :, None, None]


BREAKERS = [  # what a property says, and which properties do not hold
    (
        Numeric,
        r"Numeric \(multiclass, 2 categories\): there must be numbers; a table may",
        ["test_numbers_alone_and_categories_alone_are_enough"],
    ),
    (
        Clueless,
        r"Clueless \(multiclass, 2 categories\): KeyError: 'num'; a table may",
        ["test_numbers_alone_and_categories_alone_are_enough"],
    ),
    (
        Flat,
        r"Flat \(multiclass, 3 numbers, 2 categories\): logits must be \(rows, outputs\)",
        [
            "test_logits_are_rows_by_outputs",
            "test_the_loss_depends_on_every_trainable_parameter",
            "test_gradients_are_finite",
            "test_no_gradient_is_zero_throughout",
        ],
    ),
    (
        Wide,
        r"logits must be \(rows, outputs\) = \(64, 3\), .*; they are \(64, 4\)",
        ["test_logits_are_rows_by_outputs"],
    ),
    (
        Infinite,
        "logits must be finite; in training 192 are not",
        ["test_logits_are_finite", "test_gradients_are_finite"],
    ),
    (Forbidding, "logits must be finite; in training 1 are not", ["test_logits_are_finite"]),
    (
        Untrainable,
        "a network needs trainable parameters; it has none",
        ["test_there_is_something_to_train"],
    ),
    (
        Unused,
        r"depend on every parameter; it does not on \['extra'\]",
        ["test_the_loss_depends_on_every_trainable_parameter"],
    ),
    (
        Rooted,
        r"gradients must be finite; those of \['power'\] are not",
        ["test_gradients_are_finite"],
    ),
    (
        Blocked,
        r"needs a gradient; it is all zero for \['output.bias'\]",
        ["test_no_gradient_is_zero_throughout"],
    ),
    (
        Noisy,
        "the same batch must give the same logits",
        [
            "test_the_same_batch_gives_the_same_logits",
            "test_a_row_gives_the_same_logits_alone_and_among_others",
            "test_its_state_is_all_that_it_computes_with",
        ],
    ),
    (
        Ageing,
        "the same batch must give the same logits; they differ by",
        ["test_the_same_batch_gives_the_same_logits"],
    ),
    (
        Mixing,
        "a row must give the same logits alone",
        ["test_a_row_gives_the_same_logits_alone_and_among_others"],
    ),
    (Counting, r"nothing may change; \['calls'\] did", ["test_evaluation_changes_nothing"]),
    (Complex, "saved as safetensors, which says", ["test_its_state_is_saved_as_safetensors"]),
    (
        Secretive,
        "something it computes with is neither parameter nor buffer",
        ["test_its_state_is_all_that_it_computes_with"],
    ),
    (
        Overlapping,
        r"in one of layers\(\); norm.weight in \['norm', 'norm.weight'\]",
        ["test_every_parameter_lies_in_one_of_its_layers"],
    ),
    (
        Hollow,
        r"must hold parameters; \['dropout'\] do not",
        ["test_every_layer_holds_parameters"],
    ),
    (Headless, "must be the head; norm is another module", ["test_the_last_layer_is_the_head"]),
    (
        Skewed,
        r"must be head\(features\(batch\)\); they differ by",
        ["test_logits_are_the_head_of_the_features"],
    ),
    (Deep, r"they are \(64, 5, 1, 1\)", ["test_features_are_rows_by_width"]),
]


class Contract(ModelContract):
    tasks = ("multiclass",)

    def __init__(self, model):
        self.model = model

    def build(self, spec):
        return self.model(spec=spec)


@pytest.mark.parametrize("model", [Model, Layered])
def test_a_network_that_keeps_its_promises_passes(model):
    contract = Contract(model)
    contract.tasks = ModelContract.tasks
    assert broken(contract) == {}


@pytest.mark.parametrize(("model", "message", "properties"), named(BREAKERS))
def test_a_network_that_breaks_a_promise_fails_just_that_test(model, message, properties):
    messages = broken(Contract(model))
    assert [*messages] == properties
    assert re.search(message, messages[properties[0]])


def test_each_property_has_a_network_that_breaks_it_alone():
    assert precise(BREAKERS) == {*ModelContract.properties()}


@pytest.mark.parametrize(("model", "message", "properties"), named([BREAKERS[0], BREAKERS[-1]]))
def test_check_model_says_which_promise_was_broken(model, message, properties):
    with pytest.raises(AssertionError, match=message):
        check_model(model, make_spec("multiclass"))


def test_a_contract_is_of_the_data_that_its_kind_and_tasks_say():
    class Texts(Contract):
        kind, tasks = "text", ("binary", "regression")

    specs = Texts(Model).specs()
    assert specs == [make_text_spec(t, texts=n) for t in Texts.tasks for n in (1, 2)]
    assert Contract(Model).specs() == [make_spec("multiclass")]


def test_a_contract_that_builds_nothing_says_what_it_needs():
    with pytest.raises(NotImplementedError, match=r"build\(self, spec\)"):
        ModelContract().test_logits_are_finite()


def test_example_batches_hold_what_the_spec_says():
    spec = make_spec("multiclass", numbers=0, cardinalities=(5,))
    batch = make_batch(spec, rows=300)
    assert set(batch) == {"id", "cat", "target"}
    assert set(batch["cat"].flatten().tolist()) == set(range(5))
    assert set(batch["target"].tolist()) == {0, 1, 2}
