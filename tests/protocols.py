"""Compares a class with a protocol as a type checker does, for who runs none."""

import inspect


def protocol_members(protocol):
    """The names of a protocol's attributes, and its methods by name."""
    methods = {
        name: value
        for name, value in vars(protocol).items()
        if inspect.isfunction(value) and name not in ("__init__", "__subclasshook__")
        if not name.startswith("_no_init")
    }
    return set(protocol.__annotations__), methods


def breaches(instance, protocol):
    """One line for each attribute or method in which an object does not keep a protocol."""
    attributes, methods = protocol_members(protocol)
    lines = [f"{name} is missing" for name in attributes if not hasattr(instance, name)]
    for name, method in methods.items():
        implementation = getattr(type(instance), name, None)
        if implementation is None:
            lines.append(f"{name} is missing")
            continue
        expected, parameters = (inspect.signature(f).parameters for f in (method, implementation))
        takes = [(p.name, p.kind, p.default) for p in parameters.values()]
        if takes != [(p.name, p.kind, p.default) for p in expected.values()]:
            lines.append(f"{name} takes {[*parameters]}, not {[*expected]}")
    return sorted(lines)
