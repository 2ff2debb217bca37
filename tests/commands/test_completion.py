"""Completion in the shells themselves, by the script that `lepton -sc install=SHELL` prints."""

import os
import shutil
import subprocess
import sys

import pytest

LINES = {
    "lepton stud": ["studies"],
    "lepton results th": ["this_study"],
    "lepton results this_study --exp": ["--explain"],
    "lepton show runs/": ["runs/this_study/run"],
    "lepton list model/ml": ["model/mlp", "model/mlp_small"],
    "lepton train model=ml": ["model=mlp", "model=mlp_small"],
    "lepton train optimizer.weight": ["optimizer.weight_decay="],
    "lepton ensemble method.si": [],
}
BASH = """
eval "$(lepton -sc install=bash)"
complete -p lepton > /dev/null || exit 1
while IFS= read -r COMP_LINE; do
  COMP_POINT=${#COMP_LINE}; COMP_WORDS=($COMP_LINE); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMPREPLY=(); hydra_bash_completion; echo "${COMPREPLY[@]}"
done
"""
FISH = """
lepton -sc install=fish | source
while read line
  echo (complete -C $line)
end
"""
ZSH = r"""
zmodload zsh/zpty && zpty typed zsh -f -i || exit 1
zpty -w typed 'autoload -Uz compinit; compinit -u -D; LISTMAX=100000; PROMPT='
zpty -w typed 'eval "$(lepton -sc install=zsh)"'
zpty -w typed 'compadd() { local -a a; builtin compadd -O a "$@"; print -rn -- " $a" >> answers; }'
while IFS= read -r line; do
  zpty -w -n typed "$line"$'\t\x01\x0b'
  zpty -w typed 'print >> answers'
done
zpty -w typed exit
while zpty -r typed shown; do :; done
cat answers
"""
SHELLS = {"bash": BASH, "fish": FISH, "zsh": ZSH}


def shell(name):
    absent = pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")
    return pytest.param(name, marks=[absent, pytest.mark.slow] if name != "bash" else [absent])


@pytest.fixture
def environment(here):
    """Finds a program `lepton` on the path, and a study and a run in the folder."""
    (here / "runs" / "this_study" / "run").mkdir(parents=True)
    program = here / "bin" / "lepton"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\nfrom lepton.cli import main\nsys.exit(main())\n"
    )
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [shell(name) for name in SHELLS])
def test_a_shell_completes_commands_studies_runs_options_keys_and_flags(environment, name):
    done = subprocess.run(
        [name, "-c", SHELLS[name]],
        input="\n".join([*LINES, ""]),
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    answers = [line.split() for line in done.stdout.splitlines()]
    assert (done.returncode, len(answers)) == (0, len(LINES)), done.stderr
    for (line, offered), answer in zip(LINES.items(), answers, strict=True):
        assert [text for text in answer if text in offered] == sorted(offered), line
        assert all(text.startswith(line.split()[-1]) for text in answer), line


@pytest.mark.slow
@pytest.mark.parametrize("line", ["lepton train model=ml", "lepton results th"])
def test_completion_imports_no_torch(environment, line):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lepton", "-sc", "query=bash"],
        env={**environment, "COMP_LINE": line, "COMP_POINT": str(len(line))},
        capture_output=True,
        text=True,
    )
    modules = {text.rpartition("|")[2].strip() for text in done.stderr.splitlines()}
    assert done.stdout.split()
    assert "lepton.cli" in modules
    assert not {"torch", "pandas", "pytorch_lightning"} & modules
