"""ManifoldMixup against networks computed by hand, and on networks of every kind of data."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.inputs.find import input_kind
from lepton.errors import ConfigError
from lepton.example import make_batch, make_spec, make_specs
from lepton.method import output_apart
from lepton.model.text_inputs import masked_mean
from lepton.regularization.manifold_mixup import ManifoldMixup
from lepton.task import task_for
from lepton.testing import check_method
from lepton.training.loss import training_loss
from tests.adversarial.options import DATA, Case
from tests.augmentation.options import draw
from tests.quick import quick
from tests.sound_files import write_tones

ROWS = 12
TEXTS = (*DATA["text"][:2], "dataset.source=tweets")


@pytest.fixture(autouse=True)
def _in_64_bits():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def made(**values):
    return ManifoldMixup(**{"alpha": 0.7, "at": "layers", "lowest": None, **values})


def drawn(batch, places, key=0):
    """The share, the partners and the number of the place that a method draws in a step."""
    numbers, rows = draw(key), len(batch["id"])
    place, share = int(numbers.integers(places)), numbers.beta(0.7, 0.7).expand(rows)
    return share, numbers.permutation(rows), place


def mixed(state, share, partners):
    share = share.reshape(-1, *[1] * (state.ndim - 1))
    return share * state + (1 - share) * state[partners]


def key_of(batch, places, place):
    """The first step in which this place is drawn."""
    return next(key for key in range(200) if drawn(batch, places, key)[2] == place)


class Small(nn.Module):
    """Two layers under a head."""

    def __init__(self, outputs):
        super().__init__()
        self.first, self.second = nn.Linear(3, 5), nn.Linear(5, 4)
        self.head = nn.Linear(4, outputs)

    def forward(self, batch):
        return self.head(self.second(self.first(batch["num"]).tanh()).tanh())

    def layers(self):
        return ["first", "second", "head"]


def small(task):
    """A network, its task and a batch."""
    spec = make_spec(task, numbers=3, cardinalities=())
    task = task_for(spec, class_weights=None, monitor=None, calibration_bins=15)
    return spec, Small(spec.outputs), task, make_batch(spec, rows=ROWS)


def loss_of(method, spec, model, task, batch, key=0):
    return training_loss(method.prepare(model, spec), task, [method], batch, [draw(key)])


LOSSES = {
    "multiclass": lambda logits, t: F.cross_entropy(logits, t, reduction="none"),
    "multilabel": lambda logits, t: F.binary_cross_entropy_with_logits(
        logits, t, reduction="none"
    ).mean(1),
    "binary": lambda logits, t: F.binary_cross_entropy_with_logits(
        logits[:, 0], t, reduction="none"
    ),
}


@pytest.mark.parametrize("task", LOSSES)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_loss_is_that_of_states_mixed_at_one_place_for_both_targets(task, place):
    spec, model, its_task, batch = small(task)
    batch = {n: t.double() if t.is_floating_point() else t for n, t in batch.items()}
    key = key_of(batch, 3, place)
    share, partners, _ = drawn(batch, 3, key)
    state, layers = batch["num"], (model.first, model.second, model.head)
    for number, layer in enumerate(layers):
        state = mixed(state, share, partners) if number == place else state
        state = state @ layer.weight.T + layer.bias
        state = state if layer is model.head else state.tanh()
    of_row = LOSSES[task]
    both = of_row(state, batch["target"]), of_row(state, batch["target"][partners])
    expected = (share * both[0] + (1 - share) * both[1]).mean()
    loss = loss_of(made(), spec, model, its_task, batch, key)
    torch.testing.assert_close(loss, expected)
    names = [name for name, _ in model.named_parameters()]
    slopes = [torch.autograd.grad(value, [*model.parameters()]) for value in (loss, expected)]
    for name, own, by_hand in zip(names, *slopes, strict=True):
        torch.testing.assert_close(own, by_hand, msg=name)


def test_a_quantity_is_mixed_itself_and_a_head_alone_learns_from_mixed_features():
    spec, _, task, batch = small("regression")
    head = nn.Module()
    head.head, head.layers = nn.Linear(4, 1), lambda: ["head"]
    head.forward = lambda batch: head.head(batch["features"])
    batch = batch | {"features": torch.randn(ROWS, 4)}
    share, partners, _ = drawn(batch, 1)
    target = mixed((batch["target"] - spec.target_mean) / spec.target_std, share, partners)
    expected = F.mse_loss(head.head(mixed(batch["features"], share, partners))[:, 0], target)
    torch.testing.assert_close(loss_of(made(), spec, head, task, batch), expected)


@pytest.mark.slow
def test_one_of_the_lowest_places_is_drawn_for_each_batch_and_the_last_where_it_is_asked_for():
    spec, _, _, batch = small("multiclass")
    for values, places in (({"lowest": 2}, {0, 1}), ({}, {0, 1, 2}), ({"at": "features"}, {0})):
        method = made(**values)
        method.prepare(Small(3), spec)
        assert len(method.mixing.places) == len(places)
        seen = set()
        for key in range(60):
            shares = method.on_batch({**batch, "target": batch["target"]}, draw(key))
            [place] = (shares["manifold_mixup_share"] != 1).any(0).nonzero()[:, 0].tolist()
            seen.add(place)
        assert seen == places
    assert method.mixing.places[0].points[0].module == "head"


def test_layers_that_are_trained_in_a_later_phase_alone_are_mixed_between():
    spec, _, _, _ = small("multiclass")
    model = Small(3)
    model.requires_grad_(False).head.requires_grad_(True)  # as for a probe before the rest
    method = made(lowest=None)
    method.prepare(model, spec)
    assert len(method.mixing.places) == 3


@pytest.mark.slow
def test_texts_are_mixed_to_the_end_of_the_longer_where_states_are_of_tokens():
    case = Case(*TEXTS, "model=text_cnn", "model.filters=4", "model.dropout=0")
    batch, model = case.encoded, case.model
    method = made()
    method.prepare(model, case.spec)
    assert [place.of_parts for place in method.mixing.places] == [True, False]
    share, partners, _ = drawn(batch, 2, key_of(batch, 2, 0))
    batch = method.on_batch(batch, draw(key_of(batch, 2, 0)))
    mask = batch["mask"] | batch["mask"][partners]
    assert not torch.equal(mask, batch["mask"])
    table = model.embeddings.table.weight
    words = mixed(table[batch["tokens"]] * mask[..., None], share, partners)
    answers = []
    for layer in model.convolutions:
        margin = layer.kernel_size[0] - 1
        padded = F.pad(words.mT, (margin // 2, margin - margin // 2))
        answer = F.conv1d(padded, layer.weight, layer.bias).masked_fill(~mask[:, None], -torch.inf)
        answers.append(answer.amax(2))
    expected = model.head(torch.cat(answers, 1).relu())
    torch.testing.assert_close(model(batch), expected)


@pytest.mark.slow
def test_features_are_mixed_of_texts_as_long_as_they_are():
    case = Case(*TEXTS, "model=text_cnn", "model.filters=4", "model.dropout=0")
    batch, model = case.encoded, case.model
    expected = model.features(batch)
    share, partners, _ = drawn(batch, 1)
    method = made(at="features")
    method.prepare(model, case.spec)
    logits = model(method.on_batch(batch, draw()))
    torch.testing.assert_close(logits, model.head(mixed(expected, share, partners)))


@pytest.mark.slow
def test_an_encoder_goes_on_with_mixed_states():
    case = Case(*TEXTS, "model=transformer_tiny", "model.dropout=0", "model.pooling=mean")
    batch, model = case.encoded, case.model.eval()
    method = made(lowest=2)
    method.prepare(model, case.spec)
    key = key_of(batch, 2, 1)
    share, partners, _ = drawn(batch, 2, key)
    batch = method.on_batch(batch, draw(key))
    mask = batch["mask"] | batch["mask"][partners]
    bert = model.encoder
    unseen = torch.where(mask, 0.0, torch.finfo(torch.float64).min)[:, None, None]
    state = bert.embeddings(batch["tokens"])
    for number, layer in enumerate(bert.encoder.layer):
        state = mixed(state, share, partners) if number == 1 else state
        state = layer(state, attention_mask=unseen)
        state = state if isinstance(state, torch.Tensor) else state[0]
    torch.testing.assert_close(model(batch), model.head(masked_mean(state, mask)))


MODELS = {  # how many places they have, and of what data
    "mlp": (3, "table", "model.hidden=[8,8]", "model.dropout=0"),
    "resnet": (3, "table", "model.width=8", "model.hidden_dropout=0"),
    "ft_transformer": (3, "table", "model.width=8", "model.heads=2", "model.blocks=1"),
    "tabm": (3, "table", "model.width=8", "model.k=3", "model.blocks=2", "model.dropout=0"),
    "cnn_small": (3, "image", "model.channels=[4,4]", "model.dropout=0"),
    "image_resnet": (6, "image", "model.width=4"),
    "vit_small": (4, "image", "model.blocks=2", "model.width=12", "model.heads=2"),
    "audio_cnn": (3, "audio", "model.channels=[4,4]", "model.dropout=0"),
}


def built(name, kind, *words):
    """The network of an option for made-up rows of a kind, which have no padding, and such rows."""
    data = {"image": "digits", "audio": "audio_folder", "table": "german_credit"}[kind]
    path = ("dataset.path=.",) if kind == "audio" else ()
    spec = list(make_specs("multiclass", [input_kind(kind)]))[-1]
    config = check(compose(f"dataset={data}", *path, f"model={name}", *words))
    torch.manual_seed(0)
    batch = make_batch(spec, rows=ROWS)
    if kind == "audio":
        batch["audio_length"] = torch.full((ROWS,), batch["audio"].shape[1])
    return spec, build.component(config, "model", spec=spec), batch


@pytest.mark.parametrize("name", quick(MODELS, "mlp", "ft_transformer", "cnn_small"))
def test_a_row_of_which_nothing_is_left_is_its_partner_at_every_place(name):
    torch.set_default_dtype(torch.float32)
    count, kind, *words = MODELS[name]
    spec, model, batch = built(name, kind, *words)
    method = made()
    model = method.prepare(model, spec).eval()
    places = method.mixing.places
    assert len(places) == count
    partners = torch.arange(ROWS).roll(5)
    with torch.no_grad():
        usual = output_apart(model, batch)
        for place in range(count):
            told = method.mixing.said(batch, torch.zeros(ROWS), partners, torch.tensor(place))
            torch.testing.assert_close(output_apart(model, told), usual[partners])
        torch.testing.assert_close(model(batch), usual)  # nothing stays behind


KINDS = [(kind, at) for kind in DATA for at in ("layers", "features")]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "at"), KINDS)
def test_a_training_on_every_kind_of_data_keeps_the_contract_of_methods(kind, at, here):
    torch.set_default_dtype(torch.float32)
    if kind == "audio":
        write_tones(here / "tones")
    check_method(made(at=at), *DATA[kind])


def test_what_cannot_be_mixed_is_refused_in_a_line():
    spec, model, *_ = small("multiclass")
    with pytest.raises(ConfigError, match=r"^regularization, task: regularization=manifold_mixup"):
        made().prepare(model, replace(spec, task="none"))
    marks = {"presence": {"kinds": ("table",), "columns": (("a",),), "absence": "keep"}}
    with pytest.raises(ConfigError, match=r"^regularization, dataset\.absent: .*=drop leaves"):
        made().prepare(model, replace(spec, inputs=marks))
    with pytest.raises(ConfigError, match=r"^regularization\.manifold_mixup, model: Linear names"):
        made().prepare(nn.Linear(3, 3), spec)
    model.second.gradient_checkpointing = True
    with pytest.raises(ConfigError, match=r"manifold_mixup\.at, model\.gradient_checkpointing: "):
        made().prepare(model, spec)
    made(at="features").prepare(model, spec)


REFUSED = {
    "augmentation=mixup": r"^regularization\.manifold_mixup, augmentation\.mixup: both mix each",
    "regularization.manifold_mixup.alpha=0": r"^regularization\.manifold_mixup\.alpha: 0",
    "regularization.manifold_mixup.lowest=0": r"^regularization\.manifold_mixup\.lowest: 0",
    "regularization.manifold_mixup.at=head": r"^regularization\.manifold_mixup\.at: 'head'",
}


@pytest.mark.slow
@pytest.mark.parametrize("word", REFUSED)
def test_a_second_mixture_and_other_values_are_refused_before_anything_is_read(word):
    words = ("dataset=digits", "model=cnn_small", "regularization=manifold_mixup", word)
    with pytest.raises(ConfigError, match=REFUSED[word]):
        check(compose(*words))
