"""AdaLoRA: which ranks stay, against a second computation; its penalty; what is refused."""

import copy
import re
from types import SimpleNamespace

import peft
import pytest
import torch
from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.adalora import AdaLoRA, ranks_by_layer
from lepton.finetune.machinery.adapters import merge_adapters
from lepton.training.learner import load_network
from tests.finetune.architectures.test_trained_parameters import ADALORA, built

LAYERS, INITIAL, RANK, STEPS = 3, 4, 2, 10
WARMUP, FINAL = 2, 3  # steps at the start and at the end in which nothing is chosen


def adalora(**changes):
    return AdaLoRA(**ADALORA | {"rank": RANK, "initial_rank": INITIAL} | changes)


def tuned_bert(**changes):
    """A small BERT with updates in three of its layers, a batch, and the method."""
    model, batch = copy.deepcopy(built("bert"))
    method = adalora(targets=[r".*\.attention\.self\.value"], **changes)
    return method.prepare(model, None), batch, method


def parts(model, letter):
    return [p for name, p in model.named_parameters() if f".lora_{letter}." in name]


class Importance:
    """Sensitivity and uncertainty of every direction, as the paper writes them."""

    def __init__(self):
        self.averages = {}

    def of(self, letter, layer, weight, gradient):
        sensitivity = (weight * gradient).abs().double()
        mean, spread = self.averages.get((letter, layer), (0, 0))
        mean = 0.85 * mean + 0.15 * sensitivity
        spread = 0.85 * spread + 0.15 * (sensitivity - mean).abs()
        self.averages[letter, layer] = mean, spread
        return mean * spread

    def of_directions(self, model):
        """Of those of all layers, in a row."""
        scores = []
        for layer, abe in enumerate(zip(*(parts(model, x) for x in "ABE"), strict=True)):
            a, b, e = (
                self.of(x, layer, p.detach(), p.grad) for x, p in zip("ABE", abe, strict=True)
            )
            scores.append(a.mean(1) + b.mean(0) + e[:, 0])
        return torch.cat(scores)


def budget(step):
    """How many directions of all layers stay after a step, from 1."""
    left = 1 - (step - WARMUP) / (STEPS - FINAL - WARMUP)
    return int(LAYERS * (RANK + (INITIAL - RANK) * left**3))


@pytest.mark.slow
def test_the_directions_that_stay_are_the_most_important_ones_of_all_layers_together():
    torch.manual_seed(3)
    model, batch, method = tuned_bert(warmup=WARMUP / STEPS, final=FINAL / STEPS)
    method.plan(STEPS)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer, importance, kept = torch.optim.AdamW(trained, lr=0.05), Importance(), None
    for step in range(1, STEPS + 1):
        (model(batch).square().sum() + method.penalty(model)).backward()
        optimizer.step()
        if step < STEPS - FINAL:
            scores = importance.of_directions(model)
        if WARMUP < step <= STEPS - FINAL:
            kept = {*scores.topk(budget(step)).indices.tolist()}
        method.after_step(model, optimizer)
        values = torch.cat(parts(model, "E"))[:, 0]
        expected = {*range(LAYERS * INITIAL)} if kept is None else kept
        assert {*values.nonzero()[:, 0].tolist()} == expected
        optimizer.zero_grad()
    assert len(kept) == LAYERS * RANK
    ranks = ranks_by_layer(model)
    assert len({*ranks.values()}) > 1  # some layers keep more than others
    for name, rank in ranks.items():
        change = merge_adapters(model).get_submodule(name).weight
        change = change - built("bert")[0].get_submodule(name).weight
        assert torch.linalg.matrix_rank(change, rtol=1e-4) == rank


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "fallen"), [(2, 2), (3, 2), (100, 50)])
def test_ranks_have_fallen_in_the_last_share_of_any_training_of_two_steps_or_more(steps, fallen):
    model, batch, method = tuned_bert(final=0.5)
    method.plan(steps)
    counts = []
    for _ in range(fallen):
        model(batch).square().sum().backward()
        for values in parts(model, "E"):
            nn.init.normal_(values)
        method.after_step(model, None)
        counts.append(sum(ranks_by_layer(model).values()))
    assert counts[-1] == LAYERS * RANK
    assert counts == sorted(counts, reverse=True)
    with pytest.raises(ConfigError, match="finetune=adalora: a training of 1 step measures"):
        method.plan(1)


class Losses(nn.Module):
    """Is called as peft calls a model of transformers, and says a loss of 0."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 7)

    def forward(self):
        return SimpleNamespace(loss=torch.zeros(()))


def test_the_penalty_is_the_one_that_peft_adds_to_its_loss():
    settings = {"init_r": 3, "target_r": 2, "total_step": 9, "orth_reg_weight": 0.3}
    config = peft.AdaLoraConfig(target_modules="linear", **settings)
    tuner = peft.AdaLoraModel(Losses(), config, "default")
    expected = tuner.forward().loss
    torch.testing.assert_close(adalora(orthogonal=0.3).penalty(tuner.model), expected)
    assert expected > 0.3  # short vectors at the start
    assert adalora(orthogonal=0.0).penalty(tuner.model) == 0


def test_layers_that_a_step_leaves_out_and_steps_that_overflow_leave_the_statistics_finite():
    model, batch, method = tuned_bert()
    method.plan(STEPS)
    model(batch).square().sum().backward()
    first, second, third = parts(model, "E")
    first.grad, second.grad = None, torch.full_like(second, torch.inf)
    third.grad = torch.ones_like(third)
    third.data.fill_(2.0)
    method.after_step(model, None)
    averages = method.allocator.exp_avg_ipt
    assert all(average.isfinite().all() for average in averages.values())
    total = {name: float(a.sum()) for name, a in averages.items() if ".lora_E." in name}
    assert [*total.values()] == pytest.approx([0, 0, INITIAL * 2 * 0.15])


@pytest.mark.slow
def test_a_run_ends_with_the_mean_rank_that_was_asked_for_and_says_which_layers_keep_how_many(
    tune, caplog
):
    words = ("finetune.rank=2", "finetune.initial_rank=4", "optimizer.lr=0.05")
    with caplog.at_level("INFO", "lepton"):
        folder = tune("adalora", "mlp", *words)
    ranks = ranks_by_layer(load_network(folder).model)
    assert sum(ranks.values()) == 2 * len(ranks)
    least, most = min(ranks.values()), max(ranks.values())
    assert least < most
    line = rf"finetune=adalora: ranks are {least} \(.*\) to {most} \(.*\), 2.0 in the mean of"
    assert len([m for m in caplog.messages if re.match(line, m)]) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial_rank": 2}, "finetune.initial_rank: 2 leaves nothing to take away down to"),
        ({"warmup": 0.4, "final": 0.6}, "finetune.warmup=0.4, final=0.6: no share of the training"),
        ({"initial_rank": 99}, "finetune.initial_rank: 99 is above the widest layer's 8"),
    ],
)
def test_ranks_that_cannot_fall_are_refused_in_a_line(changes, message):
    with pytest.raises(ConfigError, match=message) as error:
        tuned_bert(**changes)
    assert len(error.value.problems) == 1
