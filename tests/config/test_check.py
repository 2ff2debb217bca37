import json
import shutil
import sys

import pytest
import yaml
from omegaconf import OmegaConf

import lepton as public
from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.options import CONF_DIR
from lepton.errors import ConfigError, LeptonError
from lepton.groups import GROUPS
from tests.tampering import forget_digests

HOSTILE = [
    "os.system",
    "posix.system",
    "subprocess.run",
    "builtins.eval",
    "builtins.exec",
    "builtins.open",
    "eval",
    "importlib.import_module",
    "shutil.rmtree",
    "pickle.loads",
    "joblib.load",
    "distutils.spawn.spawn",
    "torch.load",
    "torch.hub.load",
    "pathlib.Path.unlink",
    "pandas.read_pickle",
    "hydra.utils.get_object",
    "functools.partial",
    "lepton.run.train",
    "lepton.run.os.system",
    "lepton.storage.run_writing.shutil.rmtree",
    "lepton.cli.os.execv",
    "lepton.model",
    "lepton.model.mlp",
    "lepton.model..mlp.MLP",
    "lepton.model.mlp.MLP.forward",
    "lepton.model.mlp.MLP.__init__",
    "lepton.dataset.csv.pd.read_pickle",
    "lepton.dataset.tabular.Path.unlink",
    "lepton.dataset.german_credit.Path",
    "lepton.preprocessing.state_file.skops.io.load",
    "torch.nn.functional.torch.hub.load",
    "torch.nn.modules.module.torch.load",
    "torch.nn.modules.module.warnings.warn",
    "torch.nn.modules.module.OrderedDict",
    "torch.optim.optimizer.torch.load",
    "torch.optim.swa_utils.deepcopy",
    "torch.nn.init.warnings.sys.exit",
    "sklearn.preprocessing._data.np.load",
    "sklearn.preprocessing._data.stats.sys.exit",
    "sklearn.preprocessing._function_transformer.warnings.sys.exit",
    "pytorch_lightning.loggers.csv_logs.os.system",
    "pytorch_lightning.loggers.tensorboard.os.system",
    "schedulefree.torch.load",
    "torch.nn",
    "torch.nnx.Linear",
    "torchx.nn.Linear",
    "../os.system",
    "lepton.model.mlp.MLP; import os",
    "",
    ".",
    "lepton.model.",
]
HARMLESS = (  # once imported they prove to be of a trusted package
    "lepton.model.mlp.MLP.forward",
    "lepton.model.mlp.MLP.__init__",
)


@pytest.fixture
def refused():
    """The lines that `check` has for a config, which must be some."""

    def refused(cfg):
        with pytest.raises(ConfigError) as e:
            check(cfg)
        return list(e.value.problems)

    return refused


@pytest.fixture
def cfg():
    return compose("model=mlp_small", "regularization=ema")


@pytest.mark.parametrize("target", HOSTILE)
def test_a_target_outside_the_trusted_packages_is_refused(cfg, refused, target):
    cfg.model._target_ = target
    (line,) = refused(cfg)
    assert line.startswith("model._target_: ")


@pytest.mark.parametrize("group", [*GROUPS, "own"])
def test_what_makes_objects_refuses_the_same_targets_in_every_group(group):
    for target in HOSTILE:
        if target not in HARMLESS:
            with pytest.raises((ConfigError, ImportError, ValueError)):
                build.instantiate({"_target_": target}, group)
            with pytest.raises((ConfigError, ImportError, ValueError)):
                build.import_target({"_target_": target}, group)


CALL = {"_target_": "os.system", "command": "touch marker"}


@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        ("optimizer", CALL, "optimizer._target_"),
        ("dataset", CALL, "dataset._target_"),
        ("preprocessing", CALL, "preprocessing._target_"),
        ("scheduler", CALL, "scheduler._target_"),
        ("trainer", CALL, "trainer._target_"),
        ("logger.csv", CALL, "logger.csv._target_"),
        ("regularization.ema", CALL, "regularization.ema._target_"),
        ("regularization.further", CALL, "regularization.further._target_"),
        ("model.dropout", CALL, "model.dropout._target_"),
        ("model.hidden", [CALL], "model.hidden.0._target_"),
        ("model.hidden", [[CALL]], "model.hidden.0.0._target_"),
        ("dataset.columns", {"a": CALL}, "dataset.columns.a._target_"),
        ("dataset.columns", {"a": {"b": [CALL]}}, "dataset.columns.a.b.0._target_"),
        ("model._args_", [CALL], "model._args_"),
        ("model._partial_", True, "model._partial_"),
        ("model._recursive_", False, "model._recursive_"),
        ("model._convert_", "all", "model._convert_"),
        ("model.dropout", {**CALL, "_partial_": True}, "model.dropout._target_"),
        (
            "model.dropout",
            {"_target_": "torch.nn.Dropout", "p": CALL, "inplace": False},
            "model.dropout.p._target_",
        ),
    ],
)
def test_a_hidden_call_is_refused_wherever_it_stands(cfg, refused, key, value, where):
    OmegaConf.update(cfg, key, value, force_add=True, merge=False)
    assert any(line.startswith(f"{where}: ") for line in refused(cfg)), refused(cfg)


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": "torch.nn.Dropout", "p": CALL},
        {"_target_": "torch.nn.Dropout", "p": [CALL]},
        {"_target_": "torch.nn.Dropout", "p": {"a": [{"b": CALL}]}},
        {"_target_": "torch.nn.Dropout", "_args_": [CALL]},
        {"_target_": "torch.nn.Dropout", "p": {**CALL, "_partial_": True}},
    ],
)
def test_what_makes_objects_refuses_a_hidden_call_itself(node, here):
    with pytest.raises(ConfigError, match=r"os\.system"):
        build.instantiate(node, "model")
    assert not list(here.iterdir())


@pytest.mark.parametrize("key", ["task", "seed", "study", "rerun", "task.monitor"])
def test_a_call_where_no_object_is_made_is_no_value(cfg, refused, key):
    OmegaConf.update(cfg, key, CALL, merge=False)
    assert all(line.startswith(key) for line in refused(cfg))


def test_an_alias_in_a_users_module_is_held_to_what_it_really_is(cfg, refused, here, monkeypatch):
    (here / "aliases.py").write_text(
        "from subprocess import run as Net\nfrom torch.nn import Dropout\n"
    )
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("LEPTON_ALLOW", "aliases")
    cfg.model._target_ = "aliases.Net"
    assert "'subprocess.run' is not in a trusted package" in refused(cfg)[0]
    cfg.model = {"_target_": "aliases.Dropout", "p": 0.5, "inplace": False}
    assert check(cfg)["model"]["_target_"] == "aliases.Dropout"


def test_a_users_module_that_is_a_package_of_lepton_by_name_alone_is_refused(refused, cfg):
    for name in ("lepton_model.x.Y", "leptonx.model.X", "xlepton.model.X"):
        cfg.model._target_ = name
        assert "not in a trusted package" in refused(cfg)[0]


@pytest.fixture
def mine(here, monkeypatch):
    """A user's own model, optimizer and data set: options in conf/, modules beside it."""
    (here / "mine.py").write_text(
        "import torch\n"
        "from lepton.dataset.wine import Wine\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, *, spec, width: int):\n"
        "        super().__init__()\n"
        "        self.layers = torch.nn.Sequential(\n"
        "            torch.nn.Linear(len(spec.num_features), width),\n"
        "            torch.nn.Linear(width, spec.outputs))\n"
        "    def forward(self, batch):\n"
        "        return self.layers(batch['num'])\n"
        "class Slow(torch.optim.SGD):\n"
        "    def __init__(self, params, *, lr: float):\n"
        "        super().__init__(params, lr=lr / 10)\n"
        "class Data(Wine):\n"
        "    pass\n"
    )
    shipped = CONF_DIR / "dataset" / "wine.yaml"
    options = {
        "model/net": "# My net.\n_target_: mine.Net\nwidth: 3  # units\n",
        "optimizer/slow": "_target_: mine.Slow\nlr: 0.1\n",
        "dataset/data": shipped.read_text().replace("lepton.dataset.wine.Wine", "mine.Data"),
    }
    for name, text in options.items():
        path = here / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    monkeypatch.syspath_prepend(str(here))
    return ("model=net", "optimizer=slow", "dataset=data", "trainer=smoke")


def test_a_users_own_options_are_refused_until_their_package_is_allowed(lepton, mine):
    code, _, message = lepton("check", *mine)
    assert code == 2
    assert message.count("is not in a trusted package; if you trust it, --allow mine") == 3
    assert lepton("check", "--allow", "mine", *mine)[0] == 0


def test_a_users_own_options_train_once_their_package_is_allowed(lepton, mine, here):
    code, _, message = lepton("train", "--allow", "mine", *mine, "model.width=5")
    assert code == 0, message
    (folder,) = (here / "runs" / "default").iterdir()
    assert folder.name.startswith("data-net-s0-")
    assert yaml.safe_load((folder / "config.yaml").read_text())["model"]["width"] == 5


def test_a_users_own_keys_are_checked_like_leptons(lepton, mine):
    _, _, message = lepton("check", "--allow", "mine", *mine, "model.widht=5", "model.width=a")
    assert message.splitlines() == [
        "lepton: model.width: 'a' is not int",
        "lepton: model.widht: model=net has no such key; did you mean 'width'?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class Net(\n", "wrong.py:1: "),
        ("x = 1\nclass Net:\n  def f(self:\n", "wrong.py:3: "),
        ("from wrong import Net\n", "is defined by itself"),
        ("Other = 3\n", "defines no class or function 'Net'"),
        ("import Net\n", "only imports 'Net'"),
        ("from nowhere import Net\n", "'nowhere.Net' is not in a trusted package"),
    ],
)
def test_a_users_module_that_cannot_be_read_is_named(
    cfg, refused, here, monkeypatch, text, message
):
    from lepton.config import signature

    signature.read_signature.cache_clear()
    signature._bindings.cache_clear()
    (here / "wrong.py").write_text(text)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("LEPTON_ALLOW", "wrong")
    cfg.model._target_ = "wrong.Net"
    if "nowhere" in text:
        monkeypatch.setenv("LEPTON_ALLOW", "wrong,nowhere")
        message = "no module 'nowhere'"
    assert message in refused(cfg)[0]


@pytest.fixture
def finished(run, here):
    folder = run("dataset=wine", "model=mlp_small", "trainer=smoke")
    copy = here / "copy"
    shutil.copytree(folder, copy)
    return copy


EVIL = "import pathlib\npathlib.Path({marker!r}).touch()\nclass Net:\n    pass\n"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", {"_target_": "evil.Net"}),
        ("model", CALL),
        ("model", {"_target_": "lepton.run.os.system", "command": "touch marker"}),
        ("model.dropout", CALL),
        ("model.hidden", [CALL]),
        ("dataset", CALL),
        ("preprocessing._args_", [CALL]),
        ("task", CALL),
        ("regularization", {"x": CALL}),
    ],
)
def test_a_tampered_run_is_refused_before_anything_of_it_is_imported(
    finished, here, monkeypatch, key, value
):
    (here / "evil.py").write_text(EVIL.format(marker=str(here / "marker")))
    monkeypatch.syspath_prepend(str(here))
    forget_digests(finished)  # else they are refused first
    for path in (finished / "config.yaml", finished / "result.json"):
        stored = yaml.safe_load(path.read_text())
        config = OmegaConf.create(stored if path.suffix == ".yaml" else stored["config"])
        OmegaConf.update(config, key, value, force_add=True, merge=False)
        config = OmegaConf.to_container(config)
        text = config if path.suffix == ".yaml" else {**stored, "config": config}
        path.write_text(yaml.safe_dump(text) if path.suffix == ".yaml" else json.dumps(text))
    with pytest.raises(ConfigError, match=r"trusted package|not allowed|no such key"):
        public.load_model(finished)
    assert "evil" not in sys.modules
    assert not (here / "marker").exists()


def test_a_tampered_run_with_a_yaml_tag_makes_nothing(finished, here):
    tag = '!!python/object/apply:os.system ["touch marker"]'
    with (finished / "config.yaml").open("a") as file:
        file.write(f"further: {tag}\n")
    with pytest.raises(LeptonError):
        public.load_model(finished)
    assert not (here / "marker").exists()


def test_an_untouched_run_still_predicts_when_it_is_moved(finished):
    assert public.load_model(finished).spec.outputs == 3


def test_missing_values_and_broken_interpolations_are_named_with_their_keys(refused):
    cfg = compose()
    cfg.optimizer.lr = "${model.nope}"
    cfg.dataset.target = "???"
    lines = refused(cfg)
    assert [line.partition(":")[0] for line in lines] == ["dataset.target", "optimizer.lr"]


@pytest.mark.parametrize("node", [None, {}, [], "x", 3, [1]])
@pytest.mark.parametrize("group", ["dataset", "preprocessing", "model", "optimizer", "trainer"])
def test_a_group_that_must_be_there_is_missed(refused, group, node):
    cfg = compose()
    cfg[group] = node
    assert all(line.startswith(f"{group}: ") for line in refused(cfg))


@pytest.mark.parametrize("node", ["x", 3, [1], {"a": 1}, {"a": None, "b": 1}])
@pytest.mark.parametrize("group", ["scheduler", "logger", "regularization"])
def test_a_group_that_may_be_empty_takes_nothing_but_an_option(refused, group, node):
    cfg = compose()
    cfg[group] = node
    assert all(line.startswith(group) for line in refused(cfg))


def test_a_model_that_fits_itself_has_no_training_options():
    config = check(compose("model=gradient_boosting", "optimizer=sgd", "regularization=ema"))
    assert [config[k] for k in ("optimizer", "scheduler", "regularization", "trainer")] == [
        None
    ] * 4
    assert "optimizer" not in config["choices"]


def test_wrong_options_and_wrong_keys_are_told_together(lepton):
    code, _, message = lepton(
        "train", "model.widht=3", "seed=abc", "optimiser=adam", "dataset=german"
    )
    assert code == 2
    assert [line.split(":")[1].strip() for line in message.splitlines()] == [
        *("dataset=german", "seed", "optimiser", "model.widht")
    ]


def test_keys_of_a_group_whose_option_is_wrong_are_not_judged(lepton):
    message = lepton("train", "model=mpl", "model.nosuch=3")[2]
    assert message.count("\n") == 1
