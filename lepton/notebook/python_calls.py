"""What a call in Python was given, and how a mistake in it is told: as Python has it."""

import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from lepton.config.call_arguments import given_words
from lepton.errors import ConfigError, LeptonError
from lepton.foreign_text import printable
from lepton.training.signals import Interrupted

FLAGS = {  # of the command, and what they are in Python
    **dict.fromkeys(("-m", "--multirun"), "lepton.multirun(...) sweeps"),
    "--allow": "lepton.allow('PACKAGE') does that",
    "--config-dir": "conf/ here is found by itself, LEPTON_CONFIG_DIR names another folder",
}
PYTHON_NAMES = (  # of flags, in what commands say of a mistake
    (r"add -m\b", "take lepton.multirun"),
    (r"write -m (\S+)", r"give lepton.multirun \1"),
    (r"--compare\b", "by"),
    (r"--out\b", "folder"),
    (r"--(baseline|curve|metric|select)\b", r"\1"),
)


def words_of(call: str, words: Sequence[object], named: Mapping[str, object]) -> list[str]:
    """The words of a call, as the command line has them: `key=value`, each a string.

    `call` is the name to tell it by, `named` what was given by keyword.

    Raises: LeptonError for anything else.
    """
    for key, value in named.items():
        word = printable(f"{key}={value}", one_line=True)
        raise LeptonError(f"{call}: {key} is no keyword of it; as a word: {call}({word!r})")
    texts = given_words(call, words, "seed=1")
    for word in texts:
        if word.startswith("-"):
            flag = word.partition("=")[0]
            advice = FLAGS.get(flag, "in Python there are no flags, only key=value")
            raise LeptonError(f"{call}: {printable(word, one_line=True)}: {advice}")
    return texts


def names_of(argument: str, value: object) -> list[str] | None:
    """The names that an argument gives: one, several with commas or in a list; None as it is.

    Raises: LeptonError for anything else.
    """
    if value is None:
        return None
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        shown = printable(f"{value!r:.60}", one_line=True)
        raise LeptonError(f"{argument}: {shown} is no name; {argument}='model', or a list of names")
    return [name.strip() for name in names if name.strip()]


@contextmanager
def python_call() -> Iterator[None]:
    """Tells what goes wrong inside as Python has it: names of arguments in the place of flags, and
    Ctrl-C as KeyboardInterrupt."""
    try:
        yield
    except LeptonError as e:
        e.args = tuple(_as_python(a) if isinstance(a, str) else a for a in e.args)
        if isinstance(e, ConfigError):
            e.problems = tuple(map(_as_python, e.problems))
        raise
    except Interrupted as e:
        if e.number != signal.SIGINT:
            raise
        raise KeyboardInterrupt(str(e).replace("command", "call")) from None


def _as_python(text: str) -> str:
    for flag, name in PYTHON_NAMES:
        text = re.sub(rf"(?<!\S){flag}", name, text)
    return text
