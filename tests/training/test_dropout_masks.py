"""The random bits of dropout: uniform, a member's own, the same whoever shares the stack."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torch.utils.checkpoint import checkpoint

from lepton.training import dropout_masks
from lepton.training.dropout_masks import LEVELS, MaskStream, StreamDropout, use_mask_stream

CPU = torch.device("cpu")


def test_numbers_are_uniform_and_members_independent():
    drawn = MaskStream([1, 2], CPU).draw(200_000).double() + LEVELS / 2
    for row in drawn:
        assert stats.kstest(row.numpy() / LEVELS, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(drawn)[0, 1]) < 0.01


def test_a_members_numbers_depend_on_its_seed_and_the_epoch_alone():
    together, apart = MaskStream([5, 6, 7], CPU), MaskStream([6], CPU)
    for stream in (together, apart):
        stream.start_epoch(3)
    for count in (10, 1000, 7):
        assert torch.equal(together.draw(count)[1:2], apart.draw(count))
    first = MaskStream([6], CPU)
    first.start_epoch(4)
    assert not torch.equal(first.draw(1000), _at(6, 3).draw(1000))
    assert not torch.equal(_at(5, 3).draw(1000), _at(6, 3).draw(1000))


def _at(seed, epoch):
    stream = MaskStream([seed], CPU)
    stream.start_epoch(epoch)
    return stream


@pytest.mark.parametrize("words_per_draw", [1, 100, 2**15])
def test_drawing_ahead_and_leaving_members_change_no_number(monkeypatch, words_per_draw):
    expected = _at(8, 0).draw(3000)
    monkeypatch.setattr(dropout_masks, "WORDS_PER_DRAW", words_per_draw)
    stream = MaskStream([7, 8, 9], CPU)
    pieces = [stream.draw(501)[1:2], stream.draw(999)[1:2]]
    stream.keep(torch.tensor([1, 2]))
    pieces += [stream.draw(703)[:1], stream.draw(797)[:1]]
    assert torch.equal(torch.cat(pieces, 1), expected)


def test_an_epoch_goes_on_after_any_number():
    expected = _at(8, 2).draw(400_000)
    for position in (0, 3, 131_072, 300_001):
        stream = _at(8, 2)
        stream.draw(77)
        stream.seek(position)
        assert torch.equal(stream.draw(1000), expected[:, position : position + 1000])


def test_processes_that_share_a_run_have_streams_of_their_own():
    streams = [MaskStream([3]), MaskStream([3])]
    streams[1].start_epoch(0, rank=1)
    assert not torch.equal(*(stream.draw(100) for stream in streams))


def test_a_layer_drops_at_its_rate_and_keeps_the_mean():
    layer = StreamDropout(0.3, MaskStream([0]))
    x = torch.rand(400, 1000, dtype=torch.float64)
    y = layer(x)
    assert abs((y == 0).double().mean() - 0.3) < 0.003
    assert torch.allclose(y[y != 0], x[y != 0] / 0.7, rtol=1e-4)
    assert torch.equal(layer.eval()(x), x)
    for p, expected in ((0.0, x), (1.0, 0 * x)):
        assert torch.equal(StreamDropout(p, MaskStream([0]))(x), expected)


def test_a_layer_that_would_be_computed_again_with_another_mask_says_so():
    layer, x = StreamDropout(0.5, MaskStream([0])), torch.ones(8, requires_grad=True)
    y = checkpoint(lambda x: layer(x).exp(), x, use_reentrant=False)
    with pytest.raises(RuntimeError, match=r"use torch\.nn\.functional\.dropout there"):
        y.sum().backward()


def test_every_dropout_layer_of_a_model_is_given_the_runs_stream_and_its_state_stays():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.2), nn.Sequential(nn.Dropout(0.7)).eval())
    names = list(model.state_dict())
    use_mask_stream(model, MaskStream([1]))
    assert [type(model[1]), type(model[2][0])] == [StreamDropout, StreamDropout]
    assert [model[1].p, model[1].training, model[2][0].training] == [0.2, True, False]
    assert list(model.state_dict()) == names


def test_a_layer_under_two_names_stays_one_layer():
    layer = nn.Dropout(0.2)
    model = nn.ModuleDict({"one": layer, "two": nn.Sequential(layer)})
    use_mask_stream(model, MaskStream([1]))
    assert type(model["one"]) is StreamDropout
    assert model["two"][0] is model["one"]
