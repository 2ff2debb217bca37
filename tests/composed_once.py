"""What Hydra reads and composes of lepton's own conf/ is kept for the session.

Most tests compose, from the same files: a third of the suite's time went there. A config with other
sources, as a user's own folder, is left to Hydra. tests/test_composed_once.py compares.
"""

import copy
from collections.abc import Callable
from typing import Any

import hydra
import hydra._internal.config_loader_impl as loading
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override

from lepton.config.options import CONF_DIR

_RESULTS: dict[Any, Any] = {}


def keep_compositions() -> None:
    """Replaces three functions of Hydra by themselves with a memory."""
    if not hydra.__version__.startswith("1.3."):
        return  # tests of lepton on the next Hydra are about what that does
    read = ConfigRepository.load_config
    choose = loading.create_defaults_list
    merge = loading.ConfigLoaderImpl._compose_config_from_defaults_list

    def load_config(self, config_path):
        return _kept(("file", config_path), self, lambda: read(self, config_path))

    def create_defaults_list(repo, config_name, overrides_list, **settings):
        values = [override for override in overrides_list if _sets_value(override, repo)]
        choices = [override for override in overrides_list if override not in values]
        key = ("options", config_name, tuple(o.input_line for o in choices), str(settings))
        chosen = _kept(key, repo, lambda: choose(repo, config_name, choices, **settings))
        others = {override.input_line for override in [*values, *chosen.config_overrides]}
        chosen.config_overrides = [o for o in overrides_list if o.input_line in others]
        return chosen

    def compose_config(self, defaults, repo):
        return _kept(("merged", str(defaults)), repo, lambda: merge(self, defaults, repo))

    ConfigRepository.load_config = load_config
    loading.create_defaults_list = create_defaults_list
    loading.ConfigLoaderImpl._compose_config_from_defaults_list = compose_config


def _sets_value(override: Override, repo: Any) -> bool:
    """True for an override that plays no part in which files are read."""
    is_plain = override.package is None and not override.is_sweep_override()
    return is_plain and not repo.group_exists(override.key_or_group)


def _kept(key: Any, repo: Any, call: Callable[[], Any]) -> Any:
    """A copy of what the call returned the first time; what it returns, for a user's sources."""
    sources = tuple((source.scheme(), source.path) for source in repo.get_sources())
    if any(scheme == "file" and path != str(CONF_DIR) for scheme, path in sources):
        return call()
    key = (key, sources, _stored_names(ConfigStore.instance().repo))
    if key not in _RESULTS:
        _RESULTS[key] = call()
    return copy.deepcopy(_RESULTS[key])


def _stored_names(options: dict[str, Any]) -> tuple[Any, ...]:
    """The names of the options that plugins hold in Python, which lepton can remove."""
    return tuple(
        (name, _stored_names(node) if isinstance(node, dict) else None)
        for name, node in options.items()
    )
