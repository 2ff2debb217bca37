"""EmbeddingMixup against means of embeddings by hand, and embeddings that an encoder is given."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lepton import compose
from lepton.config.check import check
from lepton.dataset.inputs.find import input_kind
from lepton.errors import ConfigError
from lepton.example import make_specs, make_text_spec
from tests.adversarial.options import DATA, Case
from tests.augmentation.options import draw, made

TEXTS = (*DATA["text"][:2], "dataset.source=tweets")


def mixed_case(*words):
    """A case whose model mixes, its mixed batch, and the shares and partners that were drawn."""
    case = Case(*TEXTS, *words)
    method = made("embedding_mixup", alpha=0.7)
    method.prepare(case.model, case.spec)
    numbers, ids = draw(), case.batch["id"]
    own, partners = numbers.each(ids), numbers.permutation(len(ids))
    share = own.beta(0.7, 0.7).double()
    return case, method.on_batch(case.encoded, draw()), share, partners


def between(values, share, partners):
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    return share * values + (1 - share) * values[partners]


@pytest.mark.slow
def test_a_bag_of_embeddings_means_those_of_both_texts_to_the_end_of_the_longer():
    case, batch, share, partners = mixed_case("model=bag_of_embeddings", "model.dropout=0")
    mask = batch["mask"] | batch["mask"][partners]
    assert (mask.sum(1) > batch["mask"].sum(1)).any()
    table = case.model.embeddings.table.weight
    words = between(table[batch["tokens"]], share, partners) * mask[..., None]
    logits = (words.sum(1) / mask.sum(1, keepdim=True)) @ case.model.head[1].weight.T
    logits = logits + case.model.head[1].bias
    torch.testing.assert_close(case.model(batch), logits)
    target = F.one_hot(case.encoded["target"].long(), case.spec.outputs).double()
    loss = -(between(target, share, partners) * logits.log_softmax(1)).sum(1).mean()
    own = case.task.loss_of(case.model(batch), batch)
    torch.testing.assert_close(own, loss, rtol=1e-6, atol=1e-6)  # shares have 32 bits


@pytest.mark.slow
def test_an_encoder_reads_mixed_embeddings_as_those_that_it_is_given():
    words = ("model=transformer_tiny", "model.dropout=0", "model.pooling=cls")
    case, batch, share, partners = mixed_case(*words)
    encoder, model = case.model.eval().encoder, case.model
    with torch.no_grad():
        mixed = model(batch)
        table = encoder.get_input_embeddings().weight
        vectors = between(table[batch["tokens"]], share, partners)
        mask = (batch["mask"] | batch["mask"][partners]).long()
        states = encoder(inputs_embeds=vectors, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(mixed, model.head(states[:, 0]))
        plain = encoder(input_ids=batch["tokens"], attention_mask=batch["mask"].long())
        torch.testing.assert_close(model(case.encoded), model.head(plain.last_hidden_state[:, 0]))


@pytest.mark.slow
def test_tokens_changed_by_a_later_augmentation_are_mixed_as_they_are_then():
    case, batch, share, partners = mixed_case("model=bag_of_embeddings", "model.dropout=0")
    fewer = batch["mask"] & (torch.arange(batch["mask"].shape[1]) < 3)
    mask = fewer | fewer[partners]
    table = case.model.embeddings.table.weight
    words = between(table[batch["tokens"]], share, partners) * mask[..., None]
    features = words.sum(1) / mask.sum(1, keepdim=True)
    torch.testing.assert_close(case.model(batch | {"mask": fewer}), case.model.head(features))


def test_what_cannot_be_mixed_is_refused_in_a_line_that_names_both_keys():
    spec = make_text_spec("multiclass")
    with pytest.raises(ConfigError, match=r"^augmentation, task: augmentation=embedding_mixup"):
        made("embedding_mixup", replace(spec, task="none"))
    several = next(iter(make_specs("binary", [input_kind("text"), input_kind("table")])))
    with pytest.raises(ConfigError, match=r"^augmentation, dataset: .* of the kind table"):
        made("embedding_mixup", several)


class OfCodes(nn.Module):
    """Reads the numbers of tokens beside their embeddings."""

    def __init__(self):
        super().__init__()
        self.embeddings, self.head = nn.Embedding(500, 2), nn.Linear(2, 3)

    def forward(self, batch):
        return self.head(self.embeddings(batch["tokens"]).mean(1) + batch["tokens"].sum(1)[:, None])

    def layers(self):
        return ["embeddings", "head"]


def test_a_network_that_reads_more_of_a_text_than_embeddings_of_its_tokens_is_refused():
    method, spec = made("embedding_mixup"), make_text_spec("multiclass")
    with pytest.raises(ConfigError, match=r"^augmentation\.embedding_mixup, model: OfCodes does"):
        method.prepare(OfCodes(), replace(spec, vocabulary=500))
    pairs = ("dataset=vader", "model=text_cnn", "regularization=manifold_mixup")
    with pytest.raises(ConfigError, match=r"^regularization\.manifold_mixup, augmentation\.embed"):
        check(compose(*pairs, "augmentation=embedding_mixup"))
