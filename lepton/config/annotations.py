"""Compares values of a config with annotations of parameters, which are read as source."""

import ast
from functools import cache

from lepton.values.bounds import BOUNDS

PLAIN_TYPES = {"int", "float", "bool", "str", "list", "dict", *BOUNDS}
ANY_TYPES = {"Any", "object", "typing.Any"}
NAME_NODES = ast.Name | ast.Attribute
SEQUENCE_TYPES = {"list", "List", "tuple", "Tuple", "set", "Set", "frozenset", "FrozenSet"}
SEQUENCE_TYPES |= {"Sequence", "MutableSequence", "Iterable", "Collection"}
MAPPING_TYPES = {"dict", "Dict", "Mapping", "MutableMapping"}
UNIONS = {"Union", "Optional"}
NO_OBJECTS = {"Any", "object", "None", "int", "float", "bool", "str", "bytes", "complex"}
NO_OBJECTS |= {*BOUNDS, "Literal", "type", "Type"} | SEQUENCE_TYPES | MAPPING_TYPES
SCALAR_TYPES = {"int": int, "float": (int, float), "bool": bool, "str": str, "None": type(None)}


def accepts(annotation: ast.expr | None, value: object) -> bool:
    """True when a plain value fits an annotation; what the annotation leaves open is accepted."""
    match annotation:
        case None:
            return True
        case ast.Constant(value=None):
            return value is None
        case ast.Constant(value=str(text)):
            return accepts(_parsed(text), value)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return _any([left, right], value)
        case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=members)):
            return _any(members, value)
        case ast.Subscript(value=ast.Name(id="Optional"), slice=member):
            return value is None or accepts(member, value)
        case ast.Name(id=name) if name in BOUNDS:
            return BOUNDS[name].holds(value)
        case ast.Name(id=name) if name in SCALAR_TYPES:
            fits = isinstance(value, SCALAR_TYPES[name])
            return fits and (name == "bool" or not isinstance(value, bool))
        case ast.Name(id="list"):
            return isinstance(value, list)
        case ast.Name(id="dict"):
            return isinstance(value, dict)
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return isinstance(value, list) and all(accepts(item, v) for v in value)
        case ast.Subscript(value=ast.Name(id="dict")):
            return isinstance(value, dict)
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[*items])):
            if ast.unparse(items[-1]) == "...":
                return isinstance(value, list) and all(accepts(items[0], v) for v in value)
            if not isinstance(value, list) or len(value) != len(items):
                return False
            return all(map(accepts, items, value))
        case ast.Subscript(value=ast.Name(id="Literal"), slice=options):
            return value in _literal_values(options)
    return True


@cache
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _any(members: list[ast.expr], value: object) -> bool:
    """True when one member of a union fits; a class beside plain types cannot stand in YAML."""
    return any(accepts(member, value) for member in _members_in_yaml(tuple(members)))


@cache
def _members_in_yaml(members: tuple[ast.expr, ...]) -> tuple[ast.expr, ...]:
    """The members of a union that a value of YAML is held against."""
    plain_members = tuple(
        member
        for member in members
        if not isinstance(member, NAME_NODES) or ast.unparse(member) in ANY_TYPES | PLAIN_TYPES
    )
    only_null = all(ast.unparse(member) == "None" for member in plain_members)
    return members if only_null else plain_members


def wants_object(annotation: ast.expr | None) -> bool:
    """True when an annotation names a class or a protocol that is no plain type."""
    match annotation:
        case ast.Constant(value=str(text)):
            return wants_object(ast.parse(text, mode="eval").body)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return wants_object(left) or wants_object(right)
        case ast.Name() | ast.Attribute():
            return _last_name(annotation) not in NO_OBJECTS
        case ast.Subscript(value=base, slice=inside) if _last_name(base) in UNIONS:
            return any(map(wants_object, _elements(inside)))
        case ast.Subscript(value=base, slice=inside) if _last_name(base) == "Annotated":
            return wants_object(_elements(inside)[0])
        case ast.Subscript(value=base):
            return _last_name(base) not in NO_OBJECTS
    return False


def item_annotations(annotation: ast.expr | None) -> list[ast.expr]:
    """What the items of a list, or the values of a mapping, may be where an annotation has some."""
    match annotation:
        case ast.Constant(value=str(text)):
            return item_annotations(ast.parse(text, mode="eval").body)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return [*item_annotations(left), *item_annotations(right)]
        case ast.Subscript(value=base, slice=inside) if _last_name(base) in UNIONS:
            return [item for member in _elements(inside) for item in item_annotations(member)]
        case ast.Subscript(value=base, slice=inside) if _last_name(base) == "Annotated":
            return item_annotations(_elements(inside)[0])
        case ast.Subscript(value=base, slice=inside) if _last_name(base) in SEQUENCE_TYPES:
            return [item for item in _elements(inside) if ast.unparse(item) != "..."]
        case ast.Subscript(value=base, slice=inside) if _last_name(base) in MAPPING_TYPES:
            return _elements(inside)[1:]
    return []


def _last_name(name: ast.expr) -> str:
    return ast.unparse(name).rpartition(".")[2]


def annotation_text(annotation: ast.expr) -> str:
    """The annotation as messages name it: int or null, one of a, b."""
    if isinstance(annotation, ast.BinOp):
        return f"{annotation_text(annotation.left)} or {annotation_text(annotation.right)}"
    if isinstance(annotation, ast.Name) and annotation.id in BOUNDS:
        return BOUNDS[annotation.id].words
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation_text(ast.parse(annotation.value, mode="eval").body)
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Optional":
        return f"{annotation_text(annotation.slice)} or null"
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Union":
        members = [annotation_text(m) for m in _elements(annotation.slice)]
        return " or ".join(m for m in members if m in PLAIN_TYPES | {"null"})
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Literal":
        return "one of " + ", ".join(map(str, _literal_values(annotation.slice)))
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "list":
        return f"list[{annotation_text(annotation.slice)}]"
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "tuple":
        return f"[{', '.join(map(annotation_text, _elements(annotation.slice)))}]"
    return "null" if ast.unparse(annotation) == "None" else ast.unparse(annotation)


@cache
def _literal_values(options: ast.expr) -> list[object]:
    """The values between the brackets of `Literal[...]`."""
    return [ast.literal_eval(node) for node in _elements(options)]


def _elements(inside: ast.expr) -> list[ast.expr]:
    """The expressions between the brackets of an annotation."""
    return inside.elts if isinstance(inside, ast.Tuple) else [inside]
