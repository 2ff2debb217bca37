import pytest

from lepton.config.overrides import parse_overrides
from lepton.errors import MisreadOverrides


@pytest.mark.parametrize(
    ("overrides", "sweep", "lines"),
    [
        (["model=mpl"], False, 1),
        (["model=mpl", "seed", "seed=1,2", "nope/x=1", "choices=3"], False, 5),
        (["model=mpl,mlq,mlp"], True, 2),
        (["finetune=lorra", "init_from=conf", "forgetting=true"], False, 1),
        (["finetune=lora,head", "init_from=conf"], False, 1),
    ],
)
def test_every_override_that_is_wrong_is_told(overrides, sweep, lines):
    with pytest.raises(MisreadOverrides) as error:
        parse_overrides(overrides, sweep=sweep)
    assert len(error.value.problems) == lines


def test_a_key_given_with_one_or_two_plusses_is_the_same_key():
    parsed = [
        parse_overrides([f"{plus}seed=1", f"{plus}model=mlp"], sweep=False)
        for plus in ("", "+", "++")
    ]
    assert parsed == [["++seed=1", "model=mlp"]] * 3


def test_a_glob_becomes_the_options_it_matches():
    assert parse_overrides(["model=glob(mlp*)"], sweep=True) == ["model=mlp,mlp_small"]
