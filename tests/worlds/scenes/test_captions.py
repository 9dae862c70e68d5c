"""Captions of scenes: every proposition against the scene, who errs how often, names, held-out combinations, the tables."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from functools import lru_cache

import numpy as np
import pytest

from mmkit.schema import CaptionSchema
from mmkit.worlds.scenes import captions, generate, spatial
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.annotators import PERSONAS, Content, Persona, View, content, draw, error_rates, five
from mmkit.worlds.scenes.captions import Caption, Proposition
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.scene import PER_OBJECT, Scene, Scenes
from mmkit.worlds.scenes.sentences import EXACT, NOISE, SOME, Noise, say
from mmkit.worlds.scenes.splits import held_pairs, held_triples

KNOBS = Knobs(3)
COUNT = 300
WORDS_OF = {"size": v.SIZES, "shape": v.SHAPES, "colour": v.COLOURS, "material": v.MATERIALS, "state": v.STATES}


@lru_cache(maxsize=8)
def some(split: str = "train", count: int = COUNT) -> Scenes:
    return generate.scenes(KNOBS, split, count)


@lru_cache(maxsize=8)
def written(split: str = "train", count: int = COUNT, **changes: float | str) -> list[tuple[Scene, list[Caption]]]:
    knobs = Knobs(3, **changes)
    return [(scene, captions.write(scene, knobs)) for scene in map(some(split, count).__getitem__, range(count))]


def written_with(**changes: float | str) -> list[tuple[Scene, list[Caption]]]:
    return written("train", COUNT, **changes)


def pairs(**changes: float | str) -> list[tuple[Scene, Caption]]:
    return [(scene, caption) for scene, five_ in written_with(**changes) for caption in five_]


def truth(scene: Scene, p: Proposition) -> bool:
    """What the scene itself says of a proposition."""
    if p.kind == "category":
        category = scene.category[p.subject]
        return p.predicate in (v.CATEGORIES[category], v.KINDS[v.KIND_OF[category]])
    if p.kind in WORDS_OF:
        value = getattr(scene, p.kind)[p.subject]
        assert value >= 0, "only what the object has is said"
        return WORDS_OF[p.kind][value] == p.predicate
    if p.kind == "relation":
        row = [p.subject, v.RELATIONS.index(p.predicate), p.object]
        return row in scene.relations.tolist() or row in spatial.full(scene).tolist()
    assert getattr(scene, p.kind) >= 0, "there is no weather indoors"
    return {"place": v.PLACES, "weather": v.WEATHER, "time": v.TIMES}[p.kind][getattr(scene, p.kind)] == p.predicate


def test_every_proposition_is_as_true_as_the_scene_says():
    told: dict[str, Counter[bool]] = defaultdict(Counter)
    for scene, caption in pairs():
        assert caption.propositions
        for p in caption.propositions:
            assert p.true == truth(scene, p), (caption.text, p)
            told[p.kind][p.true] += 1
    kinds = {"category", *WORDS_OF, "relation", "place", "weather", "time"}
    assert told.keys() == kinds
    assert all(told[kind][True] and told[kind][False] for kind in kinds), told


def test_a_caption_says_its_propositions_and_nothing_else():
    """Every word of a caption comes from a proposition (or one of its synonyms) or is a word of the grammar."""
    grammar = set("a an some there is are and in on at the during weather".split())
    for _, caption in pairs():
        left = Counter(caption.text.split())
        for p in caption.propositions:
            names = {p.predicate, *(v.SYNONYMS.get(p.predicate, ()) if p.kind == "category" else ())}
            said = [name for name in names if all(left[word] for word in name.split())]
            assert said, (caption.text, p)
            left -= Counter(said[0].split())
        assert set(left) <= grammar, (caption.text, left)


def test_sentences_are_words_with_the_right_articles():
    seen = set()
    for _, caption in pairs():
        words = caption.text.split()
        seen.update(words)
        assert caption.text == " ".join(words)
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", caption.text), caption.text
        assert not any(f"{article} {noun}" in caption.text for article in ("a", "an") for noun in SOME), caption.text
    assert seen <= set(captions.WORDS)
    assert len(seen) > 0.9 * len(captions.WORDS)
    assert list(captions.WORDS) == sorted(set(captions.WORDS))


def beach() -> Scene:
    """A man holds a ball; to the right of him a dog sits and below them a bowl stands open; a sunny night on a beach."""
    objects = [("man", 4, -1, -1, 2, -1), ("ball", 0, 2, 0, 0, -1), ("dog", 7, -1, -1, 1, 1), ("bowl", 2, 1, 0, 1, 4)]
    category, *rest = (np.array(column) for column in zip(*objects, strict=True))
    numbers = np.array([v.CATEGORIES.index(name) for name in category], np.int8)
    fields = dict(zip(("colour", "material", "shape", "size", "state"), (column.astype(np.int8) for column in rest), strict=True))
    box = np.array([[0.1, 0.1, 0.2, 0.4], [0.3, 0.3, 0.1, 0.1], [0.7, 0.15, 0.2, 0.3], [0.4, 0.8, 0.1, 0.1]], np.float32)
    relations = np.array([[0, v.SEMANTIC.index("holding"), 1]], np.int16)
    return Scene(
        3, "train", 0, v.PLACES.index("beach"), 0, 1, numbers, **fields, box=box, facing=np.zeros(4, np.int8),
        depth=np.arange(4, dtype=np.int8), text=np.zeros(4, "<U8"), relations=relations,
    )  # fmt: skip


def test_a_sentence_by_hand():
    view = View(beach())
    everything = Persona(1.0, 1e-6, 0.0, 0.0, 1.0)  # says all there is of what is most salient
    what = content(view, everything, [0.0, 0.5, *[0.0] * 27])
    text, propositions = say(view, what, EXACT)
    assert text == (
        "a large orange man is holding a small round red plastic ball to the left of a brown dog "
        "on a beach in sunny weather at night"
    )
    assert [(p.kind, p.subject, p.predicate, p.object) for p in propositions] == [
        *(("category", 0, "man", -1), ("size", 0, "large", -1), ("colour", 0, "orange", -1)),
        *(("category", 1, "ball", -1), ("size", 1, "small", -1), ("shape", 1, "round", -1)),
        *(("colour", 1, "red", -1), ("material", 1, "plastic", -1)),
        *(("category", 2, "dog", -1), ("colour", 2, "brown", -1)),
        *(("relation", 0, "holding", 1), ("relation", 0, "to the left of", 2)),
        *(("place", -1, "beach", -1), ("weather", -1, "sunny", -1), ("time", -1, "night", -1)),
    ]
    assert all(p.true for p in propositions)
    hypernyms, synonyms = Noise(0.0, 1.0, 1.0, (0.0,) * NOISE), Noise(0.0, 1.0, 0.0, (0.0,) * NOISE)
    assert say(view, what, hypernyms)[0].startswith("a large orange person is holding a small round red plastic toy to the left")
    assert "orange guy is holding a small round red plastic ball to the left of a brown puppy on" in say(view, what, synonyms)[0]


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (Content(0, (2,), (("colour", "state"),), (), ("place",)), "there is a brown dog sitting on a beach"),
        (Content(1, (2,), (("state",),), (), ()), "a dog is sitting"),
        (Content(1, (2,), ((),), (), ()), "there is a dog"),
        (Content(2, (2,), (("colour",),), (), ()), "a brown dog"),
        (Content(1, (2,), ((),), (), ("weather",)), "there is a dog in sunny weather"),
        (Content(1, (2, 3), ((), ("state",)), (), ("place", "time")), "a dog and an open bowl are on a beach at night"),
        (Content(2, (1, 0, 2), ((), (), ()), ((16, 1), (15, 2)), ()), "a ball to the right of a man and to the left of a dog"),
        (Content(1, (0, 2, 1), ((), (), ()), ((15, 1), (0, 2)), ()), "a man is holding a ball to the left of a dog"),
    ],
)
def test_the_forms_of_a_sentence(what: Content, text: str):
    assert say(View(beach()), what, EXACT)[0] == text


def test_each_annotator_errs_as_often_as_its_rate():
    """Within four standard errors, less a little: where no wrong word is to be had, none is said."""
    wrong, said = Counter(), Counter()
    for _, caption in pairs():
        wrong[caption.annotator] += sum(not p.true for p in caption.propositions)
        said[caption.annotator] += len(caption.propositions)
    assert said.keys() == set(range(10))
    for annotator, persona in enumerate(PERSONAS):
        share, rate = wrong[annotator] / said[annotator], persona.error
        slack = 4 * (rate * (1 - rate) / said[annotator]) ** 0.5
        assert 0.88 * rate - slack < share < rate + slack, (annotator, share)
    assert sorted({p.error for p in PERSONAS}) == [0.02, 0.05, 0.1, 0.2, 0.35]


def test_with_equal_annotators_nothing_but_the_errors_changes():
    rates = error_rates(Knobs(3, annotators="equal"))
    assert rates == (pytest.approx(0.144),) * 10
    assert sum(error_rates(KNOBS)) == pytest.approx(sum(rates))
    wrong, said, changed = Counter(), Counter(), 0
    for (_, one), (_, two) in zip(pairs(), pairs(annotators="equal"), strict=True):
        assert one.annotator == two.annotator
        assert [(p.kind, p.subject, p.object) for p in one.propositions] == [
            (p.kind, p.subject, p.object) for p in two.propositions
        ]
        changed += one.text != two.text
        careful = PERSONAS[one.annotator].error < 0.144
        wrong[careful] += sum(not p.true for p in two.propositions)
        said[careful] += len(two.propositions)
    assert changed > 100
    assert abs(wrong[True] / said[True] - wrong[False] / said[False]) < 0.03
    assert 0.12 < wrong.total() / said.total() < 0.15


def test_error_rates_go_with_nothing_else_that_a_caption_shows():
    errors = [p.error for p in PERSONAS]
    for other in ("verbosity", "temperature", "synonym", "relation"):
        assert abs(np.corrcoef(errors, [getattr(p, other) for p in PERSONAS])[0, 1]) < 0.2, other


def test_five_of_the_ten_each_about_as_often():
    used = Counter()
    for _, group in written():
        who = [caption.annotator for caption in group]
        assert len(set(who)) == 5
        used.update(who)
    assert all(abs(n - COUNT / 2) < 4 * (COUNT / 4) ** 0.5 for n in used.values()), used
    first = five(np.random.default_rng(0).random((1000, 10)))[:, 0]
    assert np.bincount(first, minlength=10).min() > 60  # the order is random too


@pytest.mark.parametrize("rate", [0.0, 0.5, 0.75, 1.0])
def test_hypernyms_are_said_at_their_rate(rate: float):
    said = [p.predicate in v.KINDS for _, c in pairs(hypernym_rate=rate) for p in c.propositions if p.kind == "category"]
    assert abs(np.mean(said) - rate) < 4 * (rate * (1 - rate) / len(said)) ** 0.5 + 1e-9


def test_names_get_rarer_from_kind_to_category():
    """As in real captions a hypernym is said far more often than any of the names below it."""
    words = Counter(word for _, caption in pairs() for word in caption.text.split())
    for kind, members in v.HYPERNYMS.items():
        assert all(words[kind] > 3 * words[name] for name in members), kind


def test_a_wrong_word_is_wrong_of_everything_that_has_the_name():
    checked = Counter()
    for scene, caption in pairs():
        called: dict[int, set[int]] = {}
        for p in caption.propositions:
            if p.kind == "category":
                kind = v.KINDS.index(p.predicate) if p.predicate in v.KINDS else -1
                alike = v.KIND_OF[scene.category] == kind if kind >= 0 else scene.category == v.CATEGORIES.index(p.predicate)
                called[p.subject] = set(np.flatnonzero(alike).tolist())
                assert p.true == bool(called[p.subject])
            elif p.kind in WORDS_OF and not p.true:
                values = {WORDS_OF[p.kind][getattr(scene, p.kind)[k]] for k in called[p.subject]}
                assert p.predicate not in values, caption.text
                checked[p.kind] += 1
            elif p.kind == "relation" and not p.true and p.predicate in v.SEMANTIC:
                rows = [(s, o) for s, r, o in scene.relations.tolist() if v.SEMANTIC[r] == p.predicate]
                assert not any(s in called[p.subject] and o in called[p.object] for s, o in rows), caption.text
                checked["relation"] += 1
    assert min(checked[kind] for kind in ("size", "colour", "relation")) > 20, checked


def test_wrong_words_are_plausible():
    """A wrong name is of the same kind, a wrong relation of the same slot or the reverse, an attribute one that the kind has."""
    slots = dict.fromkeys(v.SEMANTIC, ()) | {name: members for members in v.SLOTS.values() for name in members}
    allowed = {"material": v.MATERIALS_OF, "state": v.STATES_OF}
    for scene, caption in pairs(hypernym_rate=0.0):
        for p in caption.propositions:
            category = scene.category[p.subject]
            if p.true or p.subject < 0:
                continue
            kind = v.KINDS[v.KIND_OF[category]]
            if p.kind == "category":
                assert p.predicate in v.HYPERNYMS[kind]
            elif p.kind in allowed:
                assert p.predicate in allowed[p.kind][kind]
            elif p.kind == "relation":
                between = [*scene.relations.tolist(), *spatial.full(scene).tolist()]
                true = {v.RELATIONS[r] for s, r, o in between if (s, o) == (p.subject, p.object)}
                near = {other for name in true for other in slots.get(name, ())} | {v.REVERSE[n] for n in true if n in v.REVERSE}
                lonely = {name for name in true if len(slots.get(name, ())) == 1} or "near" in true
                assert p.predicate in near or lonely, (caption.text, true)


@pytest.mark.parametrize("split", ["train", "test_comp", "test_rel"])
def test_what_is_held_out_is_said_only_where_it_is_shown(split: str):
    held, triples = held_pairs(3), held_triples(3)
    count = Counter()
    for scene, group in written(split, 150, hypernym_rate=0.0):
        for caption in group:
            name = {p.subject: v.CATEGORIES.index(p.predicate) for p in caption.propositions if p.kind == "category"}
            for p in caption.propositions:
                if p.kind == "colour" and held[name[p.subject], v.COLOURS.index(p.predicate)]:
                    count["pair"] += 1
                    assert (p.true, name[p.subject]) == (True, scene.category[p.subject]), caption.text
                if p.kind == "relation" and p.predicate in v.SEMANTIC:
                    ends = name[p.subject], name[p.object]
                    if triples[ends[0], v.SEMANTIC.index(p.predicate), ends[1]]:
                        count["triple"] += 1
                        assert (p.true, *ends) == (True, scene.category[p.subject], scene.category[p.object]), caption.text
    assert bool(count["pair"]) == (split == "test_comp")
    assert bool(count["triple"]) == (split == "test_rel")


def test_references_are_without_errors_and_name_the_category():
    for scene, group in written()[:100]:
        for caption, reference in zip(group, captions.references(scene, KNOBS), strict=True):
            if caption.validity == 1.0:
                words = {word for p in caption.propositions for word in p.predicate.split() if p.kind != "category"}
                assert words <= set(reference.split()), (caption.text, reference)
            assert not set(reference.split()) & (set(v.KINDS) | {s for two in v.SYNONYMS.values() for s in two})
            named = {p.subject for p in caption.propositions if p.kind == "category"}
            assert {v.CATEGORIES[scene.category[k]] for k in named} <= set(reference.split())
    scene = written()[0][0]
    assert captions.references(scene, KNOBS) == captions.references(scene, Knobs(3, annotators="equal", hypernym_rate=0.0))


def test_salient_things_are_told_first_by_the_attentive():
    """Low temperature: the most salient thing is the subject; high: often another."""
    first: dict[float, list[bool]] = defaultdict(list)
    for scene, group in written():
        top = int(np.argmax(View(scene).salience))
        for caption in group:
            first[PERSONAS[caption.annotator].temperature].append(caption.propositions[0].subject == top)
    assert np.mean(first[0.5]) > np.mean(first[1.2]) + 0.15
    subjects = [v.ANIMATE[scene.category[c.propositions[0].subject]] for scene, c in pairs()]
    animate = [v.ANIMATE[scene.category].mean() for scene, _ in pairs()]
    assert np.mean(subjects) > np.mean(animate) + 0.2


def test_where_both_are_there_what_somebody_does_comes_before_where():
    first = []
    for scene, caption in pairs(annotators="equal"):
        told = [p for p in caption.propositions if p.kind == "relation"]
        if told and caption.propositions[0].subject in scene.relations[:, 0]:
            between = [r for s, r, o in scene.relations.tolist() if (s, o) == (told[0].subject, told[0].object)]
            first.append(bool(between) and told[0].predicate in v.SEMANTIC)
    assert abs(np.mean(first) - 0.85) < 4 * (0.85 * 0.15 / len(first)) ** 0.5


def test_the_verbose_say_more():
    said: dict[int, list[int]] = defaultdict(list)
    for _, caption in pairs():
        said[caption.annotator].append(len(caption.propositions))
    mean = [np.mean(said[annotator]) for annotator in range(10)]
    assert np.corrcoef(mean, [p.verbosity for p in PERSONAS])[0, 1] > 0.8


def test_draw_is_proportional():
    u = (np.arange(1000) + 0.5) / 1000
    assert Counter(draw([1.0, 0.0, 3.0], x) for x in u) == {0: 250, 2: 750}
    assert draw([0.0, 1.0, 0.0], 0.0) == 1
    assert draw([0.1] * 3, 1 - 2**-53) == 2


def test_tables_say_what_write_says():
    scenes = some()
    table, told = captions.table(scenes, KNOBS)
    assert CaptionSchema("scenes").problems(table) == []
    assert table["captions"].to_pylist() == [[c.text for c in group] for _, group in written()]
    assert table["id"].to_pylist() == told["id"].to_pylist() == [scene.id for scene, _ in written()]
    assert set(table["part"].to_pylist()) == {"train"}
    assert told["annotator"].to_pylist() == [[c.annotator for c in group] for _, group in written()]
    shares = [[sum(truth(scene, p) for p in c.propositions) / len(c.propositions) for c in group] for scene, group in written()]
    np.testing.assert_allclose(told["validity"].to_pylist(), shares, rtol=1e-6)
    leaves = told["leaves"].to_pylist()
    for (scene, group), row in zip(written(), leaves, strict=True):
        named = [[p.subject for p in c.propositions if p.kind == "category"] for c in group]
        assert row == [[v.CATEGORIES[scene.category[k]] for k in objects] for objects in named]
    assert told["references"].to_pylist()[:50] == [captions.references(scene, KNOBS) for scene, _ in written()[:50]]


@pytest.mark.parametrize(("split", "part"), [("valid", "valid"), ("test_rel", "test"), ("pretrain", "train"), ("nlvr2", "test")])
def test_every_split_has_its_part(split: str, part: str):
    table, _ = captions.table(generate.scenes(KNOBS, split, 2), KNOBS)
    assert table["part"].to_pylist() == [part, part]


def test_processes_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    """`_part` is what other processes get; with a block of 7 and a first scene that is not 0 all borders are crossed."""
    scenes = generate.scenes(KNOBS, "valid", 20, first=5)
    whole = captions.table(scenes, KNOBS)
    monkeypatch.setattr(captions, "BLOCK", 7)
    for one, two in zip(whole, captions.table(scenes, KNOBS), strict=True):
        assert one.equals(two)
    import joblib

    with joblib.parallel_config(backend="sequential"):
        for one, two in zip(whole, captions.table(scenes, KNOBS, jobs=2), strict=True):
            assert one.equals(two)


def test_objects_in_another_order_are_described_alike():
    """Truth is about the scene, not about the numbers of its objects."""
    for scene, _ in written()[:30]:
        turned = {name: getattr(scene, name)[::-1] for name in PER_OBJECT}
        relations = scene.relations.copy()
        relations[:, [0, 2]] = len(scene) - 1 - relations[:, [0, 2]]
        other = Scene(3, "train", scene.index, scene.place, scene.weather, scene.time, **turned, relations=relations)
        for caption in captions.write(other, KNOBS):
            assert all(p.true == truth(other, p) for p in caption.propositions)
        np.testing.assert_allclose(View(other).salience, View(scene).salience[::-1])


def test_captions_of_a_scene_cost_about_half_a_millisecond():
    """In the time of the process; the bound leaves room for a machine four times as slow."""
    scenes = some("train", 100)
    captions.table(scenes, KNOBS)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        captions.table(scenes, KNOBS)
        seconds.append((time.process_time() - start) / len(scenes))
    assert min(seconds) < 0.002
