"""Wide: a network of one hidden layer."""

import torch
from torch import nn


class Wide(nn.Module):
    def __init__(self, *, spec, units: int):
        super().__init__()
        self.sizes = spec.cat_cardinalities
        self.hidden = nn.Linear(len(spec.num_features) + sum(self.sizes), units)
        self.output = nn.Linear(units, spec.outputs)

    def forward(self, batch):
        columns = [batch["num"]] if "num" in batch else []
        for i, size in enumerate(self.sizes):
            columns.append(nn.functional.one_hot(batch["cat"][:, i], size).float())
        return self.output(self.hidden(torch.cat(columns, 1)).tanh())
