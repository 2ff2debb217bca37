"""Bagging over the folds of a data set."""

from lepton.ensemble.combiner import Combiner


class KFold(Combiner):
    """The mean of the models of all folds, scored on rows by the fold that did not train on them."""

    across_folds = True
