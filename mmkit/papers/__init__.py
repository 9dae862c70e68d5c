"""Which papers there are and what each published: a registry over TOML files, no numbers in code.

`index.toml` lists all seventeen. `<slug>.toml` holds one paper's tables, claims, worlds and settings, each with its source.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from mmkit.errors import SettingsError, nearest

HERE = Path(__file__).parent
PROFILES = ("smoke", "lab", "paper")
SOURCES = ("paper", "official code", "chosen")


@dataclass(frozen=True)
class Paper:
    """One paper. `facts` is its TOML file as nested dicts; empty while nothing of it works yet."""

    slug: str
    title: str
    authors: str
    venue: str
    year: int
    bibtex_key: str
    task: str
    facts: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def number(self) -> str:
        return self.slug[:2]

    @property
    def ready(self) -> bool:
        """True when the kit can run it."""
        return bool(self.facts)

    @property
    def claims(self) -> list[dict[str, Any]]:
        return self.facts.get("claim", [])

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """Name -> {value, source, where, about, [low, high, choices, unit]}: the paper's own value where it states one."""
        return self.facts.get("settings", {})

    @property
    def profiles(self) -> dict[str, dict[str, Any]]:
        """Profile -> {setting: value}; 'lab-real' refines 'lab' when the data is real."""
        return self.facts.get("profiles", {})

    def table(self, id: str) -> dict[str, Any]:
        """A published table: {id, what, unit, columns, rows}. Raises SettingsError for an unknown id."""
        tables = {t["id"]: t for t in self.facts.get("table", [])}
        if id not in tables:
            raise SettingsError(f"paper {self.slug} has no table {id!r}{nearest(id, tables)}")
        return tables[id]

    def tables_of(self, data: str) -> list[dict[str, Any]]:
        """The results tables that print this data set: `table` of `[data.<name>]`, one id or a list of them."""
        ids = self.facts["data"][data].get("table", [])
        return [self.table(id) for id in ([ids] if isinstance(ids, str) else ids)]

    def printed(self, data: str, table: str | None = None) -> dict[str, dict[str, float]]:
        """Metric -> {method: the value that the results tables (or one of them) print for this data set}.

        `[data.<name>]` says where: `table`, and either `columns` (metric -> column; a row per method label, where `labels`
        gives the data set's own) or `row` (its first cells) and `metric` (a column per method). A value that stands in two
        tables is the same in both.
        """
        facts = self.facts["data"][data]
        methods = facts.get("labels", self.facts["methods"])
        found: dict[str, dict[str, float]] = {}
        for one in self.tables_of(data):
            if table not in (None, one["id"]):
                continue
            if "columns" in facts:
                named = {row[0]: row for row in one["rows"]}
                for metric, column in facts["columns"].items():
                    at = one["columns"].index(column)
                    found.setdefault(metric, {}).update({m: named[label][at] for m, label in methods.items() if label in named})
            else:
                row = next(r for r in one["rows"] if r[: len(facts["row"])] == facts["row"])
                here = {m: row[one["columns"].index(m)] for m in methods if m in one["columns"]}
                found.setdefault(facts["metric"], {}).update(here)
        return found


@cache
def all_papers() -> tuple[Paper, ...]:
    """All seventeen, in order of their numbers."""
    entries = tomllib.loads((HERE / "index.toml").read_text(encoding="utf-8"))["paper"]
    return tuple(Paper(**entry, facts=_facts(entry["slug"])) for entry in entries)


def _facts(slug: str) -> dict[str, Any]:
    path = HERE / f"{slug}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def find(name: str | int) -> Paper:
    """By number ('5', '05', 5), slug ('05_tabular') or its word ('tabular'). Raises SettingsError naming the nearest."""
    text = str(name).strip().lower()
    for paper in all_papers():
        if text in (paper.slug, paper.slug[3:], paper.number, paper.number.lstrip("0")):
            return paper
    raise SettingsError(f"no paper {str(name)!r}{nearest(text, [p.slug for p in all_papers()])}")
