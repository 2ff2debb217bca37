"""What Hydra reads, parses and composes is kept for the session.

Most tests compose, from the same files: a third of the suite's time went there. A user's own files
count by what is in them. tests/test_composed_once.py compares.
"""

import copy
import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
import hydra._internal.config_loader_impl as loading
import hydra._internal.defaults_list as choosing
import omegaconf.base
from hydra import version
from hydra._internal.config_repository import CachingConfigRepository, ConfigRepository
from hydra.core.config_store import ConfigStore
from hydra.core.default_element import InputDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobRuntime
from hydra.plugins.config_source import ConfigSource
from omegaconf import DictConfig, OmegaConf, flag_override, open_dict
from omegaconf.basecontainer import BaseContainer

from lepton.config import options
from lepton.config.options import CONF_DIR

STEP = 5  # files between two configs, merged from all files so far, that are kept
_RESULTS: dict[Any, bytes] = {}  # pickled, of which copies are made in a third of copy's time
_TREES: dict[str, Any] = {}  # parsed interpolations, which nothing changes
REPLACED: list[tuple[Any, str, Any]] = []  # owner, name and the function as it was


def keep_compositions() -> None:
    """Replaces functions of Hydra by themselves with a memory, and leaves out what none needs."""
    _keep_names()
    if not hydra.__version__.startswith("1.3."):
        return  # tests of lepton on the next Hydra are about what that does
    _keep_files_and_choices()
    _keep_merged()
    _keep_whole()
    _keep_parsed()
    _leave_out()


def _replace(owner: Any, name: str, function: Any) -> None:
    REPLACED.append((owner, name, getattr(owner, name)))
    setattr(owner, name, function)


def _keep_names() -> None:
    """Lepton's own folder of options is looked through once; a user's, each time."""
    look, found = options._files_by_group, options._files_by_group(CONF_DIR)
    _replace(options, "_files_by_group", lambda f: found if f == CONF_DIR else look(f))


def _keep_files_and_choices() -> None:
    read = ConfigRepository.load_config
    choose = loading.create_defaults_list

    def load_config(self, config_path):
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is not None and (source.scheme() == "pkg" or source.path == str(CONF_DIR)):
            return _kept(("file", source.path, config_path), lambda: read(self, config_path))
        return read(self, config_path)

    def create_defaults_list(repo, config_name, overrides_list, **settings):
        values = [override for override in overrides_list if _sets_value(override, repo)]
        choices = [override for override in overrides_list if override not in values]
        given = (config_name, tuple(o.input_line for o in choices), str(settings))
        arguments = (repo, config_name, choices)
        key = ("options", given, _contents(repo.get_sources()))
        chosen = _kept(key, lambda: choose(*arguments, **settings))
        others = {override.input_line for override in [*values, *chosen.config_overrides]}
        chosen.config_overrides = [o for o in overrides_list if o.input_line in others]
        return chosen

    _replace(ConfigRepository, "load_config", load_config)
    _replace(loading, "create_defaults_list", create_defaults_list)


def _keep_merged() -> None:
    """A config begins with what the same first files were merged to before."""
    merge = loading.ConfigLoaderImpl._compose_config_from_defaults_list

    def merged(loader, defaults, repo, contents):
        names = tuple(map(str, defaults))
        keys = {n: ("begun", names[:n], contents) for n in range(STEP, len(names), STEP)}
        begun = max((n for n, key in keys.items() if key in _RESULTS), default=0)
        cfg = pickle.loads(_RESULTS[keys[begun]]) if begun else OmegaConf.create()
        with flag_override(cfg, "no_deepcopy_set_nodes", True):
            for n, default in enumerate(defaults[begun:], begun + 1):
                loaded = loader._load_single_config(default=default, repo=repo)
                BaseContainer._map_merge(cfg, loaded.config)
                if n in keys:
                    _RESULTS[keys[n]] = pickle.dumps(cfg, pickle.HIGHEST_PROTOCOL)
        cfg._re_parent()
        _strip_defaults(cfg)
        return cfg

    def compose_config(self, defaults, repo):
        contents = _contents(repo.get_sources())
        key = ("merged", str(defaults), contents)
        try:
            return _kept(key, lambda: merged(self, defaults, repo, contents))
        except Exception:
            return merge(self, defaults, repo)  # which says what is wrong

    _replace(loading.ConfigLoaderImpl, "_compose_config_from_defaults_list", compose_config)


def _keep_whole() -> None:
    """A config of lepton's own options is composed once, and the values of a run are set in it."""
    load = loading.ConfigLoaderImpl._load_configuration_impl

    def load_configuration(loader, config_name, overrides, run_mode, from_shell=True, **more):
        settings = {"run_mode": run_mode, "from_shell": from_shell, **more}

        def composed(texts):
            return load(loader, config_name, texts, **settings)

        sources = tuple((s.scheme(), s.path) for s in loader.repository.get_sources())
        is_own = any(kind == "file" and path != str(CONF_DIR) for kind, path in sources)
        if is_own or any("searchpath" in text for text in overrides):
            return composed(overrides)
        parsed = OverridesParser.create().parse_overrides(overrides)
        values = [override for override in parsed if _sets_value(override, loader.repository)]
        chosen = [override.input_line for override in parsed if override not in values]
        state = (JobRuntime.instance().get("name"), version.getbase(), str(settings))
        names = _stored_names(ConfigStore.instance().repo)
        try:
            key = ("whole", config_name, tuple(chosen), sources, names, state)
            cfg = _kept(key, lambda: composed(chosen))
            if settings.get("validate_sweep_overrides", True):
                loader.validate_sweep_overrides_legal(parsed, run_mode, from_shell)
            _set_values(cfg, values, parsed)
        except Exception:
            return composed(overrides)  # which says what is wrong
        return cfg

    _replace(loading.ConfigLoaderImpl, "_load_configuration_impl", load_configuration)


def _set_values(cfg: Any, values: list[Override], parsed: list[Override]) -> None:
    """Sets values in a config that was composed without them, and what Hydra notes of them."""
    loading.ConfigLoaderImpl._apply_overrides_to_config(values, cfg)
    hydra_node, words = cfg.hydra, {True: [], False: []}
    for override in parsed:
        words[override.is_hydra_override()].append(override)
    hydra_node.overrides.hydra = [override.input_line for override in words[True]]
    hydra_node.overrides.task = [override.input_line for override in words[False]]
    with open_dict(hydra_node):
        for name in hydra_node.job.env_copy:
            hydra_node.job.env_set[name] = os.environ[name]
    hydra_node.runtime.cwd = os.getcwd()
    named = hydra_node.job.config.override_dirname
    hydra_node.job.override_dirname = loading.get_overrides_dirname(
        overrides=words[False],
        kv_sep=named.kv_sep,
        item_sep=named.item_sep,
        exclude_keys=named.exclude_keys,
    )


def _strip_defaults(node: Any) -> None:
    """Removes the lists of defaults that are left of the classes that hold Hydra's own part."""
    if not isinstance(node, DictConfig) or node._is_missing() or node._is_none():
        return
    if node._get_node_flag("HYDRA_REMOVE_TOP_LEVEL_DEFAULTS"):
        with flag_override(node, ["readonly", "struct"], False):
            node._set_flag("HYDRA_REMOVE_TOP_LEVEL_DEFAULTS", None)
            node.pop("defaults", None)
    for _, value in node.items_ex(resolve=False):
        _strip_defaults(value)


def _keep_parsed() -> None:
    """Texts are parsed once: overrides without a call, which may draw, and interpolations."""
    parse_override = OverridesParser.parse_rule
    parse_interpolation = omegaconf.base.parse

    def parse_rule(self, text, rule):
        if "(" in text:
            return parse_override(self, text, rule)
        return _kept(("parsed", text, rule), lambda: parse_override(self, text, rule))

    def parse(text):
        if text not in _TREES:
            _TREES[text] = parse_interpolation(text)
        return _TREES[text]

    _replace(OverridesParser, "parse_rule", parse_rule)
    _replace(omegaconf.base, "parse", parse)


def _leave_out() -> None:
    map_choices = choosing._create_interpolation_map

    def create_interpolation_map(overrides, defaults_list, self_added):
        if _has_interpolation(defaults_list):
            return map_choices(overrides, defaults_list, self_added)
        return None  # nothing would look at all the choices, made anew for each of them

    def set_up(self, delegate):
        self.delegate = copy.copy(delegate)  # whose sources are replaced, and never changed
        self.cache = {}

    _replace(choosing, "_create_interpolation_map", create_interpolation_map)
    _replace(CachingConfigRepository, "__init__", set_up)


def _has_interpolation(defaults_list: list[InputDefault]) -> bool:
    return any(default.is_interpolation() for default in defaults_list)


def _sets_value(override: Override, repo: Any) -> bool:
    """True for an override that plays no part in which files are read."""
    is_plain = override.package is None and not override.is_sweep_override()
    return is_plain and not repo.group_exists(override.key_or_group)


def _kept(key: Any, call: Callable[[], Any]) -> Any:
    """A copy of what the call returned the first time."""
    if key not in _RESULTS:
        _RESULTS[key] = pickle.dumps(call(), pickle.HIGHEST_PROTOCOL)
    return pickle.loads(_RESULTS[key])


def _contents(sources: Sequence[ConfigSource]) -> tuple[Any, ...]:
    """What a config depends on beside its choices: the files of a user's folder, not its name."""
    places = [
        _files(source.path)
        if source.scheme() == "file" and source.path != str(CONF_DIR)
        else source.path
        for source in sources
    ]
    return (*places, _stored_names(ConfigStore.instance().repo))


def _files(folder: str) -> tuple[Any, ...]:
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return tuple((str(path.relative_to(folder)), path.read_bytes()) for path in paths)


def _stored_names(options: dict[str, Any]) -> tuple[Any, ...]:
    """The names of the options that plugins hold in Python, which lepton can remove."""
    return tuple(
        (name, _stored_names(node) if isinstance(node, dict) else None)
        for name, node in options.items()
    )
