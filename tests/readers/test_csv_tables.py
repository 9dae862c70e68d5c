"""The CSV reader against a second way of counting: records written by Python's own writer, lines counted in the text."""

from __future__ import annotations

import csv
import io
import random
import subprocess
import sys

import pytest

from mmkit.readers.csv_tables import read_csv
from mmkit.readers.fill import MONEY, NUMBER

# \u2028 and \x0b end a line for str.splitlines but not in a file; \r alone inside quotes is text
ALPHABET = "ab,\"\n\r;é漢\u2028\x0b '"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("seed", range(40))
def test_cells_come_back_and_lines_are_those_of_an_editor(seed, end, tmp_path):
    rng = random.Random(seed)
    rows = [tuple("".join(rng.choices(ALPHABET, k=rng.randrange(9))) for _ in "xyz") for _ in range(rng.randrange(1, 9))]
    text, starts = io.StringIO(newline=""), []
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["x", "y", "z"])
    for row in rows:
        starts.append(text.getvalue().count("\n") + 1)
        writer.writerow(row)
    (tmp_path / "table.csv").write_bytes(text.getvalue().encode())
    raw = read_csv(tmp_path / "table.csv", {"x", "y", "z"})
    assert list(zip(*raw.columns.values(), strict=True)) == rows
    assert raw.lines == starts
    assert not raw.problems


def test_a_problem_after_many_line_breaks_is_named_by_its_physical_line(tmp_path):
    text = "x,y\n" + '"one\ntwo\n\nthree",1\n' * 40 + "short\n" + "a,b\n"
    (tmp_path / "t.csv").write_text(text)
    raw = read_csv(tmp_path / "t.csv", {"x", "y"})
    line = text.split("\n").index("short") + 1
    assert raw.problems == [("t.csv", line, "1 fields, expected 2 as in the header; is a line break not quoted?")]
    assert raw.lines[-1] == line + 1
    assert len(raw) == 41


def test_only_wanted_columns_are_kept_in_memory(tmp_path):
    (tmp_path / "t.csv").write_text("Unnamed: 0,,Unnamed: 0.1,x,secret\n1,1,1,a,hush\n")
    raw = read_csv(tmp_path / "t.csv", {"x"})
    assert raw.columns == {"x": ["a"]}
    assert raw.counts["index columns not used"] == 3
    assert raw.counts["other columns not used"] == 1
    assert "hush" not in repr(raw)


def test_what_is_a_number():
    """float() takes more than a data file may mean."""
    assert all(NUMBER.fullmatch(cell) for cell in ("0", "-1.5", "+2", ".5", "3.", "1e-3", "007"))
    assert not any(
        NUMBER.fullmatch(cell) for cell in ("nan", "inf", "1_000", " 7", "7 ", "1,5", "٣", "--1", ".", "e5", "0x1", "")
    )
    assert all(MONEY.fullmatch(cell) for cell in ("$1,234.00", "$80.00", "80", "$1,234,567", "0.5"))
    assert not any(MONEY.fullmatch(cell) for cell in ("$1,23.00", "$", "1.234,00", "€80", "80 USD", "$,100"))


def test_importing_the_readers_loads_nothing_heavy():
    code = "import sys, mmkit.readers; print([m for m in ('torch', 'pandas', 'sklearn', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
