"""A replay is the step itself, bit for bit, and is refused where it could not be."""

import pytest
import torch
from torch import nn

from lepton.training.dropout_masks import MaskStream
from lepton.vectorize.layers import StackedDropout
from lepton.vectorize.step_replay import CALLS_BEFORE_RECORDING, StepReplay, before_each_replay


def gradient_step(model):
    """A step that returns losses of three members, and gradients of all parameters, under vmap;
    with its parameters and buffers."""
    parameters = {n: torch.stack([p] * 3).detach() for n, p in model.named_parameters()}
    for value in parameters.values():
        value.requires_grad_()
    buffers = {n: torch.stack([b] * 3) for n, b in model.named_buffers()}

    def loss(parameters, buffers, x):
        return torch.func.functional_call(model, parameters | buffers, (x,)).square().mean()

    def step(inputs):
        losses = torch.vmap(loss)(parameters, buffers, inputs["x"])
        return [losses.detach(), *torch.autograd.grad(losses.sum(), list(parameters.values()))]

    return step, parameters, buffers


MODELS = {
    "linear": lambda: nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 1)),
    "norm": lambda: nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.LayerNorm(5)),
}


@pytest.mark.parametrize("name", MODELS)
def test_replayed_steps_are_the_steps_bit_for_bit(name):
    torch.manual_seed(0)
    model = MODELS[name]()
    step, parameters, buffers = gradient_step(model)
    expected_step, expected_parameters, expected_buffers = gradient_step(model)
    replayed = StepReplay(step)
    for number in range(CALLS_BEFORE_RECORDING + 4):
        x = torch.randn(3, 6, 4)
        results, expected = replayed({"x": x}), expected_step({"x": x})
        assert all(map(torch.equal, results, expected)), number
        assert all(map(torch.equal, buffers.values(), expected_buffers.values())), number
        moved = ((parameters, results), (expected_parameters, expected))
        for values, grads in moved:  # the weights move in place
            for value, grad in zip(values.values(), grads[1:], strict=True):
                value.data.sub_(grad)
    assert [recording.can_replay for recording in replayed.recordings.values()] == [True]


def test_another_shape_is_another_recording():
    step, _, _ = gradient_step(MODELS["linear"]())
    replayed = StepReplay(step)
    for rows in (6, 6, 6, 6, 2, 6, 2):
        x = torch.randn(3, rows, 4)
        assert all(map(torch.equal, replayed({"x": x}), step({"x": x})))
    assert len(replayed.recordings) == 1


def test_an_action_outside_of_the_recording_is_done_before_each_replay():
    mask, drawn = torch.zeros(4), []

    def draw():
        drawn.append(len(drawn))
        mask.fill_(drawn[-1])

    def step(inputs):
        before_each_replay(draw)
        return [inputs["x"] * mask]

    replayed = StepReplay(step)
    x = torch.ones(4)
    assert [float(replayed({"x": x})[0][0]) for _ in range(CALLS_BEFORE_RECORDING + 3)] == list(
        range(CALLS_BEFORE_RECORDING + 3)
    )


def dropout_step():
    """A step of nothing but dropout with its own masks."""
    layer = StackedDropout(torch.full((3,), 0.5), MaskStream([0, 1, 2]))

    def drop(x, member):
        return torch.func.functional_call(layer, {"member": member}, (x,))

    def step(inputs):
        layer.begin_step()
        return [torch.vmap(drop)(inputs["x"], torch.zeros(3))]

    return step


def test_masks_are_the_steps_own_where_a_smaller_batch_ends_each_epoch():
    replayed, expected_step = StepReplay(dropout_step()), dropout_step()
    for number in range(2 * CALLS_BEFORE_RECORDING + 6):
        x = torch.ones(3, 3 if number % 2 else 8, 5)
        assert torch.equal(replayed({"x": x})[0], expected_step({"x": x})[0]), number
    assert len(replayed.recordings) == 2


def test_a_step_that_reads_values_is_never_replayed():
    def step(inputs):
        return [inputs["x"] * (2 if inputs["x"].sum().item() > 0 else 3)]

    replayed = StepReplay(step)
    for sign in (1.0, 1.0, 1.0, 1.0, 1.0, -1.0):
        x = torch.full((2,), sign)
        assert torch.equal(replayed({"x": x})[0], step({"x": x})[0])


def test_rows_by_their_numbers_are_replayed_and_rows_by_a_condition_are_not():
    numbers = StepReplay(lambda inputs: [inputs["x"][inputs["rows"]] * 2])
    chosen = StepReplay(lambda inputs: [inputs["x"][inputs["x"] > 0].sum()])
    for step in range(CALLS_BEFORE_RECORDING + 3):
        torch.manual_seed(step)
        x, rows = torch.randn(6), torch.randperm(6)
        assert torch.equal(numbers({"x": x, "rows": rows})[0], 2 * x.index_select(0, rows))
        assert torch.equal(chosen({"x": x})[0], x.clamp(min=0)[x > 0].sum())
    recordings = [*numbers.recordings.values(), *chosen.recordings.values()]
    assert [recording.can_replay for recording in recordings] == [True, False]
