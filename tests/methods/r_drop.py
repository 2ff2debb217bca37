"""R-Drop, https://arxiv.org/abs/2106.14448: two passes with other dropout masks shall agree."""

from lepton.method import Method


class RDrop(Method):
    stackable = ("alpha",)
    replayable = True

    def __init__(self, *, alpha: float):
        self.alpha = alpha

    def loss(self, model, task, batch, loss, logits):
        second = model(batch)
        loss = (loss + task.loss_of(second, batch)) / 2
        p, q = logits.log_softmax(-1), second.log_softmax(-1)
        divergence = ((p.exp() - q.exp()) * (p - q)).sum(-1).mean() / 2
        return loss + self.alpha * divergence
