"""Weights that `init_from` names are read or refused."""

import pytest
import torch

from lepton.errors import LeptonError
from lepton.finetune.machinery.source_weights import read_source_weights
from lepton.pretrained.base_weights import find_adapter_base
from lepton.training.learner import load_network


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({1: torch.ones(2)}, "holds other things than named tensors"),
        ({"a": torch.ones(2).to_sparse()}, "holds other things than named tensors"),
        ({"a": torch.tensor([1.0, torch.nan])}, "a holds values that are not finite"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, r"other things than named tensors \(\['a'\]"),
        ({"a": torch.ones(2).to(torch.float8_e4m3fn)}, "holds other things than named tensors"),
        ({"a": torch.ones(2, device="meta")}, "holds other things than named tensors"),
    ],
    ids=["numbered", "sparse", "not finite", "complex", "eight bits", "no values"],
)
def test_what_is_no_plain_state_is_refused(state, message, tmp_path):
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(LeptonError, match=message):
        read_source_weights(str(tmp_path / "w.pt"), load_network)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_note_of_what_an_adapter_needs_is_named(text, tmp_path):
    (tmp_path / "base.json").write_text(text)
    with pytest.raises(LeptonError, match=r"base\.json: (not what lepton wrote|cannot be read)"):
        find_adapter_base(tmp_path)
