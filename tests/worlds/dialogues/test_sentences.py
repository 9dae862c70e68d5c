"""Sentences: of the right length, in known words, and as full of emotion as asked."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest

from mmkit.worlds.dialogues.sentences import CLASSES, FRAMES, NEUTRAL, PLAIN, SHOWING, say, vocabulary
from mmkit.worlds.dialogues.states import EMOTIONS

EMOTION = np.tile(np.arange(6), 500)
FRAMED = set(re.findall("[a-z]+", " ".join([re.sub(r"\{\w+\}", " ", frame) for frame in FRAMES] + list(PLAIN.values())).lower()))


@cache
def said(lexical=0.5, seed=0):
    return say(EMOTION, lexical, np.random.default_rng(seed)).to_pylist()


def words(sentence):
    return re.findall("[a-z]+", sentence.lower())


def listed(emotion):
    lists = SHOWING.get(emotion, NEUTRAL)
    return {word for name in CLASSES for word in lists[name].split()}


def test_sentences_look_like_sentences():
    for sentence in said():
        assert 3 <= len(words(sentence)) <= 12
        assert sentence[0].isupper()
        assert sentence[-1] in ".?"
        assert not re.search(r"  | [,.?]|[{}]|\bi\b", sentence)
        assert set(words(sentence)) <= set(vocabulary())
    assert {len(words(sentence)) for sentence in said()} >= {3, 4, 12}
    assert sum(sentence.endswith("?") for sentence in said()) > 300


def test_few_sentences_repeat():
    assert len(set(said())) > 0.93 * len(said())


def test_every_word_is_said_sooner_or_later_and_listed_once():
    many = say(np.tile(np.arange(6), 3000), 0.5, np.random.default_rng(1)).to_pylist()
    assert {word for sentence in many for word in words(sentence)} == set(vocabulary())
    assert list(vocabulary()) == sorted(set(vocabulary()))


def test_words_show_the_emotion_of_their_own_row():
    own = {name: listed(name) for name in EMOTIONS}
    for emotion, sentence in zip(EMOTION, said(1.0), strict=True):
        name = EMOTIONS[emotion]
        others = set.union(*(own[other] for other in EMOTIONS if other != name)) - own[name]
        assert not set(words(sentence)) & (others - FRAMED), sentence


@pytest.mark.parametrize("lexical", [0.0, 0.3, 1.0])
def test_words_that_can_show_an_emotion_do_as_often_as_asked(lexical):
    """Counted in one frame, whose only free words are a verb and a person."""
    verbs = [(e, sentence.split()[1]) for e, sentence in zip(EMOTION, said(lexical), strict=True) if sentence.startswith("I ")]
    verbs = [(e, verb) for e, verb in verbs if verb != "told" and EMOTIONS[e] != "neutral"]
    verbs = [(e, verb) for e, verb in verbs if verb in SHOWING[EMOTIONS[e]]["verb"].split() + NEUTRAL["verb"].split()]
    shows = np.mean([verb in SHOWING[EMOTIONS[e]]["verb"].split() for e, verb in verbs])
    assert shows == pytest.approx(lexical, abs=0.13)
    assert len(verbs) > 80


def test_without_words_of_emotion_nothing_is_told():
    same = say(np.full(len(EMOTION), 2), 0.0, np.random.default_rng(0)).to_pylist()
    assert said(0.0) == same
    assert said(0.5) != same
    assert said(0.5) == said(0.5, 0)
    neutral = [sentence for e, sentence in zip(EMOTION, said(1.0), strict=True) if EMOTIONS[e] == "neutral"]
    assert neutral == [sentence for e, sentence in zip(EMOTION, same, strict=True) if EMOTIONS[e] == "neutral"]


def test_frames_say_nothing_of_emotions():
    assert not FRAMED & {word for name in SHOWING for word in listed(name)}
