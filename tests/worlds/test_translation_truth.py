"""What the translation world says it knows, derived again from the sentences: German is parsed and inflected here by hand.

All readings of a sentence are enumerated and inflected with the tables below, and next-word laws are sums over them; nothing here
uses the generator's cells, look-up tables or its argument about where the entropy lies.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest

from mmkit.worlds import translation
from mmkit.worlds.translation.grammar import BLOCK, DP_RULES, GERMAN_PARTICLES, PARTICLES, RULES, derivations
from mmkit.worlds.translation.knobs import Knobs
from mmkit.worlds.translation.sentences import decisions, meanings, spell
from mmkit.worlds.translation.truth import sentences
from mmkit.worlds.translation.words import ADVERBS, DETERMINERS, PREPOSITIONS, forms, words

SEED, LEMMAS = 4, 300
STRONG = {("m", "nom"): "er", ("m", "acc"): "en", ("m", "dat"): "em", ("f", "nom"): "e", ("f", "acc"): "e", ("f", "dat"): "er",
          ("n", "nom"): "es", ("n", "acc"): "es", ("n", "dat"): "em"}  # fmt: skip
DER = {"er": "der", "en": "den", "em": "dem", "e": "die", "es": "das"}


@cache
def world(direction, null=None, **changes):
    return translation.make(direction, 1500, SEED, null, lemmas=LEMMAS, **changes)


@cache
def rows(direction, null=None, **changes):
    data = world(direction, null, **changes)
    return [a | b for a, b in zip(data.records.table.to_pylist(), data.records.truth.to_pylist(), strict=True)]


# --- German by hand ---------------------------------------------------------------------------------------------------


def article(base, gender, case):
    """Of d- (the), dies- (this), ein (a), kein (no)."""
    end = STRONG[gender, case]
    if base == "d":
        return DER[end]
    bare = base in ("ein", "kein") and (gender, case) in {("m", "nom"), ("n", "nom"), ("n", "acc")}
    return base + ("" if bare else end)


def ending(base, gender, case):
    """Of an adjective: it shows the case where the article does not."""
    if case == "dat" or (gender, case) == ("m", "acc"):
        return "en"
    return "e" if base in ("d", "dies") else STRONG[gender, case]


@cache
def german():
    """(noun -> gender, adjective form -> (kind, stem), present verbs, participles)"""
    known = words(SEED, LEMMAS)
    stems = known.stems["de"]
    genders = {noun: "mfn"[g] for noun, g in zip(stems["noun"], known.gender, strict=True)}
    adjectives = {
        stem + end: (kind, stem) for kind in ("size", "colour") for stem in stems[kind] for end in ("e", "en", "er", "es")
    }
    present = {stem + "t" for role in ("rest", "act") for stem in stems[role]}
    return genders, adjectives, present, {f"ge{verb}" for verb in present}


def base_of(word):
    for base in ("dies", "kein", "ein"):
        if word.startswith(base):
            return base
    return "d" if word in DER.values() else None


def phrases(row):
    """[(start, end, article's base, case)] in German: dative after a preposition, else the first of a clause is the subject."""
    genders, adjectives, _, _ = german()
    found, subjects, at = [], 0, 0
    while at < len(row):
        if row[at] in ("und", "aber", ","):
            subjects = 0
        base = base_of(row[at])
        if base and (row[at + 1] in adjectives or row[at + 1] in genders):
            end = at + 1
            while row[end] not in genders:
                end += 1
            after_preposition = row[at - 1] in PREPOSITIONS.values()
            case = "dat" if after_preposition else ("acc" if subjects else "nom")
            subjects += not after_preposition
            found.append((at, end, base, case))
            at = end
        at += 1
    return found


def inflect(base, case, adjectives, noun):
    gender = german()[0][noun]
    return [article(base, gender, case), *(a + ending(base, gender, case) for a in adjectives), noun]


@pytest.mark.parametrize(("direction", "changes"), [("en_de", {}), ("de_en", {"ambiguity": 0.0})])
def test_articles_and_endings_agree_with_the_noun_that_is_said(direction, changes):
    _, adjectives, _, _ = german()  # an ambiguous German form may have two genders, so there are none on that side
    seen = Counter()
    for record in rows(direction, **changes):
        row = record["de"].split()
        for start, end, base, case in phrases(row):
            wanted = inflect(base, case, [adjectives[a][1] for a in row[start + 1 : end]], row[end])
            assert row[start : end + 1] == wanted, record["de"]
            seen[base, german()[0][row[end]], case] += 1
    assert len(seen) == 4 * 3 * 3  # every article in every gender and case


# --- exact probabilities against the enumeration of all readings -------------------------------------------------------


def readings(record, direction, noise):
    """[(probability, words)] of every choice of leaf or hypernym, each written out anew."""
    target = record[direction[3:]].split()
    spans = {end: (start, base, case) for start, end, base, case in phrases(target)} if direction == "en_de" else {}
    _, adjectives, _, _ = german()
    found = []
    for choice in product((False, True), repeat=len(record["leaf"])):
        row, p = list(target), 1.0
        for general, at, leaf, top in zip(choice, record["noun_at"], record["leaf"], record["hypernym"], strict=True):
            noun, p = (top, p * noise) if general else (leaf, p * (1 - noise))
            if direction == "en_de":
                start, base, case = spans[at]
                row[start : at + 1] = inflect(base, case, [adjectives[a][1] for a in row[start + 1 : at]], noun)
            else:
                row[at] = noun
        found.append((p, row))
    return found


def law(found, prefix):
    """{word: probability} of what follows `prefix`, summed over the readings."""
    weights = defaultdict(float)
    for p, row in found:
        if row[: len(prefix)] == prefix:
            weights[[*row, "</s>"][len(prefix)]] += p
    total = sum(weights.values())
    return {word: p / total for word, p in weights.items() if p > 0}


@pytest.mark.parametrize("direction", ["en_de", "de_en"])
@pytest.mark.parametrize("noise", [0.45, 0.8])
def test_log_p_entropy_best_and_next_words_equal_sums_over_all_readings(direction, noise):
    data, several = world(direction, noise=noise), 0
    for n, record in enumerate(rows(direction, noise=noise)[:150]):
        found, target = readings(record, direction, noise), record[direction[3:]].split()
        shown = translation.next_words(data, n)
        assert len(record["log_p"]) == len(record["entropy"]) == len(record["other"]) == len(shown) == len(target) + 1
        for t, word in enumerate([*target, "</s>"]):
            expected = law(found, target[:t])
            assert math.exp(record["log_p"][t]) == pytest.approx(expected[word]), (record, t)
            assert record["entropy"][t] == pytest.approx(-sum(p * math.log(p) for p in expected.values()), abs=1e-12)
            assert shown[t] == pytest.approx(expected)
            assert next(iter(shown[t])) == word
            several += len(expected) > 1
        best = max(found, key=lambda reading: reading[0])
        assert record["best"].split() == best[1]
        assert math.exp(sum(record["log_p"])) == pytest.approx(sum(p for p, row in found if row == target))
    assert several > 150


def test_the_choice_shows_in_the_article_where_genders_differ_and_in_the_noun_where_they_do_not():
    genders, at_noun = german()[0], {True: 0, False: 0}
    for record in rows("en_de"):
        for leaf, top, at in zip(record["leaf"], record["hypernym"], record["noun_at"], strict=True):
            if genders[leaf] == genders[top]:
                assert record["entropy"][at] > 0
            at_noun[genders[leaf] == genders[top]] += record["entropy"][at] > 0
    assert at_noun[True] > 3 * at_noun[False] > 0  # "einen" and "den": some genders differ and the article does not show it


@pytest.mark.parametrize("direction", ["en_de", "de_en"])
def test_the_mean_surprise_of_real_targets_is_the_floor(direction):
    surprise = np.array([-sum(record["log_p"]) for record in rows(direction)])
    floor = np.array([sum(record["entropy"]) for record in rows(direction)])
    gap = surprise - floor
    assert floor.mean() > 0.5
    assert abs(gap.mean()) < 3 * gap.std() / np.sqrt(len(gap))
    assert surprise.std() > 0.1  # and it is no identity: single sentences surprise more or less


def test_ties_go_to_the_leaf():
    for record in rows("de_en", noise=0.5)[:200]:
        assert [record["best"].split()[at] for at in record["noun_at"]] == record["leaf"]
    for record in rows("de_en", noise=1.0)[:200]:
        assert record["best"] == record["en"]
        assert not any(record["log_p"])
        assert not any(record["entropy"])
        assert record["said"] == record["hypernym"]


# --- the source says which target --------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["en_de", "de_en"])
@pytest.mark.parametrize("changes", [{}, {"taxonomy": False}])
def test_one_source_sentence_has_one_translation(direction, changes):
    source, target = direction.split("_")
    knobs = Knobs(lemmas=80, zipf=2.5, ambiguity=0.5, **changes)
    known, written = words(0, 80), {source: forms(0, 80, source, 0.5), target: forms(0, 80, target)}
    m = meanings(np.random.default_rng(0).random((12000, decisions())), known, knobs)
    asked, said = (
        sentences(spell(m, m.noun, lang, known, written[lang]), written[lang].spelling).to_pylist()
        for lang in direction.split("_")
    )
    translations = defaultdict(Counter)
    for a, b in zip(asked, said, strict=True):
        translations[a][b] += 1
    assert max(map(len, translations.values())) == 1
    assert sum(sum(found.values()) > 1 for found in translations.values()) > 300  # many sentences were drawn more than once


# --- nouns, alignment --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["en_de", "de_en"])
def test_what_is_said_stands_where_noun_at_says(direction):
    known = words(SEED, LEMMAS)
    compounds = set(known.stems["de"]["noun"][len(known.rank) :])
    for record in rows(direction):
        target, german_side = record[direction[3:]].split(), record["de"].split()
        assert [target[at] for at in record["noun_at"]] == record["said"]
        assert record["noun_at"] == sorted(record["noun_at"])
        assert len(record["leaf"]) <= len(phrases(german_side)) - sum(word in compounds for word in german_side)


@cache
def dictionary(direction):
    """source word -> target words, from the stems and the function words alone."""
    source, target = direction.split("_")
    known = words(SEED, LEMMAS)
    there, here = known.stems[source], known.stems[target]
    lexicon = translation.lexicon(direction, SEED, lemmas=LEMMAS)
    found = {a: {x for b in senses for x in (b, lexicon.hypernym_of.get(b, b))} for a, senses in lexicon.senses.items()}
    ends = {"de": {"adjective": ("e", "en", "er", "es"), "now": "{}t", "done": "ge{}t"},
            "en": {"adjective": ("",), "now": "{}s", "done": "{}ed"}}  # fmt: skip
    for role in ("size", "colour", "rest", "act"):
        for a, b in zip(there[role], here[role], strict=True):
            if role in ("size", "colour"):
                found |= {a + end: {b + e for e in ends[target]["adjective"]} for end in ends[source]["adjective"]}
            else:
                found |= {ends[source][tense].format(a): {ends[target][tense].format(b)} for tense in ("now", "done")}
    names = {
        "the": DER.values(),
        "this": [f"dies{e}" for e in DER],
        **{e: [g + x for x in ("", *DER)] for e, g in (("a", "ein"), ("no", "kein"))},
    }
    plain = PARTICLES | PREPOSITIONS | ADVERBS
    if source == "en":
        return found | {a: {b} for a, b in plain.items()} | {a: set(b) for a, b in names.items()}
    return found | {b: {a} for a, b in plain.items()} | {g: {e} for e, row in names.items() for g in row}


@pytest.mark.parametrize("direction", ["en_de", "de_en"])
def test_alignment_maps_words_to_their_translations_and_phrases_to_phrases(direction):
    source, target = direction.split("_")
    known, pairs, halves = words(SEED, LEMMAS), dictionary(direction), 0
    nouns = {language: known.stems[language]["noun"] for language in ("en", "de")}
    compounds = {nouns["de"][len(known.rank) + c]: (nouns["en"][a], nouns["en"][b]) for c, (a, b) in enumerate(known.compounds)}
    for record in rows(direction):
        asked, said, alignment = record[source].split(), record[target].split(), record["alignment"]
        assert len(alignment) == len(said)
        for at, (word, origin) in enumerate(zip(said, alignment, strict=True)):
            if origin == -1:
                assert word == ","
                assert direction == "en_de"
            elif direction == "en_de" and word in compounds:
                assert (asked[origin - 1], asked[origin]) == compounds[word]
                halves += 1
            elif direction == "de_en" and asked[origin] in compounds:
                pair = compounds[asked[origin]]
                assert (word == pair[0] and said[at + 1] == pair[1] and alignment[at + 1] == origin) or word == pair[1]
                halves += 1
            else:
                assert word in pairs[asked[origin]], (record, word)
        used = [origin for origin in alignment if origin >= 0]
        repeated = {asked[origin] for origin, count in Counter(used).items() if count > 1}
        assert repeated <= compounds.keys()
        english = record["en"].split()  # an article belongs to the noun phrase of its noun: no other article stands between them
        where = alignment if target == "en" else None
        for start, end, *_ in phrases(record["de"].split()):
            span = sorted(
                [alignment[i] for i in range(start, end + 1)]
                if where is None
                else [j for j, i in enumerate(where) if start <= i <= end]
            )
            assert english[span[0]] in DETERMINERS
            assert not any(word in DETERMINERS for word in english[span[0] + 1 : span[-1] + 1])
    assert halves > 50


# --- word order --------------------------------------------------------------------------------------------------------


def test_german_verbs_stand_second_and_last_where_they_should():
    _, _, present, participles = german()
    seen = Counter()
    for record in rows("de_en"):
        clauses = record["de"].removesuffix(" .").replace(" und ", " , ").replace(" aber ", " , ").split(" , ")
        for n, clause in enumerate(clauses):
            row = clause.split()
            finite = [at for at, word in enumerate(row) if word in present or word == "hat"]
            assert len(finite) == 1, record["de"]
            assert all(at == finite[0] + 1 for at, word in enumerate(row) if at and word in ADVERBS.values()), record["de"]
            perfect = row[finite[0]] == "hat"
            if row[0] in ("weil", "obwohl", "während"):
                assert finite[0] == len(row) - 1
                assert not perfect or row[-2] in participles
                seen["sub", perfect] += 1
                continue
            assert not perfect or row[-1] in participles
            if (n == 1 and clauses[0].startswith("weil")) or row[0] in ADVERBS.values():  # something else came first
                assert finite[0] == (row[0] in ADVERBS.values())
                seen["front", perfect] += 1
            else:
                subject = phrases([*row, "."])
                assert subject[0][0] == 0
                assert subject[0][3] == "nom"
                places = [p for p in subject if p[1] < finite[0]]
                assert places[-1][1] == finite[0] - 1
                assert all(p[3] == "dat" for p in places[1:])
                seen["main", perfect] += 1
    assert min(seen.values()) > 20
    assert len(seen) == 6


def test_sizes_come_first_in_english_and_last_in_german():
    known = words(SEED, LEMMAS)
    english = {stem: kind for kind in ("size", "colour") for stem in known.stems["en"][kind]}
    seen = Counter()
    for record in rows("en_de"):
        for language, kinds in (("en", english), ("de", {form: kind for form, (kind, _) in german()[1].items()})):
            row = record[language].split()
            seen.update((language, kinds[a], kinds[b]) for a, b in pairwise(row) if a in kinds and b in kinds)
    assert set(seen) == {("en", "size", "colour"), ("de", "colour", "size")}
    assert min(seen.values()) > 100


# --- the derivation ----------------------------------------------------------------------------------------------------


def parse(tree):
    """'(A b (C d))' -> ['A', 'b', ['C', 'd']]"""
    stack = [[]]
    for piece in tree.replace("(", " ( ").replace(")", " ) ").split():
        if piece == "(":
            stack.append([])
        elif piece == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(piece)
    (whole,), *rest = stack
    assert not rest
    return whole


def leaves(node):
    return [word for child in node[1:] for word in (leaves(child) if isinstance(child, list) else [child])]


@pytest.mark.parametrize("direction", ["en_de", "de_en"])
def test_the_tree_is_a_derivation_of_the_source_by_the_rules_of_the_table(direction):
    language, rules, used = direction[:2], {rule.name: rule for rule in RULES}, Counter()

    def check(node):
        rule = rules[node[0]]
        used[rule.name] += 1
        pattern = [token.partition(":")[0].rstrip("12") for token in getattr(rule, language).split()]
        assert len(pattern) == len(node) - 1
        for symbol, child in zip(pattern, node[1:], strict=True):
            if isinstance(child, list):
                assert child[0].partition(".")[0] == symbol
                check(child)
            elif symbol.islower() or symbol in ".,":
                assert child == symbol

    for record in rows(direction):
        tree = parse(record["tree"])
        assert tree[0].startswith("S.")
        assert leaves(tree) == record[language].split()
        check(tree)
    assert set(used) == set(rules)  # every rule of the table is at work


def test_both_sides_of_a_rule_rewrite_the_same_symbols():
    assert len(RULES) == len({rule.name for rule in RULES}) == 41
    for rule in RULES:
        english, german_side = (
            sorted(token.partition(":")[0] for token in side.split() if not token.islower() and token not in ".,")
            for side in (rule.en, rule.de)
        )
        assert [symbol for symbol in english if symbol != "MODIFIER"] == german_side, rule
        tenses = [[token for token in side.split() if token[:2] in ("IV", "TV")] for side in (rule.en, rule.de)]
        assert tenses[0] == tenses[1]
        assert all(word in PARTICLES for word in rule.en.split() if word.islower())
        assert all(word in GERMAN_PARTICLES for word in rule.de.split() if word.islower())
    for rule in DP_RULES:  # each fits into the cells that every noun phrase has
        for language, block in BLOCK.items():
            cells = iter(block)
            assert all(symbol in cells for symbol in getattr(rule, language).split())
    for symbol in {rule.symbol for rule in RULES}:
        assert sum(rule.chance for rule in RULES if rule.symbol == symbol) == pytest.approx(1)
    assert sum(p for p, _ in derivations()) == pytest.approx(1)
