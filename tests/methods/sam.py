"""SAM, https://arxiv.org/abs/2010.01412: the gradient at weights a step up the slope from here."""

from torch.func import grad

from lepton.method import Method, output_apart


class SAM(Method):
    stackable = ("rho",)
    replayable = True

    def __init__(self, *, rho: float):
        self.rho = rho

    def prepare(self, model, spec):
        self.names = [name for name, p in model.named_parameters() if p.requires_grad]
        return model

    def loss(self, model, task, batch, loss):
        def loss_at(weights):
            return task.loss_of(output_apart(model, batch, weights), batch)

        weights = {n: p for n, p in model.named_parameters() if n in self.names}
        slopes = {name: slope.detach() for name, slope in grad(loss_at)(weights).items()}
        length = sum(slope.square().sum() for slope in slopes.values()).sqrt() + 1e-12
        return loss_at({n: w + self.rho / length * slopes[n] for n, w in weights.items()})
