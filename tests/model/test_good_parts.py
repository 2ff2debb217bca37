"""Models that learn good parts alone: distances against other implementations, maps, files."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from sklearn.neighbors import NearestNeighbors

from lepton.dataset.describe.data_spec import named_fields
from lepton.dataset.inputs.image import ImageInputs
from lepton.errors import ConfigError, Damaged
from lepton.example import make_target_spec
from lepton.model.cnn_small import CnnSmall
from lepton.model.feature_gaussian import FeatureGaussian
from lepton.model.patch_features import PatchFeatures, as_map
from lepton.model.patch_memory import PatchMemory, spread_rows

SIDE, ROWS = 16, 40
SHARED = {"layers": ["blocks.1"], "neighbourhood": 3, "score": "max", "seed": 0}
MEMORY = {"patches": 60, "candidates": 400, "choice": "greedy", "neighbours": 2}
GAUSSIAN = {"places": "each", "channels": 5, "shrinkage": 0.2}


def make_spec(side=SIDE):
    fields = {"channels": 1, "height": side, "width": side, "mean": [0.5], "std": [0.2]}
    return replace(make_target_spec("binary"), **named_fields(ImageInputs, fields, {}))


def make_model(kind, **values):
    backbone = partial(CnnSmall, channels=[4, 8], dropout=0.0)
    own = MEMORY if kind is PatchMemory else GAUSSIAN
    return kind(spec=make_spec(), **{"backbone": backbone, **SHARED, **own, **values})


def good_parts(rows=ROWS, seed=0):
    """Grey plates with a bright bar that lies alike, and noise."""
    generator = torch.Generator().manual_seed(seed)
    pixels = 100 + 6 * torch.randn(rows, 1, SIDE, SIDE, generator=generator)
    pixels[:, :, 6:9] += 80
    return pixels.clamp(0, 255).to(torch.uint8)


def with_spot(pixels, row, column):
    pixels = pixels.clone()
    pixels[:, :, row - 1 : row + 2, column - 1 : column + 2] = 0
    return pixels


def rows_of(image, target=0.0):
    return {"image": image, "target": torch.full((len(image),), target)}


def fitted(kind, **values):
    model = make_model(kind, **values)
    model.fit(rows_of(good_parts()), rows_of(good_parts(8, 1)), None)
    return model


def test_distances_to_the_memory_are_those_of_nearest_neighbours():
    model, image = fitted(PatchMemory), good_parts(3, 2)
    patches = model.features(image)
    finder = NearestNeighbors(n_neighbors=2).fit(model.learned["memory"].numpy())
    expected = finder.kneighbors(patches.flatten(0, 2).numpy())[0].mean(1)
    maps = model.maps({"image": image})
    assert maps.shape == (3, 8, 8)
    assert np.allclose(maps.flatten().numpy(), expected, atol=1e-4)


def test_a_memory_larger_than_its_candidates_holds_all_of_them():
    model = fitted(PatchMemory, patches=5000, candidates=5000, neighbours=1)
    assert len(model.learned["memory"]) == ROWS * 64
    assert model.predict(rows_of(good_parts())).max() < 1e-2  # each patch is there


def test_few_patches_are_drawn_by_the_seed_and_lie_farther_apart_when_greedy():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(300, 3, generator=generator)
    greedy = values[spread_rows(values, 20, torch.Generator().manual_seed(0))]
    anywhere = values[torch.randperm(300, generator=generator)[:20]]
    radius = [torch.cdist(values, kept).amin(1).max() for kept in (greedy, anywhere)]
    assert radius[0] < radius[1]
    first, again, other = (fitted(PatchMemory, seed=seed).learned["memory"] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("places", ["each", "all"])
def test_distances_from_the_gaussian_are_mahalanobis(places):
    model, image = fitted(FeatureGaussian, places=places), good_parts(3, 2)
    chosen = model.learned["chosen"]
    train = model.features(good_parts())[..., chosen].double().numpy()
    patches = model.features(image)[..., chosen].double().numpy()
    assert len(chosen) == 5
    for row, column in ((0, 0), (3, 5), (7, 7)):
        own = train[:, row, column] if places == "each" else train.reshape(-1, 5)
        covariance = np.cov(own.T, bias=True)
        spread = np.trace(covariance) / 5 * np.eye(5)
        inverse = np.linalg.inv(0.8 * covariance + 0.2 * spread)
        distance = mahalanobis(patches[1, row, column], own.mean(0), inverse)
        got = float(model.maps({"image": image})[1, row, column])
        assert got == pytest.approx(distance / 5**0.5, rel=1e-3)


@pytest.mark.parametrize("kind", [PatchMemory, FeatureGaussian])
def test_a_spot_is_found_where_it_is_and_good_parts_score_less(kind):
    model = fitted(kind)
    spoiled = with_spot(good_parts(6, 3), 12, 4)
    assert model.predict(rows_of(spoiled)).min() > model.predict(rows_of(good_parts(20, 4))).max()
    for heat in model.maps({"image": spoiled}):
        row, column = divmod(int(heat.argmax()), 8)
        assert abs(row - 6) <= 1
        assert abs(column - 2) <= 1


def test_the_score_is_the_mean_or_the_maximum_of_the_map_over_the_limit():
    for score in ("max", "mean"):
        model, image = fitted(PatchMemory, score=score), good_parts(3, 2)
        plain = getattr(model.maps({"image": image}).flatten(1).numpy(), score)(1)
        model.limit = 2.0
        assert np.allclose(model.predict(rows_of(image)).numpy(), plain / 2, atol=1e-6)
        assert model.facts() == {"added": {"alarm": {"limit": 2.0}}}


@pytest.mark.parametrize("kind", [PatchMemory, FeatureGaussian])
def test_what_was_saved_predicts_the_same_with_its_own_network(kind, tmp_path):
    model, image = fitted(kind), good_parts(3, 2)
    model.limit = 1.7
    model.save(tmp_path)
    other = make_model(kind, seed=9)
    other.load(tmp_path)
    assert torch.equal(other.predict(rows_of(image)), model.predict(rows_of(image)))
    wrong = make_model(kind, backbone=partial(CnnSmall, channels=[4, 4], dropout=0.0))
    with pytest.raises(Damaged, match=r"model\.safetensors: not what a run of it writes"):
        wrong.load(tmp_path)


def test_the_network_is_frozen_and_maps_of_several_layers_lie_side_by_side():
    network = CnnSmall(spec=make_spec(), channels=[4, 8], dropout=0.5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    features = PatchFeatures(network, ["blocks.0", "blocks.1"], 1)
    values = features(good_parts(2))
    assert values.shape == (2, 16, 16, 12)
    assert torch.equal(values, features(good_parts(2)))
    assert not any(p.requires_grad for p in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with torch.no_grad():
        alone = network.blocks[0](network.pixels(good_parts(2)))
    assert torch.allclose(values[..., :4], alone.permute(0, 2, 3, 1))


def test_tokens_become_a_map_where_they_form_a_square():
    tokens = torch.arange(2 * 17 * 3.0).reshape(2, 17, 3)
    values = as_map(tokens, "encoder")
    assert values.shape == (2, 3, 4, 4)
    assert torch.equal(values[0, :, 1, 2], tokens[0, 1 + 6])
    assert as_map(tokens[:, 1:], "encoder").equal(values)
    for answer in (torch.zeros(2, 7, 3), torch.zeros(2, 3), None):
        with pytest.raises(ConfigError, match="the layer 'encoder' answers"):
            as_map(answer, "encoder")


def test_wrong_values_are_a_line():
    with pytest.raises(ConfigError, match=r"no layer 'blocks\.7'; it has .*blocks\.1"):
        make_model(PatchMemory, layers=["blocks.7"])
    with pytest.raises(ConfigError, match="an odd side"):
        make_model(PatchMemory, neighbourhood=2)
    with pytest.raises(ConfigError, match=r"model\.neighbours=7: the memory has 5"):
        make_model(PatchMemory, neighbours=7, patches=5)
