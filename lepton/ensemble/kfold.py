"""Bagging over the folds of a data set."""

from lepton.ensemble.combiner import Combiner


class KFold(Combiner):
    """The mean of the models of all folds; a row is scored by those that did not train on it."""

    across_folds = True
