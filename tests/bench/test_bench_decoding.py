"""Greedy and beam search over a batch against one sentence at a time and against `transformers`, on the same decoder.

The decoder is random but behaves like a trained one where it matters for time: words are fairly certain, and sentences end at
about the length of their source. A beam of 5 needs at least 5 rows of the decoder where greedy search needs one, and on a
processor a row costs about the same in both; the goal is therefore that it gets through nearly as many rows per second.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mmkit.layers.decoding import Decoded, State, beam, greedy
from tests.bench.told import told
from tests.layers.generation import Generating, generated

LOOP, TOGETHER, PEER, ROWS = 6.0, 2.5, 1.0, 0.75
WORDS, EMBEDDING, HIDDEN, SENTENCES, SOURCE, WIDTH = 6000, 128, 256, 256, 14, 5
SETTINGS = {"start": 2, "end": 3, "max_steps": 50}


class Decoder(nn.Module):
    """A GRU with additive attention over 2 x HIDDEN source states; counts its rows and its seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.cell = nn.Embedding(WORDS, EMBEDDING), nn.GRUCell(EMBEDDING + 2 * HIDDEN, HIDDEN)
        self.query, self.energy = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, 1, bias=False)
        self.combine, self.head = nn.Linear(EMBEDDING + 3 * HIDDEN, HIDDEN), nn.Linear(HIDDEN, WORDS)
        nn.init.normal_(self.head.weight, std=0.9)
        self.rows, self.seconds = 0, 0.0

    def forward(self, last: Tensor, moving: State, memory: State) -> tuple[Tensor, State, Tensor]:
        begin = time.perf_counter()
        word = self.embed(last)
        score = self.energy(torch.tanh(memory["keys"] + self.query(moving["h"])[:, None])).squeeze(2)
        look = score.masked_fill(~memory["keep"], -1e9).softmax(1)
        context = torch.bmm(look[:, None], memory["states"]).squeeze(1)
        h = self.cell(torch.cat([word, context], 1), moving["h"])
        logits = self.head(torch.tanh(self.combine(torch.cat([h, context, word], 1))))
        logits[:, 3] += 12 + 4 * (moving["t"] - memory["keep"].sum(1))
        self.rows, self.seconds = self.rows + len(last), self.seconds + time.perf_counter() - begin
        return logits, {"h": h, "t": moving["t"] + 1}, look


@pytest.fixture(scope="module")
def problem() -> tuple[Decoder, State, State]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    decoder = Decoder().eval().requires_grad_(False)
    keep = torch.arange(2 * SOURCE - 6) < torch.randint(6, 2 * SOURCE - 5, (SENTENCES, 1))
    states = torch.randn(*keep.shape, 2 * HIDDEN)
    memory = {"states": states, "keys": states[:, :, :HIDDEN] + states[:, :, HIDDEN:], "keep": keep}
    return decoder, {"h": torch.randn(SENTENCES, HIDDEN).tanh(), "t": torch.zeros(SENTENCES)}, memory


def one_greedy(decoder: Decoder, moving: State, memory: State) -> list[int]:
    words = [SETTINGS["start"]]
    while len(words) <= SETTINGS["max_steps"] and words[-1] != SETTINGS["end"]:
        logits, moving, _ = decoder(torch.tensor(words[-1:]), moving, memory)
        words.append(int(logits.argmax()))
    return words[1:]


def one_beam(decoder: Decoder, moving: State, memory: State, together: bool = False) -> list[int]:
    """A beam for one sentence, exact like ours, in lists; its hypotheses one at a time, or `together` as rows of one batch."""
    words, log_p, closed = [[SETTINGS["start"]]], torch.zeros(1), []
    for length in range(1, SETTINGS["max_steps"] + 1):
        parts = [slice(None)] if together else [slice(row, row + 1) for row in range(len(words))]
        answers = []
        for part in parts:
            said = torch.tensor([said[-1] for said in words[part]])
            here = {name: x.expand(len(said), *x.shape[1:]) for name, x in memory.items()}
            answers.append(decoder(said, {name: x[part] for name, x in moving.items()}, here))
        logits = torch.cat([answer[0] for answer in answers])
        moving = {name: torch.cat([answer[1][name] for answer in answers]) for name in moving}
        best, flat = (log_p[:, None] + logits.log_softmax(1)).flatten().topk(2 * WIDTH)
        options = [(value, at // WORDS, at % WORDS) for value, at in zip(best.tolist(), flat.tolist(), strict=True)]
        last = length == SETTINGS["max_steps"]
        closed += [(p / length, [*words[row], w]) for p, row, w in options[:WIDTH] if w == SETTINGS["end"] or last]
        running = [(p, row, w) for p, row, w in options if w != SETTINGS["end"]][:WIDTH]
        if last or (closed and max(closed)[0] >= running[0][0] / SETTINGS["max_steps"]):
            break
        words, log_p = [[*words[row], w] for _, row, w in running], torch.tensor([p for p, _, _ in running])
        rows = torch.tensor([row for _, row, _ in running])
        moving = {name: x[rows] for name, x in moving.items()}
    return max(closed)[1][1:]


def seconds(search: Callable[[], object]) -> float:
    begin = time.perf_counter()
    search()
    return time.perf_counter() - begin


def ratio(slow: Callable[[], object], quick: Callable[[], object], times: int) -> float:
    """Median of how many times longer `slow` takes, measured in turns after one warm-up of `quick`."""
    quick()
    return statistics.median(seconds(slow) / seconds(quick) for _ in range(times))


@pytest.mark.parametrize(
    ("name", "alone", "each", "goal"),
    [
        ("greedy", one_greedy, 4, LOOP),
        ("beam 5", one_beam, 16, LOOP),
        ("beam 5 (its hypotheses at once)", functools.partial(one_beam, together=True), 16, TOGETHER),
    ],
)
def test_a_batch_against_one_sentence_at_a_time(
    problem, name: str, alone: Callable[..., list[int]], each: int, goal: float, capsys: pytest.CaptureFixture[str]
):
    decoder, moving, memory = problem
    chosen = slice(0, None, each)

    def batch() -> list[list[int]]:
        if name == "greedy":
            found = greedy(decoder, moving, memory, **SETTINGS)
        else:
            found = beam(decoder, moving, memory, width=WIDTH, **SETTINGS)
        return [words[:n] for words, n in zip(found.tokens[:, 0].tolist(), found.lengths[:, 0].tolist(), strict=True)]

    def loop() -> list[list[int]]:
        rows = range(SENTENCES)[chosen]
        return [alone(decoder, *({k: x[row : row + 1] for k, x in state.items()} for state in (moving, memory))) for row in rows]

    ours, theirs = batch(), loop()
    assert sum(a == b for a, b in zip(ours[chosen], theirs, strict=True)) >= 0.95 * len(theirs)  # rounding may decide a tie
    of_all = sum(map(len, ours)) / sum(map(len, theirs))
    times = ratio(loop, batch, 3) * of_all
    told(capsys, f"a batch, times faster than one sentence at a time, {name}", f"{times:.1f}", f"goal {goal}")
    assert times >= goal


@pytest.mark.parametrize("name", ["greedy", "beam 5"])
def test_against_transformers(problem, name: str, capsys: pytest.CaptureFixture[str]):
    decoder, moving, memory = problem
    peer, width = Generating(decoder, WORDS), 1 if name == "greedy" else WIDTH

    def ours() -> Tensor:
        if name == "greedy":
            return greedy(decoder, moving, memory, **SETTINGS).tokens
        return beam(decoder, moving, memory, width=WIDTH, **SETTINGS).tokens

    def theirs() -> Tensor:
        return generated(peer, moving, memory, width=width, **SETTINGS)[0]

    a, b = ours()[:, 0], theirs()
    steps = min(a.shape[1], b.shape[1])
    assert (a[:, :steps] == b[:, :steps]).all(1).float().mean() >= 0.95
    times = ratio(theirs, ours, 3)
    told(capsys, f"{name}, times faster than transformers", f"{times:.2f}", f"goal {PEER}")
    assert times >= PEER


def test_what_a_beam_costs(problem, capsys: pytest.CaptureFixture[str]):
    decoder, moving, memory = problem

    def measured(search: Callable[[], Decoded]) -> tuple[float, float, float]:
        """(words per second, seconds inside the decoder per second, decoder rows per second)"""
        decoder.rows, decoder.seconds = 0, 0.0
        begin = time.perf_counter()
        words = int(search().lengths[:, 0].sum())
        wall = time.perf_counter() - begin
        return words / wall, decoder.seconds / wall, decoder.rows / wall

    def one() -> Decoded:
        return greedy(decoder, moving, memory, **SETTINGS)

    def five() -> Decoded:
        return beam(decoder, moving, memory, width=WIDTH, **SETTINGS)

    one(), five()
    pairs = [(measured(one), measured(five)) for _ in range(3)]
    for name, (words, inside, _) in (("greedy", pairs[1][0]), ("beam 5", pairs[1][1])):
        told(capsys, f"{name}, words per second", f"{words:,.0f}, {inside:.0%} of the time inside the decoder", "no goal")
    words, rows = (statistics.median(b[i] / a[i] for a, b in pairs) for i in (0, 2))
    told(capsys, "beam 5 against greedy, words per second", f"{words:.2f}, {rows / words:.1f} rows to 1", "no goal")
    told(capsys, "beam 5 against greedy, rows of the decoder per second", f"{rows:.2f}", f"goal {ROWS}")
    assert rows >= ROWS
