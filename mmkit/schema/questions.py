"""Questions about graphs: many questions share one graph of objects, attributes and relations (GQA's scene graphs)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.schema.columns import PARTS, Column, matrix, missing_values, out_of_range, repeated_ids, whole, wrong_columns

STRUCTURAL = ("verify", "query", "choose", "logical", "compare")
SEMANTIC = ("obj", "attr", "cat", "rel", "global")

# One row per graph, N objects and E directed relations: object i has name[i], attributes[i] and box[i] = left, top, width,
# height as shares of the picture; relation e goes from object source[e] to object target[e] (numbers of objects in this graph).
GRAPH = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("name", pa.list_(pa.string()), nullable=False),
        pa.field("attributes", pa.list_(pa.list_(pa.string())), nullable=False),
        pa.field("box", pa.list_(pa.list_(pa.float32(), 4)), nullable=False),
        pa.field("source", pa.list_(pa.int32()), nullable=False),
        pa.field("target", pa.list_(pa.int32()), nullable=False),
        pa.field("relation", pa.list_(pa.string()), nullable=False),
    ]
)


@dataclass(frozen=True)
class GraphQuestionSchema:
    """A question about one graph, and its answer out of a fixed list.

    graph: row of the question's graph in the data set's table of graphs.  answer: number of the answer in `classes`.
    structural, semantic: GQA's two kinds of type.  detailed: the finest kind.  group: GQA's global group, "" for none.
    entailed: ids of questions that whoever answers this one right must answer right, too.  balanced: belongs to the balanced
    part, on which accuracy is counted.  valid, plausible: answers that fit the question, and that occur in the world; null
    where the data set has no file of choices.
    """

    name: str
    classes: tuple[str, ...]
    label: str = "answer"
    task: str = "multiclass"

    @property
    def arrow(self) -> pa.Schema:
        texts = pa.list_(pa.string())
        columns = [
            ("id", pa.string(), False),
            ("graph", pa.int64(), False),
            ("question", pa.string(), False),
            ("answer", pa.int64(), False),
            ("structural", pa.string(), False),
            ("semantic", pa.string(), False),
            ("detailed", pa.string(), False),
            ("group", pa.string(), False),
            ("entailed", texts, False),
            ("balanced", pa.bool_(), False),
            ("valid", texts, True),
            ("plausible", texts, True),
            ("part", pa.string(), False),
        ]
        return pa.schema([pa.field(name, kind, nullable=nullable) for name, kind, nullable in columns])

    def problems(self, table: pa.Table, graphs: pa.Table | None = None) -> list[str]:
        """Everything about the questions and their graphs that breaks this schema, worded for a person; empty when all fits."""
        if graphs is None:
            return [f"{self.name}: no table of graphs beside the questions, expected one"]
        found = wrong_columns(self.name, self.arrow, table) + wrong_columns(f"{self.name} graphs", GRAPH, graphs)
        if found:
            return found
        if found := missing_values(self.name, self.arrow, table):
            return found
        found = repeated_ids(self.name, table["id"])
        blank = pc.equal(pc.utf8_trim_whitespace(table["question"]), "").to_numpy(zero_copy_only=False)
        found += [f"{self.name}: row {row}, column 'question': no text, expected some" for row in np.flatnonzero(blank)]
        for column in (
            Column("answer", "number", low=0, high=len(self.classes) - 1),
            Column("graph", "number", low=0, high=graphs.num_rows - 1),
            Column("structural", "category", levels=STRUCTURAL),
            Column("semantic", "category", levels=SEMANTIC),
            Column("part", "category", levels=PARTS),
        ):
            found += out_of_range(self.name, column, table[column.name])
        return found + graph_problems(self.name, graphs)


def graph_problems(name: str, graphs: pa.Table) -> list[str]:
    """Graphs whose lists do not fit together: unequal numbers of objects, relations from or to objects that are not there."""
    columns = {field.name: whole(graphs[field.name]) for field in GRAPH}
    sizes = {at: pc.list_value_length(columns[at]).to_numpy(zero_copy_only=False) for at in GRAPH.names if at != "id"}
    found = []
    for first, others in (("name", ("attributes", "box")), ("source", ("target", "relation"))):
        for other in others:
            found += [
                f"{name}: graph {columns['id'][int(row)].as_py()!r} has {sizes[other][row]} entries in {other!r} and "
                f"{sizes[first][row]} in {first!r}, expected as many"
                for row in np.flatnonzero(sizes[first] != sizes[other])
            ]
    if found:
        return found
    objects = np.repeat(sizes["name"], sizes["source"])
    graph = np.repeat(np.arange(len(graphs)), sizes["source"])
    for end in ("source", "target"):
        at = columns[end].flatten().to_numpy()
        found += [
            f"{name}: graph {columns['id'][int(graph[edge])].as_py()!r} has a relation whose {end} is object {at[edge]}, "
            f"expected a number below {objects[edge]}"
            for edge in np.flatnonzero((at < 0) | (at >= objects))
        ]
    box = matrix(columns["box"].flatten())
    graph = np.repeat(np.arange(len(graphs)), sizes["name"])
    return found + [
        f"{name}: graph {columns['id'][int(graph[node])].as_py()!r} has a box {box[node].tolist()}, expected numbers not below 0"
        for node in np.flatnonzero(~np.isfinite(box).all(axis=1) | (box < -1e-6).any(axis=1))
    ]
