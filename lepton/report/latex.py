"""A table as LaTeX, with the rules of booktabs."""

import re

from lepton.report.blocks import Table, plain

SPECIAL = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
}


def table(block: Table) -> str:
    """A `table` environment; needs \\usepackage{booktabs}."""
    columns = "".join("r" if i >= block.numbers else "l" for i in range(len(block.head)))
    lines = [" & ".join(map(text, row)) + r" \\" for row in (block.head, *block.rows)]
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
            rf"\caption{{{text(block.caption)}}}",
            rf"\label{{tab:{plain(block.name)}}}",
            r"\end{table}",
        ]
    )


def text(words: str) -> str:
    """Words with everything escaped that LaTeX would read otherwise.

    >>> print(text("50 % of a_b"))
    50 \\% of a\\_b
    """
    return re.sub(r"[&%$#_{}\\~^<>]", lambda m: SPECIAL[m[0]], words)
