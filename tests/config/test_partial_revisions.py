"""Which runs a change of results is about, where it is not about all of an option's."""

import pytest
from omegaconf import OmegaConf

from lepton.config.compose import compose
from lepton.config.younger_keys import changes_of


@pytest.mark.parametrize(
    ("words", "is_touched"),
    [
        ((), False),
        (("dataset.validation=inside",), True),
        (("dataset.shots=8",), True),
        (("dataset.shots=8", "dataset.validation=outside"), False),
        (("dataset.shots=1",), False),  # which no fold divides
    ],
)
def test_words_that_folds_validate_are_predicted_with_one_strength(words, is_touched):
    config = OmegaConf.to_container(compose("dataset=vader", "model=tfidf_linear", *words))
    assert bool(changes_of(config).get("model", ())) == is_touched
    for group in ("dataset", "trainer"):  # a damaged config, which is refused in a line elsewhere
        assert "model" not in changes_of({**config, group: "text"})


@pytest.mark.parametrize(
    ("words", "is_touched"),
    [
        (("model=mlp_small", "finetune=full", "init_from=weights.safetensors"), True),
        (("dataset=vader", "model=minilm", "finetune=head"), False),
        (("dataset=vader", "model=minilm", "finetune=lp_ft"), True),
    ],
)
def test_a_start_may_stay_the_best_where_weights_are_loaded_with_their_head_or_probed_first(
    words, is_touched, here
):
    (here / "weights.safetensors").touch()
    changes = changes_of(OmegaConf.to_container(compose(*words))).get("finetune", ())
    assert ("a start that has learned may stay the best" in changes) == is_touched


@pytest.mark.parametrize(
    ("words", "is_touched"),
    [
        (("dataset.shots=8",), True),
        (("dataset.shots=8", "dataset.validation=outside"), False),
        (("dataset.shots=8", "finetune.start=zeros"), False),
        (("dataset.shots=8", "finetune=head"), False),  # in which it is probed on to a chosen epoch
    ],
)
def test_a_best_linear_head_stays_where_folds_validate_and_it_is_the_start(words, is_touched):
    words = ("dataset=vader", "model=minilm", "finetune=lp_ft", *words)
    changes = changes_of(OmegaConf.to_container(compose(*words))).get("finetune", ())
    sentence = "inside, the best linear head is not probed on"
    assert (sentence in changes) == is_touched
