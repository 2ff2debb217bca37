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
        self.numbers, self.cardinalities = len(spec.num_features), spec.cat_cardinalities
        self.bias = nn.Parameter(torch.zeros(spec.outputs))
        self.weight = self.table = None
        if spec.num_features:
            self.weight = nn.Parameter(torch.zeros(spec.outputs, len(spec.num_features)))
        if spec.cat_features:
            starts = table_starts(spec.cat_cardinalities)
            self.register_buffer("starts", starts, persistent=False)
            self.table = nn.Parameter(torch.zeros(sum(spec.cat_cardinalities), spec.outputs))

    @property
    def width(self) -> int:
        """The columns of `features`."""
        return self.numbers + sum(self.cardinalities)

    def features(self, batch: dict[str, Tensor]) -> Tensor:
        """What the map is one of: numbers, and one column for each code of the categories.

        Shapes: -> (B, width).
        """
        blocks = [batch["num"]] if self.numbers else []
        codes = [F.one_hot(batch["cat"][:, i], n) for i, n in enumerate(self.cardinalities)]
        dtype = blocks[0].dtype if blocks else torch.get_default_dtype()
        return torch.cat([*blocks, *(block.to(dtype) for block in codes)], 1)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        logits = self.bias
        if self.weight is not None:
            logits = logits + F.linear(batch["num"], self.weight)
        if self.table is not None:
            logits = logits + F.embedding(batch["cat"] + self.starts, self.table).sum(1)
        return logits
