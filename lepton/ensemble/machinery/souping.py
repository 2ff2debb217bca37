"""A soup from start to end: members chosen, their mean weights, what it predicts."""

from pathlib import Path

import torch

from lepton.ensemble.combiner import Known
from lepton.ensemble.machinery.blend import Made
from lepton.ensemble.machinery.pool import Pool
from lepton.ensemble.machinery.weight_averaging import Averager
from lepton.ensemble.soup import Soup


def make_soup(method: Soup, pool: Pool, known: Known) -> tuple[Made, Averager]:
    """The soup, and the network that holds its weights."""
    average = Averager(pool.members)

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


def save_soup(average: Averager, folder: Path) -> None:
    """What an ordinary run of a network holds."""
    average.network.save(folder)
    average.data.spec.save(folder / "spec.json")
    average.data.preprocessor.save(folder / "preprocessing.skops")
