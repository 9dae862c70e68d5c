r"""What can be known of the sarcasm of an utterance at best: exact posteriors for any of text, audio and video.

Hidden are who speaks (k), the attitude u and the sarcasm s, 8 x 2 x 2 of them, so that the posterior is a sum:

    p(s | shown) ~ Σ_k Σ_u  1/16 P(s | k) p(words | v = u (-1)^s, s) p(show's own words | k) p(voice | k, u, s) p(face | k, u, s)

P(s | k) = E_b σ(logit rate + b_k + b) over scenes, b ~ N(0, leak²), for a reader who has never seen the scene; or with its own b.
The reader takes each utterance by itself and knows the law, each speaker's b, voice and face, and how noisy each utterance is.
Under the emitter `signal` it reads the delivery and the expression themselves, not sound and frames, and there nothing of who
speaks.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.dialogues.lines import Lines
from mmkit.worlds.dialogues.sarcasm import CAST, Acts, Shown
from mmkit.worlds.dialogues.sarcasm_knobs import SarcasmKnobs

CHANNELS = ("text", "audio", "video")
SUBSETS = tuple("_".join(some) for size in (1, 2, 3) for some in combinations(CHANNELS, size))
CAUSES = ("none", "text", "prosody", "face", "scene")
NODES = 21  # of the integral over scenes
CLIP = 1e-12  # probabilities lie between this and 1 - this


def posteriors(
    acts: Acts, lines: Lines, voice: Shown, face: Shown, knobs: SarcasmKnobs, scene_known: bool = False
) -> dict[str, NDArray[np.float64]]:
    """P(sarcastic | what the modalities show), (U,) for each of the 7 SUBSETS."""
    told = {"text": _text(lines), "audio": _channel(voice, knobs), "video": _channel(face, knobs)}
    start = _prior(acts, knobs, scene_known)
    return {subset: _sarcastic(start + sum(told[name] for name in subset.split("_"))) for subset in SUBSETS}


def scene_prior(acts: Acts, knobs: SarcasmKnobs) -> tuple[NDArray[np.float64], float]:
    """P(sarcastic) of each utterance (U,) for a reader who knows nothing but its scene's b; and of one who knows nothing."""
    known, unknown = (_sarcastic(_prior(acts, knobs, known)) for known in (True, False))
    return known, float(unknown[0])


def causes(posterior: dict[str, NDArray[np.float64]], scene: NDArray[np.float64], nothing: float) -> NDArray[np.int64]:
    """(U,) in the order of CAUSES: what gives the sarcasm away.

    What each source adds to the log odds: the text's to what is expected of anybody; prosody's and the face's to what the text
    says, since they tell nothing but whether they agree with it; the scene's b. The cause is the source that adds most, if it
    would make sarcasm likelier than not without the others; else there is none.
    """
    text, start = _log_odds(posterior["text"]), _log_odds(nothing)
    added = np.stack(
        [
            text - start,
            _log_odds(posterior["text_audio"]) - text,
            _log_odds(posterior["text_video"]) - text,
            _log_odds(scene) - start,
        ]
    )
    return np.where(start + added.max(axis=0) > 0, 1 + added.argmax(axis=0), 0)


def _prior(acts: Acts, knobs: SarcasmKnobs, scene_known: bool) -> NDArray[np.float64]:
    """(U, 8, 2, 2) log P(k, u, s)."""
    odds = np.log(knobs.rate / (1 - knobs.rate)) + acts.speaker_bias  # (8,)
    if scene_known:
        sarcastic = _logistic(odds + acts.scene_bias[acts.scene][:, None])  # (U, 8)
    else:
        at, weight = np.polynomial.hermite_e.hermegauss(NODES)
        sarcastic = _logistic(odds[:, None] + knobs.leak * at) @ (weight / weight.sum())
        sarcastic = np.broadcast_to(sarcastic, (len(acts.attitude), CAST))
    law = np.stack([1 - sarcastic, sarcastic], axis=-1) / (2 * CAST)
    return np.log(np.maximum(np.stack([law, law], axis=2), 1e-300))


def _text(lines: Lines) -> NDArray[np.float64]:
    """(U, 8, 2, 2) log p(sentence | k, u, s)."""
    by_words = lines.log_likelihood  # (U, v, s)
    by_attitude = np.stack([by_words[:, :, 0], by_words[:, ::-1, 1]], axis=-1)  # v is u turned over by s
    show = np.repeat([0, 1], CAST // 2)
    wrong = (lines.variety[:, None] >= 0) & (lines.variety[:, None] != show)
    return by_attitude[:, None] + np.where(wrong, -np.inf, 0.0)[:, :, None, None]


def _channel(shown: Shown, knobs: SarcasmKnobs) -> NDArray[np.float64]:
    """(U, 8, 2, 2) log p(values | k, u, s)."""
    by_shown = shown.log_likelihood  # (U, k, w, s)
    if not shown.tells:
        coin = np.logaddexp(by_shown[:, :, 0, 0], by_shown[:, :, 1, 0]) - np.log(2)
        return np.broadcast_to(coin[:, :, None, None], by_shown.shape)
    if knobs.delivery != "plain":
        return by_shown
    plain = np.stack([by_shown[:, :, 1, 0], by_shown[:, :, 0, 1]], axis=-1)  # (U, k, s): w says whether it is meant
    return np.stack([plain, plain], axis=2)


def _sarcastic(log_joint: NDArray) -> NDArray[np.float64]:
    """(U,) P(s = 1) from log p(k, u, s, shown) (U, 8, 2, 2)."""
    joint = np.exp(log_joint - log_joint.max(axis=(1, 2, 3), keepdims=True))
    by_s = joint.sum(axis=(1, 2))
    return by_s[:, 1] / by_s.sum(axis=1)


def _logistic(x: NDArray) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))


def _log_odds(p: NDArray | float) -> NDArray[np.float64]:
    p = np.clip(p, CLIP, 1 - CLIP)
    return np.log(p / (1 - p))
