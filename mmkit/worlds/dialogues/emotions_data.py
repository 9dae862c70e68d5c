"""The emotions view of the dialogues world: utterances of two-person talks with the emotion of who speaks, as IEMOCAP has them.

The speakers of a pair share several dialogues, and nobody is in two pairs. The official split is by pair: who speaks in the test
part is never heard in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmkit.errors import SettingsError
from mmkit.schema import PARTS, Column, ConversationSchema, Dataset, Modality, Split, vectors
from mmkit.worlds.bounds import rng
from mmkit.worlds.dialogues import filtering, sentences
from mmkit.worlds.dialogues.emissions import CHANNELS, Channel, emit
from mmkit.worlds.dialogues.knobs import Knobs, settle
from mmkit.worlds.dialogues.states import EMOTIONS, States, couplings, personas, simulate

VERSION = 1  # part of the fingerprint: raise it whenever the same knobs give other records
TEST, VALID = 0.2, 0.1  # of the pairs, at least one each


def make_emotions(dialogues: int, seed: int, null: str | None = None, **changes: Any) -> Dataset:
    """`dialogues` dialogues, one row per utterance. Same arguments, same bytes, in any process.

    null: a name in NULLS.  changes: fields of `Knobs`.  Columns: id, dialogue, turn, speaker, text (a sentence), text_vector,
    audio, video (vectors), emotion (0 to 5, in the order of EMOTIONS), part, and pair.
    The truth has, per utterance: `state_own`, `state_other` (0 to 5; own is the label), `coupling_own` (how strongly who speaks
    follows the other), `coupling_other` (how strongly the other follows), `inertia_own`, `who` (number of the pair), `spoken_by`
    (name of who speaks, also where the column `speaker` is shuffled), `snr` (text, audio, video; 0 where it is missing), and
    `posterior_<reader>` (6) for the READERS of filtering.py, given all three vectors (not the sentence).
    Raises SettingsError for an unknown null or knob, an impossible value, or fewer dialogues than pairs.
    """
    knobs = settle("emotions", seed, null, changes)
    states, pair, channels = _draw(dialogues, seed, knobs)
    names = _names(pair)
    spoken_by = names[states.dialogue, states.speaker]
    columns = {
        "id": _ids(states),
        "dialogue": np.char.add("d", np.char.zfill(np.arange(dialogues).astype(str), 5))[states.dialogue],
        "turn": states.turn,
        "speaker": _shuffled(spoken_by, states, seed) if knobs.named == "shuffled" else spoken_by,
        "text": sentences.say(states.own, knobs.lexical, rng(seed, "sentences")),
        "text_vector": vectors(channels["text"].values),
        "audio": vectors(channels["audio"].values),
        "video": vectors(channels["video"].values),
        "emotion": states.own.astype(np.int64),
        "part": _parts(knobs.pairs, seed)[pair][states.dialogue],
        "pair": np.char.add("p", np.char.zfill(pair.astype(str), 2))[states.dialogue],
    }
    schema = _schema(knobs)
    origin = "world dialogues/emotions" + (f", null control {null}" if null else "") + f", seed {seed}"
    fingerprint = f"dialogues-v{VERSION}:emotions:{dialogues}:{seed}:{knobs}"
    records = Split(pa.table(columns, schema=schema.arrow), _truth(states, pair, spoken_by, channels, knobs))
    return Dataset("emotions", schema, records, origin, fingerprint, {"dialogues": dialogues, "utterances": len(records)})


def ceilings(
    dialogues: int,
    seed: int,
    null: str | None = None,
    modalities: Sequence[str] = CHANNELS,
    readers: Sequence[str] = filtering.READERS,
    **changes: Any,
) -> dict[str, NDArray[np.float64]]:
    """Reader -> posteriors (U, 6) of the rows of `make_emotions` with the same arguments, for some of text, audio, video."""
    knobs = settle("emotions", seed, null, changes)
    states, _, channels = _draw(dialogues, seed, knobs)
    likelihood = filtering.likelihoods(channels, modalities)
    return {reader: filtering.posterior(states, likelihood, knobs, reader) for reader in readers}


def _draw(dialogues: int, seed: int, knobs: Knobs) -> tuple[States, NDArray[np.int64], dict[str, Channel]]:
    """The states, the pair of each dialogue (D,), and what is shown."""
    if isinstance(dialogues, bool) or not isinstance(dialogues, (int, np.integer)) or dialogues < knobs.pairs:
        raise SettingsError(
            f"dialogues/emotions: dialogues = {dialogues!r}, expected a whole number of at least {knobs.pairs}, one for each pair"
        )
    pair = rng(seed, "pairs").permutation(np.arange(dialogues) % knobs.pairs)
    reach = knobs.turns // 4
    lengths = rng(seed, "lengths").integers(knobs.turns - reach, knobs.turns + reach, size=dialogues, endpoint=True)
    mean, inertia, prior = (of_pair[pair] for of_pair in personas(knobs.pairs, knobs, rng(seed, "personas")))
    coupling = couplings(mean, inertia, knobs.coupling_spread, rng(seed, "couplings"))
    states = simulate(lengths, knobs, rng(seed, "states"), coupling, inertia, prior)
    person = 2 * pair[states.dialogue] + states.speaker
    return states, pair, emit(states, person, knobs, seed)


def _names(pair: NDArray) -> NDArray[np.str_]:
    """(D, 2) the names of speakers 0 and 1 of each dialogue."""
    number = np.char.zfill(pair.astype(str), 2)
    return np.char.add(np.char.add("p", number)[:, None], np.array(["a", "b"]))


def _ids(states: States) -> NDArray[np.str_]:
    dialogue, turn = (np.char.zfill(what.astype(str), width) for what, width in ((states.dialogue, 5), (states.turn, 3)))
    return np.char.add(np.char.add(np.char.add("d", dialogue), "t"), turn)


def _shuffled(names: NDArray, states: States, seed: int) -> NDArray:
    """The names of each dialogue in random order: each speaker keeps the number of turns."""
    order = np.lexsort([rng(seed, "shuffled speakers").random(len(names)), states.dialogue])
    return names[order]


def _parts(pairs: int, seed: int) -> NDArray[np.str_]:
    """(P,) train | valid | test."""
    train, valid, test = PARTS
    to_test, to_valid = max(1, round(TEST * pairs)), max(1, round(VALID * pairs))
    part = np.array([test] * to_test + [valid] * to_valid + [train] * (pairs - to_test - to_valid))
    return rng(seed, "parts").permutation(part)


def _schema(knobs: Knobs) -> ConversationSchema:
    modalities = (
        Modality("text", "text", about="what is said, a sentence"),
        Modality("text_vector", "vector", (knobs.text_dim,), about="features of the words"),
        Modality("audio", "vector", (knobs.audio_dim,), about="features of the voice"),
        Modality("video", "vector", (knobs.video_dim,), about="features of the face"),
    )
    pair = Column("pair", "category", about="the two who speak; nobody is in two pairs")
    return ConversationSchema("emotions", "multiclass", modalities, "emotion", EMOTIONS, (pair,))


def _truth(states: States, pair: NDArray, spoken_by: NDArray, channels: dict[str, Channel], knobs: Knobs) -> pa.Table:
    likelihood, dialogue = filtering.likelihoods(channels), states.dialogue
    told = {f"posterior_{reader}": filtering.posterior(states, likelihood, knobs, reader) for reader in filtering.READERS}
    return pa.table(
        {
            "state_own": states.own,
            "state_other": states.other,
            "coupling_own": states.coupling[dialogue, states.speaker],
            "coupling_other": states.coupling[dialogue, 1 - states.speaker],
            "inertia_own": states.inertia[dialogue, states.speaker],
            "who": pair[dialogue].astype(np.int32),
            "spoken_by": spoken_by,
            "snr": vectors(np.stack([channels[name].snr for name in CHANNELS], axis=1).astype(np.float32)),
            **{name: vectors(values.astype(np.float32)) for name, values in told.items()},
        }
    )
