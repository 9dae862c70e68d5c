"""A trailer's pictures and its sound as two streams of steps that show the same scenes, each in an order of its own.

A step is its scene's code (both streams see it, each through a projection of its own), plus the events of the scene, plus a haze
that grows with 1 - cue, plus noise. A genuine or decoy unit is a plain event: it stands in one random scene, and a mean over the
steps shows it. A *bound* genre has one more event in each stream, always in two scenes: the same two where the genre is present
(but for one time in twenty), disjoint ones otherwise. Only whoever compares the scenes of the two streams can tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmkit.worlds.bounds import rng
from mmkit.worlds.movies.evidence import MODALITIES, Evidence
from mmkit.worlds.movies.knobs import Knobs

FIRST_BOUND = 2  # bound genres are of middle frequency: neither of the two most frequent, and the next ones
CODE = 5.0  # root mean square of a scene's code in a step, before SCALE
PLAIN = 0.5  # of a plain event: so much weaker that a small model finds the bound events before it has learnt the films by heart
BOUND = 5.0  # of a bound event
HAZE = 0.5  # of the haze of a stream with cue 0
SCALE = 0.048  # of all these and of the noise: a step's root mean square is about 0.4
REALISED = 0.95  # probability that a present genre's two events stand in the same scenes, however reliable the streams are
OFTEN = 2  # scenes that a bound event stands in


@dataclass(frozen=True, eq=False)
class Streams:
    """Two streams of N films and what caused them. Scene numbers are a film's own: equal numbers mean the same scene code."""

    video: np.ndarray  # (N, Tv, Dv) float32
    audio: np.ndarray  # (N, Ta, Da) float32
    video_scene: np.ndarray  # (N, Tv) int: the scene of each step
    audio_scene: np.ndarray  # (N, Ta) int
    video_event_scenes: np.ndarray  # (N, B, 2) int: where the event of each bound genre stands
    audio_event_scenes: np.ndarray  # (N, B, 2) int
    realised: np.ndarray  # (N, B) bool: the genre is present and its two events stand in the same scenes
    bound_genres: tuple[int, ...]  # B numbers of genres

    @property
    def truth(self) -> dict[str, np.ndarray]:
        """What only the world knows, one row per film; without bound genres, nothing of their events."""
        names = (
            "video_scene",
            "audio_scene",
            *(("video_event_scenes", "audio_event_scenes", "realised") if self.bound_genres else ()),
        )
        return {name: getattr(self, name) for name in names}


def bound_genres(knobs: Knobs) -> tuple[int, ...]:
    """Numbers of the genres that binding tells; none where no evidence is bound."""
    return tuple(range(FIRST_BOUND, FIRST_BOUND + knobs.bound_genres)) if knobs.bound > 0 else ()


def streams(evidence: Evidence, knobs: Knobs, seed: int) -> Streams:
    """Both streams of all films. Same arguments, same bytes.

    Null control `shuffled_scenes` (aligned=False): audio has scenes of its own, so its scene numbers start at `scenes`; all
    else, the places of the events included, stays as it is.
    """
    films, bound = len(evidence.genres), bound_genres(knobs)
    codes, others = (_codes(films, knobs.scenes, rng(seed, f"scenes/{stage}")) for stage in ("codes", "other_codes"))
    places = _places(evidence, bound, knobs, seed)
    first = 0 if knobs.aligned else knobs.scenes

    video, video_scene = _stream("video", evidence, codes, places[0], knobs, seed)
    audio, audio_scene = _stream("audio", evidence, codes if knobs.aligned else others, places[1], knobs, seed)
    return Streams(video, audio, video_scene, audio_scene + first, places[0], places[1] + first, places[2], bound)


def _codes(films: int, scenes: int, draw: np.random.Generator) -> np.ndarray:
    """(N, S, C) float32: the corners of a cross-polytope (C axes, both ways), turned at random in each film, dealt to its scenes.

    So a code says nothing but which scene it is, and two scenes of a film are never alike: their codes' cosine is 0 or -1.
    """
    axes = np.linalg.qr(draw.standard_normal((films, -(-scenes // 2), -(-scenes // 2))))[0]
    corners = np.concatenate([axes, -axes], axis=1)
    dealt = draw.random((films, corners.shape[1])).argsort(axis=1, kind="stable")[:, :scenes]
    return np.take_along_axis(corners, dealt[..., None], axis=1).astype(np.float32)


def _places(evidence: Evidence, bound: tuple[int, ...], knobs: Knobs, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scenes of the bound events in video and audio (N, B, 2), the same or disjoint; and where they are the same (N, B)."""
    draw = rng(seed, "scenes/places")
    shape = (len(evidence.genres), len(bound))
    order = draw.random((*shape, knobs.scenes)).argsort(axis=2, kind="stable")
    realised = evidence.genres[:, bound] & (draw.random(shape) < REALISED)
    video, other = order[..., :OFTEN], order[..., OFTEN : 2 * OFTEN]
    return video, np.where(realised[..., None], video, other), realised


def _stream(
    name: str, evidence: Evidence, codes: np.ndarray, places: np.ndarray, knobs: Knobs, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """One stream (N, T, D) and the scene of each step (N, T)."""
    m, bound = MODALITIES.index(name), bound_genres(knobs)
    steps, dim = (knobs.video_steps, knobs.video_dim) if name == "video" else (knobs.audio_steps, knobs.audio_dim)
    films, genres = evidence.genres.shape
    fixed = rng(seed, f"{name}/embeddings")
    project = CODE * fixed.standard_normal((codes.shape[2], dim)).astype(np.float32)
    plain = PLAIN * _embeddings(fixed, genres, dim)
    haze = HAZE * _embeddings(fixed, 1, dim)
    own = BOUND * _embeddings(fixed, len(bound), dim)

    units = _plain_events(name, evidence, bound, knobs, seed)
    shown = codes @ project + units @ plain + (1 - evidence.cue[:, m, None, None]).astype(np.float32) * haze
    for b in range(len(bound)):
        shown[np.arange(films)[:, None], places[:, b]] += own[b]

    scene = _cut(films, steps, knobs.scenes, rng(seed, f"{name}/cuts"))
    out = rng(seed, f"{name}/noise").standard_normal((films, steps, dim), dtype=np.float32)
    out *= np.float32(knobs.noise)
    out += shown[np.arange(films)[:, None], scene]
    out *= np.float32(SCALE)
    return out, scene


def _embeddings(draw: np.random.Generator, events: int, dim: int) -> np.ndarray:
    """(events, dim) float32 with root mean square 1 in each row."""
    e = draw.standard_normal((events, dim))
    return (e / np.sqrt((e**2).mean(axis=1, keepdims=True))).astype(np.float32)


def _plain_events(name: str, evidence: Evidence, bound: tuple[int, ...], knobs: Knobs, seed: int) -> np.ndarray:
    """How many plain events of each genre each scene has: (N, S, G) float32."""
    m = MODALITIES.index(name)
    genuine = evidence.genuine[:, m].copy()
    genuine[:, bound] -= rng(seed, f"{name}/withheld").binomial(genuine[:, bound], knobs.bound)
    units = genuine + evidence.decoy[:, m]
    film, genre = np.repeat(np.argwhere(units >= 0), units.ravel(), axis=0).T  # one row per unit
    scene = rng(seed, f"{name}/scenes").integers(knobs.scenes, size=len(film))
    films, genres = units.shape
    cell = (film * knobs.scenes + scene) * genres + genre
    return np.bincount(cell, minlength=films * knobs.scenes * genres).reshape(films, knobs.scenes, genres).astype(np.float32)


def _cut(films: int, steps: int, scenes: int, draw: np.random.Generator) -> np.ndarray:
    """The scene of each step (films, steps): every scene once, in random order, for half its fair share of steps or longer."""
    least = max(1, steps // (2 * scenes))
    length = least + draw.multinomial(steps - least * scenes, np.full(scenes, 1 / scenes), size=films)
    order = draw.random((films, scenes)).argsort(axis=1, kind="stable")
    return np.repeat(order.ravel(), length.ravel()).reshape(films, steps)
