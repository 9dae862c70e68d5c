"""The report shows what the run folders hold, escapes it, needs no other file, and survives broken folders."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from mmkit import report

CLAIM = {
    "id": "C2",
    "text": "Gating <script>alert(1)</script> | helps *pets*",
    "metric": "macro_f1",
    "published": {"better": 0.275, "worse": 0.088},
    "measured": {"mean": 0.123, "low": 0.051, "high": 0.195, "n": 5},
    "null": {"name": "null:no_table", "mean": 0.004, "low": -0.01, "high": 0.018, "n": 5},
    "verdict": "upheld",
    "explained": True,
    "why": "the table says what the text does not",
}
RECORD = {
    "paper": "05_tabular",
    "profile": "lab",
    "data": "world",
    "seeds": [0, 1],
    "device": "cpu",
    "hardware": {"cores": 2, "gpu": None},
    "versions": {"torch": "2.11.0"},
    "settings": {"epochs": {"value": 5, "source": "paper", "where": "section 4"}, "width": {"value": 64, "source": "chosen"}},
    "commit": "0a1b2c3",
    "wall_seconds": 241.0,
    "peak_memory_mb": 1234.5,
    "trials": {"total": 80, "computed": 12, "cached": 68},
    "state": "done",
    "error": None,
}
SCORES = """paper,table,method,data,world,seed,split,metric,value
05_tabular,3,gating,pets,main,0,test,macro_f1,0.30
05_tabular,3,gating,pets,main,1,test,macro_f1,0.40
05_tabular,3,text_only,pets,main,0,test,macro_f1,0.10
05_tabular,3,gating,pets,null:no_table,0,test,macro_f1,0.20
05_tabular,3,gating,reviews,main,0,valid,f1,0.90
"""
COSTS = (
    "method,data,world,seed,parameters,seconds,peak_memory_mb\ngating,pets,main,0,1000,2.0,50\ngating,pets,main,1,1000,4.0,70\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "05_tabular" / "lab-world"
    (out / "figures").mkdir(parents=True)
    for name, content in (("run.json", RECORD), ("claims.json", [CLAIM])):
        (out / name).write_text(json.dumps(content))
    (out / "scores.csv").write_text(SCORES)
    (out / "costs.csv").write_text(COSTS)
    figure, axis = plt.subplots(figsize=(1, 1))
    axis.plot([0, 1])
    figure.savefig(out / "figures" / "table_3.png", metadata={"Description": 'dots "per" method <b>'})
    figure.savefig(out / "figures" / "sweep.png")
    plt.close(figure)
    (out / "figures" / "sweep.csv").write_text("share,gain\n0,0.1\n")
    return out


class Page(HTMLParser):
    """Cells of all tables, the pictures, and everything that a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.images: list[dict[str, str | None]] = []
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.rows += [[]] if tag == "tr" else []
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "img":
            self.images.append(dict(attrs))
        self.fetched += [
            v for k, v in attrs if k in ("src", "href", "srcset", "action") and v and not v.startswith(("data:", "#"))
        ]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("td", "th") and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page(report.html_page([report.load(folder)]))


CLAIM_CELLS = ["0.275 vs 0.088", "+0.123 [+0.051, +0.195] n=5", "+0.004 [-0.01, +0.018] n=5 (null:no_table)", "upheld", "yes"]


def test_html_shows_claims_scores_settings_and_cost(page: Page):
    assert ["C2", CLAIM["text"], *CLAIM_CELLS, CLAIM["why"]] in page.rows
    start = page.rows.index(["world", "method", "macro_f1"])  # of the data set pets
    assert page.rows[start + 1 :][:5] == [
        ["main", "gating", "0.35 ± 0.071"],
        ["main", "text_only", "0.1"],
        ["null:no_table", "gating", "0.2"],
        ["world", "method", "f1 (valid)"],  # reviews have other metrics, so a table of their own
        ["main", "gating", "0.9"],
    ]
    assert ["epochs", "5", "paper", "section 4"] in page.rows
    assert ["gating", "pets", "main", "1000", "3 ± 1.4", "70"] in page.rows
    for fact in (["versions", "torch 2.11.0"], ["hardware", "cores 2"], ["wall", "4 min"], ["peak memory", "1234 MB"]):
        assert fact in page.rows
    assert ["trials", "80 total, 12 computed, 68 cached"] in page.rows


def test_the_summary_stands_at_the_top(page: Page):
    assert page.rows[0][0] == "run"
    title = "A Package for Learning on Tabular and Text Data with Transformers (2021)"
    assert page.rows[1] == ["05_tabular (lab-world)", title, "done", "1 upheld", "4 min", "cpu"]


def test_html_is_one_file_and_escaped(page: Page, folder: Path):
    assert page.fetched == []
    assert "script" not in page.tags
    assert "b" not in page.tags
    pictures = {i["alt"]: i["src"] for i in page.images}
    assert set(pictures) == {'dots "per" method <b>', "Figure sweep; its numbers, in sweep.csv: share,gain"}
    data = pictures['dots "per" method <b>'].removeprefix("data:image/png;base64,")
    assert base64.b64decode(data) == (folder / "figures" / "table_3.png").read_bytes()


def test_markdown_tables_hold_together(folder: Path):
    text = report.markdown([report.load(folder)])
    row = next(line for line in text.splitlines() if line.startswith("| C2 |"))
    cells = row.replace(r"\|", "").split("|")
    assert len(cells) == len(report.CLAIM_COLUMNS) + 2
    assert r"\<script\>" in row
    assert r"\*pets\*" in row
    assert "upheld" in row
    assert f"](<{folder}/figures/table_3.png>)" in text
    assert text.index("## Summary") < text.index("## 05")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.json", '{"state": "do', "run.json is broken, expected a JSON dict"),
        ("run.json", "[]", "run.json is broken"),
        ("run.json", None, "run.json is missing"),
        ("claims.json", '{"a": 1}', "claims.json is broken, expected a JSON list"),
        ("claims.json", None, "claims.json is missing"),
        ("scores.csv", "paper,method\na,b\n", "scores.csv has a row that is no score"),
        ("scores.csv", b"\xff\xfe\x00", "scores.csv is broken"),
        ("costs.csv", b"\xff\xfe\x00", "costs.csv is broken"),
        ("run.json", '{"state": "failed", "error": "the knob <came> off"}', "the run failed: the knob <came> off"),
        ("run.json", '{"state": "running"}', "has not finished"),
        ("figures/table_3.png", b"no picture", ""),
        (
            "run.json",
            '{"settings": {"a": 3}, "hardware": "big", "wall_seconds": "x", "peak_memory_mb": null, "trials": null}',
            "",
        ),
        ("claims.json", '[1, {"id": null, "measured": {"mean": null}, "published": null, "verdict": "?"}]', ""),
    ],
)
def test_a_broken_folder_is_told_and_never_a_crash(
    name: str, content: str | bytes | None, message: str, folder: Path, tmp_path: Path
):
    import shutil

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / name).unlink()
    if content is not None:
        (copy / name).write_bytes(content.encode() if isinstance(content, str) else content)
    runs = [report.load(copy), report.load(folder)]
    text, page = report.markdown(runs), report.html_page(runs)
    shown = report._md(message)
    assert shown in text
    assert message.replace("<", "&lt;").replace(">", "&gt;") in page
    assert CLAIM_CELLS[0] in page  # the whole folder is still there


def test_a_missing_folder_is_told(tmp_path: Path):
    run = report.load(tmp_path / "nothing")
    assert "no such folder" in report.html_page([run])
    assert "no such folder" in report.markdown([run])


def test_runs_and_sweeps_are_found(folder: Path):
    base = folder.parent.parent
    deep = base / "05_tabular" / "sweep" / "knob=1"
    deep.mkdir(parents=True)
    (deep / "run.json").write_text("{}")
    assert report.find_runs(base) == [folder, deep]
