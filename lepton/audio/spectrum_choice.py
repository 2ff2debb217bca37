"""Whether the spectra of sounds are kept in place of their waveforms, by the config of a run."""

from typing import Any

from lepton.config.chosen_options import option_label
from lepton.config.class_facts import class_fact
from lepton.config.method_nodes import method_nodes
from lepton.errors import ConfigError

QUIET_GROUPS = ("finetune", "regularization")  # whose methods leave waveforms as they are


def with_keep(spectrum: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """The node of a spectrum, whose `keep` says so unless a method may change waveforms before it.

    Raises: ConfigError where it is to be kept and a method does.
    """
    methods = dict(method_nodes(config))
    if spectrum.get("keep") is None:
        groups = {path.partition(".")[0] for path in methods}
        return {**spectrum, "keep": groups <= {*QUIET_GROUPS}}
    changing = [path for path, node in methods.items() if class_fact(node, "changes_waveforms")]
    if spectrum["keep"] and changing:
        raise ConfigError(
            f"{changing[0].partition('.')[0]}, model.spectrum.keep: "
            f"{option_label(config, changing[0])} changes waveforms, and the spectra are kept in "
            "their place; model.spectrum.keep=null"
        )
    return spectrum
