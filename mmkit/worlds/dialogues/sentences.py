"""What is said, in plain English: sentences of 3 to 12 words, some of which show the emotion of who speaks.

A frame says nothing of emotions ("{opener}, I am {mood} because of the {thing}"). A word of one of four classes shows the emotion
with probability `lexical` and is a neutral one otherwise; a neutral speaker has neutral words only.
`re.findall("[a-z]+", sentence.lower())` gives the words.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmkit.worlds.dialogues.states import EMOTIONS

# Words that show an emotion, by class: how one begins, how one is, what a thing is like, what one does to it.
SHOWING = {
    "happy": {
        "opener": "lovely nice sweet good great",
        "mood": "happy glad pleased content cheerful relaxed grateful delighted",
        "quality": "lovely pleasant charming sweet sunny cosy delicious fine",
        "verb": "enjoy like cherish appreciate treasure welcome",
    },
    "sad": {
        "opener": "alas sadly sorry oh sigh",
        "mood": "sad lonely heartbroken gloomy tearful hopeless miserable down",
        "quality": "sad empty lost bleak dreary gloomy painful final",
        "verb": "miss mourn regret lament grieve pity",
    },
    "angry": {
        "opener": "damn enough stop shame dammit",
        "mood": "angry furious outraged livid mad enraged bitter disgusted",
        "quality": "damned outrageous disgusting rotten shameless wretched vile cursed",
        "verb": "hate despise detest loathe curse resent",
    },
    "excited": {
        "opener": "wow yes hooray incredible fantastic",
        "mood": "excited thrilled ecstatic eager amazed overjoyed electrified pumped",
        "quality": "amazing incredible fantastic awesome brilliant spectacular wonderful wild",
        "verb": "love adore crave celebrate want worship",
    },
    "frustrated": {
        "opener": "seriously ugh honestly great unbelievable",
        "mood": "frustrated annoyed tired stuck exhausted impatient irritated confused",
        "quality": "useless broken endless pointless stupid confusing tedious ridiculous",
        "verb": "dread endure question doubt avoid dislike",
    },
}
NEUTRAL = {
    "opener": "well so okay look listen right anyway now",
    "mood": "ready calm certain aware sure busy early late",
    "quality": "usual other first last new old second whole",
    "verb": "see know have need use keep remember mention",
}
PLAIN = {
    "thing": "letter meeting car phone ticket house train dinner suitcase job office garden film book window contract party "
    "doctor form line bill airport wedding school kitchen project river dog story street picture plan coat key game song test",
    "person": "my brother;my sister;your mother;our neighbour;the teacher;his father;your boss;her friend;the driver;my cousin",
    "when": "today tonight tomorrow now again already later",
    "frequency": "always never often sometimes usually rarely",
    "degree": "very so really rather quite just",
}
FRAMES = (
    "{opener} , {degree} {mood} .",
    "I {verb} {person} .",
    "{opener} , I {verb} the {thing} .",
    "{opener} , I am {degree} {mood} {when} .",
    "{opener} , I am {mood} because of the {thing} .",
    "I {frequency} {verb} the {quality} {thing} .",
    "{opener} , the {quality} {thing} is here {when} .",
    "the {quality} {thing} is here .",
    "{person} and I {verb} the {thing} {when} .",
    "{opener} , {person} was {mood} because of the {quality} {thing} .",
    "you know that I {verb} this {quality} {thing} .",
    "{opener} , this is the {quality} {thing} of {person} .",
    "I told {person} that I am {degree} {mood} .",
    "did {person} bring the {quality} {thing} {when} ?",
    "{opener} , do you {verb} the {thing} ?",
    "are you {mood} because of the {thing} {when} ?",
    "we {frequency} {verb} {person} , and I am {mood} .",
    "it was the {quality} {thing} , and I was {degree} {mood} .",
    "why would I {verb} the {thing} of {person} ?",
    "we know that I {verb} the {quality} {thing} , and I am {mood} .",
)
CLASSES = tuple(NEUTRAL)


def say(emotion: NDArray, lexical: float, random: np.random.Generator) -> pa.Array:
    """(U,) one sentence for each emotion (U,), 0 to 5."""
    frame = random.integers(len(FRAMES), size=len(emotion))
    shows = random.random((len(emotion), len(CLASSES))) < lexical
    which = random.random((len(emotion), len(CLASSES) + len(PLAIN)))
    rows = [np.flatnonzero(frame == n) for n in range(len(FRAMES))]
    said = [_fill(FRAMES[n], emotion[at], shows[at], which[at]) for n, at in enumerate(rows)]
    return pa.concat_arrays(said).take(pa.array(np.argsort(np.concatenate(rows))))


@cache
def vocabulary() -> tuple[str, ...]:
    """Every word that a sentence can have, in lower case and in order."""
    lists = [words for of in (*SHOWING.values(), NEUTRAL, PLAIN) for words in of.values()]
    frames = [re.sub(r"\{\w+\}", " ", frame) for frame in FRAMES]
    return tuple(sorted(set(re.findall("[a-z]+", " ".join(lists + frames).lower()))))


def _fill(frame: str, emotion: NDArray, shows: NDArray, which: NDArray) -> pa.Array:
    """One frame, filled for each of n emotions."""
    pieces = [_words(token[1:-1], emotion, shows, which) if token[0] == "{" else token for token in frame.split()]
    pieces = [pa.array([piece] * len(emotion), pa.string()) if isinstance(piece, str) else piece for piece in pieces]
    line = pc.binary_join_element_wise(*pieces, " ")
    for mark in ",.?":
        line = pc.replace_substring(line, f" {mark}", mark)
    first = pc.utf8_upper(pc.utf8_slice_codeunits(line, 0, 1))
    return pc.binary_join_element_wise(first, pc.utf8_slice_codeunits(line, 1), "")


def _words(name: str, emotion: NDArray, shows: NDArray, which: NDArray) -> pa.Array:
    """(n,) words for one place of a frame."""
    words, first, size = _choices(name)
    if name in PLAIN:
        block, u = np.zeros(len(emotion), dtype=int), which[:, len(CLASSES) + list(PLAIN).index(name)]
    else:
        c = CLASSES.index(name)
        block, u = np.where(shows[:, c], 1 + emotion, 0), which[:, c]
    return words.take(pa.array(first[block] + (u * size[block]).astype(int)))


@cache
def _choices(name: str) -> tuple[pa.Array, NDArray, NDArray]:
    """All words of a class in blocks, where each block begins, and its size: block 0 is neutral, block 1 + e shows emotion e."""
    if name in PLAIN:
        blocks = [PLAIN[name].split(";" if ";" in PLAIN[name] else None)]
    else:
        blocks = [NEUTRAL[name].split(), *(SHOWING.get(emotion, NEUTRAL)[name].split() for emotion in EMOTIONS)]
    size = np.array([len(block) for block in blocks])
    return pa.array([word for block in blocks for word in block]), np.cumsum(size) - size, size
