import ast

import pytest

from lepton.config.annotations import accepts, annotation_text


def fits(annotation, value):
    return accepts(ast.parse(annotation, mode="eval").body, value)


@pytest.mark.parametrize(
    ("annotation", "right", "refused"),
    [
        ("int", [0, -3], [1.0, "1", True, None, [1], {}]),
        ("float", [0, 1.5, float("inf")], ["1", True, None, [1.0]]),
        ("bool", [True, False], [0, 1, "true", None]),
        ("str", ["", "a"], [1, None, True, ["a"]]),
        ("None", [None], [0, "", False, "None"]),
        ("int | None", [1, None], [1.0, "1", False]),
        ("int | str | None", [1, "a", None], [1.5, True, []]),
        ("Optional[int]", [1, None], [1.5, "1"]),
        ("Union[int, str]", [1, "a"], [1.5, None]),
        ("Union[float, Tensor]", [1.5, 1], ["1", None]),
        ("float | Tensor", [1.5], ["1"]),
        ("Optional[Union[float, Tensor]]", [1.5, None], ["1"]),
        ("Literal['a', 'b']", ["a", "b"], ["c", 1, None]),
        ("Literal['a']", ["a"], ["b"]),
        ("Literal['a', 'b'] | None", ["a", None], ["c"]),
        ("list", [[], [1]], ["a", {}, 1, None]),
        ("list[int]", [[], [1]], [["a"], [1.5], 1, {}]),
        ("list[list[int]]", [[[1]]], [[1]]),
        ("list[int] | int", [1, [1]], ["a", ["a"]]),
        ("dict", [{}, {"a": 1}], [[], "a", None]),
        ("dict[str, int]", [{}, {"a": 1}], [[1], 3]),
        ("tuple[float, float]", [[1, 2]], [[1], [1, 2, 3], 1.0, ["a", 1]]),
        ("tuple[int, ...]", [[], [1, 2, 3]], [1, ["a"]]),
        ("'int | None'", [1, None], ["1"]),
        ("'list[int]'", [[1]], [["a"]]),
        ("Path", ["a", 1, None], []),
        ("Path | None", ["a", None], []),
        ("Any | None", ["a", 1, None], []),
        ("int | Any", ["a", 1, None], []),
        ("Callable[[int], int]", ["a", 1], []),
    ],
)
def test_a_value_fits_its_annotation_or_does_not(annotation, right, refused):
    assert [fits(annotation, value) for value in right] == [True] * len(right)
    assert [fits(annotation, value) for value in refused] == [False] * len(refused)


def test_without_an_annotation_anything_fits():
    assert accepts(None, object())


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        ("int", "int"),
        ("int | None", "int or null"),
        ("Optional[int]", "int or null"),
        ("Optional[Union[float, Tensor]]", "float or null"),
        ("Union[float, Tensor]", "float"),
        ("Literal['a', 'b']", "one of a, b"),
        ("Literal['a', 'b'] | None", "one of a, b or null"),
        ("Literal[1]", "one of 1"),
        ("list[int]", "list[int]"),
        ("tuple[Union[float, Tensor], float]", "[float, float]"),
        ("'int | None'", "int or null"),
    ],
)
def test_an_annotation_is_said_in_words(annotation, text):
    assert annotation_text(ast.parse(annotation, mode="eval").body) == text
