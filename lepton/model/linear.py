"""Linear: logistic, softmax or linear regression on numbers and one-hot categories."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lepton.model.inputs import table_starts
from lepton.spec import DataSpec


class Linear(nn.Module):
    """One linear map that starts at zero; the one-hot product is a sum of table rows.

    Shapes: num (B, F) and cat (B, C) -> (B, outputs).
    """

    reads = ("table",)
    replayable = True

    nothing_below = "is a head alone, with no layer below it to tune or to freeze"
    starts: Tensor

    def __init__(self, *, spec: DataSpec):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(spec.outputs))
        self.weight = self.table = None
        if spec.num_features:
            self.weight = nn.Parameter(torch.zeros(spec.outputs, len(spec.num_features)))
        if spec.cat_features:
            starts = table_starts(spec.cat_cardinalities)
            self.register_buffer("starts", starts, persistent=False)
            self.table = nn.Parameter(torch.zeros(sum(spec.cat_cardinalities), spec.outputs))

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        logits = self.bias
        if self.weight is not None:
            logits = logits + F.linear(batch["num"], self.weight)
        if self.table is not None:
            logits = logits + F.embedding(batch["cat"] + self.starts, self.table).sum(1)
        return logits
