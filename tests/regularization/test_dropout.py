import pytest
import rtdl_revisiting_models as rtdl
import tabm
import torch
from torch import nn

from lepton.errors import ConfigError
from lepton.regularization.dropout import Dropout

MODELS = {
    "mlp": lambda p: nn.Sequential(nn.Linear(2, 4), nn.Dropout(p), nn.Linear(4, 1)),
    "resnet": lambda p: rtdl.ResNet(
        d_in=2, d_out=1, n_blocks=1, d_block=8, d_hidden_multiplier=2, dropout1=p, dropout2=p
    ),
    "ft_transformer": lambda p: rtdl.FTTransformer(
        n_cont_features=2,
        cat_cardinalities=[],
        d_out=1,
        n_blocks=1,
        d_block=8,
        attention_n_heads=2,
        attention_dropout=p,
        ffn_d_hidden_multiplier=2,
        ffn_dropout=p,
        residual_dropout=p,
    ),
    "tabm": lambda p: tabm.TabM.make(
        n_num_features=2, d_out=1, k=4, n_blocks=1, d_block=8, dropout=p
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_gets_the_rate_as_if_it_had_been_built_with_it(name):
    torch.manual_seed(0)
    changed = Dropout(rate=0.4).prepare(MODELS[name](0.1), None)
    torch.manual_seed(0)
    built = MODELS[name](0.4)
    x = torch.randn(64, 2)
    inputs = (x, None) if name == "ft_transformer" else (x,)
    outputs = []
    for model in (changed, built):
        torch.manual_seed(1)
        outputs.append(model.train()(*inputs))
    assert torch.equal(*outputs)
    torch.manual_seed(0)
    unchanged = MODELS[name](0.1)
    torch.manual_seed(1)
    assert not torch.equal(outputs[0], unchanged.train()(*inputs))


def test_a_model_without_dropout_is_refused():
    with pytest.raises(ConfigError, match=r"regularization\.dropout: the model Linear has no"):
        Dropout(rate=0.1).prepare(nn.Linear(2, 1), None)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(ConfigError, match=r"regularization\.dropout\.rate"):
        Dropout(rate=rate)
