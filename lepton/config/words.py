"""Words of a command line: values and names of data as they can be typed, and read again."""

import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lepton.foreign_text import printable

if TYPE_CHECKING:
    from omegaconf import DictConfig

COLUMNS = "dataset.columns."  # the key below which names of data are keys
PLAIN_VALUE = r"(?!(?:null|true|false|inf|nan)$)[A-Za-z_/][\w./-]*"
PLACED = re.compile(r"\+*\b(\w+)@(\1\.\w+\.\w+)(=[\w,]*)?")  # an option in another, for Hydra
NO_OPTION, NULL = "_none", "null"  # the file of a group that chooses nothing of it; what is typed
LIST_OF_WORDS = re.compile(r"\['[\w./-]+'(?:, '[\w./-]+')*\]")  # as frames have it
CODE = re.compile(r"\$([0-9a-f]+)\$")  # of a character that Hydra takes in no key


def typed(key: str, value: object) -> str:
    """The word that sets a key to a value, as it is typed in a shell.

    >>> print(typed("dataset.decimal", ","))
    'dataset.decimal=","'
    """
    return shell_word(f"{key}={value_text(value)}")


def typed_list(text: str) -> str:
    """The text of a list of words, as frames of runs have it, as it is typed; others as they are.

    >>> print(typed_list("['table', 'text']"))
    [table,text]
    """
    is_list = LIST_OF_WORDS.fullmatch(text)
    return text.replace("'", "").replace(", ", ",") if is_list else text


def typed_column(name: str, kind: str) -> str:
    """The word that sets the kind of a column by hand, as it is typed in a shell."""
    is_quoted = len(name) > 1 and name[0] == name[-1] and name[0] in "'\""
    return shell_word(f"{COLUMNS}{chr(34) + name + chr(34) if is_quoted else name}={kind}")


def shell_word(text: str) -> str:
    """The text as one word of a shell; bash's $'' where it holds what cannot be typed."""
    if printable(text, one_line=True) == text and "\t" not in text:
        return shlex.quote(text)
    escaped = printable(re.sub(r"['\\]", r"\\\g<0>", text), one_line=True)
    return "$'" + escaped.replace("\t", "\\t") + "'"


def value_text(value: object) -> str:
    """A value in Hydra's grammar."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str):
        if re.fullmatch(PLAIN_VALUE, value, re.ASCII):
            return value
        return '"' + re.sub(r'(\\*)("|$)', _escaped_quote, value) + '"'
    return str(value)


def _escaped_quote(match: re.Match) -> str:
    """Backslashes before a quote, which Hydra reads as pairs, and the quote."""
    backslashes, quote = match.groups()
    return 2 * backslashes + ("\\" + quote if quote else "")


def with_encoded_name(text: str) -> str:
    """An override whose key ends in a name of data, in characters that Hydra takes in a key.

    All behind `dataset.columns.` is the name, quotes around it left out, up to the last =.
    """
    match = re.fullmatch(rf"(\+*{re.escape(COLUMNS)})(.+)=([^=]*)", text, re.DOTALL)
    if match is None:
        return text
    key, name, kind = match.groups()
    if len(name) > 2 and name[0] == name[-1] and name[0] in "'\"":
        name = name[1:-1]
    return f"{key}{re.sub(r'^[0-9]|[^A-Za-z0-9_]', _code, name)}={kind}"


def with_quoted_condition(text: str) -> str:
    """An override whose key ends in `where` with the quotes that Hydra needs around a condition."""
    match = re.fullmatch(r"(\+*[\w.]*\bwhere)=(?!null$)([^\s'\"].*)", text, re.DOTALL)
    return f"{match[1]}={value_text(match[2])}" if match else text


def _code(match: re.Match) -> str:
    return f"${ord(match[0]):x}$"


def with_names(text: str) -> str:
    """A text that mentions overrides as they are typed: with the names of data as they are, and
    options inside of others by their keys."""
    text = with_inner_keys(text)
    return CODE.sub(lambda match: chr(int(match[1], 16)), text) if COLUMNS in text else text


def with_inner_keys(text: str) -> str:
    """A text that mentions overrides, in which options inside of others stand by their keys."""
    return PLACED.sub(lambda match: match[2] + typed_options(match[3] or ""), text)


def typed_options(text: str) -> str:
    """A text of names of options, in which what chooses nothing is null."""
    return re.sub(rf"\b{NO_OPTION}\b", NULL, text)


def restore_names(cfg: "DictConfig") -> None:
    """Puts the names of data in a composed config where Hydra has codes for them."""
    node: Any = cfg.get("dataset")
    columns: Any = node.get("columns") if isinstance(node, Mapping) else None
    if not isinstance(columns, Mapping) or not any(CODE.search(str(name)) for name in columns):
        return
    decoded = {with_names(f"{COLUMNS}{name}"): kind for name, kind in columns.items()}
    cfg.dataset.columns = {name.removeprefix(COLUMNS): kind for name, kind in decoded.items()}
