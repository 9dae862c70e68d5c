"""METEOR: what is said to the program and read from it, with a stand-in for Java; the program itself in test_captions_real.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmkit.errors import RunError
from mmkit.scores import captions as c

STAND_IN = """
import sys, pathlib
here = pathlib.Path(__file__).parent
(here / "arguments").write_text(" ".join(sys.argv[1:]))
for line in sys.stdin:
    kind, *rest = line.rstrip("\\n").split(" ||| ")
    if kind == "SCORE":
        *references, said = rest
        {on_score}
        print(f"{{len(references)}} {{len(said.split())}} {{len(references[-1].split())}}", flush=True)
    else:
        counts = [[int(x) for x in stats.split()] for stats in rest]
        for references, said, wanted in counts:
            print(references / 10 + said / 100 + wanted / 1000)
        print(sum(said for _, said, _ in counts) / 100, flush=True)
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a program named java first on the path and returns (its folder, function that gives it another line to run)."""

    def change(on_score: str = "pass") -> Path:
        java = tmp_path / "java"
        java.write_text(f"#!{sys.executable}\n" + STAND_IN.format(on_score=on_score), encoding="utf-8")
        java.chmod(0o755)
        jar = tmp_path / "meteor-1.5.jar"
        jar.touch()
        return jar

    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return change


CORPUS = (
    ["a dog runs".split(), [], ["é"]],
    [[["a"], "the big dog runs".split()], [["cat"]], [["x", "y"], ["é"], "a b c".split()]],
)


def test_references_first_then_the_caption_and_the_last_number_is_the_corpus(program):
    jar = program()
    score, each = c.meteor(c.Corpus(*CORPUS), jar)
    assert each.tolist() == pytest.approx([0.234, 0.101, 0.313])  # references, words said, words of the last reference
    assert score == pytest.approx(0.04)
    assert (jar.parent / "arguments").read_text() == "-Xmx2G -Dfile.encoding=UTF-8 -jar meteor-1.5.jar - - -stdio -l en -norm"


@pytest.mark.parametrize("on_score", ["sys.exit(3)", "print('words', flush=True)", "print('', flush=True)"])
def test_a_program_that_fails_is_told(program, on_score):
    with pytest.raises(RunError, match=r"meteor-1.5.jar: METEOR stopped or said something unexpected"):
        c.meteor(c.Corpus(*CORPUS), program(on_score))


def test_nothing_stays_running(program, monkeypatch):
    started = []
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(start(*a, **k)) or started[-1])
    c.meteor(c.Corpus(*CORPUS), program())
    with pytest.raises(RunError):
        c.meteor(c.Corpus(*CORPUS), program("print('no number', flush=True)"))
    assert len(started) == 2
    assert all(p.returncode is not None and p.stdin.closed and p.stdout.closed for p in started)


def test_without_java_or_the_program(program, monkeypatch, tmp_path):
    with pytest.raises(RunError, match=r"nowhere/meteor.jar.*leave METEOR out"):
        c.meteor(c.Corpus(*CORPUS), tmp_path / "nowhere" / "meteor.jar")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(RunError, match=r"METEOR needs Java \(not found\)"):
        c.meteor(c.Corpus(*CORPUS), program())
