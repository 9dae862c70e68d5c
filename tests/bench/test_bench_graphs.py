"""Batches of graphs and one step of each graph layer, against PyTorch Geometric and DGL at equal sizes, on one core.

The peers read the same weights and give the same result. They get the joined vectors [h; i], as their layers know no vector per
graph. Times are those of the process, so that other programs on the machine do not count.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmkit.batches.graphs import GraphBatch, GraphStore, load_dgl
from mmkit.errors import SettingsError
from mmkit.layers.graphs import GINE, EdgeAttention, MeanAggregation
from tests.bench.told import told
from tests.layers.graph_cases import geometric

SMALL = {"graphs": 256, "nodes": 6, "edges": 12, "dim": 48, "instruction_dim": 48}
LARGE = {"graphs": 64, "nodes": 16, "edges": 50, "dim": 300, "instruction_dim": 512}
ROUNDS = 9


def store(graphs: int, nodes: int, edges: int, **_: int) -> GraphStore:
    rng = np.random.default_rng(0)
    source, target = rng.integers(nodes, size=(2, graphs * edges))
    tokens = rng.integers(100, size=(graphs * nodes, 4))
    return GraphStore.from_arrays(
        np.full(graphs, nodes), np.full(graphs, edges), tokens, tokens > 20, source, target,
        rng.integers(100, size=graphs * edges), 100,
    )  # fmt: skip


def ratios(slow: Callable[[], object], quick: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median over rounds of slow's time divided by quick's, the two in turn."""
    found = []
    for number in range(rounds + 2):
        took = []
        for way in (slow, quick):
            begin = time.process_time()
            for _ in range(3):
                way()
            took.append(time.process_time() - begin)
        if number > 1:
            found.append(took[0] / took[1])
    return statistics.median(found)


def single(whole: GraphBatch, kind: str) -> list:
    """Every graph of a batch of its own, as the peer keeps it."""
    Data = geometric().data.Data
    dgl = load_dgl() if kind == "dgl" else None
    parts = []
    for b in range(whole.size):
        n, e = slice(*whole.node_offsets[b : b + 2].tolist()), slice(*whole.edge_offsets[b : b + 2].tolist())
        ends = torch.stack([whole.source[e], whole.target[e]]) - n.start
        values = whole.node_tokens[n], whole.node_keep[n], whole.edge_token[e], whole.edge_reverse[e]
        if dgl is None:
            parts.append(Data(x=values[0], keep=values[1], edge_index=ends, edge_attr=values[2], reverse=values[3]))
        else:
            g = dgl.graph((ends[0], ends[1]), num_nodes=n.stop - n.start)
            g.ndata.update({"tokens": values[0], "keep": values[1]})
            g.edata.update({"token": values[2], "reverse": values[3]})
            parts.append(g)
    return parts


@pytest.mark.parametrize("graphs", [64, 256])
def test_batching(capsys: pytest.CaptureFixture[str], graphs: int):
    torch.set_num_threads(1)
    Batch = geometric().data.Batch
    ours = store(graphs, 16, 50)
    rows = torch.randperm(graphs)
    whole = ours.batch(torch.arange(graphs))
    parts = single(whole, "pyg")
    mine, theirs = ours.batch(rows), Batch.from_data_list([parts[r] for r in rows])
    assert torch.equal(theirs.edge_index, torch.stack([mine.source, mine.target]))
    assert torch.equal(theirs.x, mine.node_tokens)
    ratio = ratios(lambda: Batch.from_data_list([parts[r] for r in rows]), lambda: ours.batch(rows))
    told(capsys, f"batching {graphs} graphs", f"{ratio:.1f} times as fast as PyTorch Geometric", "goal >= 2")
    assert ratio >= 2
    try:
        dgl = load_dgl()
    except SettingsError as why:
        told(capsys, f"batching {graphs} graphs, DGL", str(why), "not measured")
        return
    parts = single(whole, "dgl")
    assert torch.equal(dgl.batch([parts[r] for r in rows]).edges()[0], mine.source)
    ratio = ratios(lambda: dgl.batch([parts[r] for r in rows]), lambda: ours.batch(rows))
    told(capsys, f"batching {graphs} graphs", f"{ratio:.1f} times as fast as DGL", "goal >= 2")
    assert ratio >= 2


class Layers:
    """One layer of each kind with its peer of equal weights: `mine(kind)` and `theirs(kind)` give (N, dim)."""

    def __init__(self, graphs: int, nodes: int, edges: int, dim: int, instruction_dim: int) -> None:
        pyg = geometric().nn
        torch.manual_seed(0)
        self.batch = store(graphs, nodes, edges).batch(torch.arange(graphs))
        sizes = ((self.batch.nodes, dim), (self.batch.edges, dim), (graphs, instruction_dim))
        self.h, self.e, self.i = (torch.randn(*size, requires_grad=True) for size in sizes)
        joined = dim + instruction_dim
        self.layers: dict[str, nn.Module] = {
            "mean": MeanAggregation(dim, dim, instruction_dim),
            "GINE": GINE(nn.Linear(joined, dim), dim, instruction_dim),
            "attention": EdgeAttention(dim, dim, dim, instruction_dim, heads=4),
        }
        mean, gine, attention = self.layers.values()
        self.peers: dict[str, nn.Module] = {
            "mean": pyg.SAGEConv(joined, dim, aggr="mean", root_weight=False),
            "GINE": pyg.GINEConv(gine.theta),
            "attention": pyg.GATConv(joined, dim, heads=4, concat=False, edge_dim=joined, add_self_loops=False),
        }
        self.peers["mean"].lin_l.load_state_dict({"weight": mean.linear.weight.detach(), "bias": mean.bias.detach()})
        peer, own = self.peers["attention"], attention.score
        for theirs, ours in (
            (peer.lin.weight, attention.value.weight), (peer.lin_edge.weight, own.edge), (peer.att_src, own.to_source[None]),
            (peer.att_dst, own.to_target[None]), (peer.att_edge, own.to_edge[None]),
        ):  # fmt: skip
            theirs.data.copy_(ours.data)
        self.ends = torch.stack([self.batch.source, self.batch.target])

    def mine(self, kind: str) -> Tensor:
        found = self.layers[kind](self.batch, self.h, self.e, self.i)
        return found[0] if isinstance(found, tuple) else found

    def theirs(self, kind: str) -> Tensor:
        h, e = torch.cat([self.h, self.i[self.batch.graph]], 1), torch.cat([self.e, self.i[self.batch.edge_graph]], 1)
        return self.peers[kind](h, self.ends) if kind == "mean" else self.peers[kind](h, self.ends, e)


@pytest.mark.parametrize("kind", ["mean", "GINE", "attention"])
@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["256 graphs of 6, width 48", "64 graphs of 16, width 300"])
def test_one_step(capsys: pytest.CaptureFixture[str], sizes: dict[str, int], kind: str):
    torch.set_num_threads(1)
    both = Layers(**sizes)
    torch.testing.assert_close(both.mine(kind), both.theirs(kind), atol=1e-4, rtol=1e-4)
    ratio = ratios(lambda: both.theirs(kind).sum().backward(), lambda: both.mine(kind).sum().backward())
    told(capsys, f"{kind}, {sizes['graphs']} graphs, width {sizes['dim']}",
         f"{ratio:.2f} times as fast as PyTorch Geometric", "goal >= 1")  # fmt: skip
    assert ratio >= 1
