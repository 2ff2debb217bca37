"""The loss of a batch: which hooks are called in which order, with what they name."""

import torch
from torch import nn

from lepton.example import make_spec
from lepton.method import Method, output_apart
from lepton.randomness.streams import DrawStreams
from lepton.task.regression import Regression
from lepton.training.loss import stream_names, training_loss

SPEC = make_spec("regression", cardinalities=())
TASK = Regression(SPEC, class_weights=None, monitor=None)


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(len(SPEC.num_features), 1)

    def forward(self, batch):
        return self.layer(batch["num"])


class Doubling(Method):
    def loss(self, model, task, batch, loss):
        return 2 * loss


class Adding(Method):
    """Adds the mean logit, and a penalty of 100."""

    def loss(self, model, task, batch, loss, logits):
        return loss + logits.mean()

    def penalty(self, model):
        return 100.0


class Noise(Method):
    def on_batch(self, batch, draw):
        return batch | {"num": batch["num"] + draw.normal(batch["num"].shape)}


class OldNoise(Method):
    def on_batch(self, batch):
        return batch | {"num": batch["num"] + 1}


class NoisyLoss(Method):
    def loss(self, model, task, batch, loss, draw):
        return loss * draw.uniform()


def batch_of(rows):
    torch.manual_seed(0)
    num = torch.randn(rows, len(SPEC.num_features))
    return {"num": num, "target": torch.randn(rows), "id": torch.arange(rows)}


def loss_of(methods, model, batch, *, step=0):
    streams = DrawStreams([0], stream_names(methods), torch.device("cpu"))
    streams.start_epoch(0)
    streams.set_step(step)
    return training_loss(model, TASK, methods, batch, streams.draws(streams.keys[0]))


def test_losses_replace_each_other_in_order_and_penalties_come_last():
    model, batch = Head(), batch_of(6)
    logits = model(batch)
    plain = TASK.loss(logits, TASK.encode(batch["target"]))
    torch.testing.assert_close(loss_of([], model, batch), plain)
    doubled_first = loss_of([Doubling(), Adding()], model, batch)
    torch.testing.assert_close(doubled_first, 2 * plain + logits.mean() + 100)
    doubled_last = loss_of([Adding(), Doubling()], model, batch)
    torch.testing.assert_close(doubled_last, 2 * (plain + logits.mean()) + 100)


def test_hooks_draw_only_where_they_name_it_and_each_method_has_numbers_of_its_own():
    methods = [OldNoise(), Noise(), NoisyLoss(), Noise()]
    assert stream_names(methods) == ["Noise", "NoisyLoss", "Noise 2"]
    methods[1].stream_name = "regularization.noise"
    assert stream_names(methods) == ["regularization.noise", "NoisyLoss", "Noise"]
    model, batch = Head(), batch_of(6)
    first, again, next_step = (loss_of(methods, model, batch, step=s) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, next_step)


class Asking(Method):
    """Puts what the model says to a batch into it, and counts the loss by what is over."""

    def on_batch(self, batch, model, task, progress):
        said = task.loss_of(output_apart(model, batch), batch)
        return batch | {"num": batch["num"] + said + progress}

    def loss(self, model, task, batch, loss, progress):
        return loss * progress


def test_hooks_are_given_the_model_and_the_share_of_the_training_that_is_over():
    model, batch, share = Head(), batch_of(6), torch.tensor(0.25)
    said = TASK.loss(model(batch), TASK.encode(batch["target"]))
    moved = batch | {"num": batch["num"] + said + 0.25}
    expected = 0.25 * TASK.loss(model(moved), TASK.encode(batch["target"]))
    torch.testing.assert_close(training_loss(model, TASK, [Asking()], batch, (), share), expected)
    assert training_loss(model, TASK, [Asking()], batch) == 0  # where it begins


def test_the_output_apart_leaves_running_statistics_as_they_are():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    x, weights = torch.randn(8, 3), {"0.bias": torch.full((4,), 2.0)}
    slope = torch.func.grad(lambda x: output_apart(model, x, weights).pow(3).sum())(x)
    assert slope.shape == x.shape
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, before[name])
    other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    other.load_state_dict(model.state_dict() | weights)
    assert torch.equal(output_apart(model, x, weights), other(x))
