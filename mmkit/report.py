"""Run folders -> one page that a person can read: what was claimed, published and measured. Markdown, or HTML in a single file.

Only the run folder is read. A folder that is missing, unfinished or broken is told on the page, never a reason to stop.
"""

from __future__ import annotations

import base64
import csv
import html
import os
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmkit.errors import RunError
from mmkit.papers import all_papers
from mmkit.runner import interval, published, read_json, yes_no

CLAIM_COLUMNS = ("id", "claim", "published", "measured [95 %]", "null control", "verdict", "explained", "why")
SETTING_COLUMNS = ("setting", "value", "source", "where")
COST_COLUMNS = ("method", "data", "world", "parameters", "seconds (mean)", "peak memory (MB)")


@dataclass
class Run:
    """What one run folder holds. `problems` lists what could not be read, in words."""

    folder: Path
    record: dict[str, Any] = field(default_factory=dict)  # run.json
    claims: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, str]] = field(default_factory=list)
    costs: list[dict[str, str]] = field(default_factory=list)
    figures: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.record.get('paper') or self.folder.parent.name} ({self.folder.name})"

    @property
    def title(self) -> str:
        titles = {p.slug: f"{p.title} ({p.year})" for p in all_papers()}
        return titles.get(str(self.record.get("paper")), "")

    @property
    def state(self) -> str:
        return str(self.record.get("state", "unreadable"))

    @property
    def verdicts(self) -> str:
        """'3 upheld, 1 refuted' in a fixed order."""
        counts = Counter(str(c.get("verdict")) for c in self.claims)
        return ", ".join(f"{counts[v]} {v}" for v in ("upheld", "refuted", "undecided") if counts[v]) or "no claims"


def find_runs(base: Path) -> list[Path]:
    """Every run folder below `base` (at most three levels), by name."""
    found = {path.parent for depth in ("*", "*/*", "*/*/*") for path in base.glob(f"{depth}/run.json")}
    return sorted(found)


def load(folder: Path) -> Run:
    """Read one run folder; whatever is wrong with it ends up in `problems`."""
    run = Run(folder.absolute())
    if not folder.is_dir():
        run.problems.append(f"{folder}: no such folder")
        return run
    run.record = _read(run, "run.json", dict, {})
    run.claims = [c for c in _read(run, "claims.json", list, []) if isinstance(c, dict)]
    run.scores, run.costs = _rows(run, "scores.csv"), _rows(run, "costs.csv")
    run.figures = sorted((folder / "figures").glob("*.png"))
    if run.state == "running":
        run.problems.append("this run has not finished (or was killed); the same command continues it")
    if error := run.record.get("error"):
        run.problems.append(f"the run failed: {error}")
    return run


def _read(run: Run, name: str, kind: type, empty: Any) -> Any:
    content = read_json(run.folder / name)
    if isinstance(content, kind):
        return content
    there = (run.folder / name).exists()
    run.problems.append(f"{name} is {'broken, expected a JSON ' + kind.__name__ if there else 'missing'}")
    return empty


def _rows(run: Run, name: str) -> list[dict[str, str]]:
    path = run.folder / name
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as why:
        run.problems.append(f"{name} is broken ({why})")
        return []


def write(path: Path, text: str) -> None:
    """Write a page so that a reader never sees half of it. Raises RunError naming the path when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as why:
        raise RunError(f"cannot write {path}: {why.strerror}") from why


# -- the tables: the same rows for both formats -------------------------------------------------------------------------------

Rows = list[Sequence[str]]


def _summary(runs: Iterable[Run]) -> Rows:
    return [(r.name, r.title, r.state, r.verdicts, _minutes(r.record.get("wall_seconds")), _device(r)) for r in runs]


def _claims(run: Run) -> Rows:
    return [
        (str(c.get("id", "")), str(c.get("text", "")), published(c), interval(c.get("measured")), _null(c),
         str(c.get("verdict", "")), yes_no(c.get("explained")), str(c.get("why") or ""))
        for c in run.claims
    ]  # fmt: skip


def _null(claim: dict[str, Any]) -> str:
    null = claim.get("null") or {}
    return f"{interval(null)} ({null.get('name', 'null')})" if interval(null) else ""


def _scores(run: Run) -> list[tuple[str, tuple[str, ...], Rows]]:
    """(heading, columns, rows) per data set. Mean over seeds and standard deviation; a row per world and method."""
    values: dict[str, dict[tuple[str, str], dict[str, list[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for row in run.scores:
        try:
            metric = row["metric"] + ("" if row["split"] == "test" else f" ({row['split']})")
            values[row["data"]][row["world"], row["method"]][metric].append(float(row["value"]))
        except (KeyError, TypeError, ValueError):
            run.problems.append(f"scores.csv has a row that is no score: {row}")
            break
    tables = []
    for data, lines in values.items():
        metrics = list(dict.fromkeys(metric for by in lines.values() for metric in by))
        rows = [(*line, *(_mean(by.get(m, [])) for m in metrics)) for line, by in lines.items()]
        rows.sort(key=lambda row: (row[0] != "main", row[0]))  # stable: methods keep their order
        tables.append((f"Scores on {data}: mean ± standard deviation over seeds", ("world", "method", *metrics), rows))
    return tables


def _mean(values: list[float]) -> str:
    if not values:
        return ""
    spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.4g}{spread}"


def _costs(run: Run) -> Rows:
    groups: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in run.costs:
        groups[tuple(str(row.get(k, "")) for k in ("method", "data", "world", "parameters"))].append(row)
    return [(*key, _mean(_numbers(rows, "seconds")), _largest(_numbers(rows, "peak_memory_mb"))) for key, rows in groups.items()]


def _numbers(rows: list[dict[str, str]], name: str) -> list[float]:
    return [float(r[name]) for r in rows if (r.get(name) or "").replace(".", "", 1).isdigit()]


def _largest(values: list[float]) -> str:
    return f"{max(values):.0f}" if values else ""


def _settings(run: Run) -> Rows:
    rows: Rows = []
    for name, told in (run.record.get("settings") or {}).items():
        told = told if isinstance(told, dict) else {"value": told}
        rows.append((name, *(str(told.get(key, "")) for key in ("value", "source", "where"))))
    return rows


def _facts(run: Run) -> Rows:
    record = run.record
    trials = record.get("trials") or {}
    facts = {
        "folder": run.folder,
        "profile, data": f"{record.get('profile', '?')}, {record.get('data', '?')}",
        "seeds": record.get("seeds"),
        "device": _device(run),
        "hardware": _flat(record.get("hardware")),
        "versions": _flat(record.get("versions")),
        "commit, code": " ".join(str(record[k]) for k in ("commit", "code") if record.get(k)),
        "started, finished": " to ".join(str(record[k]) for k in ("started", "finished") if record.get(k)),
        "wall": _minutes(record.get("wall_seconds")),
        "peak memory": f"{record['peak_memory_mb']:.0f} MB" if isinstance(record.get("peak_memory_mb"), (int, float)) else "",
        "trials": ", ".join(f"{n} {what}" for what, n in trials.items()),
    }
    return [(what, str(value)) for what, value in facts.items() if value not in (None, "")]


def _flat(told: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in told.items() if v is not None) if isinstance(told, dict) else str(told or "")


def _device(run: Run) -> str:
    hardware = run.record.get("hardware")
    gpu = hardware.get("gpu") if isinstance(hardware, dict) else None
    return str(run.record.get("device") or "") + (f" ({gpu})" if gpu else "")


def _minutes(seconds: Any) -> str:
    if not isinstance(seconds, (int, float)):
        return ""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def alt_text(png: Path) -> str:
    """The figure's description from the file's own metadata, or a sentence that says what numbers lie beside it."""
    from PIL import Image

    try:
        with Image.open(png) as picture:
            if told := str(picture.info.get("Description") or ""):
                return told
    except OSError:
        return f"Figure {png.stem}, which cannot be read"
    numbers = png.with_suffix(".csv")
    header = numbers.read_text(encoding="utf-8").partition("\n")[0] if numbers.exists() else ""
    return f"Figure {png.stem.replace('_', ' ')}" + (f"; its numbers, in {numbers.name}: {header}" if header else "")


# -- Markdown -----------------------------------------------------------------------------------------------------------------

SUMMARY_COLUMNS = ("run", "paper", "state", "verdicts", "wall", "device")


def markdown(runs: Sequence[Run]) -> str:
    """The report as GitHub Markdown; figures are linked by their path."""
    parts = ["# Report", "## Summary", _md_table(SUMMARY_COLUMNS, _summary(runs))]
    for run in runs:
        scores = _scores(run)
        parts.append(f"## {_md(run.name)}")
        parts += [f"> {_md(problem)}" for problem in run.problems]
        for heading, columns, rows in (
            ("Claims", CLAIM_COLUMNS, _claims(run)),
            *scores,
            ("Settings", SETTING_COLUMNS, _settings(run)),
            ("Cost", COST_COLUMNS, _costs(run)),
            ("This run", ("what", "value"), _facts(run)),
        ):
            if rows:
                parts += [f"### {heading}", _md_table(columns, rows)]
        if run.figures:
            parts += ["### Figures", *(f"![{_md(alt_text(f))}](<{f}>)" for f in run.figures)]
    return "\n\n".join(parts) + "\n"


def _md(text: str) -> str:
    """Text that Markdown leaves as it is."""
    for letter in "\\`*_[]<>|":
        text = text.replace(letter, "\\" + letter)
    return " ".join(text.split())


def _md_table(columns: Sequence[str], rows: Rows) -> str:
    lines = [columns, ["---"] * len(columns), *([_md(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# -- HTML ---------------------------------------------------------------------------------------------------------------------

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; display: block; overflow-x: auto }
th, td { border-bottom: 1px solid #ccc; padding: .3rem .7rem; text-align: left; vertical-align: top }
th { background: #f2f2f2 } caption { text-align: left; font-weight: 600; padding: .4rem 0 }
.upheld { color: #005a3c; font-weight: 600 } .refuted { color: #a03000; font-weight: 600 } .undecided { color: #555 }
.problem { border-left: 4px solid #a03000; background: #fff4ee; padding: .4rem .8rem; white-space: pre-wrap }
figure { margin: 1rem 0 } img { max-width: 100%; height: auto } figcaption { color: #444 }
summary { cursor: pointer; font-weight: 600 }
"""


def html_page(runs: Sequence[Run]) -> str:
    """The report as one HTML page that needs no other file: figures are inside, nothing is fetched."""
    esc = html.escape
    body = ["<h1>Report</h1>", _html_table("Summary", SUMMARY_COLUMNS, _summary(runs))]
    for n, run in enumerate(runs):
        scores = _scores(run)
        body.append(f'<section id="run-{n}"><h2>{esc(run.name)}</h2>' + (f"<p>{esc(run.title)}</p>" if run.title else ""))
        body += [f'<p class="problem">{esc(problem)}</p>' for problem in run.problems]
        body.append(_html_table("Claims", CLAIM_COLUMNS, _claims(run)))
        body += [_html_table(*table) for table in scores]
        body += [_html_figure(figure) for figure in run.figures]
        more = [("Settings and where they come from", SETTING_COLUMNS, _settings(run)), ("Cost", COST_COLUMNS, _costs(run)),
                ("This run", ("what", "value"), _facts(run))]  # fmt: skip
        body += [f"<details><summary>{h}</summary>{_html_table(h, c, r)}</details>" for h, c, r in more if r]
        body.append("</section>")
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>mmkit report</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(filter(None, body))
        + "\n</body>\n</html>\n"
    )


def _html_table(caption: str, columns: Sequence[str], rows: Rows) -> str:
    if not rows:
        return ""
    cell: Callable[[str], str] = lambda text: (  # noqa: E731  a verdict carries its colour, and says itself in words too
        f'<td class="{text}">{text}</td>' if text in ("upheld", "refuted", "undecided") else f"<td>{html.escape(text)}</td>"
    )
    head = "".join(f'<th scope="col">{html.escape(c)}</th>' for c in columns)
    lines = "\n".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f"<table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody></table>"


def _html_figure(png: Path) -> str:
    alt = html.escape(alt_text(png), quote=True)
    try:
        data = base64.b64encode(png.read_bytes()).decode()
    except OSError:
        return f'<p class="problem">{alt}</p>'
    return (
        f'<figure><img alt="{alt}" src="data:image/png;base64,{data}"><figcaption>{html.escape(png.stem)}</figcaption></figure>'
    )
