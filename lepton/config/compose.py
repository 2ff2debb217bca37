"""Composes the config that the overrides of a command line mean: groups, options, values."""

import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton.config.call_arguments import given_words
from lepton.config.hydra_messages import clearer
from lepton.config.idle_keys import remove_idle_keys
from lepton.config.inner_choices import inner_names, misplaced_choice, raise_inner_options
from lepton.config.launcher_keys import unknown_key_line
from lepton.config.options import (
    CONF_DIR,
    PACKAGE_DIR,
    config_dirs,
    find_options,
)
from lepton.config.overrides import parse_overrides
from lepton.config.words import restore_names, with_inner_keys
from lepton.config.younger_keys import changes_of, revisions_of
from lepton.errors import ConfigError, LeptonError, MisreadOverrides
from lepton.groups import REVISIONS, TRAINING_GROUPS, is_own_node

if TYPE_CHECKING:
    from omegaconf import DictConfig

PLUGINS_DIR = str(PACKAGE_DIR / "plugins")


def compose(*overrides: str) -> "DictConfig":
    """The config that `lepton train OVERRIDES` would run.

    Raises: ConfigError with every mistake, one line each; LeptonError for what is no text.
    """
    from lepton.config.check import check

    cfg = compose_unchecked(*given_words("compose", overrides, "seed=1"))
    check(cfg)
    return cfg


def compose_unchecked(*overrides: str) -> "DictConfig":
    """The same before its keys, values and files are looked at.

    Raises: ConfigError for overrides that cannot be read, and for what Hydra refuses.
    """
    from hydra import compose as hydra_compose

    try:
        hydra_overrides = parse_overrides(overrides, sweep=False)
    except MisreadOverrides as e:
        raise e.beside(_problems_of(e.readable)) from None
    with explain_hydra_errors(), hydra_session():
        all_overrides = [*search_path_overrides(), *hydra_overrides]
        cfg = hydra_compose("train", all_overrides, return_hydra_config=True)
        refuse_recipe(cfg, "which is a sweep; add -m")
        return finish_config(cfg, overrides, choices=cfg.hydra.runtime.choices)


def refuse_recipe(cfg: "DictConfig", instead: str) -> None:
    """Raises: ConfigError for an experiment that is a sweep over others, and no run by itself;
    `instead` ends its line."""
    if "experiment" in (cfg.hydra.sweeper.get("params") or {}):
        name = cfg.hydra.runtime.choices["experiment"]
        raise ConfigError(f"experiment={name}: trains other experiments, {instead}")


def _problems_of(overrides: Sequence[str]) -> tuple[str, ...]:
    """The problems of overrides that could be read, beside others that could not."""
    try:
        compose(*overrides)
    except ConfigError as e:
        return e.problems
    return ()


def add_plugin_path() -> None:
    """Lets Hydra find lepton's plugins, which it does only as hydra_plugins.*"""
    if PLUGINS_DIR not in sys.path:
        sys.path.append(PLUGINS_DIR)


@contextmanager
def hydra_session(folder: Path = CONF_DIR) -> Iterator[Any]:
    """Sets Hydra up on the conf folder of a root file, and on plugins; yields its own object."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    add_plugin_path()
    GlobalHydra.instance().clear()
    with initialize_config_dir(
        config_dir=str(folder), job_name="lepton", **version_base_argument()
    ):
        yield GlobalHydra.instance().hydra


def finish_config(
    cfg: "DictConfig", overrides: Sequence[str], *, choices: Mapping[str, Any]
) -> "DictConfig":
    """The composed config without Hydra's own part, with the chosen options and the overrides."""
    from omegaconf import OmegaConf, open_dict

    OmegaConf.set_readonly(cfg, False)
    with open_dict(cfg):
        raise_inner_options(cfg)
        remove_idle_keys(cfg, choices, {text.lstrip("+").partition("=")[0] for text in overrides})
    names = {
        group: "+".join(map(str, choice)) if OmegaConf.is_list(choice) else choice
        for group, choice in choices.items()
        if _is_recorded(group, choice)
    }
    for name, group in TRAINING_GROUPS.items():
        if group.several and cfg.get(name):  # Hydra does not say which of a list were chosen
            names.setdefault(name, "+".join(sorted(cfg[name])))
    names |= inner_names(cfg, choices)
    with open_dict(cfg):
        cfg.pop("hydra", None)
        nodes: Any = OmegaConf.to_container(cfg, resolve=False)
        for name, node in nodes.items():
            if is_own_node(name, node):
                names.setdefault(name, "+".join(sorted(node)))
        cfg.choices, cfg.overrides = names, literal_overrides(overrides)
        restore_names(cfg)
    note_revisions(cfg)
    return cfg


def note_revisions(cfg: "DictConfig") -> None:
    """Notes in a composed config the revisions of its options, where they have some."""
    from omegaconf import OmegaConf, open_dict

    if REVISIONS:
        with open_dict(cfg):
            values: Any = OmegaConf.to_container(cfg, resolve=False)
            cfg.revisions = revisions_of(changes_of(values))


def _is_recorded(group: str, choice: Any) -> bool:
    """True for a choice that says something about the run: not of Hydra's parts or hidden files."""
    is_hidden = choice is None or str(choice).startswith("_")
    return not (group.startswith("hydra") or group == "search" or "@" in group or is_hidden)


def literal_overrides(overrides: Sequence[str]) -> list[str]:
    """Overrides as the user wrote them, which no interpolation changes any more."""
    return [with_inner_keys(text.lstrip("+")).replace("${", "\\${") for text in overrides]


def search_path_overrides(folder: Path = CONF_DIR) -> list[str]:
    """The override that shows Hydra the conf folder that does not hold the root file, if any."""
    others = [path for path in config_dirs() if path != folder]
    return [f"hydra.searchpath=['file://{others[0]}']"] if others else []


def version_base_argument() -> dict[str, str]:
    """The keyword `version_base` for Hydra 1.3, which asks for it; 1.4 warns about it."""
    import hydra

    return {"version_base": "1.3"} if hydra.__version__.startswith("1.3.") else {}


@contextmanager
def explain_hydra_errors() -> Iterator[None]:
    """Turns what Hydra, OmegaConf and YAML raise into one ConfigError line each."""
    import yaml
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except yaml.MarkedYAMLError as e:
        place = f"{mark.name}:{mark.line + 1}: " if (mark := e.problem_mark) else ""
        raise ConfigError(f"{place}YAML: {e.problem or e.context}") from None
    except RecursionError:
        raise ConfigError(
            "the config is nested too deep; does a YAML file hold itself (&name and *name)?"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(*_files_not_utf8()) from None
    except OmegaConfBaseException as e:
        raise ConfigError(_first_line(e)) from None
    except ValueError as e:
        if not _is_raised_in(e, "hydra._internal."):
            raise
        raise ConfigError(_first_line(e)) from None
    except HydraException as e:
        if isinstance(e.__cause__, LeptonError):  # what a launcher or sweeper says of its values
            raise e.__cause__ from None
        cause = e.__cause__ if isinstance(e.__cause__, OmegaConfBaseException) else e
        raise ConfigError(_first_line(cause)) from None


def _is_raised_in(error: BaseException, package: str) -> bool:
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__", "").startswith(package)


def _files_not_utf8() -> list[str]:
    """A line for every option whose bytes are not text."""
    lines = []
    for path in (path for options in find_options().values() for path in options.values()):
        try:
            path.read_text(encoding="utf-8")
        except UnicodeDecodeError as e:
            lines.append(f"{path}: not UTF-8 text ({e.reason} at byte {e.start})")
    return lines


def _node_of(e: BaseException) -> dict[str, Any] | None:
    """The node in which OmegaConf looked for a key, with its values as they are written."""
    from omegaconf import OmegaConf

    node: Any = getattr(e, "parent_node", None)
    if not OmegaConf.is_dict(node):
        return None
    content: Any = OmegaConf.to_container(node, resolve=False)
    return content


def _first_line(e: BaseException) -> str:
    if line := misplaced_choice(str(e)) or clearer(str(e)):
        return line
    (first, *_) = str(e).strip().splitlines() or [type(e).__name__]
    key = getattr(e, "full_key", None)
    if key and "not in struct" in first and (line := unknown_key_line(key, _node_of(e))):
        return line
    return f"{key}: {first}" if key and not first.startswith(key) else first
