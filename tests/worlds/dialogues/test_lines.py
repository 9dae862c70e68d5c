"""Sentences of the sarcasm view: the Spanish, what its words tell, and the vectors."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest

from mmkit.worlds.dialogues import lines, sarcasm, spanish
from mmkit.worlds.dialogues.knobs import settle


@cache
def written(utterances=4000, seed=1, null=None, **changes):
    knobs = settle("sarcasm", seed, null, changes)
    acts = sarcasm.act(utterances, knobs, seed)
    return acts, lines.write(acts, knobs, seed), knobs


@cache
def sentences(utterances=4000, seed=1, null=None, **changes):
    return lines.texts(written(utterances, seed, null, **changes)[1]).to_pylist()


def lemmatised(sentence):
    return [spanish.lemmas()[word] for word in spanish.words(sentence)]


def test_sentences_are_well_formed():
    for text in sentences():
        assert re.fullmatch(r"[¡¿]?[A-ZÁÉÍÓÚÑ].*[.?!]", text), text
        assert not re.search(r"\s[,.?!]|\s\s|[,.]{2}|,[^ ]|[a-z]¡", text), text
        assert text.count("¡") == text.count("!"), text
        assert text.count("¿") == text.count("?"), text
        for start in re.findall(r"[.!] (\S)", text):
            assert start in "¡" or start.isupper(), text
    assert {"¡", "¿", "á", "é", "í", "ó"} <= set("".join(sentences()))
    assert len(set(sentences())) > 0.9 * len(sentences())


def test_articles_adjectives_and_conjunctions_agree():
    feminine = re.compile(
        r"\b(la|esta|nuestra|tu) \w+ (?:es|está|parece|resulta|quedó|salió|se puso|ha \w+|se ha puesto) (\w+)", re.I
    )
    nouns = [noun.split() for listed, _ in spanish.TOPICS.values() for noun in listed.split(",")]
    assert [article for article, _ in nouns] == ["el", "la"] * (len(nouns) // 2)
    gender = {noun: article for article, noun in nouns}
    adjectives = {a for sign in (-1, 1) for a in spanish.ADJECTIVES[sign].split()}
    changing = {a for a in adjectives if spanish.feminine(a) != a}
    seen = 0
    for text in sentences():
        for found in feminine.finditer(text):
            noun, adjective = found[0].split()[1], found[2]
            if gender[noun] == "la" and spanish.lemmas()[adjective] in changing:
                assert adjective not in adjectives, text
                seen += 1
        assert not re.search(r"\by h?i(?!e)|\be [^ih]", text), text
        assert not re.search(
            r"\b(la|esta|nuestra) (" + "|".join(n for n, a in gender.items() if a == "el") + r")\b", text, re.I
        ), text
    assert seen > 200
    assert spanish.feminine("bueno") == "buena"
    assert spanish.feminine("encantador") == "encantadora"
    assert spanish.feminine("triste") == "triste"
    assert (spanish.joint("y", "ideal"), spanish.joint("y", "bueno"), spanish.joint("pero", "ideal")) == (
        " e ideal",
        " y bueno",
        " pero ideal",
    )


def test_adjectives_of_one_sign_are_joined_by_and_others_by_but():
    meanings, seen = spanish.meanings(), set()
    for text in sentences():
        for one, how, other in re.findall(r"(\w+) (y|e|pero) (\w+)", text):
            signs = [meanings.get(spanish.lemmas()[word], ("", 0)) for word in (one, other)]
            if [kind for kind, _ in signs] == ["adjective"] * 2:
                assert (how == "pero") == (signs[0][1] != signs[1][1]), text
                seen.add(how)
    assert seen == {"y", "e", "pero"}


def test_what_lines_say_is_what_the_sentences_hold():
    """Polarity words, markers, topic and show, read back from the words alone."""
    acts, said, _ = written()
    meanings = spanish.meanings()
    own = [
        set(re.findall(r"[^,]+", ",".join(listed[k] for listed in (spanish.OPENERS, spanish.VERBS, spanish.NEUTRAL))))
        for k in (1, 2)
    ]
    for row, text in enumerate(sentences()):
        found = [meanings.get(lemma, ("function", 0)) for lemma in lemmatised(text)]
        signs = [sign for kind, sign in found if kind in ("adjective", "liking")]
        assert (len(signs), signs.count(1)) == (said.polar[row], said.positive[row]), text
        exclaimed = [sign for kind, sign in found if kind == "exclaimed"]
        assert sorted(exclaimed) == sorted({2: -1, 3: 1}[m] for m in said.marker[row] if m > 1), text
        assert set(exclaimed) <= {acts.literal[row]}, text
        assert any(kind == "affirmed" for kind, _ in found) == (1 in said.marker[row]), text
        topics = [kind for kind, _ in found if kind in spanish.TOPICS]
        assert set(topics) == {list(spanish.TOPICS)[said.topic[row]]}, text
        if said.variety[row] >= 0:
            assert said.variety[row] == acts.show[row]
        else:
            assert not any(re.search(rf"(^|\W){phrase}(\W|$)", text, re.I) for some in own for phrase in some), text


def test_words_follow_their_laws():
    acts, said, knobs = written(30_000)
    assert np.bincount(said.polar) / len(said.polar) == pytest.approx(lines.POLAR, abs=0.01)
    right = np.where(acts.literal > 0, said.positive, said.polar - said.positive).sum() / said.polar.sum()
    assert right == pytest.approx(lines.AGREE, abs=0.005)
    there = said.marker > 0
    for s, rate in enumerate((lines.HONEST, lines.HONEST + (1 - lines.HONEST) * knobs.lexical)):
        assert there[acts.sarcastic == s].mean(axis=0) == pytest.approx([rate, rate], abs=0.015)
    assert (said.marker[there] > 1).mean() == pytest.approx(lines.EXCLAIMS, abs=0.015)
    assert 0.3 < (said.variety < 0).mean() < 0.6
    both = there[acts.sarcastic == 1].all(axis=1).mean()
    assert both == pytest.approx(said.rate[1] ** 2, abs=0.015)  # the two places know nothing of each other


def test_the_likelihood_is_that_of_the_laws():
    """By hand, one utterance at a time."""
    said = written(200)[1]
    log = said.log_likelihood
    a = lines.AGREE
    for row in range(200):
        negative = said.polar[row] - said.positive[row]
        for v in (0, 1):
            agree, against = (said.positive[row], negative) if v else (negative, said.positive[row])
            for s in (0, 1):
                p = a**agree * (1 - a) ** against
                for marker in said.marker[row]:
                    p *= 1 - said.rate[s] if marker == 0 else said.rate[s] * (1 if marker == 1 else marker == 2 + v)
                with np.errstate(divide="ignore"):
                    assert log[row, v, s] == pytest.approx(np.log(p))


def test_scenes_leave_traces_or_do_not():
    for null, most in ((None, 1), ("no_leak", 99)):
        acts, said, _ = written(null=null)
        topics = [len(set(said.topic[a:b])) for a, b in zip(acts.offsets[:-1], acts.offsets[1:], strict=True)]
        assert max(topics) <= most
        subjects = [len(set(said.phrase[a:b, 1] % 384 // 4)) for a, b in zip(acts.offsets[:-1], acts.offsets[1:], strict=True)]
        assert (max(subjects) <= lines.NOUNS + 3) == (null is None)
    assert min(topics[:-1]) > 4


def test_without_markers_sincere_and_sarcastic_sentences_are_alike():
    acts, said, _ = written(20_000, null="no_markers")
    there = (said.marker > 0).mean(axis=1)
    assert abs(there[acts.sarcastic == 1].mean() - there[acts.sarcastic == 0].mean()) < 0.01
    np.testing.assert_array_equal(said.rate, [lines.HONEST] * 2)


def test_a_sentence_vector_is_the_mean_of_its_word_vectors_and_noise():
    _, said, knobs = written(300, noise_text=0.0)
    known, table = lines.word_table(knobs, 1)
    row = {word: n for n, word in enumerate(known)}
    want = [table[[row[word] for word in spanish.words(text)]].mean(axis=0) for text in sentences(300)]
    np.testing.assert_allclose(lines.vectors(said, knobs, 1), want, atol=1e-6)
    noisy = settle("sarcasm", 1, None, {"noise_text": 0.5})
    away = lines.vectors(said, noisy, 1) - want
    assert away.std() == pytest.approx(0.5, rel=0.03)


def test_synonyms_have_like_vectors_unless_they_are_random():
    groups = [spanish.ADJECTIVES[sign].split() for sign in (-1, 1)] + [spanish.EXCLAIMED[sign].split() for sign in (-1, 1)]
    means = {}
    for null in (None, "no_synonyms"):
        known, table = lines.word_table(settle("sarcasm", 1, null, {}), 1)
        unit = dict(zip(known, table / np.linalg.norm(table, axis=1, keepdims=True), strict=True))
        cosine = np.array(
            [[np.mean([unit[a] @ unit[b] for a in one for b in two if a != b]) for two in groups] for one in groups]
        )
        means[null] = np.diag(cosine).min(), (cosine - np.diag(np.diag(cosine))).max()
        assert (unit["buena"] == unit["bueno"]).all()
    assert means[None][0] > 0.8 > 0.5 > means[None][1]
    assert max(means["no_synonyms"]) < 0.1
    lengths = [np.linalg.norm(lines.word_table(settle("sarcasm", 1, null, {}), 1)[1], axis=1) for null in (None, "no_synonyms")]
    np.testing.assert_allclose(*lengths, rtol=1e-5)


def test_places_fall_as_one_over_their_rank():
    u = (np.arange(100_000) + 0.5) / 100_000
    counts = np.bincount(lines.zipf(u, 5), minlength=5)
    weight = 1 / np.array([3, 4, 5, 6, 7])
    assert counts / counts.sum() == pytest.approx(weight / weight.sum(), abs=1e-4)
