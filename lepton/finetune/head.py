"""Head: trains the head alone, on features that never change."""

from typing import Literal

from torch import nn

from lepton.finetune.machinery.probing import prepare_head
from lepton.method import Method
from lepton.spec import DataSpec


class Head(Method):
    """The frozen backbone computes in eval mode, so that its features are the same every time.

    Layers that are made new for other columns are trained as well, and nothing is computed ahead.
    Source: Alain and Bengio 2016, https://arxiv.org/abs/1610.01644
    """

    probes = True

    def __init__(
        self,
        *,
        start: Literal["probe", "zeros"] | None,
        standardize: bool,
        keep: Literal["adapter", "whole"] | None,
    ):
        self.start: Literal["probe", "zeros"] | None = start
        self.standardize, self.keep = standardize, keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        return prepare_head(model, self.start)
