"""Greedy and beam search against all sentences there are, a plain loop over hypotheses, and `transformers`."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel

from mmkit.errors import RunError, SettingsError
from mmkit.layers.decoding import _continuations, beam, greedy
from tests.layers.generation import Generating, generated

START, END = 2, 3
POWERS = [-0.5, 0.0, 0.7, 1.0, 2.0]


class Toy(nn.Module):
    """A GRU with attention and large random weights. `grain`: logits are rounded to it, so that many are equal."""

    def __init__(self, words, seed=0, end=0.0, spread=3.0, grain=0.0):
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.embed, self.cell = nn.Embedding(words, 4), nn.GRUCell(4 + 6, 6)
        self.head = nn.Linear(6, words)
        for weight in self.parameters():
            nn.init.normal_(weight, 0, 1, generator=rng)
        self.head.weight.data *= spread
        self.head.bias.data[END] += end
        self.grain, self.rows = grain, []

    def sentences(self, count, longest=5, seed=0):
        rng = torch.Generator().manual_seed(seed)
        keep = torch.arange(longest) < torch.randint(1, longest + 1, (count, 1), generator=rng)
        keep[0] = True
        states = torch.randn(count, longest, 6, generator=rng)
        return {"h": torch.randn(count, 6, generator=rng)}, {"states": states, "keep": keep}

    @torch.no_grad()
    def forward(self, last, moving, memory):
        self.rows.append(len(last))
        look = (memory["states"] @ moving["h"][:, :, None]).squeeze(2).masked_fill(~memory["keep"], -math.inf).softmax(1)
        context = (look[:, :, None] * memory["states"]).sum(1)
        h = self.cell(torch.cat([self.embed(last), context], 1), moving["h"])
        logits = self.head(h)
        return (logits / self.grain).round() * self.grain if self.grain else logits, {"h": h}, look


def one(state, row):
    return {name: x[row : row + 1] for name, x in state.items()}


def extend(toy, hypothesis, memory, never=()):
    """(log-probability of each next word, attention, moving) of one hypothesis (words, log_p, looks, moving)."""
    words, _, _, moving = hypothesis
    logits, moving, look = toy(torch.tensor([words[-1] if words else START]), moving, memory)
    gain = logits[0].float().log_softmax(0).numpy()
    gain[list(never)] = -np.inf
    return gain, look[0], moving


def plain_beam(toy, moving, memory, width, max_steps, power, never=()):
    """All closed hypotheses of one sentence, best first: (words, log_p, score, looks). Never stops early."""
    running, closed = [((), np.float32(0), [], moving)], []
    for length in range(1, max_steps + 1):
        options = []
        for place, hypothesis in enumerate(running):
            gain, look, after = extend(toy, hypothesis, memory, never)
            options += [(hypothesis[1] + g, place, word, look, after) for word, g in enumerate(gain) if g > -np.inf]
        options.sort(key=lambda option: (-option[0], *option[1:3]))
        grown = [((*running[p][0], w), log_p, [*running[p][2], look], after) for log_p, p, w, look, after in options]
        for words, log_p, looks, _ in grown[:width]:
            if words[-1] == END or length == max_steps:
                closed.append((words, log_p, log_p / np.float32(length**power), looks))
        running = [hypothesis for hypothesis in grown if hypothesis[0][-1] != END][:width]
    return sorted(closed, key=lambda found: -found[2])


def same(decoded, row, expected):
    """The hypotheses of sentence `row` are these (words, log_p, score, looks), in this order."""
    for k in range(decoded.tokens.shape[1]):
        length = int(decoded.lengths[row, k])
        if k >= len(expected):
            assert (length, float(decoded.log_p[row, k]), bool(decoded.finished[row, k])) == (0, -math.inf, False)
            assert bool((decoded.tokens[row, k] == END).all())
            continue
        words, log_p, score, looks = expected[k]
        assert tuple(decoded.tokens[row, k, :length].tolist()) == words
        assert bool((decoded.tokens[row, k, length:] == END).all())
        assert float(decoded.log_p[row, k]) == pytest.approx(float(log_p), rel=1e-4, abs=1e-5)
        assert float(decoded.scores[row, k]) == pytest.approx(float(score), rel=1e-4, abs=1e-5)
        assert bool(decoded.finished[row, k]) == (words[-1] == END)
        if decoded.attention is not None:
            torch.testing.assert_close(decoded.attention[row, k, :length], torch.stack(looks), rtol=1e-3, atol=1e-5)
            assert not decoded.attention[row, k, length:].any()


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("words", [4, 5])
def test_a_wide_beam_finds_the_best_of_all_sentences(words, power):
    toy, steps = Toy(words, spread=1.0), 4
    moving, memory = toy.sentences(2)
    decoded = beam(toy, moving, memory, width=words**steps, start=START, end=END, max_steps=steps, length_power=power, best=30)
    for row in range(2):
        every = {(): (0.0, [], one(moving, row))}  # every running sentence
        closed = []
        for length in range(1, steps + 1):
            longer = {}
            for said, (log_p, looks, state) in every.items():
                gain, look, after = extend(toy, (said, log_p, looks, state), one(memory, row))
                longer |= {(*said, w): (log_p + float(gain[w]), [*looks, look], after) for w in range(words)}
            done = [said for said in longer if said[-1] == END or length == steps]
            closed += [(said, longer[said][0], longer[said][0] / length**power, longer[said][1]) for said in done]
            every = {said: rest for said, rest in longer.items() if said[-1] != END}
        assert len(closed) == sum((words - 1) ** n for n in range(steps)) + (words - 1) ** steps
        same(decoded, row, sorted(closed, key=lambda found: -found[2])[:30])


@pytest.mark.parametrize(("seed", "width"), list(itertools.product(range(6), range(1, 6))))
def test_beam_is_a_plain_loop_over_sentences_and_hypotheses(seed, width):
    power, never = POWERS[(seed + width) % 5], ((), (0, START))[seed % 2]
    toy = Toy(7, seed, end=2.0 - seed % 3)
    moving, memory = toy.sentences(6, seed=seed)
    settings = {"start": START, "end": END, "max_steps": 9, "never": never, "keep_attention": True}
    decoded = beam(toy, moving, memory, width=width, length_power=power, best=1 + (width - 1) * (seed % 3 > 0), **settings)
    for row in range(6):
        expected = plain_beam(toy, one(moving, row), one(memory, row), width, 9, power, never)
        same(decoded, row, expected[: decoded.tokens.shape[1]])
    assert decoded.tokens.shape[2] == decoded.lengths.max()
    assert not np.isin(decoded.tokens, never).any()


@pytest.mark.parametrize("never", [(), (0, 1, 64, 299)])
@pytest.mark.parametrize("grain", [0.0, 4.0, 1e9])
def test_many_words_and_equal_ones(grain, never):
    toy = Toy(300, 1, end=9.0, spread=2.0, grain=grain)  # the largest grain makes all words equal
    moving, memory = toy.sentences(4)
    settings = {"start": START, "end": END, "max_steps": 4, "never": never}
    decoded, plain = beam(toy, moving, memory, width=5, best=5, **settings), greedy(toy, moving, memory, **settings)
    for row in range(4):
        alone = toy, one(moving, row), one(memory, row)
        same(decoded, row, plain_beam(*alone, 5, 4, 1.0, never)[:5])
        [(words, log_p, _, looks)] = plain_beam(*alone, 1, 4, 0.0, never)[:1]
        same(plain, row, [(words, log_p, log_p, looks)])


@pytest.mark.parametrize("words", [1, 5, 63, 64, 65, 200, 300])
def test_the_best_words_are_those_of_a_stable_sort(words):
    rng = torch.Generator().manual_seed(words)
    for n, levels, forbidden in itertools.product((1, 2, 7), (2, 5, 10**6), (0, 3)):
        logits = torch.randint(-levels, levels, (20, words), generator=rng) * (4 / levels)
        never = logits.sum(0).topk(min(forbidden, words)).indices.tolist()  # likely ones, or they would not matter
        logits[:, never] += 5
        expected = logits.log_softmax(1)
        expected[:, never] = -math.inf
        expected, order = expected.sort(dim=1, descending=True, stable=True)
        gain, word = _continuations(logits, n, never)
        possible = min(n, words - len(never))
        torch.testing.assert_close(gain[:, :possible], expected[:, :possible], rtol=0, atol=0)
        assert torch.equal(word[:, :possible], order[:, :possible])
        assert (gain[:, possible:] == -math.inf).all()
        assert ((word >= 0) & (word < words)).all()


@pytest.mark.parametrize("seed", range(3))
def test_greedy_takes_the_best_word_and_is_a_beam_of_one(seed):
    toy = Toy(8, seed, end=1.0)
    moving, memory = toy.sentences(15, seed=seed)  # enough for finished ones to stay in the batch
    settings = {"start": START, "end": END, "max_steps": 12, "keep_attention": True}
    decoded = greedy(toy, moving, memory, **settings)
    for row in range(15):
        words, log_p, looks, state = (), 0.0, [], one(moving, row)
        while len(words) < 12 and END not in words:
            gain, look, state = extend(toy, (words, log_p, looks, state), one(memory, row))
            words, log_p, looks = (*words, int(gain.argmax())), log_p + float(gain.max()), [*looks, look]
        same(decoded, row, [(words, log_p, log_p, looks)])
    for ours, beams in zip(decoded, beam(toy, moving, memory, width=1, length_power=0.0, **settings), strict=True):
        torch.testing.assert_close(ours, beams)
    longer = beam(toy, moving, memory, width=1, length_power=1.0, **settings).scores
    assert (longer >= decoded.scores / decoded.lengths - 1e-5).all()


@pytest.mark.parametrize("width", [1, 3])
def test_neighbours_and_padding_change_nothing(width):
    toy = Toy(8, 3, end=-1.0)
    moving, memory = toy.sentences(8)
    settings = {"width": width, "best": width, "start": START, "end": END, "max_steps": 15, "keep_attention": True}
    together = beam(toy, moving, memory, **settings)
    assert together.lengths[:, 0].unique().numel() > 2
    for row in range(8):
        keep = memory["keep"][row]
        alone = beam(toy, one(moving, row), {"states": memory["states"][row, keep][None], "keep": keep[keep][None]}, **settings)
        steps = alone.tokens.shape[2]
        assert torch.equal(alone.tokens[0], together.tokens[row, :, :steps])
        assert torch.equal(alone.lengths[0], together.lengths[row])
        torch.testing.assert_close(alone.scores[0], together.scores[row], rtol=1e-4, atol=1e-5)
        real = together.attention[row, :, :steps]
        torch.testing.assert_close(alone.attention[0], real[..., keep], rtol=1e-3, atol=1e-5)
        assert not real[..., ~keep].any()


@pytest.mark.parametrize(("width", "power"), [(1, 0.0), (2, 1.0), (3, 0.0), (4, 0.7), (5, 1.0), (5, 2.0), (3, -0.5)])
def test_transformers_finds_the_same(width, power):
    settings = {"start": START, "end": END, "max_steps": 10}
    how = {"width": width, "length_power": power, "best": width}
    for seed in range(3):
        toy = Toy(9, seed, end=1.0 - seed)
        moving, memory = toy.sentences(7, seed=seed)
        decoded = beam(toy, moving, memory, **settings, **how) if width > 1 else greedy(toy, moving, memory, **settings)
        words, scores = generated(Generating(toy, 9), moving, memory, **settings, **how)
        theirs, steps = words.unflatten(0, (7, width)), decoded.tokens.shape[2]
        assert torch.equal(decoded.tokens, theirs[:, :, :steps])
        assert (theirs[:, :, steps:] == END).all()
        if width > 1:
            torch.testing.assert_close(decoded.scores, scores.view(7, width), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("width", "power"), [(1, 0.0), (2, 1.0), (4, 0.6)])
def test_a_transformers_model_as_a_step(width, power):
    torch.manual_seed(0)
    sizes = {"vocab_size": 11, "n_positions": 16, "n_embd": 8, "n_layer": 2, "n_head": 2, "initializer_range": 0.9}
    model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=START, eos_token_id=END, pad_token_id=END)).eval()
    prompts = torch.randint(4, 11, (6, 3), generator=torch.Generator().manual_seed(1))

    def step(last, moving, memory):  # reads all words again: a state that grows
        said = torch.cat([moving["said"], last[:, None]], dim=1)
        return model(torch.cat([memory["prompt"], said], dim=1)).logits[:, -1], {"said": said}, None

    state, settings = ({"said": prompts[:, :0]}, {"prompt": prompts}), {"start": START, "end": END, "max_steps": 8}
    decoded = greedy(step, *state, **settings) if width == 1 else beam(step, *state, width=width, length_power=power, **settings)
    config = GenerationConfig(max_new_tokens=8, num_beams=width, do_sample=False, eos_token_id=END, pad_token_id=END)
    if width > 1:
        config.length_penalty, config.early_stopping = power, "never"
    asked = torch.cat([prompts, torch.full((6, 1), START)], dim=1)
    theirs = model.generate(asked, attention_mask=torch.ones_like(asked), generation_config=config)[:, 4:]
    steps = decoded.tokens.shape[2]
    assert torch.equal(decoded.tokens[:, 0], theirs[:, :steps])
    assert (theirs[:, steps:] == END).all()
    assert len({tuple(words) for words in theirs.tolist()}) > 2


def scripted(*sentences):
    """A step that says word t of sentence `which` with probability near one; NaN once that sentence is over. Counts its rows."""
    rows = []

    def step(last, moving, memory):
        rows.append(len(last))
        said = torch.full((len(last), 9), -20.0)
        for row, (which, t) in enumerate(zip(memory["which"].tolist(), moving["t"].tolist(), strict=True)):
            said[row] = said[row] * math.nan if t >= len(sentences[which]) else said[row]
            said[row, sentences[which][t] if t < len(sentences[which]) else 0] += 40.0
        return said, {"t": moving["t"] + 1}, None

    which = torch.arange(len(sentences))
    return rows, step, {"t": torch.zeros_like(which)}, {"which": which}


def test_finished_sentences_cost_nothing_and_disturb_nobody():
    long = [4, 5, 6, 7, 8] * 4
    texts = [[END], *[[4, 5, END]] * 8, [5, END], [5, 6, 7, END], [*long, END]]
    for search in ({}, {"width": 3, "length_power": 0.0}):
        rows, step, moving, memory = scripted(*texts)
        decoded = (beam if search else greedy)(step, moving, memory, start=START, end=END, max_steps=50, **search)
        words = [decoded.tokens[row, 0, : decoded.lengths[row, 0]].tolist() for row in range(12)]
        assert words == texts
        assert decoded.finished.all()
        torch.testing.assert_close(decoded.log_p, torch.zeros(12, 1), atol=1e-4, rtol=0)
        # One in eleven or twelve may stay although it is finished; a beam rebuilds its batch after the first step anyhow.
        assert rows == ([12, 33, 33, 6, *[3] * 17] if search else [12, 12, 10, 2, *[1] * 17])
    rows, step, moving, memory = scripted([4, END])
    decoded = beam(step, moving, memory, width=2, start=START, end=END, max_steps=40)
    assert decoded.tokens[0, 0].tolist() == [4, END]
    assert len(rows) == 2  # others have log_p -40 or less: even over 40 words they end behind -1e-8 / 2


def test_the_search_stops_exactly_when_nothing_better_can_come():
    def step(last, moving, memory):  # `end` or word 4 first, with p and 1 - p; then only word 4 until it is word number 9
        t = moving["t"]
        logits = torch.full((len(t), 5), -math.inf)
        logits[:, END] = torch.where(t == 0, math.log(0.6), torch.where(t >= 8, 0.0, -math.inf))
        logits[:, 4] = torch.where(t == 0, math.log(0.4), torch.where(t >= 8, -math.inf, 0.0))
        calls.append(len(t))
        return logits, {"t": t + 1}, None

    # log .6 = -.511, log .4 = -.916: over L words the second wins when L ** power > 1.79; 9 words reach that from power 0.27 on
    for power, steps, words, asked in ((0.25, 9, 1, 1), (0.3, 9, 9, 9), (0.32, 6, 1, 1), (0.25, 20, 1, 9), (-1.0, 20, 1, 1)):
        calls = []
        decoded = beam(step, {"t": torch.zeros(1)}, {}, width=2, start=START, end=END, max_steps=steps, length_power=power)
        assert (int(decoded.lengths), len(calls)) == (words, asked)


def test_a_negative_power_prefers_what_ends_next():
    def step(last, moving, memory):  # `end` with p = .13, or word 4 and then `end`
        end, go = (math.log(0.13), math.log(0.87)) if moving["t"][0] == 0 else (0.0, -math.inf)
        return torch.tensor([-math.inf] * 3 + [end, go]).repeat(len(last), 1), {"t": moving["t"] + 1}, None

    decoded = beam(step, {"t": torch.zeros(1)}, {}, width=2, start=START, end=END, max_steps=20, length_power=-1.0)
    assert decoded.tokens.tolist() == [[[4, END]]]  # log .13 = -2.04; log .87 = -.14 is worth -.28 at 2 words, -2.8 only at 20
    assert float(decoded.scores) == pytest.approx(2 * math.log(0.87))


def test_dead_ends_and_places_nobody_takes():
    def step(last, moving, memory):  # 4 leads nowhere, 5 ends
        calls.append(len(last))
        logits = torch.tensor([-math.inf, -math.inf, -math.inf, -math.inf, 2.0, 1.0])[None].repeat(len(last), 1)
        logits[last == 4] = -math.inf
        logits[last == 5] = torch.tensor([-math.inf] * 3 + [0.0] + [-math.inf] * 2)
        return logits, moving, torch.ones(len(last), 2)

    calls, settings = [], {"start": START, "end": END, "max_steps": 6, "keep_attention": True}
    decoded = beam(step, {"h": torch.zeros(2, 1)}, {}, width=9, best=3, **settings)
    for row in range(2):
        same(decoded, row, [((5, END), -math.log1p(math.e), -math.log1p(math.e) / 2, [torch.ones(2)] * 2)])
    again = step, {"h": torch.zeros(2, 1)}, {}
    for search in (greedy, lambda *a, **k: beam(*a, width=1, **k)):
        calls.clear()
        stuck = search(*again, **settings)
        assert len(calls) == 2
        same(stuck, 0, [])
        assert (stuck.tokens == END).all()
        assert not stuck.attention.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_probabilities_are_float32_whatever_the_logits(dtype):
    logits = torch.randn(1, 200, generator=torch.Generator().manual_seed(0)).to(dtype)

    def step(last, moving, memory):
        return logits.repeat(len(last), 1), moving, None

    best = float(logits.float().log_softmax(1).max())
    again, settings = (step, {"h": torch.zeros(3, 1)}, {}), {"start": START, "end": END, "max_steps": 40}
    for decoded in (greedy(*again, **settings), beam(*again, width=2, best=2, length_power=2.0, **settings)):
        assert decoded.log_p.dtype == torch.float32
        assert decoded.lengths[:, 0].tolist() == [40] * 3
        assert not decoded.finished[:, 0].any()
        torch.testing.assert_close(decoded.log_p[:, 0], torch.full((3,), 40 * best))


def test_bad_settings_and_steps_are_told():
    toy = Toy(6)
    moving, memory = toy.sentences(3)
    good = {"start": START, "end": END, "max_steps": 5}
    for bad, told in [
        ({"width": 0}, "width = 0"), ({"width": 2, "best": 3}, "best = 3"), ({"width": 2, "best": 0}, "best = 0"),
        ({"width": 2, "max_steps": 0}, "max_steps = 0"), ({"width": 2, "never": (1, END)}, "forbids end"),
        ({"width": 2, "length_power": math.nan}, "length_power = nan"),
    ]:  # fmt: skip
        with pytest.raises(SettingsError, match=told):
            beam(toy, moving, memory, **{**good, **bad})
    with pytest.raises(SettingsError, match=r"'h': 2, 'states': 3"):
        greedy(toy, {"h": moving["h"][:2]}, memory, **good)
    with pytest.raises(SettingsError, match="no tensor"):
        greedy(toy, {}, {}, **good)
    for step, told in [
        (lambda *a: (toy(*a)[0][:, None], *toy(*a)[1:]), r"logits \(3, 1, 6\)"),
        (lambda *a: (toy(*a)[0], {"h": torch.zeros(1, 6)}, None), r"h \(1, 6\)"),
        (lambda *a: (toy(*a)[0], moving, torch.zeros(4, 2)), r"attention \(4, 2\)"),
    ]:
        with pytest.raises(SettingsError, match=told):
            greedy(step, moving, memory, **good)
    with pytest.raises(SettingsError, match="no attention"):
        beam(lambda *a: (*toy(*a)[:2], None), moving, memory, width=2, keep_attention=True, **good)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("words", [6, 70])
def test_a_broken_model_is_told(value, words):
    toy = Toy(words, end=-99.0)
    moving, memory = toy.sentences(4)

    def step(last, moving, memory):
        logits, moving, look = toy(last, moving, memory)
        logits[1] += torch.where(torch.arange(words) == 1, value, 0.0)
        return logits, moving, look

    for search in (greedy, lambda *a, **k: beam(*a, width=3, **k)):
        with pytest.raises(RunError, match="NaN or infinite logits for 1 of 4 sentences, first for sentence 1"):
            search(step, moving, memory, start=START, end=END, max_steps=1, never=(0, 4))


def test_end_may_be_id_0():
    step = lambda last, moving, memory: (torch.tensor([[1.0, -math.inf]]).repeat(len(last), 1), moving, None)  # noqa: E731
    decoded = beam(step, {"h": torch.zeros(1, 1)}, {}, width=2, best=2, start=1, end=0, max_steps=3)
    assert (decoded.lengths.tolist(), decoded.finished.tolist()) == ([[1, 0]], [[True, False]])


def test_an_empty_batch():
    toy = Toy(6)
    moving, memory = toy.sentences(2)
    none = [{name: x[:0] for name, x in state.items()} for state in (moving, memory)]
    for decoded in (greedy(toy, *none, start=START, end=END, max_steps=3, keep_attention=True),
                    beam(toy, *none, start=START, end=END, max_steps=3, width=4, keep_attention=True)):  # fmt: skip
        assert decoded.tokens.shape == (0, 1, 0)
        assert decoded.scores.shape == (0, 1)
        assert decoded.attention.shape[:3] == (0, 1, 0)
    assert toy.rows == []
