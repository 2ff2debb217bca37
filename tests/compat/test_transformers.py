"""Canaries for what of transformers is read past its documented names."""

from functools import partial

import pytest
import torch

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


def test_the_answers_of_an_encoder_of_waveforms_are_counted(moved):
    with moved("_get_feat_extract_output_lengths of encoders of waveforms"):
        from lepton.compat.transformers import answer_lengths

        sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
        sizes |= {"intermediate_size": 8, "conv_dim": [8, 8], "conv_kernel": [10, 3]}
        sizes |= {"conv_stride": [5, 2], "num_feat_extract_layers": 2}
        sizes |= {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
        config = transformers.AutoConfig.for_model("wav2vec2", **sizes)
        encoder = transformers.AutoModel.from_config(config).eval()
        count = answer_lengths(encoder)
        for length in (100, 131):
            answers = encoder(torch.zeros(1, length)).last_hidden_state.shape[1]
            assert count(torch.tensor([length])).tolist() == [answers]
