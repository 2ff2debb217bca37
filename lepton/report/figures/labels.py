"""The labels of figures: texts on one line that fit, and that matplotlib takes as they are."""

from lepton.analysis.comparison import setting_text

MAX_LABEL = 26  # characters


def option_label(option: tuple) -> str:
    """The values of an option as one label."""
    return shortened(", ".join(map(setting_text, option)), MAX_LABEL)


def value_label(value: object) -> str:
    """One value of a setting, or one name, as a label."""
    return option_label((value,))


def shortened(text: str, max_length: int) -> str:
    """The text on one line, cut where it is too long.

    Matplotlib leaves out of a legend what begins with `_`, so a space goes before it.
    """
    text = "".join(c if c.isprintable() else " " for c in text)
    text = f" {text}" if text.startswith("_") else text
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
