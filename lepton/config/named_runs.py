"""Finished runs that methods name under keys of theirs, as a class says in `run_keys`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lepton.config.class_facts import class_fact
from lepton.config.method_nodes import method_nodes
from lepton.pretrained.run_content import is_finished_run, run_content
from lepton.pretrained.study_start import best_run_of_study
from lepton.storage.run_folder import unfinished_folder

Memory = dict[tuple[str, ...], Any]


def named_runs(config: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yields the path of a method's node, a key of it that names a run, and what it names."""
    for path, node in method_nodes(config):
        for key in class_fact(node, "run_keys") or ():
            yield path, key, str(node[key])


def with_runs_of_studies(config: dict[str, Any], memory: Memory) -> dict[str, Any]:
    """The config whose keys of methods name runs, where they named studies.

    Raises: ConfigError for a study in which there is none, or none is the best.
    """
    for path, key, name in named_runs(config):
        place = f"{path}.{key}", name, config["runs"]
        if place not in memory:
            memory[place] = best_run_of_study(
                f"{path}.{key}", name, config["runs"], is_finished_run, "run"
            )
        config = _with_value(config, path, key, memory[place])
    return config


def with_run_contents(canonical: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """The part of a config that tells runs apart, with the content of runs for their names."""
    for path, key, name in named_runs(config):
        if content := run_content(Path(name)):
            canonical = _with_value(canonical, path, key, content)
    return canonical


def named_run_problems(config: dict[str, Any]) -> list[str]:
    """A line for every key of a method that names no finished run."""
    problems = []
    for path, key, name in named_runs(config):
        folder = Path(name)
        if is_finished_run(folder):
            continue
        is_begun = unfinished_folder(folder).is_dir()
        state = "is not finished yet" if is_begun else f"is none (looked in {Path.cwd()})"
        problems.append(
            f"{path}.{key}: {name!r} {state}; name the folder of a finished run, or a study"
        )
    return problems


def mixed_row_problems(config: dict[str, Any]) -> list[str]:
    """A line where one method mixes the rows that another one asks a run about, or mixes inside of
    the network too, whose targets would not be mixed in the order of the rows."""
    nodes = [*method_nodes(config)]
    mixing = [path for path, node in nodes if class_fact(node, "mixes_rows")]
    asking = [path for path, node in nodes if class_fact(node, "run_keys")]
    inside = [path for path, node in nodes if class_fact(node, "mixes_states")]
    unknown = [
        f"{path}, {other}: {path} knows what its run says of each row, not of the mixtures that "
        f"{other} makes; leave one of them out"
        for path in asking
        for other in mixing
    ]
    twice = [
        f"{path}, {other}: both mix each row with another one; leave one of them out"
        for path in inside
        for other in mixing
        if other != path
    ]
    return [*unknown, *twice]


def _with_value(config: dict[str, Any], path: str, key: str, value: str) -> dict[str, Any]:
    """The config with another value under a key of the node of a dotted path."""
    first, _, rest = path.partition(".")
    node = config[first]
    inner = _with_value(node, rest, key, value) if rest else {**node, key: value}
    return {**config, first: inner}
