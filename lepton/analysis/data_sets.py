"""Tells the data sets of runs apart by their content and target, and gives each a name of its own.

Runs of earlier versions did not record it. Where their data are still what they were, as their
ids say, it is known all the same; else they are told by the option, the paths and the target.
"""

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.analysis.label_use import with_label_use
from lepton.config.data_identity import (
    IDENTITY_KEY,
    PATH,
    TARGET,
    file_stem,
    is_path,
    tells_data,
)
from lepton.errors import LeptonError
from lepton.evaluation.sample_inputs import unchanged_config

NAME, CONTENT = f"{IDENTITY_KEY}.name", f"{IDENTITY_KEY}.content"
MAX_PROVEN = 3  # of the runs without a record that are alike; the oldest and the newest are there
MAX_ASKED = 20  # data sets that runs without a record tell
UNRECORDED = "content not recorded"
SHORT = 6  # digits of a content that tell two data sets of one name


def with_data_sets(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of runs whose column `dataset` holds names of data sets, not of options.

    The same content with the same target has one name, whichever option, path or study it was read
    by; two contents have two. So have runs on one content that used its labels in different ways.
    """
    if "dataset" not in frame:
        return frame
    frame = _with_proven(frame.assign(**{c: None for c in (NAME, CONTENT) if c not in frame}))
    identities = _identities(frame)
    names = _unique_names(frame, identities)
    # by a function: pandas 2 makes an index of names, which tuples cannot be the keys of
    return with_label_use(frame.assign(dataset=identities.map(names.get, na_action="ignore")))


def unrecorded_note(frame: pd.DataFrame) -> str | None:
    """A sentence on the runs that did not record the content of the files that they read."""
    paths = [column for column in frame if is_path(column)]
    if not paths or CONTENT not in frame:
        return None
    is_finished = (frame["status"] == "finished") & frame[paths].notna().any(axis=1)
    if not (count := int((is_finished & frame[CONTENT].isna()).sum())):
        return None
    runs = "1 run of an earlier version" if count == 1 else f"{count} runs of earlier versions"
    return (
        f"{runs} did not record the content of the data: told by path and target alone, which "
        "does not say whether a file has changed since."
    )


def _signatures(frame: pd.DataFrame) -> pd.Series:
    """By what data sets are told without their content: option, paths, target, as a tuple."""
    columns = ["dataset", *(column for column in frame if tells_data(column))]
    texts = [frame[c].map(str, na_action="ignore").astype(object) for c in columns]
    values = [text.where(text.notna(), None).tolist() for text in texts]
    return pd.Series([*zip(*values, strict=True)], index=frame.index, dtype=object)


def _with_proven(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs with the contents of those without a record whose data are what they were.

    They are looked for where others have a record. A file that changed in between has another
    content for the oldest of them or for the newest.
    """
    signatures, is_recorded = _signatures(frame), frame[CONTENT].notna()
    asked = (
        frame[(frame["status"] == "finished") & ~is_recorded] if is_recorded.any() else frame[:0]
    )
    for _, runs in [*asked.groupby(signatures[asked.index])][:MAX_ASKED]:
        folders = sorted(map(Path, runs["folder"]), key=_modified)
        step = max(1, (len(folders) - 1) // (MAX_PROVEN - 1))
        sample = dict.fromkeys([*folders[::step], folders[-1]])
        proven = {tuple(sorted(identity.items())) for identity in map(_proven_identity, sample)}
        if len(proven) == 1 and (identity := dict(proven.pop())):
            frame.loc[runs.index, [NAME, CONTENT]] = identity["name"], identity["content"]
    return frame


def _modified(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # gone meanwhile
        return 0.0


def _proven_identity(folder: Path) -> dict[str, str]:
    """The identity of the data of a run whose id says that they are what they were; else empty."""
    try:
        return unchanged_config(folder)[IDENTITY_KEY]
    except LeptonError:
        return {}


def _identities(frame: pd.DataFrame) -> pd.Series:
    """What tells each run's data set: its content, else its option, paths and target.

    A run without a result may say less of its data; it is of the only data set that it can be of.
    """
    signatures = _signatures(frame)
    is_known = frame[CONTENT].notna() | (frame["status"] == "finished")
    identities = frame[CONTENT].astype(object).where(frame[CONTENT].notna(), signatures)
    known = pd.DataFrame({"signature": signatures, "identity": identities})[is_known]
    by_signature: dict[tuple, set[Hashable]] = {}
    for signature, identity in known.drop_duplicates().itertuples(index=False):
        by_signature.setdefault(signature, set()).add(identity)
    for signature in set(signatures[~is_known]):
        candidates = {
            identity
            for other, others in by_signature.items()
            if all(a is None or a == b for a, b in zip(signature, other, strict=True))
            for identity in others
        }
        rows = identities.index[~is_known & (signatures == signature)]
        if len(candidates) == 1:
            only = candidates.pop()
            identities[rows] = pd.Series([only] * len(rows), index=rows, dtype=object)
        elif signature[0] is None:
            identities[rows] = None
    return identities


def _unique_names(frame: pd.DataFrame, identities: pd.Series) -> dict[Hashable, str]:
    """A name for each data set that no other one has."""
    identities_by_name: dict[str, list[Hashable]] = {}
    rows_by_identity = {}
    columns = [c for c in frame if c in (NAME, "dataset") or c.startswith("dataset.")]
    codes, known = pd.factorize(identities)
    for code, rows in frame[columns].groupby(codes):
        if code >= 0:
            rows_by_identity[known[code]] = rows
            identities_by_name.setdefault(_name_of(rows), []).append(known[code])
    names = {}
    for name, alike in identities_by_name.items():
        labels = [name]
        if len(alike) > 1:
            labels = _told_apart(name, [rows_by_identity[identity] for identity in alike])
        names |= dict(zip(alike, labels, strict=True))
    return _with_contents(names)


def _name_of(rows: pd.DataFrame) -> str:
    """The name of one data set: the one that was set, else the commonest of its files."""
    if "dataset.name" in rows and (named := rows[NAME][rows[NAME] == rows["dataset.name"]]).any():
        return str(named.iloc[0])
    recorded = rows[NAME].dropna()
    if len(recorded):
        return str(recorded.mode().iloc[0])
    paths = [*rows[PATH].dropna()] if PATH in rows else []
    return (file_stem(str(paths[0])) if paths else "") or str(rows["dataset"].iloc[0])


def _told_apart(name: str, data_sets: list[pd.DataFrame]) -> list[str]:
    """Names for data sets that are called the same, with the first thing that tells them apart."""
    paths = [_only(rows, PATH) for rows in data_sets]
    if all(path is not None for path in paths):
        files = [Path(str(path)) for path in paths]
        for labels in ([f.name for f in files], [str(Path(f.parent.name, f.name)) for f in files]):
            if _are_different(labels) and {file_stem(f.name) for f in files} == {name}:
                return labels
    columns = dict.fromkeys([TARGET, *(c for c in data_sets[0] if c.startswith("dataset."))])
    for column in (column for column in columns if not is_path(column)):
        values = [_only(rows, column) for rows in data_sets]
        if all(value is not None for value in values) and _are_different(map(str, values)):
            return [f"{name}, {column.partition('.')[2]}={value}" for value in values]
    return [name] * len(data_sets)


def _only(rows: pd.DataFrame, column: str) -> Any:
    """The value that all runs of a data set have in a column, or None."""
    values = rows[column].dropna().unique() if column in rows else []
    return values[0] if len(values) == 1 else None


def _are_different(values: Iterable[str]) -> bool:
    values = [*values]
    return len({*values}) == len(values)


def _with_contents(names: dict[Hashable, str]) -> dict[Hashable, str]:
    """The names, with the beginning of its content added to each that another data set has."""
    repeated = {name for name in names.values() if [*names.values()].count(name) > 1}
    labels, counts = {}, dict[str, int]()
    for identity, name in names.items():
        label = name
        if name in repeated:
            label = f"{name}, {identity[:SHORT] if isinstance(identity, str) else UNRECORDED}"
            counts[label] = counts.get(label, 0) + 1
            label += f" ({counts[label]})" if counts[label] > 1 else ""
        labels[identity] = label
    return labels
