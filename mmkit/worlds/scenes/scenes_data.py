"""Scenes and what is asked about them as a data set: questions in three parts, the graphs they are about, and the truth."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from numbers import Integral
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmkit.cache import cached
from mmkit.errors import SettingsError, nearest
from mmkit.schema import Dataset, Split, whole
from mmkit.worlds.scenes import generate, graphs, questions, splits
from mmkit.worlds.scenes.columns import lists
from mmkit.worlds.scenes.knobs import Knobs, settle
from mmkit.worlds.scenes.scene import Scenes

VERSION = 2  # raise it when the same arguments give other records
CODE = ("worlds/scenes",)  # what an entry of the cache depends on
SHARES = {"train": 0.80, "valid": 0.05, "test": 0.15}
FEWEST = 20  # scenes: one for every twentieth part
TESTS = ("test", "test_comp", "test_rel", "test_hops")
NULLS = {  # those of the world's null controls that change questions or graphs
    "hops0": "only questions that follow no relation: whatever passes messages has nothing to gain",
    "edge_types": "what the arrows are called is drawn anew, answers stay: nobody can beat a guess among the neighbours",
    "family": "only questions that no relation answers: an encoder of relations has nothing to gain",
    "wording": "questions say 'linked to' for every relation: nothing to select relations by",
}
QUESTIONS = questions.SCHEMA.arrow.names
MADE = b"made"  # key of a cached table's metadata: questions before any were left out


def make(records: int, seed: int, null: str | None = None, *, split: str = "test", jobs: int = 1, **knobs: Any) -> Dataset:
    """Questions about `records` scenes, all parts together. Same arguments, same records, for any number of `jobs`.

    Training and validation hold the questions that count; test holds all of them, so that consistency can be counted.
    split: where the test's scenes come from (`TESTS`): scenes as in training, held-out pairs of category and colour, held-out
    triples, or questions that follow three relations, one more than any in training.  jobs: processes, -1: one per core.
    null: a name in NULLS.  knobs: fields of `Knobs`.  The truth has the columns of `questions.TRUTH`.
    What was made once comes back from the cache (cache.py).
    Raises SettingsError for too few scenes, an unknown split, null or knob, and for a split that asks for relations where the
    knobs allow none.
    """
    if null is not None and null not in NULLS:
        raise SettingsError(f"the world scenes has no null control {null!r} for questions{nearest(null, NULLS)}")
    if split not in TESTS:
        raise SettingsError(f"scenes: split = {split!r} is no test{nearest(split, TESTS)}")
    if isinstance(records, bool) or not isinstance(records, Integral) or records < FEWEST:
        raise SettingsError(f"scenes: records = {records!r}, expected a whole number of scenes, at least {FEWEST}")
    chosen = settle(seed, null, **knobs)
    if split in ("test_rel", "test_hops") and (chosen.hops0 or chosen.family == "none"):
        why = "hops0 = True" if chosen.hops0 else "family = 'none'"
        raise SettingsError(f"scenes: split {split!r} asks for relations, which {why} leaves out; take 'test' or 'test_comp'")
    shown, asked, row, made = [], [], 0, 0
    for part, count in sizes(int(records)).items():
        table, drawn = _part(chosen, split if part == "test" else part, part, count, jobs)
        made += int(table.schema.metadata[MADE])
        at = table.schema.get_field_index("graph")
        asked.append(table.replace_schema_metadata().set_column(at, table.schema.field(at), pc.add(table["graph"], row)))
        shown.append(drawn)
        row += count
    whole_table = pa.concat_tables(asked)
    kept = len(whole_table)
    return Dataset(
        "scenes",
        questions.SCHEMA,
        Split(whole_table.select(QUESTIONS), whole_table.select(questions.TRUTH.names)),
        "world scenes" + (f", null control {null}" if null else "") + f", test from {split}, seed {seed}",
        f"scenes-v{VERSION}:{records}:{split}:{chosen}",
        {"graphs": row, "questions made": made, "left out by balancing": made - kept},
        pa.concat_tables(shown),
    )


def sizes(records: int) -> dict[str, int]:
    """Scenes of each part."""
    valid, test = (round(SHARES[part] * records) for part in ("valid", "test"))
    return {"train": records - valid - test, "valid": valid, "test": test}


def _part(knobs: Knobs, split: str, part: str, count: int, jobs: int) -> tuple[pa.Table, pa.Table]:
    """(questions beside their truth, graphs counted from 0) of the first scenes of a split, from the cache if they are there."""
    key = {"split": split, "part": part, "count": count, "knobs": asdict(knobs)}

    @cache
    def scenes() -> Scenes:  # drawn once, and only where something is missing
        drawn = generate.scenes(knobs, split, count, jobs=jobs)
        if part != "test":
            splits.check(drawn, least=0)  # nothing that is held out
        return drawn

    asked = cached("scenes", {"what": "questions", **key}, lambda: _asked(scenes(), knobs, part, jobs), CODE)
    shown = cached("scenes", {"what": "graphs", **key}, lambda: graphs.table(scenes(), knobs.nearest, knobs.edge_types), CODE)
    return asked, shown


def _asked(scenes: Scenes, knobs: Knobs, part: str, jobs: int) -> pa.Table:
    table, truth = questions.tables(scenes, knobs, part, jobs=jobs)
    made = len(table)
    if part != "test":
        kept = np.flatnonzero(table["balanced"].to_numpy())
        table, truth = _within(table.take(kept)), truth.take(kept)
    columns = [*table.columns, *truth.columns]
    schema = pa.schema([*table.schema, *truth.schema], metadata={MADE: str(made)})
    return pa.Table.from_arrays(columns, schema=schema).combine_chunks()


def _within(table: pa.Table) -> pa.Table:
    """Entailed questions that were left out are no longer named."""
    entailed = whole(table["entailed"])
    there = pc.is_in(entailed.flatten(), value_set=whole(table["id"])).to_numpy(zero_copy_only=False)
    before = np.concatenate([[0], np.cumsum(there)])  # how many of the first k names stay
    ends: NDArray[np.int64] = np.concatenate([[0], np.cumsum(pc.list_value_length(entailed).to_numpy())])
    kept = lists(before[ends], entailed.flatten().filter(pa.array(there)))
    at = table.schema.get_field_index("entailed")
    return table.set_column(at, table.schema.field(at), kept)
