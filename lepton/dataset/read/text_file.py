"""Text files decoded: from a path to one string, or to an error that says what the file is."""

import codecs
from pathlib import Path

from lepton.errors import DataError

OTHER_FORMATS = {  # first bytes of files that are often mistaken for text
    b"\x1f\x8b": "gzip-compressed; unpack it first",
    b"PK\x03\x04": "a zip archive or an Excel workbook; unpack it, or save it as CSV",
    b"PAR1": "a Parquet file; use dataset=parquet",
}
BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_text(path: str, encoding: str) -> str:
    """The text of a file, without a byte-order mark.

    Raises: DataError naming the file when it is not there, not text, or empty.
    """
    text = _decode(path, _read_bytes(path), encoding)
    if not text.strip():
        raise DataError(f"{path}: the file is empty")
    return text


def _read_bytes(path: str) -> bytes:
    file = Path(path).expanduser()
    if file.is_dir():
        raise DataError(f"{path}: a folder, not a file")
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file (looked in {Path.cwd()})") from None
    except OSError as e:
        raise DataError(f"{path}: {e.strerror}") from None
    for first_bytes, format_and_hint in OTHER_FORMATS.items():
        if data.startswith(first_bytes):
            raise DataError(f"{path}: {format_and_hint}")
    return data


def _decode(path: str, data: bytes, encoding: str) -> str:
    try:
        codec = codecs.lookup(encoding).name
        " ".encode(encoding)  # not all are of texts
    except LookupError:
        raise DataError(f"dataset.encoding: no encoding {encoding!r}; try utf-8") from None
    for mark, name in BYTE_ORDER_MARKS.items():
        if data.startswith(mark) and not codec.startswith("utf-16"):
            raise DataError(f"{path}: written in {name}; set dataset.encoding={name}")
    try:
        text = data.decode("utf-8-sig" if codec == "utf-8" else encoding)
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        byte = e.start - data.rfind(b"\n", 0, e.start)
        raise DataError(
            f"{path}, line {line}, byte {byte}: not {encoding}; "
            "if a spreadsheet wrote it, try dataset.encoding=cp1252"
        ) from None
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        raise DataError(f"{path}, line {line}: a NUL character; broken, or not {encoding}")
    return text
