"""What data sets are told apart by: the content of their data and their target, whatever option
read them; and the names that people read."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from lepton.config.class_facts import class_fact
from lepton.config.constraints import data_files, data_folders
from lepton.config.named_files import TextLayout, names_in
from lepton.config.signature import TargetError, read_signature, takes_key
from lepton.groups import GROUPS
from lepton.pretrained.weight_files import file_sha256
from lepton.storage.file_digests import digests_below, digests_named

IDENTITY_KEY = "data_identity"  # of the root: what a config says of its data, without them
NAME_KEY = "name"  # of a data set: how it is called, where its class has no such key itself
PATH, TARGET = "dataset.path", "dataset.target"  # keys of a config, and columns of tables
BASES = (  # whose keys say how rows are split and read, and not which rows there are
    "lepton.dataset.data.Data",
    "lepton.dataset.audio.AudioData",
    "lepton.dataset.image.ImageData",
    "lepton.dataset.tabular.TabularData",
    "lepton.dataset.text.TextData",
    "lepton.dataset.video.VideoData",
)
PACKED = {".gz", ".bz2", ".xz", ".zst", ".zip"}  # endings behind that of a file itself
DIGITS = 16  # of a content
Digests = dict[Any, list[tuple[str, str]]]  # by folder, tables and how these are written
LOOKED_AT: ContextVar[Digests | None] = ContextVar("folders looked at", default=None)


def data_identity(config: dict[str, Any]) -> dict[str, str]:
    """The name of a config's data set, and the digest of its content and its target."""
    text = json.dumps(_told_by(config), sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"name": data_name(config), "content": digest[:DIGITS]}


def _told_by(config: dict[str, Any]) -> list[Any]:
    """All that tells a data set from others.

    Of one that reads files, these whatever its class; else its class and the keys of its own. A
    class may say in `content_keys` which of its keys tell its data.
    """
    node = config["dataset"]
    contents = data_contents(config)
    keys = class_fact(node, "content_keys")
    if keys is None:
        keys = () if contents else _own_keys(node)
    values = {key: node[key] for key in keys if key in node and key not in contents}
    files = [contents[key] for key in sorted(contents, key=lambda key: (key != "path", key))]
    target = node.get("target")
    targets = sorted(map(str, target)) if isinstance(target, list) else [str(target)]
    return [None if contents else _origin(node), files, values, targets]


@contextmanager
def folders_looked_at_once() -> Iterator[None]:
    """Looks at each folder once meanwhile, as for all jobs of a plan."""
    token = LOOKED_AT.set({})
    try:
        yield
    finally:
        LOOKED_AT.reset(token)


def data_contents(config: dict[str, Any]) -> dict[str, Any]:
    """The content of the files and folders that a data set reads, by the keys that name them.

    Of a folder it is the relative path and the hash of every file; of one of `root_keys` of those
    that a table names, so that what else is written there changes nothing. `layout_keys` of a class
    are those of its keys that say how its tables are written.
    """
    tables = data_files(config)
    contents: dict[str, Any] = {k: file_sha256(Path(p)) for k, p in tables.items()}
    node = config.get("dataset") or {}
    roots = class_fact(node, "root_keys") or ()
    layout_keys = class_fact(node, "layout_keys") or ()
    layout = TextLayout(**{key: node[key] for key in layout_keys if key in node})
    for key, path in data_folders(config).items():
        naming = tuple(tables.values()) if key in roots else ()
        looked_at = LOOKED_AT.get()
        looked_at = {} if looked_at is None else looked_at
        if (path, naming, layout) not in looked_at:
            looked_at[path, naming, layout] = _digests(Path(path), naming, layout)
        contents[key] = looked_at[path, naming, layout]
    return contents


def _digests(folder: Path, tables: Sequence[str], layout: TextLayout) -> list[tuple[str, str]]:
    """Those of all files of a folder, or of the files that tables name."""
    names = names_in(tables, folder, layout) if tables else None
    return digests_below(folder) if names is None else digests_named(folder, names)


def _origin(node: dict[str, Any]) -> str:
    """The dotted name of a data set's class where it is defined."""
    try:
        return read_signature(str(node["_target_"])).origin
    except TargetError:  # which `check` refuses in its own words
        return str(node["_target_"])


def _own_keys(node: dict[str, Any]) -> list[str]:
    """The keys of a data set that its bases do not have."""
    shared = {key for base in BASES for key in read_signature(base).parameters}
    shared |= {"_target_", *GROUPS["dataset"].supplied}
    return [key for key in node if key not in shared and not (key == NAME_KEY and is_named(node))]


def data_name(config: dict[str, Any]) -> str:
    """How a data set is called: as `dataset.name` says, else as its file, else as its option."""
    node = config.get("dataset") or {}
    name = node.get(NAME_KEY)
    if name and is_named(node):
        return str(name)
    folders = {k: Path(p).expanduser().name for k, p in data_folders(config).items()}
    names = {k: file_stem(p) for k, p in data_files(config).items()} | folders
    if names:
        return names[min(names, key=lambda key: (key != "path", key))] or "data"
    if isinstance(name, str) and name:  # of a collection, as stanfordnlp/imdb
        return name.rstrip("/").rpartition("/")[2] or name
    return (config.get("choices") or {}).get("dataset") or "data"


def file_stem(path: str) -> str:
    """The name of a file without its endings."""
    name = Path(path).expanduser().name
    while Path(name).suffix.lower() in PACKED:
        name = Path(name).stem
    return Path(name).stem


def is_named(node: dict[str, Any]) -> bool:
    """True where `name` is how a data set is called, and nothing that its class takes."""
    return not takes_key(node.get("_target_"), NAME_KEY)


def without_name(node: dict[str, Any]) -> dict[str, Any]:
    """A data set's values without how it is called, which changes nothing."""
    is_unset = node.get(NAME_KEY) is None
    if is_named(node) or (is_unset and not takes_key(node.get("_target_"), NAME_KEY, or_any=False)):
        return {k: v for k, v in node.items() if k != NAME_KEY}
    return node


def tells_data(key: str) -> bool:
    """True for a key that tells the data set, and is therefore no setting of its own."""
    return key in (TARGET, f"dataset.{NAME_KEY}") or is_path(key)


def is_path(key: str) -> bool:
    """True for a key with the path of a data file."""
    return key == PATH or (key.startswith("dataset.") and key.endswith("_path"))


def comparable_data(config: dict[str, Any]) -> dict[str, Any]:
    """The values of a data set by which runs differ: the content of files in place of their paths.

    Runs that have not recorded it differ by their paths.
    """
    node = without_name(config["dataset"])
    content = (config.get(IDENTITY_KEY) or {}).get("content")
    if content is None:
        return node
    others = {k: v for k, v in node.items() if k != "path" and not k.endswith("_path")}
    return {"content": content, **others}
