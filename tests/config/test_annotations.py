import ast
import re
from pathlib import Path

import pytest

import lepton
from lepton.config.annotations import accepts, annotation_text, item_annotations, wants_object


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
        ("AtLeast1", [1, 10**9], [0, -1, 1.0, True, "1", None]),
        ("AtLeast0 | None", [0, 5, None], [-1, 0.5]),
        ("list[AtLeast1]", [[], [1, 2]], [[0], [1, -1], 1]),
        ("Above0", [1, 1e-300], [0, 0.0, -1e-300, True, "1"]),
        ("NotBelow0", [0, 0.0, 1e300], [-1e-300]),
        ("Between0And1", [0.5], [0, 1, 1.0]),
        ("From0To1", [0, 1, 1.0], [-0.1, 1.1]),
        ("From0Below1", [0, 0.99], [1, 1.0, -0.1]),
        ("Above0To1", [0.1, 1], [0, 1.1]),
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
        ("AtLeast1 | None", "int, 1 at least or null"),
        ("list[AtLeast1]", "list[int, 1 at least]"),
    ],
)
def test_an_annotation_is_said_in_words(annotation, text):
    assert annotation_text(ast.parse(annotation, mode="eval").body) == text


def read(annotation):
    return ast.parse(annotation, mode="eval").body


@pytest.mark.parametrize(
    "annotation",
    [
        *("Module", "nn.Module", "torch.nn.Module", "'nn.Module'", "TextTokenizer", "Generic[int]"),
        *("nn.Module | None", "None | Module", "int | Module", "'Module | None'"),
        *("Optional[Module]", "Union[int, nn.Module]", "typing.Optional[Module]"),
        *("Annotated[Module, 'deep']", "Callable[[int], int]", "Callable"),
    ],
)
def test_an_object_goes_where_a_class_or_a_protocol_is_named(annotation):
    assert wants_object(read(annotation))


@pytest.mark.parametrize(
    "annotation",
    [
        *("int", "float", "bool", "str", "bytes", "None", "Any", "typing.Any", "object", "'int'"),
        *("int | None", "Any | None", "Optional[int]", "Union[int, str]", "Annotated[int, 'rows']"),
        *(
            "list",
            "list[int]",
            "list[Module]",
            "List[Module]",
            "Sequence[Module]",
            "tuple[int, ...]",
        ),
        *("dict", "dict[str, Any]", "dict[str, Module]", "typing.Mapping[str, int]", "set[int]"),
        *("Literal['a', 'b']", "type[Module]", "type"),
    ],
)
def test_no_object_goes_where_plain_values_do(annotation):
    assert not wants_object(read(annotation))


def test_no_object_goes_where_nothing_is_annotated():
    assert not wants_object(None)


@pytest.mark.parametrize(
    ("annotation", "items"),
    [
        ("list[Module]", ["Module"]),
        ("Sequence[Module] | None", ["Module"]),
        ("Union[Metric, Sequence[Metric], dict[str, int]]", ["Metric", "int"]),
        ("'list[Module]'", ["Module"]),
        ("tuple[Module, ...]", ["Module"]),
        ("tuple[int, Module]", ["int", "Module"]),
        ("Mapping[str, list[int]]", ["list[int]"]),
        ("Module", []),
        ("list", []),
        ("Module[int]", []),
    ],
)
def test_what_a_list_or_a_mapping_holds_is_read_from_its_annotation(annotation, items):
    assert [ast.unparse(item) for item in item_annotations(read(annotation))] == items


@pytest.mark.slow
def test_no_constructor_hides_the_words_that_it_takes_behind_a_name():
    texts = [path.read_text() for path in Path(lepton.__file__).parent.rglob("*.py")]
    hidden = re.findall(r"^(\w+) = Literal\[", "\n".join(texts), flags=re.MULTILINE)
    assert "Length" in hidden
    naming = [text for text in texts if re.search(rf"\b({'|'.join(hidden)})\b", text)]
    functions = [
        function
        for text in naming
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef)
        for function in node.body
        if isinstance(function, ast.FunctionDef) and function.name == "__init__"
    ]
    arguments = [argument for function in functions for argument in function.args.kwonlyargs]
    assert arguments
    for argument in arguments:  # `accepts` reads what stands there, and no other file
        names = {n.id for n in ast.walk(argument.annotation or argument) if isinstance(n, ast.Name)}
        assert names.isdisjoint(hidden), ast.unparse(argument)
