"""The parameters that strategies train in encoders of each architecture, against lists by hand."""

import copy
from functools import cache

import pytest
import torch

from lepton.dataset.inputs.audio import AudioInputs
from lepton.dataset.inputs.image import ImageInputs
from lepton.errors import ConfigError
from lepton.example import make_batch, make_specs, make_target_spec, make_text_spec
from lepton.finetune.adalora import AdaLoRA
from lepton.finetune.bitfit import BitFit
from lepton.finetune.contrastive import PairsThenHead
from lepton.finetune.dora import DoRA
from lepton.finetune.full import Full
from lepton.finetune.gradual_unfreeze import GradualUnfreeze
from lepton.finetune.head import Head
from lepton.finetune.ia3 import IA3
from lepton.finetune.l2sp import L2SP
from lepton.finetune.last_k import LastBlocks
from lepton.finetune.layerwise_lr import LayerwiseLR
from lepton.finetune.lora import LoRA
from lepton.finetune.lp_ft import ProbeThenFull
from lepton.finetune.norm import Norm
from lepton.finetune.vera import VeRA
from lepton.model.audio_encoder import AudioEncoder
from lepton.model.image_encoder import ImageEncoder
from lepton.model.transformer import Transformer
from lepton.optimizer.parameter_groups import parameter_groups
from tests.finetune.architectures.inventory import ARCHITECTURES
from tests.quick import quick_rows

RANK = 2
HEAD = {"head.1.weight": 3 * 8, "head.1.bias": 3}
ADAPTER = {"rank": RANK, "alpha": 4.0, "dropout": 0.0, "targets": None, "keep": None}
ADALORA = {
    **(ADAPTER | {"rank": RANK - 1, "initial_rank": RANK}),
    **{"warmup": 0.0, "final": 0.5, "every": 1, "orthogonal": 0.1, "smoothing": 0.85},
}
LORA = {**ADAPTER, "start": None, "rank_stabilized": False, "rate_ratio": 1.0}
PROBE = {"start": None, "standardize": False}
STRATEGIES = {
    "full": Full,
    "l2sp": lambda: L2SP(alpha=0.1, beta=0.01),
    "layerwise_lr": lambda: LayerwiseLR(decay=0.5),
    "gradual_unfreeze": lambda: GradualUnfreeze(every=1),
    "head": lambda: Head(keep=None, **PROBE),
    "lp_ft": lambda: ProbeThenFull(probe_epochs=1, probe_lr=0.1, **PROBE),
    "contrastive": lambda: PairsThenHead(rounds=1, pair_batch_size=4, head_lr=0.1, **PROBE),
    "last_k": lambda: LastBlocks(k=1, keep=None),
    "bitfit": lambda: BitFit(keep=None),
    "norm": lambda: Norm(keep=None),
    "lora": lambda: LoRA(**LORA),
    "adalora": lambda: AdaLoRA(**ADALORA),
    "dora": lambda: DoRA(**ADAPTER),
    "ia3": lambda: IA3(targets=None, keep=None),
    "vera": lambda: VeRA(rank=RANK, initial=0.1, dropout=0.0, targets=None, keep=None),
}
TEXTS = [name for name, architecture in ARCHITECTURES.items() if architecture.kind == "text"]
WITHOUT_BIASES = {"modernbert", "llama", "smollm3", "t5"}


@cache
def built(name):
    """A network of an architecture, and a batch that it reads."""
    architecture = ARCHITECTURES[name]
    shared = {"path": None, "pretrained": False, "dropout": 0.0, "gradient_checkpointing": False}
    shared["architecture"] = architecture.sizes
    torch.manual_seed(0)
    if architecture.kind == "text":
        spec = make_text_spec("multiclass")
        poolings = {"encoder": "mean", "decoder": "last"}
        shared |= {"tokenizer": None, "pooling": None, "default_pooling": poolings}
        model = Transformer(spec=spec, normalize=False, **shared)
    elif architecture.kind == "image":
        *_, spec = make_specs("multiclass", [ImageInputs])  # of colours
        model = ImageEncoder(spec=spec, pooling=None, scaling=None, **shared)
    else:
        [spec] = make_specs("multiclass", [AudioInputs])
        sound = {"rate": 16_000, "normalize": True, "mean": 0.0, "std": 1.0}
        model = AudioEncoder(spec=spec, **sound, **shared)
    return model.eval(), make_batch(spec, rows=4)


def sizes_of(parts):
    """The sizes of all parameters of parts, by their names in the network."""
    return {
        f"encoder.{name}.{parameter}".rstrip("."): size
        for name, part in parts.items()
        for parameter, size in part.sizes.items()
    }


def chosen_sizes(architecture, strategy):
    """The parameters below the head that a strategy trains at its start, with their sizes."""
    parts, levels = architecture.parts, architecture.levels
    if strategy in ("full", "l2sp", "layerwise_lr", "contrastive"):
        return sizes_of(parts)
    if strategy in ("head", "lp_ft", "gradual_unfreeze"):
        return {}
    if strategy == "last_k":
        return sizes_of(levels[-1])
    if strategy == "norm":
        return sizes_of({name: part for name, part in parts.items() if part.is_norm})
    if strategy == "bitfit":
        return {name: size for name, size in sizes_of(parts).items() if name.endswith(".bias")}
    return {
        f"encoder.{name}.{adapter}": size
        for name, part in parts.items()
        if (part.is_linear if strategy == "vera" else part.fan)
        for adapter, size in adapter_sizes(strategy, *part.fan).items()
    }


def adapter_sizes(strategy, inputs, outputs):
    if strategy == "ia3":
        return {"ia3_l.default": outputs}
    if strategy == "vera":
        return {"vera_lambda_b.default": outputs, "vera_lambda_d.default": RANK}
    if strategy == "adalora":
        return {
            **{"lora_A.default": RANK * inputs, "lora_B.default": RANK * outputs},
            "lora_E.default": RANK,
        }
    low_rank = {"lora_A.default.weight": RANK * inputs, "lora_B.default.weight": RANK * outputs}
    size = {"lora_magnitude_vector.default.weight": outputs}
    return low_rank | (size if strategy == "dora" else {})


def trainable(model):
    return {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}


def moved_by_training(model, batch):
    """Names of the parameters that two steps change, of all that there are."""
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):  # in the first one half of an update of low rank is 0
        optimizer.zero_grad()
        model(batch).square().sum().backward()
        optimizer.step()
    return {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}


PAIRS = [(name, strategy) for name in ARCHITECTURES for strategy in STRATEGIES]
QUICK = [(name, "last_k") for name in ARCHITECTURES]
QUICK += [("gpt2", strategy) for strategy in ("norm", "lora", "adalora", "dora", "ia3", "vera")]
QUICK += [("vit", "lora"), ("t5", "bitfit"), ("qwen2", "bitfit"), ("wav2vec2", "norm")]


@pytest.mark.parametrize(("name", "strategy"), quick_rows(PAIRS, *QUICK))
def test_a_strategy_moves_the_parameters_that_are_listed_and_no_other(name, strategy):
    architecture = ARCHITECTURES[name]
    model, batch = copy.deepcopy(built(name))
    every_size = {n: p.numel() for n, p in model.named_parameters()}
    assert every_size == sizes_of(architecture.parts) | HEAD  # the list is whole
    method = STRATEGIES[strategy]()
    if strategy == "bitfit" and name in WITHOUT_BIASES:
        with pytest.raises(ConfigError, match="finetune=bitfit: Transformer has no bias below"):
            method.prepare(model, None)
        return
    model = method.prepare(model, make_target_spec("multiclass"))
    if strategy == "gradual_unfreeze":
        method.on_epoch(model, 0)
    head = {} if strategy == "contrastive" else HEAD  # which is trained behind it
    expected = chosen_sizes(architecture, strategy) | head
    assert trainable(model) == expected
    moved = moved_by_training(model, batch)
    assert moved <= set(expected)
    # the bias of a key moves all scores of a query alike, so that none but rounding moves it
    assert {n for n in set(expected) - moved if "key" not in n and "k_" not in n} == set()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_k_blocks_are_that_many_with_what_follows_them(name):
    architecture = ARCHITECTURES[name]
    levels = architecture.levels
    for k in range(1, len(levels) + 1):
        model = copy.deepcopy(built(name)[0])
        LastBlocks(k=k, keep=None).prepare(model, None)
        parts = {n: part for level in levels[-k:] for n, part in level.items()}
        assert trainable(model) == sizes_of(parts) | HEAD
    with pytest.raises(ConfigError, match=rf"finetune.k: {k + 1}; \w+ has {k} layers before its"):
        LastBlocks(k=k + 1, keep=None).prepare(model, None)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gradual_unfreezing_thaws_a_whole_block_an_epoch_and_the_embeddings_last(name):
    levels = ARCHITECTURES[name].levels
    model, method = copy.deepcopy(built(name)[0]), GradualUnfreeze(every=1)
    model = method.prepare(model, None)
    for epoch in range(len(levels) + 1):
        method.on_epoch(model, epoch)
        parts = {n: part for level in levels[len(levels) - epoch :] for n, part in level.items()}
        assert trainable(model) == sizes_of(parts) | HEAD


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_rates_fall_by_a_factor_a_block_down_to_the_embeddings(name):
    levels = ARCHITECTURES[name].levels
    model, method = copy.deepcopy(built(name)[0]), LayerwiseLR(decay=0.5)
    groups = method.groups(method.prepare(model, None), parameter_groups(model))
    rates = {n: group["lr_scale"] for group in groups for n in group["names"]}
    expected = dict.fromkeys(HEAD, 1.0)
    for depth, level in enumerate(reversed(levels), 1):
        expected |= dict.fromkeys(sizes_of(level), 0.5**depth)
    assert rates == expected


def test_blocks_that_share_their_weights_are_said_before_training_and_where_k_is_too_large():
    model, _ = copy.deepcopy(built("albert"))
    sentence = "its 3 blocks share the weights of 1, which count as 1"
    assert model.remarks() == [f"AlbertModel: {sentence}"]
    with pytest.raises(ConfigError, match=f"2 layers before its head: .*; {sentence}"):
        LastBlocks(k=3, keep=None).prepare(model, None)
    assert built("bert")[0].remarks() == []


@pytest.mark.parametrize("strategy", ["lp_ft", "contrastive"])
def test_everything_is_trainable_in_a_second_phase(strategy):
    model = copy.deepcopy(built("gpt2")[0])
    method = STRATEGIES[strategy]()
    model = method.prepare(model, make_target_spec("multiclass"))
    method.thaw(model)
    assert trainable(model) == sizes_of(ARCHITECTURES["gpt2"].parts) | HEAD
