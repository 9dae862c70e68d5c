"""METEOR by its authors' own Java program, where it is at hand; the only metric here that is not computed by mmkit."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmkit.errors import RunError
from mmkit.scores.captions.ngrams import Corpus

JAR = "meteor-1.5.jar"
BETWEEN = " ||| "  # what the program expects between sentences


def meteor(corpus: Corpus, jar: Path | str | None = None) -> tuple[float, NDArray[np.float64]]:
    """(METEOR of the corpus, of each caption (N,)), in [0, 1].

    Denkowski and Lavie (2014), version 1.5, English, as the COCO evaluation calls it (-l en -norm); the corpus's score is of
    the summed counts and no mean. `jar` is the program with its `data` folder beside it; without it that of the installed
    package pycocoevalcap. Starts one Java process and ends it. Raises RunError without Java or program, and when it fails.
    """
    java, path = shutil.which("java"), Path(jar) if jar else _installed()
    if java is None or path is None or not path.is_file():
        raise RunError(
            f"METEOR needs Java ({java or 'not found'}) and {JAR} ({path or 'not found'}; it comes with pycocoevalcap): "
            "install what is missing or leave METEOR out; the other metrics need neither"
        )
    command = [java, "-Xmx2G", "-Dfile.encoding=UTF-8", "-jar", path.name, "-", "-", "-stdio", "-l", "en", "-norm"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=path.resolve().parent, text=True, encoding="utf-8", bufsize=1, **pipes) as program:
        try:
            counts = [_answer(program, BETWEEN.join(["SCORE", *texts])) for texts in _sentences(corpus)]
            scores = [float(_answer(program, BETWEEN.join(["EVAL", *counts])))]
            scores += [float(program.stdout.readline()) for _ in range(corpus.n)]
        except (OSError, ValueError) as why:
            raise RunError(f"{path}: METEOR stopped or said something unexpected: {why}") from why
        finally:
            program.kill()
    return scores[-1], np.array(scores[:-1])


def _sentences(corpus: Corpus) -> Iterator[list[str]]:
    """Per example the references, then the caption."""
    words = np.array(corpus.vocabulary, dtype=object)[corpus.word]
    ends = np.cumsum(corpus.length)
    texts = [" ".join(words[end - n : end]).replace("|||", "") for n, end in zip(corpus.length, ends, strict=True)]
    for own, n, end in zip(texts[: corpus.n], corpus.references, np.cumsum(corpus.references) + corpus.n, strict=True):
        yield [*texts[end - n : end], own]


def _answer(program: subprocess.Popen[str], line: str) -> str:
    program.stdin.write(f"{line}\n")
    program.stdin.flush()
    answer = program.stdout.readline().strip()
    if not answer:
        raise ValueError(f"no answer to {line[:80]!r}")
    return answer


def _installed() -> Path | None:
    package = find_spec("pycocoevalcap")
    folders = package.submodule_search_locations if package and package.submodule_search_locations else []
    return next((p for folder in folders if (p := Path(folder) / "meteor" / JAR).is_file()), None)
