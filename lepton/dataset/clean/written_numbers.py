"""Numbers as people write them: thousands apart, other minus signs, parentheses, currency, units.

What has one reading in each cell by itself can be parsed where a column is declared numeric. What
also has a currency, a unit, or dots between thousands is named and never parsed: another unit or
another country's dot in further rows would not be seen.
"""

import re

import pyarrow as pa
from pyarrow import compute as pc

from lepton.dataset.clean.cell_texts import Cells, matches

GAPS = (",", " ", "'", "\u2019", "_", "\u00a0", "\u202f")  # between thousands
MINUS_SIGNS = "−–﹣－"  # noqa: RUF001
_WHOLE = "|".join([rf"[1-9]\d{{0,2}}(?:{gap}\d{{3}})+" for gap in GAPS])
_UNSIGNED = rf"(?:(?:{_WHOLE}|\d+)(?:\.\d+)?|\.\d+)"
_SIGN = f"[+{MINUS_SIGNS}-]"
READABLE_PATTERN = rf"{_SIGN}?{_UNSIGNED}|{_UNSIGNED}-|\({_UNSIGNED}\)"
_CURRENCY = r"[$€£¥₹]|US\$|USD|EUR|GBP|CHF|JPY|CAD|AUD"
_ANY_NUMBER = r"\d[\d.,'\x{2019}_ \x{00a0}\x{202f}]*|[.,]\d+"
_UNIT = r"[%‰°]?[A-Za-zµ]{0,5}(?:[/^²³][A-Za-z0-9²³]*)?"
WRITTEN_PATTERN = (
    rf"\(?{_SIGN}? ?(?:{_CURRENCY})? ?{_SIGN}?(?:{_ANY_NUMBER})"
    rf"(?:[ \x{{00a0}}\x{{202f}}]?(?:{_CURRENCY}|{_UNIT}))?-?\)?"
)
MAX_TEXTS = 1000  # cells of which the unit is compared


def have_one_unit(texts: Cells) -> bool:
    """True when there is one currency or unit, or none, around the digits of all texts."""
    signs = rf"[\d.,'\u2019_()\s+{MINUS_SIGNS}-]"
    return len({re.sub(signs, "", text) for text in texts.to_pylist()}) == 1


def plain_numbers(cells: Cells) -> Cells:
    """The cells, those that are readable as plain numbers: -1234.5 for (1,234.5)."""
    is_readable = pa.array(matches(cells, READABLE_PATTERN))
    plain = pc.replace_substring_regex(cells, f"[{MINUS_SIGNS}]", "-")
    plain = pc.replace_substring_regex(plain, f"[{''.join(GAPS)}]", "")
    plain = pc.replace_substring_regex(plain, r"^\((.*)\)$|^(.*[^-])-$", r"-\1\2")
    if isinstance(cells, pa.ChunkedArray):
        is_readable = pa.chunked_array([is_readable])
    return pc.if_else(is_readable, plain, cells)
