"""Tables in LaTeX, whatever their cells hold."""

from lepton.report.blocks import Table
from lepton.report.latex import latex_table


def test_a_latex_table_escapes_what_latex_would_read():
    table = Table("t", "50 % of a_b", ["key", "a|b"], [["x_y", "1 & 2"], ["~", "<3>"]], 1)
    text = latex_table(table)
    assert r"x\_y & 1 \& 2 \\" in text
    assert r"\textasciitilde{} & \textless{}3\textgreater{} \\" in text
    assert r"\caption{50 \% of a\_b}" in text
    assert r"\begin{tabular}{lr}" in text


def test_a_latex_table_of_strange_words_has_a_label_that_latex_takes():
    text = latex_table(Table("a b_{$", "", ["%"], [["$x$ ~^\\"]], 1))
    assert r"\label{tab:a_b___}" in text
    assert r"\$x\$ \textasciitilde{}\textasciicircum{}\textbackslash{} \\" in text
