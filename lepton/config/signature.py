"""Reads the signature of a `_target_` from source, so that no check has to import torch."""

import ast
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any


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
    takes_any_key: bool
    constants: dict[str, Any] = field(default_factory=dict)  # literals that a class body sets
    base: "tuple[Path, str, list[str]] | None" = None  # of a class: where its first base is named
    is_class: bool = False


class TargetError(Exception):
    """The dotted name leads to no class or function in Python source."""


@cache
def read_signature(target: str) -> Signature:
    """The signature behind a dotted name.

    Raises: TargetError with the part of the name that leads nowhere.
    """
    path, names = source_file(target)
    if not names:
        raise TargetError(f"{target!r} is a module, not a class or function")
    try:
        return _find(path, target.removesuffix("." + ".".join(names)), names)
    except SyntaxError as e:
        raise TargetError(f"{e.filename}:{e.lineno}: {e.msg}") from None
    except UnicodeDecodeError as e:
        raise TargetError(f"{path}: not UTF-8 text ({e.reason} at byte {e.start})") from None
    except RecursionError:
        raise TargetError(f"{target!r} is defined by itself in {path}") from None


def takes_key(target: Any, key: str, *, or_any: bool = True) -> bool:
    """True where a dotted name leads to a signature with an argument of this name.

    `or_any`: also where it takes any key, so that it may be one.
    """
    try:
        signature = read_signature(str(target))
        return key in signature.parameters or (or_any and signature.takes_any_key)
    except TargetError:  # which `check` refuses in its own words
        return False


@cache
def class_constant(target: str, *names: str) -> tuple[str, Any] | None:
    """The first of the class attributes `names` that a class or its nearest base sets to a literal,
    as its name and value; None where none does.

    Raises: TargetError, as `read_signature`.
    """
    signature, origins = read_signature(target), set()
    while signature.origin not in origins:
        origins.add(signature.origin)
        for name in names:
            if name in signature.constants:
                return name, signature.constants[name]
        if signature.base is None:
            break
        try:
            signature = _find(*signature.base)
        except TargetError:  # a base class without Python source
            break
    return None


def source_file(target: str) -> tuple[Path, list[str]]:
    """The source file of the longest module prefix, and the attribute names that follow."""
    names, search_paths, origin, depth = target.split("."), None, None, 0
    for i in range(1, len(names) + 1):
        try:
            spec = PathFinder.find_spec(".".join(names[:i]), search_paths)
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            break
        search_paths, origin, depth = spec.submodule_search_locations, spec.origin, i
        if search_paths is None:
            break
    if depth == 0 and names[0] not in sys.builtin_module_names:
        raise TargetError(f"no module {names[0]!r} is installed or in the working directory")
    if origin is None or not origin.endswith(".py"):
        raise TargetError(f"no Python source for {'.'.join(names[: depth or 1])!r}")
    return Path(origin), names[depth:]


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
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=original)):
                if isinstance(names.get(original), ast.ClassDef | ast.FunctionDef):
                    names[name] = names[original]  # which was called so before, perhaps
    return names


def _find(path: Path, module: str, names: list[str]) -> Signature:
    """The signature that nested names have in a module."""
    name, *inner = names
    node = _bindings(path).get(name)
    match node:
        case ast.ImportFrom():
            return read_signature(".".join([_imported_name(node, name, module, path), *inner]))
        case ast.FunctionDef() if not inner:
            signature = _function_signature(node, f"{module}.{name}", skip=0)
            return replace(signature, constants=_marked_tasks(node))
        case ast.ClassDef() if not inner:
            base = (path, module, ast.unparse(node.bases[0]).split(".")) if node.bases else None
            signature = _class_signature(node, module, path)
            return replace(signature, is_class=True, constants=_constants(node), base=base)
        case ast.Import():
            raise TargetError(f"{module!r} only imports {name!r}; name it where it is defined")
    star_imports = [n for key, n in _bindings(path).items() if key.startswith("*")]
    for node in star_imports:
        assert isinstance(node, ast.ImportFrom)
        with suppress(TargetError):
            package = _imported_name(node, "*", module, path).removesuffix("*")
            return read_signature(package + ".".join(names))
    raise TargetError(f"{module!r} defines no class or function {'.'.join(names)!r}")


def _imported_name(node: ast.ImportFrom, name: str, module: str, path: Path) -> str:
    """The dotted name that a `from ... import name` statement takes `name` from."""
    original = next(a.name for a in node.names if (a.asname or a.name) == name)
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    base = package[: len(package) - node.level + 1] if node.level else []
    return ".".join([*base, *([node.module] if node.module else []), original])


def _function_signature(node: ast.FunctionDef, origin: str, *, skip: int) -> Signature:
    """The signature of a function, without its first `skip` parameters."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    parameters = {
        argument.arg: Parameter(position < first_default, argument.annotation)
        for position, argument in enumerate(positional)
        if position >= skip
    }
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        parameters[argument.arg] = Parameter(default is None, argument.annotation)
    return Signature(origin, parameters, arguments.kwarg is not None)


def _class_signature(node: ast.ClassDef, module: str, path: Path) -> Signature:
    """The signature of a class's constructor."""
    methods = {n.name: n for n in node.body if isinstance(n, ast.FunctionDef)}
    origin = f"{module}.{node.name}"
    if "__init__" not in methods and any(
        "dataclass" in ast.unparse(d) for d in node.decorator_list
    ):
        return Signature(origin, _dataclass_fields(node, module, path), False)
    if "__init__" not in methods and "__new__" in methods:
        return _function_signature(methods["__new__"], origin, skip=1)
    if "__init__" not in methods:
        return replace(_base_signature(node, module, path), origin=origin)
    constructor = _function_signature(methods["__init__"], origin, skip=1)
    if not (constructor.takes_any_key and _hands_kwargs_on(methods["__init__"])):
        return constructor
    base = _base_signature(node, module, path)
    parameters = {**base.parameters, **constructor.parameters}
    return Signature(origin, parameters, base.takes_any_key)


def _constants(node: ast.ClassDef) -> dict[str, Any]:
    """The attributes that a class body sets to literals, by name."""
    constants = {}
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(name), value=ast.expr() as value):
                pass
            case _:
                continue
        with suppress(ValueError, TypeError, SyntaxError):
            constants[name] = ast.literal_eval(value)
    return constants


def _marked_tasks(node: ast.FunctionDef) -> dict[str, Any]:
    """The tasks that the decorator `for_tasks` says of a function, as a class says `possible`."""
    for decorator in node.decorator_list:
        match decorator:
            case ast.Call(func=ast.Name(id="for_tasks"), args=names):
                return {"possible": [ast.literal_eval(name) for name in names]}
    return {}


def _dataclass_fields(node: ast.ClassDef, module: str, path: Path) -> dict[str, Parameter]:
    """The parameters of a dataclass: the fields of its base class, then its own."""
    fields = {
        n.target.id: Parameter(n.value is None, n.annotation)
        for n in node.body
        if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }
    return {**_base_signature(node, module, path).parameters, **fields}


def _hands_kwargs_on(init: ast.FunctionDef) -> bool:
    """True when a constructor gives its `**kwargs` to that of the base class."""
    if init.args.kwarg is None:
        return False
    kwargs = init.args.kwarg.arg
    calls = [n for n in ast.walk(init) if isinstance(n, ast.Call)]
    return any(
        isinstance(name, ast.Name) and name.id == kwargs
        for call in calls
        if ast.unparse(call.func).endswith("__init__")
        for keyword in call.keywords
        if keyword.arg is None
        for name in ast.walk(keyword.value)
    )


def _base_signature(node: ast.ClassDef, module: str, path: Path) -> Signature:
    """The signature of the first base class; a class without one takes nothing."""
    if not node.bases:
        return Signature(f"{module}.{node.name}", {}, False)
    try:
        return _find(path, module, ast.unparse(node.bases[0]).split("."))
    except TargetError:
        return Signature(f"{module}.{node.name}", {}, True)
