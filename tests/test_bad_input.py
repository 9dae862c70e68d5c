"""The documented messages are the ones that are given; and each of them tells what was wrong with which value."""

from __future__ import annotations

import difflib
import re

import pytest

from tests import bad_input_table
from tests.bad_input_table import PAGE, Row, cell, page, rows


@pytest.fixture(scope="module")
def made() -> list[Row]:
    return list(rows())


def test_the_page_is_up_to_date(made: list[Row], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bad_input_table, "rows", lambda: made)
    committed = PAGE.read_text(encoding="utf-8").splitlines()
    changed = "\n".join(difflib.unified_diff(committed, page().splitlines(), "committed", "now", n=0, lineterm=""))
    assert not changed, f"python -m tests.bad_input_table --write\n{changed}"


def test_every_input_has_a_row_and_a_message_of_its_own(made: list[Row]):
    names = [(row.input, row.where) for row in made]
    assert len(set(names)) == len(names) > 150
    passed_on = ("command line", "pool", "study", "notebook lint")  # say what others say; tests/test_lint.py looks at the last
    messages = [row.message for row in made if row.where not in passed_on]
    assert len(set(messages)) == len(messages)


def test_no_message_shows_this_machine_or_a_mistake_of_ours(made: list[Row]):
    for row in made:
        assert row.message
        assert not re.search(r"/root/|/tmp/|Traceback|mistake in mmkit", row.message), row
        assert str(bad_input_table.ROOT) not in row.message


def test_cells_survive_markdown():
    assert cell("a | b\n  c `d`") == "`` a \\| b ``<br>`` c `d` ``"
    long = cell("\n".join(f"line {n}" for n in range(30)))
    assert long.count("<br>") == 5
    assert "line 29" in long
