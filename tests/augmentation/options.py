"""The options of the group augmentation, made as their YAML says, and inputs made up for them."""

from functools import cache

import torch
import yaml
from hydra.utils import get_class

from lepton.audio.log_mel import LogMel
from lepton.config.options import CONF_DIR
from lepton.dataset.inputs.find import input_kind
from lepton.example import make_batch, make_specs
from lepton.model.spectra import ScaledSpectrum
from lepton.model.text_cnn import TextCnn
from lepton.randomness.draw import Draw
from lepton.randomness.streams import DrawStreams

ASKED = {"mixup": {"categories": "pick"}}  # of options that refuse some inputs by default
NO_CHANGE = ("generated", "smote", "class_balanced_sampling")  # of a batch, but of which rows come
OF_OTHERS = ("kornia",)  # which does what a package does, and is held to that elsewhere
NAMES = {p.stem for p in (CONF_DIR / "augmentation").glob("*.yaml")}
NAMES = sorted(NAMES - {"none", *NO_CHANGE, *OF_OTHERS})


def made(name, spec=None, **values):
    """The option with these values in place of its YAML's; prepared for a spec, where given."""
    node = yaml.safe_load((CONF_DIR / "augmentation" / f"{name}.yaml").read_text())[name]
    method = get_class(node.pop("_target_"))(**{**node, **values})
    if spec is not None:
        method.prepare(model_for(spec), spec)
    return method


def model_for(spec):
    """A module to prepare: of sounds their spectrum, of texts a network that embeds tokens, else
    one that no option looks at."""
    if spec.text_features:
        return TextCnn(spec=spec, tokenizer=None, width=4, kernels=[2], filters=3, dropout=0.0)
    if "audio" not in spec.inputs:
        return torch.nn.Linear(1, 1)
    mel = LogMel(bands=20, window=25.0, hop=10.0, low=0.0, high=None, floor=1e-6, keep=False)
    return ScaledSpectrum(spec=spec, spectrum=mel)


def ready(name, kind, **values):
    """The option for made-up rows of a kind, which it takes whatever they are."""
    return made(name, made_up(kind), **{**ASKED.get(name, {}), **values})


@cache
def made_up(kind, task="multiclass"):
    """A spec of data of one kind, the richest that is made up of it."""
    return list(make_specs(task, [input_kind(kind)]))[-1]


def batch_of(kind, task="multiclass", rows=16):
    """Made-up rows of a kind."""
    return make_batch(made_up(kind, task), rows=rows)


def kinds_of(name):
    """The kinds of inputs that an option changes."""
    return made(name).changes_inputs


def draw(key=0):
    """Random numbers of one step."""
    return Draw(torch.tensor(2 * key + 1), torch.tensor(2 * key + 2))


def streams(seeds):
    """The numbers of several runs in one step of their second epoch."""
    drawn = DrawStreams(seeds, ["augmentation.one"], torch.device("cpu"))
    drawn.start_epoch(1)
    drawn.set_step(3)
    return drawn
