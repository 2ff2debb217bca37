"""Writes a table as LaTeX with the rules of booktabs."""

import re

from lepton.foreign_text import printable
from lepton.report.blocks import Table, safe_name

ESCAPES = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
}


def latex_table(table: Table) -> str:
    """The table as a `table` environment, which needs \\usepackage{booktabs}."""
    columns = "".join("r" if i >= table.first_number else "l" for i in range(len(table.header)))
    lines = [" & ".join(map(escape, row)) + r" \\" for row in (table.header, *table.rows)]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            rf"\caption{{{escape(table.caption)}}}",
            rf"\label{{tab:{safe_name(table.name)}}}",
            r"\end{table}",
        ]
    )


def escape(text: str) -> str:
    """The text with everything escaped that LaTeX would read as a command.

    >>> print(escape("50 % of a_b"))
    50 \\% of a\\_b
    """
    text = printable(text, one_line=True)
    return re.sub(r"[&%$#_{}\\~^<>]", lambda match: ESCAPES[match[0]], text)
