"""Smote: rows between training rows of rare classes, until these have as many as the others."""

from typing import Any

import torch
from torch import nn

from lepton.augmentation.machinery.classes import require_classes
from lepton.augmentation.machinery.table_rows import as_table, as_tensors
from lepton.errors import ConfigError
from lepton.generator.smotenc import Smotenc
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1, From0To1


class Smote(Method):
    """Adds to each class `strength` of the rows that it lacks beside the largest one.

    A number lies between those of a row and a neighbour of its class, a category is the most
    frequent one of the neighbours; both as the model reads them.
    Source: Chawla et al. 2002, https://arxiv.org/abs/1106.1813 (5 neighbours; SMOTE-NC for
        categories), by imbalanced-learn
    """

    adds_inputs = ("table",)

    def __init__(self, *, strength: From0To1, neighbors: AtLeast1):
        if not 0 <= strength <= 1:
            raise ConfigError(f"augmentation.smote.strength: {strength} is not in [0, 1]")
        self.strength, self.neighbors = strength, neighbors

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        require_classes("smote", spec)
        return model

    def further_rows(self, train: dict[str, Any], spec: DataSpec, seed: int) -> dict[str, Any]:
        counts = torch.bincount(train["target"].long(), minlength=len(spec.classes)).tolist()
        sizes = {}
        for label, count in enumerate(counts):
            lacking = round(self.strength * (max(counts) - count))
            if not lacking or not count:
                continue
            if count == 1:
                raise ConfigError(
                    "augmentation.smote, dataset.target: one training row has the class "
                    f"{spec.classes[label]}, and new ones lie between two; leave it out, or take "
                    "augmentation=class_balanced_sampling"
                )
            sizes[label] = lacking
        if not sizes:
            return {}
        made = Smotenc(neighbors=self.neighbors).of_classes(as_table(train, spec), sizes, seed)
        return as_tensors(made.rows, train)
