"""Contrastive: which inputs of two kinds belong together, learned from pairs."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from lepton.errors import ConfigError
from lepton.loss.weighted_mean import at_least_32_bits
from lepton.spec import PRESENCE, DataSpec
from lepton.storage.predictions import PredictionColumns
from lepton.task.base import Task
from lepton.values.bounds import AtLeast1

RANKS = (1, 5, 10)  # within which the partner is looked for
BLOCK_ROWS = 1024  # that are compared with all others at a time


class Contrastive(Task):
    """Each row is a pair; the others of a batch are what does not belong together.

    Predictions are the two vectors of a row, one behind the other. `recall_10` of a split is the
    share of rows whose partner is among the ten nearest of the whole split, the mean of both ways;
    `recall_10_A_to_B` looks from kind A for kind B; `chance_10` is that of guessing.
    Shapes: logits (B, 2, dimensions); predictions (N, 2 * dimensions).
    Source: InfoNCE of van den Oord et al. 2018, https://arxiv.org/abs/1807.03748, both ways as in
        https://arxiv.org/abs/2103.00020; SigLIP https://arxiv.org/abs/2303.15343
    """

    name = "contrastive"
    needs_target = False
    needs_pairs = True
    predicts_alike = False

    def __init__(
        self,
        spec: DataSpec,
        *,
        objective: Literal["infonce", "siglip"],
        dimensions: AtLeast1,
        monitor: str | None,
        loss: Any,
        added_metrics: Any,
    ) -> None:
        self.objective, self.dimensions = objective, dimensions
        self.kinds = [kind for kind in spec.kinds if kind != PRESENCE]
        if spec.inputs.get(PRESENCE, {}).get("absence") == "keep":
            raise ConfigError("task: a pair needs both of its inputs; give dataset.absent=drop")
        if loss is not None or added_metrics:
            raise ConfigError(
                "task: contrastive has a loss and metrics of its own; loss=none metric=none"
            )
        ways = ["_to_".join(self.kinds), "_to_".join(reversed(self.kinds))]
        names = [f"recall_{k}{way}" for way in ("", *(f"_{way}" for way in ways)) for k in RANKS]
        names = ["recall_10", *(name for name in names if name != "recall_10")]
        self.ways = ways
        self.metrics = dict.fromkeys(names, True) | {"median_rank": False}
        self.metrics |= dict.fromkeys([f"chance_{k}" for k in RANKS], True)
        super().__init__(spec, class_weights=None, monitor=monitor)

    @property
    def outputs(self) -> int:
        return self.dimensions

    @property
    def columns(self) -> PredictionColumns:
        names = [f"p_{kind}_{i}" for kind in self.kinds for i in range(self.dimensions)]
        return PredictionColumns(names, "target" if self.spec.target_names else [])

    def loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        first, second = at_least_32_bits(logits).unbind(1)
        products = first @ second.T
        if self.objective == "siglip":
            signs = 2 * torch.eye(len(products), dtype=products.dtype, device=products.device) - 1
            return -F.logsigmoid(signs * products).sum() / len(products)
        own = torch.arange(len(products), device=products.device)
        return (F.cross_entropy(products, own) + F.cross_entropy(products.T, own)) / 2

    def predict(self, logits: Tensor) -> Tensor:
        return at_least_32_bits(logits).flatten(1)

    def _score(self, prediction: Tensor, truth: Tensor, names: list[str]) -> dict[str, float]:
        vectors = prediction.unflatten(1, (2, self.dimensions)).double()
        first, second = vectors.unbind(1)
        both = [RankCounts.of(first, second), RankCounts.of(second, first)]
        values: dict[str, float] = {}
        for k in RANKS:
            recalls = [counts.recall(k) for counts in both]
            values[f"recall_{k}"] = sum(recalls) / 2
            values |= {f"recall_{k}_{w}": r for w, r in zip(self.ways, recalls, strict=True)}
            values[f"chance_{k}"] = min(k, len(vectors)) / len(vectors)
        ranks = torch.cat([counts.expected_ranks() for counts in both])
        values["median_rank"] = float(ranks.median())
        return {name: values[name] for name in names}


class RankCounts:
    """For each row how many others lie nearer than its partner, and how many as near.

    Shapes: nearer and equal (N,); the partner itself is not counted.
    """

    def __init__(self, nearer: Tensor, equal: Tensor):
        self.nearer, self.equal = nearer, equal

    @classmethod
    def of(cls, queries: Tensor, answers: Tensor) -> "RankCounts":
        """The counts of queries, whose partners are the answers in the same order: (N, D) twice."""
        counts = list(cls._blocks(queries, answers))
        nearer, equal = (torch.cat(parts) for parts in zip(*counts, strict=True))
        return cls(nearer, equal)

    @staticmethod
    def _blocks(queries: Tensor, answers: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(queries), BLOCK_ROWS):
            products = queries[start : start + BLOCK_ROWS] @ answers.T
            rows = torch.arange(len(products))
            own = products[rows, rows + start, None]
            yield (products > own).sum(1), (products == own).sum(1) - 1

    def recall(self, k: int) -> float:
        """The share whose partner is among the k nearest, ties broken at random, on average."""
        within = (k - self.nearer.double()) / (self.equal + 1)
        return float(within.clamp(0, 1).mean())

    def expected_ranks(self) -> Tensor:
        """The place of each partner from 1, the mean among ties."""
        return 1 + self.nearer.double() + self.equal.double() / 2
