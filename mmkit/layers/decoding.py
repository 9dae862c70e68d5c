"""Sentences out of a step-wise decoder: greedy and beam search, all sentences and hypotheses of a batch at once.

A decoder is a function `step(last, moving, memory) -> (logits, moving, attention)` that reads one word per hypothesis:
`last` (N,) int64, `logits` (N, V) of any float type, `attention` (N, S) or None. The two dicts hold tensors with the hypothesis
first: `moving` what each step changes (states, caches, positions), `memory` what it only reads (encoder states, keys, masks).
The rows of one call are independent of each other, so finished sentences can leave the batch: N falls while decoding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmkit.errors import RunError, SettingsError

State = dict[str, Tensor]
Step = Callable[[Tensor, State, State], tuple[Tensor, State, Tensor | None]]

NEVER = -math.inf  # log-probability of what cannot be: a forbidden word, an empty place in the beam
BLOCK = 64  # words of which only the best is looked at first
SHRINK = 0.9  # share of running sentences below which the finished ones leave the batch


class Decoded(NamedTuple):
    """K hypotheses per sentence, best first. Where fewer than K are possible, the others have length 0 and log_p -inf."""

    tokens: Tensor  # (B, K, T) int64, without `start`; everything behind a hypothesis is filled with `end`
    lengths: Tensor  # (B, K) int64, `end` counted
    scores: Tensor  # (B, K) float32: log_p / length ** length_power
    log_p: Tensor  # (B, K) float32: log-probability of the words including `end`, in nats
    finished: Tensor  # (B, K) bool: False where `max_steps` came before `end`
    attention: Tensor | None  # (B, K, T, S): where each word looked, 0 behind the hypothesis; None unless asked for


@torch.no_grad()
def greedy(
    step: Step, moving: State, memory: State, *, start: int, end: int, max_steps: int,
    never: Sequence[int] = (), keep_attention: bool = False,
) -> Decoded:  # fmt: skip
    """The most probable next word at every step (of equals the lowest id) until `end` or `max_steps` words. K = 1, score = log_p.

    `never`: ids that are not said; the probabilities of the others stay as they are. Probabilities are computed in float32.
    Raises SettingsError for settings that make no sense and for a step that returns other shapes than told above, RunError when
    it returns NaN.
    """
    count, device = _batch(moving, memory, end, never, max_steps)
    held = torch.arange(count, device=device)  # sentences in the batch of `step`
    last, log_p = torch.full_like(held, start), torch.zeros(count, device=device)
    lengths, over = torch.zeros_like(held), torch.zeros_like(held, dtype=torch.bool)
    words, looks = [], []
    for _ in range(max_steps if count else 0):
        logits, moving, look = _advance(step, last, moving, memory, keep_attention)
        gain, word = (_placed(x.squeeze(1), held, count) for x in _continuations(logits, 1, never))
        words.append(torch.where(over, end, word))
        if keep_attention:
            looks.append(_placed(look.float(), held, count).masked_fill(over[:, None], 0.0))
        log_p += torch.where(over, 0.0, gain)
        lengths += ~over
        over |= (word == end) | (gain == NEVER)
        if (running := int((~over).sum())) == 0:
            break
        if running < SHRINK * len(held):
            kept = (~over[held]).nonzero().squeeze(1)
            held, moving, memory = held[kept], _select(moving, kept), _select(memory, kept)
        last = word[held]
    steps, possible = len(words), log_p != NEVER
    tokens = torch.stack(words, dim=1) if words else held.new_zeros(count, 0)
    tokens, lengths = torch.where(possible[:, None], tokens, end), lengths * possible
    finished = possible & over
    attention = None
    if keep_attention:
        attention = torch.stack(looks, dim=1) if looks else log_p.new_zeros(count, steps, 0)
        attention = attention.masked_fill(~possible[:, None, None], 0.0)[:, None]
    return _sound(tokens[:, None], lengths[:, None], log_p[:, None], log_p[:, None].clone(), finished[:, None], attention)


@torch.no_grad()
def beam(
    step: Step, moving: State, memory: State, *, width: int, start: int, end: int, max_steps: int, length_power: float = 1.0,
    best: int = 1, never: Sequence[int] = (), keep_attention: bool = False,
) -> Decoded:  # fmt: skip
    """The K = `best` hypotheses of highest score = log_p / length ** length_power that a beam of `width` meets.

    At every step each sentence's continuations are ranked by log_p. Those among the first `width` that say `end` are finished and
    keep their score; the first `width` of the others run on. After `max_steps` words the first `width` stand as they are,
    unfinished, and are ranked with the finished ones. Equal values: earlier hypothesis, then lower id, come first.

    A hypothesis is given up when nothing it could become enters the best K. Exactly: log_p only falls, so with t words now the
    score stays at or below log_p / max_steps ** length_power (length_power > 0) or log_p / (t + 1) ** length_power (otherwise);
    where that is no better than the K-th score so far, neither it nor anything ranked behind it matters. A sentence without
    running hypotheses leaves the batch. With length_power <= 0 and width 1 this is `greedy`; above 0 it goes on behind the first
    `end`, because a longer sentence may score higher, and finds a score at least as high.

    `step` gets one row per sentence first, then `width` rows per sentence. `never`, float32 and errors as in `greedy`.
    """
    count, device = _batch(moving, memory, end, never, max_steps, width, best, length_power)
    held, here = torch.arange(count, device=device), memory  # sentences in the batch of `step`, and their memory
    last, log_p = torch.full_like(held, start), torch.zeros(count, 1, device=device)  # log_p (B, k): k = 1 first, then `width`
    pool, trail, looks = _Pool.empty(count, best, device), [], []
    for length in range(1, (max_steps if count else 0) + 1):
        logits, moving, look = _advance(step, last, moving, here, keep_attention)
        if keep_attention:
            looks.append(_placed(look.float().unflatten(0, (len(held), -1)), held, count))
        ranked = _ranked(logits, log_p[held], width, never)  # each (b, 2 width)
        score, parent, word = (_placed(x, held, count, fill) for x, fill in zip(ranked, (NEVER, 0, 0), strict=True))
        closed = word == end if length < max_steps else torch.ones_like(word, dtype=torch.bool)
        first = slice(0, width)
        fresh = score[:, first].masked_fill(~closed[:, first], NEVER)
        pool = pool.merged(fresh, length, length_power, parent[:, first], word[:, first])

        k, (log_p, order) = log_p.shape[1], _top(score.masked_fill(closed, NEVER), width)
        parent, word = parent.gather(1, order), word.gather(1, order)
        trail.append((parent, word))
        reach = log_p / (max_steps if length_power > 0 else length + 1) ** length_power
        log_p = log_p.masked_fill(reach <= pool.score[:, -1:], NEVER)

        running = (log_p != NEVER).any(1)
        if (number := int(running.sum())) == 0:
            break
        place = torch.zeros_like(running, dtype=torch.int64).index_copy(0, held, torch.arange(len(held), device=device))
        if k != width or number < SHRINK * len(held):
            held = running.nonzero().squeeze(1)
            here = _select(memory, held.repeat_interleave(width))
        moving = _select(moving, (place[held, None] * k + parent[held]).flatten())
        last = word[held].flatten()
    return pool.traced(trail, looks if keep_attention else None, end)


class _Pool(NamedTuple):
    """The best hypotheses that are closed, best first, each (B, K): its last word, and the place in the beam before that."""

    score: Tensor
    log_p: Tensor
    length: Tensor
    parent: Tensor
    word: Tensor

    @classmethod
    def empty(cls, count: int, best: int, device: torch.device) -> _Pool:
        none = torch.zeros(count, best, dtype=torch.int64, device=device)
        return cls(torch.full(none.shape, NEVER, device=device), torch.full(none.shape, NEVER, device=device), none, none, none)

    def merged(self, log_p: Tensor, length: int, power: float, parent: Tensor, word: Tensor) -> _Pool:
        """With these closed at `length` words, all (B, n). Of equal scores the earlier stays first: -inf, none, never enters."""
        new = (log_p / length**power, log_p, torch.full_like(word, length), parent, word)
        both = [torch.cat(pair, dim=1) for pair in zip(self, new, strict=True)]
        order = _top(both[0], self.score.shape[1])[1]
        return _Pool(*(x.gather(1, order) for x in both))

    def traced(self, trail: list[tuple[Tensor, Tensor]], looks: list[Tensor] | None, end: int) -> Decoded:
        """Words and attention, read backwards along the parents. `trail[i]`: parent and word (B, K') of each place at step i."""
        steps = int(self.length.max()) if self.length.numel() else 0
        tokens = torch.full((*self.length.shape, steps), end, device=self.length.device)
        attention = None
        if looks is not None:
            attention = self.score.new_zeros(*tokens.shape, looks[0].shape[2] if looks else 0)
        place = self.parent
        for i in reversed(range(steps)):
            inner = i < self.length - 1
            parent, word = (x.gather(1, place) for x in trail[i])
            tokens[:, :, i] = torch.where(inner, word, torch.where(i == self.length - 1, self.word, end))
            place = torch.where(inner, parent, place)  # before step i
            if looks:
                look = looks[i].gather(1, place[:, :, None].expand(-1, -1, attention.shape[3]))
                attention[:, :, i] = look.masked_fill((i >= self.length)[:, :, None], 0.0)
        finished = (self.length > 0) & (self.word == end)
        return _sound(tokens, self.length, self.score, self.log_p, finished, attention)


def _ranked(logits: Tensor, log_p: Tensor, width: int, never: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """(log_p, parent, word), each (b, 2 width): the best continuations of all k hypotheses of a sentence, log_p (b, k).

    At most `width` of them say `end`, so that `width` others are among them. Where fewer exist, the rest has log_p -inf.
    """
    gain, word = (x.unflatten(0, log_p.shape) for x in _continuations(logits, width + 1, never))  # (b, k, n)
    score = (log_p[:, :, None] + gain).masked_fill(log_p[:, :, None] == NEVER, NEVER)
    score, at = _top(score.flatten(1), 2 * width)
    spare = (0, 2 * width - score.shape[1])
    parent, word = at // gain.shape[2], word.flatten(1).gather(1, at)
    return F.pad(score, spare, value=NEVER), F.pad(parent, spare), F.pad(word, spare)


def _continuations(logits: Tensor, n: int, never: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The n most probable words after each of N hypotheses: log-probability (N, n) float32 and id (N, n), best first.

    The best word of each block of the vocabulary is found first: the n best words lie in the n best blocks. This needs one pass
    over the (N, V) numbers where sorting out the n best of all takes several.
    """
    log_p = logits.log_softmax(1, dtype=torch.float32)
    size = log_p.shape[1]
    whole = size // BLOCK * BLOCK
    peaks = [log_p[:, :whole].unflatten(1, (-1, BLOCK)).amax(2)] if whole else []
    peaks += [log_p[:, whole:].amax(1, keepdim=True)] if whole < size else []
    blocks = _top(torch.cat(peaks, dim=1), n + len(never))[1].sort(1).values  # forbidden words may fill as many blocks
    words = (blocks[:, :, None] * BLOCK + torch.arange(BLOCK, device=log_p.device)).flatten(1)  # rising: lower ids first
    out = words >= size
    if never:
        out |= torch.isin(words, torch.tensor(list(never), device=words.device))
    near = log_p.gather(1, words.clamp(max=size - 1)).nan_to_num(nan=math.inf, posinf=math.inf, neginf=NEVER)
    best, at = _top(near.masked_fill(out, NEVER), n)
    words = words.gather(1, at).clamp(max=size - 1)
    # The softmax is NaN where every word has -inf: none is possible. Any other NaN goes on as +inf, and _sound() finds it.
    return best.masked_fill(logits.gather(1, words) == NEVER, NEVER), words


def _top(values: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The n largest (all, if fewer) of the last dimension, float32, and where; of equal ones the first, on every device.

    `topk` alone leaves the order of equal values open. Here no two are equal: the bits of a float, read as an integer with those
    of negative numbers turned round, rise with its value, and the position goes below them.
    """
    bits = values.contiguous().view(torch.int32)
    rising = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    keys = (rising.long() << 32) - torch.arange(values.shape[-1], device=values.device)
    at = keys.topk(min(n, values.shape[-1]), dim=-1).indices
    return values.gather(-1, at), at


def _placed(x: Tensor, rows: Tensor, count: int, fill: float = 0) -> Tensor:
    """Row i of x as row `rows[i]` of `count`, the others filled."""
    return x.new_full((count, *x.shape[1:]), fill).index_copy_(0, rows, x)


def _select(state: State, rows: Tensor) -> State:
    return {name: x.index_select(0, rows) for name, x in state.items()}


def _advance(step: Step, last: Tensor, moving: State, memory: State, look: bool) -> tuple[Tensor, State, Tensor | None]:
    logits, moving, attention = step(last, moving, memory)
    rows = len(last)
    wrong = {name: tuple(x.shape) for name, x in moving.items() if len(x) != rows}
    if logits.ndim != 2 or len(logits) != rows:
        wrong["logits"] = tuple(logits.shape)
    if look and attention is None:
        raise SettingsError("keep_attention = True, but the step returns no attention; decode without it")
    if attention is not None and (attention.ndim != 2 or len(attention) != rows):
        wrong["attention"] = tuple(attention.shape)
    if wrong:
        told = ", ".join(f"{name} {shape}" for name, shape in wrong.items())
        raise SettingsError(f"step returned {told}; expected {rows} rows, one per hypothesis, logits (N, V), attention (N, S)")
    return logits, moving, attention


def _sound(*decoded: Tensor | None) -> Decoded:
    """These fields as Decoded. Raises RunError when a log-probability came from NaN or +inf in the logits."""
    result = Decoded(*decoded)
    bad = (~(result.log_p < math.inf)).any(1).nonzero().flatten().tolist()
    if bad:
        raise RunError(
            f"decoding: the step gave NaN or infinite logits for {len(bad)} of {len(result.log_p)} sentences, first for sentence "
            f"{bad[0]}; look at the weights (did training diverge?) and for half precision at the size of the logits"
        )
    return result


def _batch(
    moving: State, memory: State, end: int, never: Sequence[int], max_steps: int,
    width: int = 1, best: int = 1, length_power: float = 0.0,
) -> tuple[int, torch.device]:  # fmt: skip
    """Number of sentences and their device, after a look at the settings."""
    sizes = {"max_steps": max_steps, "width": width}
    wrong = [f"{name} = {value}, expected at least 1" for name, value in sizes.items() if value < 1]
    if not 1 <= best <= max(width, 1):
        wrong.append(f"best = {best}, expected 1 to width = {width}")
    if not math.isfinite(length_power):
        wrong.append(f"length_power = {length_power}, expected a finite number")
    if end in never:
        wrong.append(f"never = {list(never)} forbids end = {end}: no sentence could finish")
    tensors = {**moving, **memory}
    rows = {name: len(x) for name, x in tensors.items()}
    if len(set(rows.values())) != 1:
        wrong.append(f"rows of moving and memory: {rows or 'no tensor'}, expected one number of sentences")
    if wrong:
        raise SettingsError("decoding: " + "; ".join(wrong))
    first = next(iter(tensors.values()))
    return len(first), first.device
