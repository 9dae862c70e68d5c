"""The translation world against its own promises: same bytes, parts, knobs, null controls, frequencies, the tree of the nouns."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mmkit.errors import SettingsError
from mmkit.worlds import translation
from mmkit.worlds.translation.grammar import RULES
from mmkit.worlds.translation.sentences import decisions, meanings
from mmkit.worlds.translation.words import words

DIRECTIONS = ("en_de", "de_en")


@cache
def world(direction="en_de", pairs=5000, seed=1, null=None, **changes):
    return translation.make(direction, pairs, seed, null, **changes)


@cache
def column(name, *args, **changes):
    data = world(*args, **changes)
    return (data.records.table if name in data.records.table.column_names else data.records.truth)[name].to_pylist()


def flat(name, *args, **changes):
    return [value for row in column(name, *args, **changes) for value in row]


def fingerprint(data):
    sink = pa.BufferOutputStream()
    for part in (data.records.table, data.records.truth):
        with pa.ipc.new_stream(sink, part.schema) as stream:
            stream.write_table(part)
    return hashlib.sha256(sink.getvalue()).hexdigest()


# --- same arguments, same bytes; parts --------------------------------------------------------------------------------

TELL = "from tests.worlds.test_translation import *\nfor d in DIRECTIONS: print(fingerprint(translation.make(d, 300, 5)))"


def test_same_bytes_in_any_process():
    here = [fingerprint(translation.make(direction, 300, 5)) for direction in DIRECTIONS]
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    there = subprocess.run([sys.executable, "-c", TELL], env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.split() == here


def test_another_seed_direction_or_knob_gives_other_records_and_another_name():
    changes = ({}, {"noise": 0.2}, {"lemmas": 200}, {"generic": 0.3})
    made = [translation.make(d, 100, seed, **knob) for d in DIRECTIONS for seed in (0, 1) for knob in changes]
    assert len({fingerprint(data) for data in made}) == len({data.fingerprint for data in made}) == len(made)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_parts_have_their_shares_and_no_source_occurs_twice(direction):
    sources = column(direction[:2], direction)
    assert len(set(sources)) == len(sources) == 5000
    assert Counter(column("part", direction)) == {"train": 3500, "valid": 500, "test": 1000}
    assert Counter(column("part", direction)[:1000])["train"] == pytest.approx(700, abs=60)  # the later ones are rarer sentences
    lengths = [np.mean([len(s.split()) for s in part.table[direction[:2]].to_pylist()]) for part in world(direction).official()]
    assert max(lengths) - min(lengths) < 0.4  # no part is the easy one
    assert max(len(source.split()) for source in sources) == translation.LONGEST


def test_the_target_vocabulary_has_the_stated_size():
    rows = zip(column("de"), column("en"), column("part"), strict=True)
    train = [(de.split(), en.split()) for de, en, part in rows if part == "train"]
    german, english = (Counter(w for pair in train for w in pair[side]) for side in (0, 1))
    assert 600 <= sum(count > 1 for count in german.values()) <= 700
    assert 420 <= sum(count > 1 for count in english.values()) <= 560


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        (("en_dee", 100, 0), {}, "no direction 'en_dee'; did you mean 'en_de'"),
        (("en_de", 100, 0, "no_nois"), {}, "no null control 'no_nois'; did you mean 'no_noise'"),
        (("en_de", 100, 0), {"nois": 0.1, "zipff": 1}, "no knob 'nois'; did you mean 'noise'.*no knob 'zipff'"),
        (("en_de", 100, 0), {"noise": 1.5, "zipf": -1.0}, "zipf = -1.0, expected an exponent.*noise = 1.5, expected a share"),
        (("en_de", 100, 0), {"topic": "all"}, "topic = 'all', expected a share between 0 and 1"),
        (("en_de", 100, 0), {"ambiguity": 0.6}, "ambiguity = 0.6, expected a share between 0 and 0.5"),
        (("en_de", 100, 0), {"generic": float("nan")}, "generic = nan"),
        (("en_de", 100, 0), {"lemmas": 79}, "lemmas = 79, expected a whole number of at least 80"),
        (("en_de", 100, 0), {"taxonomy": 1}, "taxonomy = 1, expected True or False"),
        (("en_de", 100, -1), {}, "seed = -1, expected a whole number of at least 0"),
        (("en_de", 9, 0), {}, "pairs = 9, expected a whole number of at least 10"),
        (("en_de", True, 0), {}, "pairs = True, expected a whole number"),
    ],
)
def test_impossible_settings_are_refused(arguments, changes, message):
    with pytest.raises(SettingsError, match=message):
        translation.make(*arguments, **changes)


def test_a_world_that_is_too_small_for_so_many_pairs_says_so(monkeypatch):
    monkeypatch.setattr(translation, "LONGEST", 4)  # "the cat sleeps ." and nothing longer
    with pytest.raises(SettingsError, match=r"only \d+ different sentences among \d+, expected 500; ask for fewer pairs, or"):
        translation.make("en_de", 500, 0, lemmas=80, zipf=3.0)


def test_the_lexicon_refuses_what_the_world_refuses():
    with pytest.raises(SettingsError, match="no knob 'nois'"):
        translation.lexicon("en_de", 0, nois=0.1)


# --- null controls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_without_noise_the_sources_stay_and_the_target_is_the_best_translation(direction):
    source, target = direction.split("_")
    for name in (source, "part", "leaf", "hypernym", "tree", "noun_at", "alignment", "best"):
        assert column(name, direction) == column(name, direction, null="no_noise"), name
    assert column(target, direction, null="no_noise") == column("best", direction)
    assert flat("said", direction, null="no_noise") == flat("leaf", direction)
    assert not any(flat("entropy", direction, null="no_noise"))
    assert not any(flat("log_p", direction, null="no_noise"))
    assert set(flat("other", direction, null="no_noise")) == {None}
    assert "null control no_noise" in world(direction, null="no_noise").source


def slope(counts):
    """Of log count on log rank, ranks 3 to 60: the first two suffer from the removal of repeated sentences."""
    top = sorted(counts.values(), reverse=True)[2:60]
    return np.polyfit(np.log(np.arange(3, 61)), np.log(top), 1)[0]


def test_leaves_follow_the_zipf_law_and_no_law_in_the_uniform_null():
    main, uniform = (Counter(flat("leaf", null=null)) for null in (None, "uniform"))
    assert slope(main) == pytest.approx(-1.1, abs=0.12)
    leaves = translation.lexicon("en_de", 1).leaves
    counts = np.array([uniform[leaf] for leaf in leaves])
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.3)  # Poisson: no word is preferred
    assert slope(Counter(flat("leaf", zipf=0.6))) == pytest.approx(-0.6, abs=0.12)


def test_single_decisions_follow_their_laws_and_not_each_other():
    known, knobs = words(1, 480), translation.Knobs(ambiguity=0.0, generic=0.0)
    m = meanings(np.random.default_rng(0).random((8000, decisions())), known, knobs)
    leaves = m.noun[m.noun < known.leaves]
    shares = np.sort(np.bincount(leaves, minlength=known.leaves))[::-1] / len(leaves)
    law = np.arange(1, known.leaves + 1) ** -1.1
    assert shares[:5] == pytest.approx(law[:5] / law.sum(), rel=0.1)
    assert m.instead.mean() == pytest.approx(0.45, abs=0.01)
    for name in ("noun", "form", "determiner", "size", "colour"):
        assert abs(np.corrcoef(getattr(m, name).ravel(), m.instead.ravel())[0, 1]) < 0.03, name
    for name in ("rest", "act", "adverb", "preposition"):
        assert abs(np.corrcoef(getattr(m, name)[:, 0], m.instead[:, 0])[0, 1]) < 0.05, name


def test_frequency_knows_nothing_of_the_tree():
    counts, lexicon = Counter(flat("leaf")), translation.lexicon("en_de", 1)
    share = Counter()
    for leaf, _ in counts.most_common(100):
        share[lexicon.domain_of[leaf]] += 1
    assert max(share.values()) < 30
    assert len(share) == 8
    sizes = Counter(lexicon.hypernym_of.values())
    by_size = [np.mean([counts[leaf] for leaf in lexicon.leaves if sizes[lexicon.hypernym_of[leaf]] == k]) for k in (1, 2, 3, 4)]
    assert max(by_size) < 5 * min(by_size)


@pytest.mark.parametrize("null", ["uniform", "no_taxonomy"])
def test_other_nulls_keep_lexicon_sentence_shapes_and_lengths(null):
    def rules(tree):
        return [piece[1:] for piece in tree.split() if piece.startswith("(") and not piece.startswith("(DP")]

    def kinds(**changes):
        found = Counter(rule for tree in column("tree", **changes) for rule in rules(tree))
        return np.array([found[rule.name] for rule in RULES]) / 5000

    assert np.abs(kinds() - kinds(null=null)).max() < 0.03
    lengths = [np.mean([len(text.split()) for text in column("de", null=n)]) for n in (None, null)]
    assert lengths[0] == pytest.approx(lengths[1], abs=0.25)
    assert_same_lexicon(translation.lexicon("en_de", 1), translation.lexicon("en_de", 1, null))


def test_uniform_keeps_the_noise():
    said, leaf = flat("said", null="uniform"), flat("leaf", null="uniform")
    assert np.mean([s != l for s, l in zip(said, leaf, strict=True)]) == pytest.approx(0.45, abs=0.02)


def test_without_taxonomy_a_hypernym_is_a_noun_like_any_other():
    assert flat("said", null="no_taxonomy") == flat("leaf", null="no_taxonomy")
    assert not any(flat("entropy", null="no_taxonomy"))
    lexicon = translation.lexicon("en_de", 1)
    nouns = Counter(w for text in column("de", null="no_taxonomy") for w in text.split() if w in lexicon.domain_of)
    assert slope(nouns) == pytest.approx(-1.1, abs=0.12)  # one law for leaves and hypernyms together
    ranked = [noun in lexicon.hypernym_of for noun, _ in nouns.most_common(150)]
    assert np.mean(ranked) == pytest.approx(5 / 7, abs=0.12)  # leaves among the frequent ones: as many as among all


# --- the other knobs --------------------------------------------------------------------------------------------------


def adjective_domains(**changes):
    """(domain of the adjective, domain of the noun) for the source's noun phrases that have one of each."""
    known, lexicon = words(1, 480), translation.lexicon("en_de", 1, ambiguity=0.0)
    adjectives = {
        s: d for role in ("size", "colour") for s, d in zip(known.stems["en"][role], known.domains_of(role), strict=True)
    }
    nouns = {source: lexicon.domain_of[targets[0]] for source, targets in lexicon.senses.items()}
    pairs = []
    for text in column("en", ambiguity=0.0, **changes):
        row = text.split()
        pairs += [
            (adjectives[a], nouns[n])
            for a, n, after in zip(row, row[1:], [*row[2:], ""], strict=False)
            if a in adjectives and n in nouns and after not in nouns
        ]
    return np.array(pairs)


def verb_domains(**changes):
    """(domain of the verb, of the subject, of the object or None) of sentences of one bare clause."""
    known, lexicon = words(1, 480), translation.lexicon("en_de", 1, ambiguity=0.0)
    nouns = {source: lexicon.domain_of[targets[0]] for source, targets in lexicon.senses.items()}
    verbs = {
        s + "s": (role, d)
        for role in ("rest", "act")
        for s, d in zip(known.stems["en"][role], known.domains_of(role), strict=True)
    }
    found = []
    for text in column("en", ambiguity=0.0, **changes):
        row = text.split()
        if len(row) == 4 and row[2] in verbs:
            assert verbs[row[2]][0] == "rest"
            found.append((verbs[row[2]][1], nouns[row[1]], None))
        if len(row) == 6 and row[2] in verbs and row[4] in nouns and verbs[row[2]][0] == "act":
            found.append((verbs[row[2]][1], nouns[row[1]], nouns[row[4]]))
    return found


def test_adjectives_keep_to_their_nouns_domain_as_often_as_topic_says():
    always, never, main = (adjective_domains(**changes) for changes in ({"topic": 1.0}, {"topic": 0.0}, {}))
    assert len(main) > 1500
    assert (always[:, 0] == always[:, 1]).all()
    chance = np.mean(never[:, 0] == never[:, 1])
    expected = sum(np.mean(never[:, 0] == d) * np.mean(never[:, 1] == d) for d in range(8))
    assert chance == pytest.approx(expected, abs=0.03)
    assert np.mean(main[:, 0] == main[:, 1]) == pytest.approx(0.8 + 0.2 * chance, abs=0.03)
    control = adjective_domains(null="no_taxonomy")
    by_domain = sum(np.mean(control[:, 0] == d) * np.mean(control[:, 1] == d) for d in range(8))
    assert np.mean(control[:, 0] == control[:, 1]) == pytest.approx(by_domain, abs=0.03)  # the tree says nothing there


def test_a_verb_keeps_to_its_objects_domain_and_without_object_to_its_subjects():
    found = verb_domains(topic=1.0)
    transitive = [row for row in found if row[2] is not None]
    assert len(transitive) > 50
    assert len(found) - len(transitive) > 20
    for verb, subject, thing in found:
        assert verb == (subject if thing is None else thing)
    assert any(subject != thing for _, subject, thing in transitive)
    assert np.mean([verb == thing for verb, _, thing in verb_domains(topic=0.0) if thing is not None]) < 0.5


def test_noise_replaces_its_share_of_nouns_each_for_itself():
    changed = [[s != l for s, l in zip(*row, strict=True)] for row in zip(column("said"), column("leaf"), strict=True)]
    assert np.mean([c for row in changed for c in row]) == pytest.approx(0.45, abs=0.015)
    two = np.array([row[:2] for row in changed if len(row) >= 2])
    assert abs(np.corrcoef(two.T)[0, 1]) < 0.05
    lexicon = translation.lexicon("en_de", 1)
    for leaf, hypernym, said in zip(flat("leaf"), flat("hypernym"), flat("said"), strict=True):
        assert lexicon.hypernym_of[leaf] == hypernym
        assert said in (leaf, hypernym)


def test_generic_sources_say_the_hypernym_and_so_does_the_target():
    lexicon = translation.lexicon("en_de", 1, ambiguity=0.0)
    general = {source for source, targets in lexicon.senses.items() if targets[0] not in lexicon.hypernym_of}
    counts = {}
    for generic in (0.0, 0.1, 0.4):
        row = Counter(
            w for text in column("en", pairs=2500, ambiguity=0.0, generic=generic) for w in text.split() if w in lexicon.senses
        )
        compounds = 2 * sum(tree.count("compound ") for tree in column("tree", pairs=2500, ambiguity=0.0, generic=generic))
        counts[generic] = sum(row[w] for w in general) / (sum(row.values()) - compounds)
    assert counts[0.0] == 0
    assert counts[0.1] == pytest.approx(0.1, abs=0.015)
    assert counts[0.4] == pytest.approx(0.4, abs=0.02)
    assert all(set(flat("leaf", pairs=2500, ambiguity=0.0, generic=g)) <= set(lexicon.leaves) for g in (0.1, 0.4))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_an_ambiguous_form_has_one_sense_after_a_size_and_another_after_a_colour(direction):
    lexicon = translation.lexicon(direction, 1)
    double = {source: senses for source, senses in lexicon.senses.items() if len(senses) > 1}
    forms = len(lexicon.senses) - len(lexicon.hypernyms)
    assert len(double) == round(forms * 0.1)
    stems, language = words(1, 480).stems[direction[:2]], direction[:2]
    kinds = {stem + end: role for role in ("size", "colour") for stem in stems[role] for end in ("", "e", "en", "er", "es")}
    seen = Counter()
    for text, leaves, positions, alignment in zip(
        *(column(name, direction) for name in (language, "leaf", "noun_at", "alignment")), strict=True
    ):
        row = text.split()
        for leaf, at in zip(leaves, positions, strict=True):
            form, before = row[alignment[at]], row[alignment[at] - 1]
            if form in double:
                assert kinds[before] == ("size", "colour")[double[form].index(leaf)], text
                assert row[alignment[at] - 2] not in kinds
                seen[form, leaf] += 1
    assert sum(seen.values()) > 300
    assert len(seen) > 1.2 * len(double)
    assert all(lexicon.domain_of[a] != lexicon.domain_of[b] for a, b in double.values())
    assert all(len(senses) == 1 for senses in translation.lexicon(direction, 1, ambiguity=0.0).senses.values())


# --- the lexicon ------------------------------------------------------------------------------------------------------


def assert_same_lexicon(a, b):
    assert (a.hypernym_of, a.domain_of, a.senses) == (b.hypernym_of, b.domain_of, b.senses)
    assert a.similarity().equals(b.similarity())


def test_the_lexicon_depends_on_nothing_but_seed_lemmas_and_ambiguity():
    main = translation.lexicon("en_de", 1)
    assert_same_lexicon(main, translation.lexicon("en_de", 1, noise=0.1, zipf=2.0, topic=0.0, generic=0.5))
    plain = translation.lexicon("en_de", 1, ambiguity=0.0)
    assert (main.hypernym_of, main.domain_of) == (plain.hypernym_of, plain.domain_of)
    assert translation.lexicon("en_de", 2).hypernym_of != main.hypernym_of
    assert len(translation.lexicon("en_de", 1, lemmas=200).hypernym_of) < len(main.hypernym_of)


def test_both_directions_have_the_same_tree():
    german, english = (translation.lexicon(direction, 1, ambiguity=0.0) for direction in DIRECTIONS)
    to_english = {source: targets[0] for source, targets in english.senses.items()}
    assert {to_english[leaf]: to_english[top] for leaf, top in german.hypernym_of.items()} == english.hypernym_of
    assert {to_english[noun]: domain for noun, domain in german.domain_of.items()} == english.domain_of
    there, here = german.similarity(), english.similarity()
    assert list(there.path) == list(here.path)
    assert [(to_english[a], to_english[b]) for a, b in zip(there.word1, there.word2, strict=True)] == list(
        zip(here.word1, here.word2, strict=True)
    )


def test_a_concept_has_one_to_four_leaves_and_the_leaves_are_the_majority():
    lexicon = translation.lexicon("en_de", 1)
    sizes = Counter(lexicon.hypernym_of.values())
    assert set(sizes.values()) == {1, 2, 3, 4}
    assert len(lexicon.leaves) > 0.5 * 480
    assert set(lexicon.leaves).isdisjoint(lexicon.hypernyms)
    assert sorted(lexicon.synonyms()) == sorted(lexicon.hypernym_of.items())
    assert Counter(lexicon.domain_of[h] for h in lexicon.hypernyms).keys() == set(range(8))
    assert all(lexicon.domain_of[leaf] == lexicon.domain_of[top] for leaf, top in lexicon.synonyms())


def test_path_counts_the_edges_of_the_tree():
    lexicon = translation.lexicon("en_de", 1)

    def line(noun):
        top = lexicon.hypernym_of.get(noun)
        return [*([noun, top] if top else [noun]), lexicon.domain_of[noun], "root"]

    def edges(a, b):
        a, b = line(a), line(b)
        meet = next(node for node in a if node in b)
        return a.index(meet) + b.index(meet)

    table = lexicon.similarity()
    assert list(table.columns) == ["word1", "word2", "path"]
    assert [edges(a, b) for a, b in zip(table.word1, table.word2, strict=True)] == list(table.path)
    assert len({frozenset(pair) for pair in zip(table.word1, table.word2, strict=True)}) == len(table) <= 2000
    counts = Counter(table.path)
    assert set(counts) == {1, 2, 3, 4, 5, 6}
    assert all(counts[path] == 333 for path in (3, 4, 5, 6))
    assert min(counts.values()) > 150
    assert set(table.word1) <= set(lexicon.leaves)
    assert table.equals(lexicon.similarity())


@pytest.mark.parametrize("lemmas", [80, 480])
def test_no_form_of_a_word_is_also_a_form_of_another(lemmas):
    from mmkit.worlds.translation.words import inflected, particles

    known = words(3, lemmas)
    for language in ("en", "de"):
        written = set(particles(language))
        for role, stems in known.stems[language].items():
            own = stems if language == "de" else stems[: len(known.rank)] if role == "noun" else stems
            for stem in own:
                forms = set(inflected(language, role, stem))
                assert forms.isdisjoint(written), stem
                written |= forms
    assert pc.all(pc.greater(pa.array([len(stem) for stem in known.stems["de"]["noun"]]), 3)).as_py()
