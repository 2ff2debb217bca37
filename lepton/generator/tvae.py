"""TVAE: a variational autoencoder of rows, trained on them."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional as F

from lepton.generator.generator import Generator, no_parents
from lepton.generator.rows import GeneratedRows, TableRows
from lepton.seeds import derive
from lepton.values.bounds import Above0, AtLeast1, NotBelow0

LEAST_SPREAD, MOST_SPREAD = 0.01, 1.0  # of a number around what the decoder says, in normal scores


class Tvae(Generator):
    """Rows decoded from normal numbers; the target is a column like others.

    In place of the paper's modes of a number stand the normal scores of its ranks, and in place of
    the likeliest category one that is drawn by its probability.
    Source: Xu et al. 2019, section 4.4, https://arxiv.org/abs/1907.00503
    """

    def __init__(
        self,
        *,
        latent: AtLeast1,
        hidden: list[AtLeast1],
        epochs: AtLeast1,
        batch_size: AtLeast1,
        lr: Above0,
        weight_decay: NotBelow0,
        reconstruction: Above0,
    ):
        self.latent, self.hidden, self.epochs, self.batch_size = latent, hidden, epochs, batch_size
        self.lr, self.weight_decay, self.reconstruction = lr, weight_decay, reconstruction

    def make(self, rows: TableRows, count: int, seed: int) -> GeneratedRows:
        scores, codes = _normal_scores(rows.numbers), torch.from_numpy(rows.codes)
        with _alone(seed):
            network = _Network(scores.shape[1], rows.sizes, self.latent, self.hidden)
            self._train(network, scores, codes, seed)
            drawn, drawn_codes = network.draw(count)
        numbers = _numbers_at(drawn.double().numpy(), rows.numbers)
        made = rows.with_cells(numbers, drawn_codes.numpy())
        return GeneratedRows(made, no_parents(count))

    def _train(self, network: "_Network", scores: Tensor, codes: Tensor, seed: int) -> None:
        rng = torch.Generator().manual_seed(derive(seed, "order"))
        optimizer = torch.optim.Adam(
            network.parameters(), lr=self.lr, weight_decay=self.weight_decay
        )
        for _ in range(self.epochs):
            for batch in torch.randperm(len(scores), generator=rng).split(self.batch_size):
                loss = network.loss(scores[batch], codes[batch], self.reconstruction)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                with torch.no_grad():
                    network.spread.clamp_(LEAST_SPREAD, MOST_SPREAD)


class _Network(nn.Module):
    """Encoder and decoder of rows. Shapes: scores (B, F), codes (B, C)"""

    def __init__(self, numbers: int, sizes: tuple[int, ...], latent: int, hidden: list[int]):
        super().__init__()
        self.numbers, self.sizes, self.latent = numbers, sizes, latent
        width = numbers + sum(sizes)
        self.encoder = _layers(width, hidden, 2 * latent)
        self.decoder = _layers(latent, hidden[::-1], width)
        self.spread = nn.Parameter(torch.full((numbers,), 0.1))

    def loss(self, scores: Tensor, codes: Tensor, reconstruction: float) -> Tensor:
        """The negative evidence bound of a row, its first term times `reconstruction`."""
        mean, log_variance = self.encoder(self._inputs(scores, codes)).chunk(2, dim=1)
        noise = torch.randn_like(mean)
        means, logits = self._decode(mean + noise * (log_variance / 2).exp())
        terms = ((scores - means) ** 2 / (2 * self.spread**2) + self.spread.log()).sum()
        for column, scored in enumerate(logits):
            terms = terms + F.cross_entropy(scored, codes[:, column], reduction="sum")
        divergence = (mean**2 + log_variance.exp() - 1 - log_variance).sum() / 2
        return (reconstruction * terms + divergence) / len(scores)

    @torch.no_grad()
    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """So many rows, as scores and codes."""
        means, logits = self._decode(torch.randn(count, self.latent))
        codes = [torch.multinomial(scored.softmax(1), 1) for scored in logits]
        scores = means + torch.randn_like(means) * self.spread
        return scores, torch.cat(codes, 1) if codes else torch.empty(count, 0, dtype=torch.long)

    def _inputs(self, scores: Tensor, codes: Tensor) -> Tensor:
        hot = [F.one_hot(codes[:, c], size).float() for c, size in enumerate(self.sizes)]
        return torch.cat([scores, *hot], 1)

    def _decode(self, latent: Tensor) -> tuple[Tensor, list[Tensor]]:
        decoded = self.decoder(latent)
        return decoded[:, : self.numbers], [*decoded[:, self.numbers :].split(self.sizes, 1)]


def _layers(width: int, hidden: list[int], out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for units in hidden:
        layers += [nn.Linear(width, units), nn.ReLU()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, out))


def _normal_scores(numbers: np.ndarray) -> Tensor:
    """Numbers as normal scores of their ranks, equal ones alike. Shapes: (n, F) -> (n, F)"""
    scores = ndtri((rankdata(numbers, axis=0) - 0.5) / len(numbers))
    return torch.from_numpy(scores).float()


def _numbers_at(scores: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The training numbers that stand at normal scores. Shapes: (m, F), (n, F) -> (m, F)"""
    places = np.minimum((ndtr(scores) * len(train)).astype(int), len(train) - 1)
    return np.take_along_axis(np.sort(train, axis=0), places, axis=0)


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """Draws of torch's from the seed, and sums in the same order however many threads there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "weights and noise"))
            yield
    finally:
        torch.set_num_threads(threads)
