"""FGSM, https://arxiv.org/abs/1412.6572: also learns from numbers moved to where the loss grows."""

from torch.func import grad

from lepton.method import Method, output_apart


class FGSM(Method):
    stackable = ("epsilon",)
    replayable = True

    def __init__(self, *, epsilon: float):
        self.epsilon = epsilon

    def loss(self, model, task, batch, loss):
        def loss_at(num):
            return task.loss_of(output_apart(model, batch | {"num": num}), batch)

        moved = batch["num"] + self.epsilon * grad(loss_at)(batch["num"]).sign()
        return (loss + task.loss_of(model(batch | {"num": moved.detach()}), batch)) / 2
