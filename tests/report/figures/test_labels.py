"""Labels of values that matplotlib would read otherwise."""

from lepton.report.figures.labels import option_label


def test_a_label_is_one_line_that_legends_show_and_no_formula():
    assert option_label(("_x\ny",)) == " _x y"
