"""BestMember: an ensemble method, which gives all weight to one member."""

import torch
from lepton.ensemble.combiner import Combiner


class BestMember(Combiner):
    learns = True  # from the validation split

    def fit(self, validation):
        scores = [validation.scorer(member, validation.target) for member in validation.prediction]
        weights = torch.zeros(len(scores), dtype=torch.float64)
        weights[scores.index(max(scores))] = 1
        return weights
