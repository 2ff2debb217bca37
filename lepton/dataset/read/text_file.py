"""Text files decoded: from a path to text, or to an error that says what the file is."""

import codecs
import io
import mmap
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from lepton.dataset.read.system_file import refuse_system_file
from lepton.errors import DataError, LayoutError
from lepton.storage.scratch import IN_MEMORY_BYTES, scratch_file

OTHER_FORMATS = {  # first bytes of files that are often mistaken for text
    b"\x1f\x8b": "gzip-compressed; unpack it first",
    b"PK\x03\x04": "a zip archive or an Excel workbook; unpack it, or save it as CSV",
    b"PAR1": "a Parquet file; use dataset=parquet",
}
BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


BLOCK_BYTES = 1 << 22  # decoded at a time


@dataclass(frozen=True)
class TextFile:
    """A text file that was read through once, and is text in full.

    `content` is UTF-8 without a byte-order mark: of a large file a mapping, which takes no memory
    that nobody else could have.
    """

    path: Path
    encoding: str
    content: pa.Buffer

    def start(self, characters: int) -> str:
        """The first characters of the text."""
        head = self.content.slice(0, min(self.content.size, 4 * characters))
        return head.to_pybytes().decode("utf-8", "ignore")[:characters]

    def lines(self) -> IO[str]:
        """The text to read by lines, with their ends as they are."""
        return self.path.open(encoding=self.encoding, newline="")


def read_text(path: str, encoding: str) -> str:
    """The text of a file, without a byte-order mark.

    Raises: DataError naming the file when it is not there, not text, or empty.
    """
    return open_text(path, encoding).content.to_pybytes().decode()


def open_text(path: str, encoding: str) -> TextFile:
    """A text file, read through once in blocks.

    Raises: DataError naming the file when it is not there, not text, or empty.
    """
    file = Path(path).expanduser()
    if file.is_dir():
        raise DataError(f"{path}: a folder, not a file")
    refuse_system_file(path)
    try:
        with file.open("rb") as source:
            codec = _codec(path, encoding, source.read(8))
            source.seek(0)
            return _decoded(path, file, source, codec, encoding)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file (looked in {Path.cwd()})") from None
    except OSError as e:
        raise DataError(f"{path}: {e.strerror}") from None


def _codec(path: str, encoding: str, first_bytes: bytes) -> str:
    """The name of the codec that decodes a file that begins so.

    Raises: DataError for another kind of file, for an unknown encoding, or for the mark of another.
    """
    for beginning, format_and_hint in OTHER_FORMATS.items():
        if first_bytes.startswith(beginning):
            raise DataError(f"{path}: {format_and_hint}")
    try:
        codec = codecs.lookup(encoding).name
        " ".encode(encoding)  # not all are of texts
    except LookupError:
        raise DataError(f"dataset.encoding: no encoding {encoding!r}; try utf-8") from None
    for mark, name in BYTE_ORDER_MARKS.items():
        if first_bytes.startswith(mark) and not codec.startswith("utf-16"):
            raise LayoutError(f"{path}: written in {name}", f"set dataset.encoding={name}")
    return "utf-8-sig" if codec == "utf-8" else encoding


def _decoded(path: str, file: Path, source: IO[bytes], codec: str, encoding: str) -> TextFile:
    is_utf8, large = codec == "utf-8-sig", file.stat().st_size > IN_MEMORY_BYTES
    is_blank, memory = True, io.BytesIO()
    with scratch_file() if large and not is_utf8 else nullcontext((memory, None)) as (copy, _):
        for text in _decode(path, source, codec, encoding):
            is_blank = is_blank and not text.strip()
            if not (large and is_utf8):
                copy.write(text.encode())
        if is_blank:
            raise DataError(f"{path}: the file is empty")
        if not large:
            return TextFile(file, codec, pa.py_buffer(memory.getvalue()))
        copy.flush()
        mapped = mmap.mmap((source if is_utf8 else copy).fileno(), 0, access=mmap.ACCESS_READ)
    has_mark = mapped[: len(codecs.BOM_UTF8)] == codecs.BOM_UTF8
    content = pa.py_buffer(mapped)
    return TextFile(file, codec, content.slice(len(codecs.BOM_UTF8)) if has_mark else content)


def _decode(path: str, source: IO[bytes], codec: str, encoding: str) -> Iterator[str]:
    """Yields the text block by block.

    Raises: DataError naming the line of what is not text.
    """
    decoder = codecs.getincrementaldecoder(codec)()
    done = lines = text_lines = 0  # bytes, and lines in bytes and in text, before this block
    line_start = 0
    while True:
        block = source.read(BLOCK_BYTES)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as e:
            start = done + len(block) - len(e.object) + e.start  # before it, what was left over
            before = block[: max(start - done, 0)]
            line = lines + before.count(b"\n") + 1
            newline = before.rfind(b"\n")
            line_start = done + newline + 1 if newline >= 0 else line_start
            raise LayoutError(
                f"{path}, line {line}, byte {start - line_start + 1}: not {encoding}",
                "if a spreadsheet wrote it, try dataset.encoding=cp1252",
            ) from None
        nul = text.find("\0")
        if nul >= 0:
            line = text_lines + text.count("\n", 0, nul) + 1
            raise DataError(f"{path}, line {line}: a NUL character; broken, or not {encoding}")
        yield text
        if not block:
            return
        newline = block.rfind(b"\n")
        line_start = done + newline + 1 if newline >= 0 else line_start
        done, lines = done + len(block), lines + block.count(b"\n")
        text_lines += text.count("\n")
