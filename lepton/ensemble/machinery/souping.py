"""A soup from start to end: members chosen, their mean weights, what it predicts."""

from pathlib import Path

import torch

from lepton.ensemble.combiner import Known
from lepton.ensemble.machinery.blend import Made
from lepton.ensemble.machinery.pool import Pool
from lepton.ensemble.machinery.weight_averaging import WeightAverager
from lepton.ensemble.soup import Soup
from lepton.run import save_data_description


def make_soup(method: Soup, pool: Pool, known: Known) -> tuple[Made, WeightAverager]:
    """The soup, and the network that holds its weights."""
    average = WeightAverager(pool.members)

    def taste(chosen: list[int]) -> float:
        average.mix(chosen)
        return known.judge(average.predict("val"), known.target)

    chosen = method.choose(known, taste)
    contribution = torch.full((len(pool),), torch.nan, dtype=torch.float64)
    if len(chosen) > 1:
        score = taste(chosen)
        for member in chosen:
            contribution[member] = score - taste([i for i in chosen if i != member])
    average.mix(chosen)
    weights = torch.zeros(len(pool), dtype=torch.float64)
    weights[chosen] = 1 / len(chosen)
    predictions = {split: average.predict(split) for split in pool.splits}
    return Made(pool, method, chosen, weights, predictions, contribution), average


def save_soup(average: WeightAverager, folder: Path) -> None:
    """What an ordinary run of a network holds."""
    average.network.save(folder)
    save_data_description(average.data, folder)
