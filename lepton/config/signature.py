"""What a `_target_` takes, read from its source: nothing is imported, a mistake costs no torch."""

import ast
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

PLAIN_TYPES = {"int", "float", "bool", "str", "list", "dict"}
ANY_TYPES = {"Any", "object", "typing.Any"}
NAME_NODES = ast.Name | ast.Attribute
SCALAR_TYPES = {"int": int, "float": (int, float), "bool": bool, "str": str, "None": type(None)}


@dataclass(frozen=True)
class Parameter:
    """One argument: whether YAML must give it, and the values it accepts (None: any)."""

    required: bool
    annotation: ast.expr | None


@dataclass(frozen=True)
class Signature:
    """A target as its source defines it; `origin` is the dotted name of the definition itself."""

    origin: str
    parameters: dict[str, Parameter]
    open: bool  # takes any further keyword
    methods: frozenset[str]  # names defined in the class body, for a class
    kind: str = "table"  # the `kind` that a class body sets: of data that it holds or reads


class TargetError(Exception):
    """The dotted name leads to no class or function in Python source."""


@cache
def read_signature(target: str) -> Signature:
    """The signature behind a dotted name.

    Raises: TargetError with the part of the name that was not found.
    """
    path, rest = _module(target)
    if not rest:
        raise TargetError(f"{target!r} is a module, not a class or function")
    try:
        return _find(path, target.removesuffix("." + ".".join(rest)), rest)
    except SyntaxError as e:
        raise TargetError(f"{e.filename}:{e.lineno}: {e.msg}") from None
    except UnicodeDecodeError as e:
        raise TargetError(f"{path}: not UTF-8 text ({e.reason} at byte {e.start})") from None
    except RecursionError:
        raise TargetError(f"{target!r} is defined by itself in {path}") from None


def accepts(annotation: ast.expr | None, value: object) -> bool:
    """Whether a plain value fits an annotation; what the annotation leaves open is accepted."""
    match annotation:
        case None:
            return True
        case ast.Constant(value=None):
            return value is None
        case ast.Constant(value=str(text)):
            return accepts(ast.parse(text, mode="eval").body, value)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return _any([left, right], value)
        case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=members)):
            return _any(members, value)
        case ast.Subscript(value=ast.Name(id="Optional"), slice=member):
            return value is None or accepts(member, value)
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
            fits = isinstance(value, list) and len(value) == len(items)
            return fits and all(map(accepts, items, value))
        case ast.Subscript(value=ast.Name(id="Literal"), slice=options):
            return value in ast.literal_eval(options if _many(options) else ast.Tuple([options]))
    return True


def _any(members: list[ast.expr], value: object) -> bool:
    """Whether one member of a union fits; a class beside plain types cannot stand in YAML."""
    plain = [
        m
        for m in members
        if not isinstance(m, NAME_NODES) or ast.unparse(m) in ANY_TYPES | PLAIN_TYPES
    ]
    only_null = all(ast.unparse(m) == "None" for m in plain)
    return any(accepts(member, value) for member in (members if only_null else plain))


def annotation_text(annotation: ast.expr) -> str:
    """The annotation as a person would say it."""
    if isinstance(annotation, ast.BinOp):
        return f"{annotation_text(annotation.left)} or {annotation_text(annotation.right)}"
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation_text(ast.parse(annotation.value, mode="eval").body)
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Optional":
        return f"{annotation_text(annotation.slice)} or null"
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Union":
        members = [annotation_text(m) for m in annotation.slice.elts]
        return " or ".join(m for m in members if m in PLAIN_TYPES | {"null"})
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Literal":
        options = annotation.slice.elts if _many(annotation.slice) else [annotation.slice]
        return "one of " + ", ".join(str(ast.literal_eval(o)) for o in options)
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "tuple":
        return f"[{', '.join(map(annotation_text, annotation.slice.elts))}]"
    return "null" if ast.unparse(annotation) == "None" else ast.unparse(annotation)


def _many(node: ast.expr) -> bool:
    return isinstance(node, ast.Tuple)


def _module(target: str) -> tuple[Path, list[str]]:
    """The source file of the longest module prefix, and the attribute names that follow."""
    parts, search, found = target.split("."), None, None
    for i in range(len(parts)):
        try:
            spec = PathFinder.find_spec(".".join(parts[: i + 1]), search)
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            break
        search, found = spec.submodule_search_locations, (spec.origin, parts[i + 1 :])
        if search is None:
            break
    if found is None:
        raise TargetError(f"no module {parts[0]!r} is installed or in the working directory")
    if found[0] is None or not found[0].endswith(".py"):
        where = ".".join(parts[: len(parts) - len(found[1])])
        raise TargetError(f"no Python source for {where!r}")
    return Path(found[0]), found[1]


@cache
def _bindings(path: Path) -> dict[str, ast.stmt]:
    """Top-level names of a source file and the statements that bind them."""
    names = {}
    for node in ast.parse(path.read_text(encoding="utf-8"), str(path)).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                names[name] = node
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                names[f"* {len(names)}"] = node
            case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
                names.update({a.asname or a.name.split(".")[0]: node for a in aliases})
    return names


def _find(path: Path, module: str, rest: list[str]) -> Signature:
    name, *inner = rest
    node = _bindings(path).get(name)
    match node:
        case ast.ImportFrom():
            return read_signature(".".join([_source(node, name, module, path), *inner]))
        case ast.FunctionDef() if not inner:
            return _of_function(node, f"{module}.{name}", skip=0)
        case ast.ClassDef() if not inner:
            return _of_class(node, module, path)
        case ast.Import():
            raise TargetError(f"{module!r} only imports {name!r}; name it where it is defined")
    for node in [n for key, n in _bindings(path).items() if key.startswith("*")]:
        with suppress(TargetError):
            everything = _source(node, "*", module, path).removesuffix("*")
            return read_signature(everything + ".".join(rest))
    raise TargetError(f"{module!r} defines no class or function {'.'.join(rest)!r}")


def _source(node: ast.ImportFrom, name: str, module: str, path: Path) -> str:
    """The dotted name that a `from ... import name` statement takes `name` from."""
    original = next(a.name for a in node.names if (a.asname or a.name) == name)
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    base = package[: len(package) - node.level + 1] if node.level else []
    return ".".join([*base, *([node.module] if node.module else []), original])


def _of_function(node: ast.FunctionDef, origin: str, *, skip: int) -> Signature:
    a = node.args
    positional = [*a.posonlyargs, *a.args]
    given = len(positional) - len(a.defaults)
    found = {arg.arg: Parameter(i < given, arg.annotation) for i, arg in enumerate(positional)}
    found = dict(list(found.items())[skip:])
    for arg, default in zip(a.kwonlyargs, a.kw_defaults, strict=True):
        found[arg.arg] = Parameter(default is None, arg.annotation)
    return Signature(origin, found, a.kwarg is not None, frozenset())


def _of_class(node: ast.ClassDef, module: str, path: Path) -> Signature:
    return replace(_made_of(node, module, path), **_kind(node))


def _kind(node: ast.ClassDef) -> dict[str, str]:
    match [n.value for n in node.body if isinstance(n, ast.Assign) and _names(n) == ["kind"]]:
        case [ast.Constant(value=str(kind))]:
            return {"kind": kind}
    return {}


def _names(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _made_of(node: ast.ClassDef, module: str, path: Path) -> Signature:
    methods = {n.name: n for n in node.body if isinstance(n, ast.FunctionDef)}
    origin, names = f"{module}.{node.name}", frozenset(methods)
    if "__init__" not in methods and any(
        "dataclass" in ast.unparse(d) for d in node.decorator_list
    ):
        return Signature(origin, _fields(node, module, path), False, names)
    if "__init__" not in methods:
        inherited = _of_base(node, module, path)
        return replace(inherited, origin=origin, methods=names | inherited.methods)
    own = _of_function(methods["__init__"], origin, skip=1)
    if not (own.open and _hands_on(methods["__init__"])):
        return replace(own, methods=names)
    base = _of_base(node, module, path)
    parameters = {**base.parameters, **own.parameters}
    return Signature(origin, parameters, base.open, names | base.methods, base.kind)


def _fields(node: ast.ClassDef, module: str, path: Path) -> dict[str, Parameter]:
    """What a dataclass takes: the fields of its base class, then its own."""
    own = [n for n in node.body if isinstance(n, ast.AnnAssign)]
    found = {n.target.id: Parameter(n.value is None, n.annotation) for n in own}
    return {**_of_base(node, module, path).parameters, **found}


def _hands_on(init: ast.FunctionDef) -> bool:
    """Whether a constructor gives its `**kwargs` to that of the base class."""
    calls = [n for n in ast.walk(init) if isinstance(n, ast.Call)]
    return any(
        isinstance(name, ast.Name) and name.id == init.args.kwarg.arg
        for call in calls
        if ast.unparse(call.func).endswith("__init__")
        for keyword in call.keywords
        if keyword.arg is None
        for name in ast.walk(keyword.value)
    )


def _of_base(node: ast.ClassDef, module: str, path: Path) -> Signature:
    """What the first base class takes; a class without one takes nothing."""
    if not node.bases:
        return Signature(f"{module}.{node.name}", {}, False, frozenset())
    try:
        head, *rest = ast.unparse(node.bases[0]).split(".")
        return _find(path, module, [head, *rest])
    except TargetError:
        return Signature(f"{module}.{node.name}", {}, True, frozenset())
