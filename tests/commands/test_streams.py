"""Whatever becomes of standard output and error, a command's exit code is its own."""

import os
import subprocess
import sys

import pytest

from lepton.commands.streams import GuardedStream

GUARDED = "from lepton.commands.streams import guard_streams, use_utf8; guard_streams();"


def run(code, *, shell='"$@"', **environment):
    """The process of Python code with guarded streams, started by a line of a shell."""
    environment = {**os.environ, **environment}
    words = ["sh", "-c", shell, "sh", sys.executable, "-c", GUARDED + code]
    return subprocess.run(words, env=environment, capture_output=True, timeout=60)


ENCODINGS = ["ascii", "ascii:strict", "latin-1", "cp037", "utf-16", "idna"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_an_encoding_lacks_is_escaped(encoding):
    process = run("print('a ± 漢 \\udcff'); print('b.' * 99)", PYTHONIOENCODING=encoding)
    assert process.returncode == 0, process.stderr
    if encoding.startswith("ascii"):
        assert process.stdout.splitlines()[0] == rb"a \xb1 \u6f22 \udcff"


@pytest.mark.parametrize(
    "shell",
    [
        '{ "$@"; echo $? >"$CODE"; } | true',
        '{ "$@"; echo $? >"$CODE"; } 2>&1 | head -c 100',
        '"$@" >/dev/full 2>&1; echo $? >"$CODE"',
        '"$@" >&-; echo $? >"$CODE"',
        '"$@" <&- >&- 2>&-; echo $? >"$CODE"',
    ],
)
def test_a_stream_that_takes_nothing_decides_no_exit_code(shell, tmp_path):
    code = (
        "import sys\n"
        "for i in range(9): print('x' * 99999); print('y', file=sys.stderr)\n"
        f"print(open({str(tmp_path / 'other')!r}, 'w').fileno() > 2); sys.exit(7)"
    )
    process = run(code, shell=shell, CODE=str(tmp_path / "code"))
    assert (tmp_path / "code").read_text() == "7\n", process.stderr
    assert b"Error" not in process.stderr
    assert (tmp_path / "other").read_text() == ""


def test_files_are_read_as_utf_8_whatever_the_locale_says():
    code = "use_utf8(); import locale; print(open('/dev/null').encoding, '\\xb1')"
    variables = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    process = run(code, PYTHONIOENCODING="latin-1", **variables)
    assert process.stdout == "utf-8 ±\n".encode("latin-1")


def test_a_guarded_stream_hears_of_a_pipe_that_is_full(tmp_path):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    stream = GuardedStream(writer, None)
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        total = 0
        while data := os.read(reader, 65536):
            total += len(data)
        os._exit(0 if total == 10**6 else 1)
    os.close(reader)
    stream.write("x" * 10**6)
    stream.flush()
    os.close(writer)
    assert os.waitpid(pid, 0)[1] == 0
