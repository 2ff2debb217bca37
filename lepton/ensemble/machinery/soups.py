"""Makes a soup from start to end: members chosen, their mean weights, the predictions of these."""

from pathlib import Path

import torch

from lepton.ensemble.combiner import ValidationPredictions
from lepton.ensemble.machinery.fitting import FittedEnsemble
from lepton.ensemble.machinery.pool import MemberPool
from lepton.ensemble.machinery.weight_averaging import WeightAverager
from lepton.ensemble.soup import Soup
from lepton.run import save_data_description


def make_soup(
    method: Soup, pool: MemberPool, validation: ValidationPredictions
) -> tuple[FittedEnsemble, WeightAverager]:
    """The soup, and the averager whose network has its weights."""
    averager = WeightAverager(pool.members)

    def taste(members: list[int]) -> float:
        averager.mix(members)
        return validation.scorer(averager.predict("val"), validation.target)

    chosen = method.choose(validation, taste)
    contribution = torch.full((len(pool),), torch.nan, dtype=torch.float64)
    if len(chosen) > 1:
        score = taste(chosen)
        for member in chosen:
            contribution[member] = score - taste([i for i in chosen if i != member])
    averager.mix(chosen)
    weights = torch.zeros(len(pool), dtype=torch.float64)
    weights[chosen] = 1 / len(chosen)
    predictions = {split: averager.predict(split) for split in pool.splits}
    return FittedEnsemble(pool, method, chosen, weights, predictions, contribution), averager


def save_soup(averager: WeightAverager, folder: Path) -> None:
    """Writes what an ordinary run of a network has: weights, spec, what turns rows into inputs."""
    averager.save(folder)
    save_data_description(averager.data, folder)
