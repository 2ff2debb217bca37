import pytest
import yaml

from lepton.config.trust import allow, is_allowed


def test_allowing_a_package_lets_in_that_package_alone(monkeypatch):
    monkeypatch.setenv("LEPTON_ALLOW", "")
    allow("mine")
    allow("yours.models", "mine")
    assert [is_allowed(n) for n in ("mine.Net", "mine.a.Net", "yours.models.Net")] == [True] * 3
    assert [is_allowed(n) for n in ("mine", "miner.Net", "yours.Net", "os.system")] == [False] * 4


@pytest.mark.parametrize("command", [("train", "-m"), ("check", "-m")])
@pytest.mark.parametrize("where", ["callbacks.x", "launcher", "sweeper", "launcher.further"])
@pytest.mark.parametrize("target", ["distutils.spawn.spawn", "os.system", "lepton.run.os.system"])
def test_a_call_in_hydras_own_part_of_an_experiment_is_refused(
    lepton, here, command, where, target
):
    (here / "conf" / "experiment").mkdir(parents=True)
    node = {"_target_": target, "cmd": ["touch", str(here / "marker")]}
    for key in reversed(where.split(".")):
        node = {key: node}
    text = f"# @package _global_\n{yaml.safe_dump({'hydra': node})}"
    (here / "conf" / "experiment" / "evil.yaml").write_text(text)
    code, _, message = lepton(*command, "experiment=evil")
    assert code == 2
    assert message == f"lepton: hydra.{where}._target_: {target!r} is not a plugin of Hydra's\n"
    assert [p.name for p in here.iterdir()] == ["conf"]
