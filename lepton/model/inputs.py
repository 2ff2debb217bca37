"""Inputs of tabular networks: embeddings of categories and numbers, and one-hot codes."""

import warnings

import numpy as np
import torch
from rtdl_num_embeddings import PeriodicEmbeddings, PiecewiseLinearEmbeddings
from torch import Tensor, nn

from lepton.model.layers import Keys, category_keys, number_keys
from lepton.spec import MISSING_CODE, UNSEEN_CODE, DataSpec

MIN_BIN_WIDTH = 1e-6  # share of a number's range; bins below it would have slopes without meaning


def table_starts(cardinalities: tuple[int, ...]) -> Tensor:
    """The first row of each feature in one table that holds all features' codes.

    >>> table_starts((3, 2, 4))
    tensor([0, 3, 5])
    """
    return torch.tensor([0, *cardinalities[:-1]]).cumsum(0)


class CategoryEmbeddings(nn.Module):
    """Embeddings of all categorical features, in one table so that a batch costs one lookup.

    Missing and unseen start at zero: a code that training never shows stays neutral.

    Shapes: codes (B, C) -> (B, C, width).
    Source: initial range as in rtdl_revisiting_models.CategoricalEmbeddings.
    """

    replayable = True

    starts: Tensor

    def __init__(self, *, cardinalities: tuple[int, ...], width: int):
        super().__init__()
        starts = table_starts(cardinalities)
        self.register_buffer("starts", starts, persistent=False)
        self.table = nn.Embedding(sum(cardinalities), width)
        nn.init.uniform_(self.table.weight, -(width**-0.5), width**-0.5)
        with torch.no_grad():
            self.table.weight[starts + MISSING_CODE] = 0
            self.table.weight[starts + UNSEEN_CODE] = 0

    def forward(self, codes: Tensor) -> Tensor:
        return self.table(codes + self.starts)


class OneHot(nn.Module):
    """One column for each code but the unseen one, which is all zeros.

    Shapes: codes (B, C) -> (B, sum(widths)).
    """

    replayable = True

    feature: Tensor
    code: Tensor

    def __init__(self, *, cardinalities: tuple[int, ...]):
        super().__init__()
        columns = [
            (i, code)
            for i, count in enumerate(cardinalities)
            for code in range(count)
            if code != UNSEEN_CODE
        ]
        feature, code = torch.tensor(columns).T
        self.widths = [count - 1 for count in cardinalities]
        self.register_buffer("feature", feature, persistent=False)
        self.register_buffer("code", code, persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        return (codes[:, self.feature] == self.code).to(torch.get_default_dtype())


def number_embeddings(
    *, spec: DataSpec, kind: str, width: int, bins: int, frequencies: int, frequency_scale: float
) -> nn.Module | None:
    """Embeddings of the numbers, or None for kind `none` and for data without numbers.

    Shapes: (B, F) -> (B, F, width).
    Source: Gorishniy et al. 2022, https://arxiv.org/abs/2203.05556; piecewise-linear ones in the
        form of Gorishniy et al. 2025, https://arxiv.org/abs/2410.24210, linear at the start.
    """
    match kind if spec.num_features else "none":
        case "piecewise_linear":
            edges = [distinct_edges(values) for values in spec.bin_edges(bins)]
            with warnings.catch_warnings():  # one bin is as it should be for a two-valued number
                warnings.filterwarnings("ignore", message=".*just two bin edges")
                return PiecewiseLinearEmbeddings(edges, width, activation=False, version="B")
        case "periodic":
            return PeriodicEmbeddings(
                len(spec.num_features),
                width,
                n_frequencies=frequencies,
                frequency_init_scale=frequency_scale,
                lite=False,
            )
    return None


def distinct_edges(values: np.ndarray) -> Tensor:
    """Edges of bins, at least two, that float32 tells apart; a constant gets one bin around it.

    >>> distinct_edges(np.array([3.0]))
    tensor([1.5000, 4.5000])
    """
    edges = np.unique(values.astype(np.float32))
    if len(edges) == 1:
        half = np.float32(0.5) * max(np.float32(1), np.abs(edges[0]))
        return torch.tensor([edges[0] - half, edges[0] + half])
    min_width = MIN_BIN_WIDTH * (edges[-1] - edges[0])
    distinct = [edges[0]]
    for edge in edges[1:-1]:
        if edge - distinct[-1] > min_width and edges[-1] - edge > min_width:
            distinct.append(edge)
    return torch.tensor([*distinct, edges[-1]])


def flat_inputs(
    batch: dict[str, Tensor],
    has_numbers: bool,
    numbers: nn.Module | None,
    categories: nn.Module | None,
) -> Tensor:
    """Numbers, plain or embedded, and embedded or one-hot categories side by side.

    Shapes: num (B, F) and cat (B, C) -> (B, width).
    """
    blocks = []
    if has_numbers:
        num = batch["num"]
        blocks.append(num if numbers is None else numbers(num).flatten(1))
    if categories is not None:
        blocks.append(categories(batch["cat"]).flatten(1))
    return torch.cat(blocks, 1)


class FlatInputs(nn.Module):
    """The embeddings of a network that reads numbers and categories as one flat vector.

    Shapes: num (B, F) and cat (B, C) -> (B, width).
    """

    replayable = True

    def __init__(
        self,
        *,
        spec: DataSpec,
        cat_width: int,
        num_embedding: str,
        num_width: int,
        bins: int,
        frequencies: int,
        frequency_scale: float,
    ):
        super().__init__()
        self.has_numbers = bool(spec.num_features)
        self.numbers = number_embeddings(
            spec=spec,
            kind=num_embedding,
            width=num_width,
            bins=bins,
            frequencies=frequencies,
            frequency_scale=frequency_scale,
        )
        self.num_width = 1 if self.numbers is None else num_width
        self.cat_width = cat_width
        self.width = len(spec.num_features) * self.num_width + len(spec.cat_features) * cat_width
        self.categories = None
        if spec.cat_features:
            self.categories = CategoryEmbeddings(
                cardinalities=spec.cat_cardinalities, width=cat_width
            )

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return flat_inputs(batch, self.has_numbers, self.numbers, self.categories)

    def unit_keys(self, spec: DataSpec) -> Keys:
        """The keys of the output's units, for `columns()` of a network."""
        return [*number_keys(spec, self.num_width), *category_keys(spec, self.cat_width)]
