"""The smallest world as a data set."""

from __future__ import annotations

import pyarrow as pa

from mmkit.errors import SettingsError, nearest
from mmkit.schema import Dataset, Split
from mmkit.worlds.scenes import core, core_questions

VERSION = 1  # raise it when the same arguments give other records
SHARES = {"train": 0.80, "valid": 0.05, "test": 0.15}
NULLS = {
    "hops0": "only questions that follow no relation: whatever passes messages has nothing to gain",
    "edge_types": "what the arrows are called is drawn anew, answers stay: nobody can beat a guess among the neighbours",
}


def make(records: int, seed: int, null: str | None = None, hops: tuple[float, ...] = core.HOPS) -> Dataset:
    """Questions about as many graphs, and in the test part also what they entail. Same arguments, same records.

    records: questions that are counted (`balanced`), all parts together.  hops: shares of questions with 0, 1, 2, 3 relations.
    Raises SettingsError for too few records, an unknown null control, or shares that are none.
    """
    if null is not None and null not in NULLS:
        raise SettingsError(f"the world core has no null control {null!r}{nearest(null, NULLS)}")
    if records < 20:
        raise SettingsError(f"world core: records = {records}, expected at least 20, one for every twentieth part")
    if not 1 <= len(hops) <= 4 or min(hops) < 0 or abs(sum(hops) - 1) > 1e-9:
        raise SettingsError(f"world core: hops = {tuple(hops)}, expected up to four shares that sum to 1 (0, 1, 2, 3 relations)")
    hops = (1.0,) if null == "hops0" else tuple(hops)
    graphs, tables, truths, row = [], [], [], 0
    for part, share in SHARES.items():
        count = records - row if part == "test" else round(share * records)
        drawn, asked = core.draw(seed, part, 0, count, hops)
        graphs.append(core_questions.graph_table(drawn, part, 0, seed, null == "edge_types"))
        table, truth = core_questions.question_table(drawn, asked, part, 0, part, row, entailed=part == "test")
        tables.append(table)
        truths.append(truth)
        row += count
    origin = "world scenes/core" + (f", null control {null}" if null else "") + f", seed {seed}"
    return Dataset(
        "core",
        core_questions.SCHEMA,
        Split(pa.concat_tables(tables), pa.concat_tables(truths)),
        origin,
        f"core-v{VERSION}:{records}:{seed}:{null}:{hops}",
        {"graphs": row},
        pa.concat_tables(graphs),
    )
