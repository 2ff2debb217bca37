"""Data sets of the shipped YAML files with a target y, built without a config."""

from hydra.utils import get_class
from omegaconf import OmegaConf

from lepton.config.data_identity import without_name
from lepton.config.options import CONF_DIR
from lepton.dataset.tabular import TabularData
from lepton.preprocessing.standard import Standard


class Frames(TabularData):
    """A data set of tables in memory."""

    def __init__(self, *, frames, **table):
        super().__init__(**table)
        self.frames = frames

    def read(self):
        return self.frames


def options_of(name, base):
    nodes = [OmegaConf.load(CONF_DIR / "dataset" / f"{node}.yaml") for node in ("_rows", base)]
    own = OmegaConf.load(CONF_DIR / "dataset" / f"{name}.yaml") if name else {}
    values = OmegaConf.to_container(OmegaConf.merge(*nodes, own, {"target": "y"}))
    supplied = {"batch_size": 16, "seed": 0, "limit_batches": None, "overfit_batches": 0}
    del values["defaults"]
    return without_name(values) | supplied


def csv_data(frames=None, **changes):
    """dataset=csv of these options, or a data set of two frames in memory, not set up yet."""
    values = options_of(None if frames else "csv", "_table") | changes
    scaling = Standard(impute="median", indicator=False, rare=1, seed=0)
    if frames is not None:
        return Frames(frames=frames, preprocessing=scaling, **values)
    return get_class(values.pop("_target_"))(preprocessing=scaling, **values)


def text_data(**changes):
    """dataset=text_csv of these options, for a model that takes texts as they are."""
    values = options_of("text_csv", "_text") | {"text": "text", "tokenizer": None} | changes
    return get_class(values.pop("_target_"))(**values)
