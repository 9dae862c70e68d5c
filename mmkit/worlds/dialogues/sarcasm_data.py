"""The sarcasm view of the dialogues world: what is said, how it sounds and looks, and whether it is meant.

Scenes of two speakers from one of two shows. The official split is by scene: the background and the bias of a test scene, and its
choice of words, are never seen in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmkit.cache import cached
from mmkit.errors import SettingsError, nearest
from mmkit.schema import PARTS, Column, ConversationSchema, Dataset, Modality, Split, vectors
from mmkit.worlds.bounds import rng
from mmkit.worlds.dialogues import faces, lines, posteriors, sarcasm, spanish, voice
from mmkit.worlds.dialogues.knobs import settle
from mmkit.worlds.dialogues.sarcasm_knobs import NOT_HERE, SarcasmKnobs
from mmkit.worlds.dialogues.states import EMOTIONS

VERSION = 1  # part of the fingerprint: raise it whenever the same knobs give other records
FEWEST = 50  # utterances
TEST, VALID = 0.20, 0.08  # of the scenes: 20 %, and 10 % of the rest
DEFAULT_SHOW = ("text", "text_vector", "audio", "video")
SHOWN = (*DEFAULT_SHOW, "voice", "frames")
CLASSES = ("sincere", "sarcastic")


def make_sarcasm(
    utterances: int, seed: int, null: str | None = None, show: Sequence[str] = DEFAULT_SHOW, **changes: Any
) -> Dataset:
    """`utterances` utterances, one row each. Same arguments, same bytes, in any process; no column depends on what else is shown.

    null: a name in NULLS of sarcasm_knobs.py.  show: names in SHOWN: text (a sentence), text_vector, audio, video (vectors),
    voice (sound, 22050 Hz), frames (three pictures).  changes: fields of `SarcasmKnobs`. Under the emitter `signal`, audio
    describes the sound and video the frames; under `features` both are drawn directly, and voice and frames only go with them.
    Columns: id, dialogue (the scene), turn, speaker, what is shown, sarcasm (0 or 1), part, source (the show).
    The truth has, per utterance: `sarcastic`, `attitude` and `literal` (-1 or 1), `state` (an emotion), `polar` (how many
    polarity words there are), `snr` (text, audio, video), `scene_bias`, `speaker_bias` (log odds), `topic`; P(sarcastic) of an
    ideal reader, `posterior_<subset>` for each of posteriors.SUBSETS, `posterior_known_scene` (all three, in a scene whose bias
    is known) and `posterior_scene` (nothing else known); `cause`, what gives it away: none | text | prosody | face | scene.
    Raises SettingsError for an unknown null, knob or modality, an impossible value, or too few utterances.
    """
    _known(changes)
    knobs = settle("sarcasm", seed, null, changes)
    show = _shown(show)
    if isinstance(utterances, bool) or not isinstance(utterances, (int, np.integer)) or utterances < FEWEST:
        raise SettingsError(f"dialogues/sarcasm: utterances = {utterances!r}, expected a whole number of at least {FEWEST}")

    acts = sarcasm.act(utterances, knobs, seed)
    said = lines.write(acts, knobs, seed)
    key = {"view": "sarcasm", "utterances": int(utterances), "seed": int(seed), "knobs": repr(knobs)}
    columns = _columns(show, acts, said, knobs, seed, key)
    width = {name: columns[name].type.list_size for name in ("audio", "video") if name in show}
    names = np.char.add("s", np.char.zfill(np.arange(len(acts.offsets) - 1).astype(str), 4))[acts.scene]
    fixed = {
        "id": np.char.add(np.char.add(names, "-"), np.char.zfill(acts.turn.astype(str), 2)),
        "dialogue": names,
        "turn": acts.turn,
        "speaker": np.array(sarcasm.NAMES)[acts.speaker],
        "sarcasm": acts.sarcastic.astype(np.int64),
        "part": _parts(len(acts.offsets) - 1, seed)[acts.scene],
        "source": np.array(sarcasm.SHOWS)[acts.show],
    }
    modalities = tuple(_modality(name, knobs, width) for name in show)
    source = Column("source", "category", levels=sarcasm.SHOWS, about="the show")
    schema = ConversationSchema("sarcasm", "binary", modalities, "sarcasm", CLASSES, (source,))
    origin = "world dialogues/sarcasm" + (f", null control {null}" if null else "") + f", seed {seed}"
    fingerprint = f"dialogues-v{VERSION}:sarcasm:{utterances}:{seed}:{','.join(show)}:{knobs}"
    records = Split(pa.table({**fixed, **columns}, schema=schema.arrow), _truth(acts, said, knobs, seed))
    return Dataset(
        "sarcasm", schema, records, origin, fingerprint, {"scenes": len(acts.offsets) - 1, "utterances": int(utterances)}
    )


def word_table(seed: int, null: str | None = None, **changes: Any) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """The V words of a world's sentences, and their vectors (V, text_dim): what a published word table is for real sentences."""
    _known(changes)
    return lines.word_table(settle("sarcasm", seed, null, changes), seed)


def _known(changes: dict[str, Any]) -> None:
    """Raises SettingsError for knobs that this view does not have."""
    known = [f.name for f in fields(SarcasmKnobs) if f.name not in (*NOT_HERE, "view")]
    if unknown := [name for name in changes if name not in known]:
        raise SettingsError("; ".join(f"dialogues/sarcasm has no knob {name!r}{nearest(name, known)}" for name in unknown))


def _shown(show: Sequence[str]) -> tuple[str, ...]:
    """The modalities to show, in the order of SHOWN."""
    show = (show,) if isinstance(show, str) else tuple(show)
    if unknown := [name for name in show if name not in SHOWN]:
        raise SettingsError("; ".join(f"dialogues/sarcasm has no modality {name!r}{nearest(name, SHOWN)}" for name in unknown))
    if not show:
        raise SettingsError(f"dialogues/sarcasm: show = (), expected at least one of {', '.join(SHOWN)}")
    return tuple(name for name in SHOWN if name in show)


def _modality(name: str, knobs: SarcasmKnobs, width: dict[str, int]) -> Modality:
    if name in ("audio", "video"):
        about = {"audio": "features of the voice", "video": "features of three frames, side by side"}[name]
        return Modality(name, "vector", (width[name],), about=about)
    return {
        "text": Modality("text", "text", about="the words, in Spanish"),
        "text_vector": Modality("text_vector", "vector", (knobs.text_dim,), about="mean of the sentence's word vectors"),
        "voice": Modality("voice", "sound", unit=f"{voice.RATE} Hz", about="synthesised"),
        "frames": Modality("frames", "picture", (faces.FRAMES, 3, faces.SIDE, faces.SIDE), "pixels", "a drawn face"),
    }[name]


def _columns(
    show: tuple[str, ...], acts: sarcasm.Acts, said: lines.Lines, knobs: SarcasmKnobs, seed: int, key: dict[str, Any]
) -> dict[str, pa.Array]:
    """The modalities that are shown; sound and frames are made where they are needed, once."""
    sounds = cache(lambda: voice.sounds(acts, voice.delivery(acts, knobs, seed), seed))
    pictures = cache(lambda: faces.frames(acts, faces.expression(acts, knobs, seed), knobs, seed))
    signal = knobs.emitter == "signal"
    make: dict[str, Callable[[], pa.Array]] = {
        "text": lambda: lines.texts(said),
        "text_vector": lambda: vectors(lines.vectors(said, knobs, seed)),
        "audio": lambda: vectors(
            _described("audio", key, lambda: _heard(sounds())) if signal else voice.features(acts, knobs, seed).values
        ),
        "video": lambda: vectors(
            _described("video", key, lambda: faces.look(pictures())) if signal else faces.features(acts, knobs, seed).values
        ),
        "voice": lambda: pa.ListArray.from_arrays(pa.array(sounds().offsets, pa.int32()), pa.array(sounds().samples)),
        "frames": lambda: vectors(pictures()),
    }
    return {name: make[name]() for name in show}


def _described(name: str, key: dict[str, Any], make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Features that take long, from disk where they were made before."""
    key = {"version": VERSION, "features": name, **key}
    return cached("dialogues", key, lambda: {name: make()}, ("worlds/dialogues", "features"))[name]


def _heard(sounds: voice.Sounds) -> NDArray[np.float32]:
    from mmkit.features import sound

    return sound.describe(sounds.waves(), voice.RATE)


def _parts(scenes: int, seed: int) -> NDArray:
    """(D,) train | valid | test for each scene."""
    test, valid = max(1, round(TEST * scenes)), max(1, round(VALID * scenes))
    dealt = np.repeat(PARTS, [scenes - test - valid, valid, test])
    return rng(seed, "parts").permutation(dealt)


def _truth(acts: sarcasm.Acts, said: lines.Lines, knobs: SarcasmKnobs, seed: int) -> pa.Table:
    """What only the world knows."""
    if knobs.emitter == "signal":
        heard, seen = voice.delivery(acts, knobs, seed), faces.expression(acts, knobs, seed)
    else:
        heard, seen = voice.features(acts, knobs, seed), faces.features(acts, knobs, seed)
    best = posteriors.posteriors(acts, said, heard, seen, knobs)
    best["known_scene"] = posteriors.posteriors(acts, said, heard, seen, knobs, scene_known=True)[posteriors.SUBSETS[-1]]
    best["scene"], nothing = posteriors.scene_prior(acts, knobs)
    return pa.table(
        {
            "sarcastic": acts.sarcastic,
            "attitude": acts.attitude,
            "literal": acts.literal,
            "state": np.array(EMOTIONS)[acts.state],
            "polar": said.polar.astype(np.int8),
            "snr": vectors(np.stack([said.snr, heard.snr, seen.snr], axis=1).astype(np.float32)),
            "scene_bias": acts.scene_bias[acts.scene].astype(np.float32),
            "speaker_bias": acts.speaker_bias[acts.speaker].astype(np.float32),
            "topic": np.array(list(spanish.TOPICS))[said.topic],
            **{f"posterior_{name}": p.astype(np.float32) for name, p in best.items()},
            "cause": np.array(posteriors.CAUSES)[posteriors.causes(best, best["scene"], nothing)],
        }
    )
