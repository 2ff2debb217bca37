from dataclasses import replace

import pytest
import torch

from lepton.attack.attacked_inputs import AttackedInputs
from lepton.attack.column_rules import ColumnRules
from lepton.dataset.inputs.audio import AudioInputs
from lepton.dataset.inputs.image import ImageInputs
from lepton.dataset.inputs.video import VideoInputs
from lepton.example import make_specs
from tests.attack.linear import linear_case


def around(kinds, batch, *, epsilon=0.1, norm="linf"):
    spec = next(iter(make_specs("binary", kinds)))
    rows = len(next(iter(batch.values())))
    batch = batch | {"id": torch.arange(rows)}
    return AttackedInputs(spec, ColumnRules("attack")).around(batch, epsilon=epsilon, norm=norm)


def pushed(neighbourhood, way):
    change = {name: torch.full_like(v, way) for name, v in neighbourhood.clean.items()}
    return neighbourhood.moved(neighbourhood.project(change))


def test_pixels_move_by_epsilon_of_their_range_and_stay_pixels():
    image = torch.tensor([0, 10, 128, 250], dtype=torch.uint8).reshape(1, 1, 2, 2)
    neighbours = around([ImageInputs], {"image": image})
    assert pushed(neighbours, 1.0)["image"].flatten().tolist() == [25.5, 35.5, 153.5, 255.0]
    assert pushed(neighbours, -1.0)["image"].flatten().tolist() == [0.0, 0.0, 102.5, 224.5]
    assert torch.equal(neighbours.moved(neighbours.none())["image"], image.float())


def test_all_frames_of_a_clip_move():
    video = torch.full((1, 2, 3, 2, 2), 100, dtype=torch.uint8)
    assert (pushed(around([VideoInputs], {"video": video}), 1.0)["video"] == 125.5).all()


def test_samples_move_in_full_scale_and_those_behind_a_sound_do_not():
    audio = torch.tensor([[0, 16384, 32767, -32768, 0]], dtype=torch.int16)
    neighbours = around([AudioInputs], {"audio": audio, "audio_length": torch.tensor([4])})
    high = pushed(neighbours, 1.0)["audio"][0]
    torch.testing.assert_close(high, torch.tensor([0.1, 0.6, 32767 / 32768, -0.9, 0.0]))
    assert pushed(neighbours, -1.0)["audio"][0, 3] == -1


def test_several_kinds_move_together_each_in_its_unit():
    spec, _, batch = linear_case()
    both = next(iter(make_specs("binary", [ImageInputs])))
    both = replace(both, num_features=spec.num_features, quantiles=spec.quantiles)
    batch = batch | {"image": torch.full((6, 1, 2, 2), 100, dtype=torch.uint8)}
    inputs = AttackedInputs(both, ColumnRules("attack"))
    neighbours = inputs.around(batch, epsilon=0.01, norm="linf")
    moved = pushed(neighbours, 1.0)
    torch.testing.assert_close(moved["image"], torch.full((6, 1, 2, 2), 102.55))
    assert (moved["num"] > batch["num"]).all()
    assert moved["target"] is batch["target"]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_step_wastes_nothing_on_pixels_that_cannot_go_further(norm):
    image = torch.tensor([255, 100], dtype=torch.uint8).reshape(1, 1, 1, 2)
    neighbours = around([ImageInputs], {"image": image}, norm=norm)
    way = neighbours.steepest({"image": torch.ones(1, 1, 1, 2)}, neighbours.none())
    assert way["image"].flatten().tolist() == [0.0, 1.0]
