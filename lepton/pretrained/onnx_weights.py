"""Reads the tensors of an ONNX file, without the package onnx: names, sizes and numbers alone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lepton.errors import LeptonError

# numbers of fields in onnx.proto3 (Apache-2.0), https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
GRAPH, INITIALIZER = 7, 5  # of ModelProto, of GraphProto
SIZES, TYPE, FLOATS, NAME, RAW = 1, 2, 4, 8, 9  # of TensorProto
FLOAT = 1  # its type of 32-bit numbers
VARINT, EIGHT_BYTES, COUNTED, FOUR_BYTES = 0, 1, 2, 5  # kinds of values on the wire
Value = int | bytes


def onnx_weights(path: Path) -> dict[str, np.ndarray]:
    """The 32-bit tensors of a file by name; none of its code is run.

    Raises: LeptonError where it is no such file.
    """
    try:
        model = path.read_bytes()
        graph = next(bytes(v) for number, v in _fields(model) if number == GRAPH)
        tensors = [_tensor(bytes(v)) for number, v in _fields(graph) if number == INITIALIZER]
    except (OSError, ValueError, IndexError, TypeError, StopIteration, KeyError) as e:
        raise LeptonError(f"{path}: cannot be read as weights of ONNX ({e})") from e
    return dict(tensor for tensor in tensors if tensor)


def _tensor(content: bytes) -> tuple[str, np.ndarray] | None:
    """The name and the numbers of a TensorProto; None for other numbers than 32-bit ones."""
    sizes: list[int] = []
    name, kind, numbers = "", 0, b""
    for number, value in _fields(content):
        if number == SIZES:  # one by one, or packed
            sizes += [value] if isinstance(value, int) else list(_varints(value))
        elif number == TYPE:
            kind = int(value)
        elif number == NAME:
            name = bytes(value).decode()
        elif number in (FLOATS, RAW):
            numbers += bytes(value)
    if kind != FLOAT:
        return None
    return name, np.frombuffer(numbers, "<f4").reshape(sizes).astype(np.float32)


def _fields(content: bytes) -> Iterator[tuple[int, Value]]:
    """Yields the numbers and the values of a message's fields."""
    place = 0
    while place < len(content):
        key, place = _varint(content, place)
        kind, value = key & 7, None
        if kind == VARINT:
            value, place = _varint(content, place)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            size = 8 if kind == EIGHT_BYTES else 4
            value, place = content[place : place + size], place + size
        elif kind == COUNTED:
            size, place = _varint(content, place)
            value, place = content[place : place + size], place + size
        if value is None or place > len(content):
            raise ValueError(f"no message of protobuf at byte {place}")
        yield key >> 3, value


def _varints(content: bytes) -> Iterator[int]:
    place = 0
    while place < len(content):
        value, place = _varint(content, place)
        yield value


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first; and the place behind it."""
    value, shift = 0, 0
    while True:
        byte = content[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if not byte & 128:
            return value, place
