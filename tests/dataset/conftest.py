import pytest
from hydra.utils import get_class
from omegaconf import OmegaConf

from lepton.config.data_identity import without_name
from lepton.config.options import CONF_DIR


@pytest.fixture
def open_dataset():
    """Builds the data set of a YAML in conf/dataset, some keys changed, of which to use `read`."""

    def build(option, **changes):
        folder = CONF_DIR / "dataset"
        nodes = [OmegaConf.load(folder / f"{name}.yaml") for name in ("_rows", "_table", option)]
        values = OmegaConf.to_container(OmegaConf.merge(*nodes, changes))
        del values["defaults"]
        values = without_name(values)
        target = get_class(values.pop("_target_"))
        supplied = {"preprocessing": None, "batch_size": 32, "seed": 0}
        return target(**values, **supplied, limit_batches=None, overfit_batches=0)

    return build
