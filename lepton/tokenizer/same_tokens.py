"""Keeps the tokens of weights that training starts from: a number must mean the word it did."""

from pathlib import Path
from typing import Any

from lepton.errors import ConfigError
from lepton.pretrained.location import TOKENIZER_FILE
from lepton.pretrained.weight_files import is_network_run

TRAINED = "lepton.tokenizer.trained.Trained"  # whose vocabulary is of the training split
PRETRAINED = "lepton.tokenizer.pretrained.Pretrained"


def same_tokens(node: dict[str, Any], init_from: str | None) -> dict[str, Any]:
    """A tokenizer's node whose tokens mean what they did to the weights that training starts from.

    Raises: ConfigError where weights come without the words that they were learned with.
    """
    if init_from is None or node["_target_"] != TRAINED:
        return node
    if not (Path(init_from) / TOKENIZER_FILE).is_file():
        if is_network_run(Path(init_from)):
            raise ConfigError(
                f"init_from={init_from}: a run without {TOKENIZER_FILE}, so of a model that reads "
                "no tokens; give a run of one that does"
            )
        raise ConfigError(
            f"init_from={init_from}: has no {TOKENIZER_FILE}, and a vocabulary learned anew would "
            "give other numbers to words; give the folder of the run"
        )
    return {"_target_": PRETRAINED, "path": init_from, "max_length": node["max_length"]}
