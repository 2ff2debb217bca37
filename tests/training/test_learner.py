"""Networks and models that fit themselves keep what a run asks of a learner."""

import pytest

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.training.estimator import Estimator
from lepton.training.learner import Learner, build_learner
from lepton.training.network import Network
from tests.protocols import breaches, protocol_members

LEARNERS = {"mlp_small": Network, "gradient_boosting": Estimator}


def untrained(model):
    config = check(compose("dataset=synthetic", "dataset.rows=200", f"model={model}"))
    return build_learner(config, build.data(config).spec)


@pytest.mark.parametrize("model", LEARNERS)
def test_both_kinds_of_learner_keep_the_protocol_before_they_are_trained(model):
    learner = untrained(model)
    assert type(learner) is LEARNERS[model]
    assert breaches(learner, Learner) == []
    assert learner.history == []
    assert (learner.best_epoch, learner.seconds, learner.trained_as) == (0, 0.0, "alone")


def test_the_protocol_names_all_that_a_run_uses():
    attributes, methods = protocol_members(Learner)
    assert attributes == {"task", "history", "best_epoch", "seconds", "trained_as", "device"}
    assert {*methods} == {"fit", "predict", "validate", "save", "load", "sizes", "facts"}


def test_a_missing_attribute_and_another_signature_are_seen():
    class Half:
        task = history = best_epoch = seconds = trained_as = None

        def fit(self, data, folder): ...
        def predict(self, inputs): ...
        def save(self, path): ...
        def load(self, folder): ...
        def sizes(self): ...

    assert breaches(Half(), Learner) == [
        "device is missing",
        "facts is missing",
        "fit takes ['self', 'data', 'folder'], not ['self', 'data', 'folder', 'watch']",
        "save takes ['self', 'path'], not ['self', 'folder']",
        "validate is missing",
    ]
