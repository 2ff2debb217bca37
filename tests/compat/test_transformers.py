"""Canaries for what of transformers is read past its documented names."""

from functools import partial

import pytest

transformers = pytest.importorskip("transformers", reason="nothing to read without transformers")


@pytest.fixture
def moved(canary):
    return partial(canary, "transformers")


@pytest.mark.parametrize(
    ("model_type", "causal_only"),
    [
        *(("gpt2", True), ("llama", True), ("qwen3", True), ("opt", True)),
        *(("bert", False), ("roberta", False), ("electra", False), ("modernbert", False)),
    ],
)
def test_causal_decoders_are_told_from_encoders_that_may_be_causal(moved, model_type, causal_only):
    with moved("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES of transformers.models.auto.modeling_auto"):
        from lepton.compat.transformers import is_causal_only

        assert is_causal_only(transformers.AutoConfig.for_model(model_type)) is causal_only
