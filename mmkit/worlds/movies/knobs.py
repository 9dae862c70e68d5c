"""What can be turned in the movies world, its null controls, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from mmkit.errors import SettingsError, nearest
from mmkit.worlds.bounds import impossible, is_whole

VIEWS = ("mmimdb", "moviescope")
SHOWN = ("plot", "plot_vector", "poster", "poster_vector", "video", "audio", "metadata", "credits")
CHOICES = {"metadata_scale": ("raw", "log", "standard"), "reliability": ("varied", "flat", "even"), "cue": ("seen", "hidden")}
WHOLE = {  # knob -> (least, most)
    "text_dim": (8, 4096),
    "poster_dim": (8, 8192),
    "scenes": (4, 64),  # an absent genre's bound events take two scenes of the video and two others of the audio
    "video_steps": (4, 4096),
    "video_dim": (8, 8192),
    "audio_steps": (4, 4096),
    "audio_dim": (8, 8192),
    "bound_genres": (1, 4),
}
REAL = {
    "words_mean": (12.0, 300.0),
    "bound": (0.0, 1.0),
    "noise": (0.0, 10.0),
    "decoys": (0.0, 1.0),
    "homophily": (0.0, 10.0),
    "pool": (0.05, 10.0),
    "popularity": (0.0, 5.0),
}


@dataclass(frozen=True)
class Knobs:
    """Everything that can be turned."""

    view: str  # mmimdb (23 genres) | moviescope (13 of them)
    text_dim: int = 300  # of a word vector
    words_mean: float = 92.5  # mean length of a plot
    poster_dim: int = 512  # of the poster's features; 4096 in the published files
    picture: tuple[int, int] = (128, 80)  # height and width of a poster, pixels
    scenes: int = 12  # of a trailer
    video_steps: int = 48
    video_dim: int = 64
    audio_steps: int = 48
    audio_dim: int = 24
    bound: float = 0.4  # share of the genuine video and audio units of the bound genres that only their coincidence tells
    bound_genres: int = 4
    noise: float = 0.4  # of the video and audio streams
    decoys: float = 0.7  # probability that a unit that is not genuine shows a wrong genre instead of nothing
    metadata_scale: str = "raw"  # raw (counts up to a million) | log | standard (log, then standardised on the training part)
    metadata_names: bool = False  # adds the hashed names of the people: 312 numbers instead of 38
    homophily: float = 1.0  # multiplies how much people keep to their genres
    pool: float = 0.7  # people per role and film
    popularity: float = 0.35  # Zipf exponent of the people
    reliability: str = "varied"  # varied from film to film | flat: each modality's mean | even: varied, all modalities alike
    cue: str = "seen"  # seen: a film shows how reliable its modalities are | hidden: it shows another film's values
    aligned: bool = True  # video and audio share their scenes' codes


# Null controls: one named change each, which removes what a claim credits.
NULLS: dict[str, dict[str, Any]] = {
    "flat": {"reliability": "flat"},  # a modality is equally reliable in every film
    "even": {"reliability": "even"},  # no modality is more reliable than another on average
    "hidden": {"cue": "hidden"},  # reliability differs between films, and nothing shows it
    "shuffled_scenes": {"aligned": False},  # no scene of the video can be told to be the scene of a sound
    "no_homophily": {"homophily": 0.0},  # people work on any film
    "equal_meta_scale": {"metadata_scale": "standard"},  # no field of the metadata is larger than another
    "clean": {"decoys": 0.0},  # what is not genuine shows nothing
}


def settle(view: str, seed: int, null: str | None, changes: dict[str, Any]) -> Knobs:
    """The knobs in force. Raises SettingsError for an unknown view, null or knob, and for impossible values, all at once."""
    if view not in VIEWS:
        raise SettingsError(f"movies world has no view {view!r}{nearest(view, VIEWS)}")
    if null is not None and null not in NULLS:
        raise SettingsError(f"movies world has no null control {null!r}{nearest(null, NULLS)}")
    known = [f.name for f in fields(Knobs) if f.name != "view"]
    if unknown := [name for name in changes if name not in known]:
        raise SettingsError("; ".join(f"movies world has no knob {name!r}{nearest(name, known)}" for name in unknown))
    knobs = replace(Knobs(view), **{**(NULLS[null] if null else {}), **changes})
    wrong = [] if is_whole(seed) and seed >= 0 else [f"seed = {seed!r}, expected a whole number of at least 0"]
    if wrong := wrong + _impossible(knobs):
        raise SettingsError(f"movies/{view}: {'; '.join(wrong)}")
    height, width = knobs.picture
    return replace(knobs, picture=(int(height), int(width)))  # a list from a file of settings is as good as a tuple


def _impossible(knobs: Knobs) -> list[str]:
    wrong = impossible(knobs, WHOLE, REAL, CHOICES)
    for name in ("metadata_names", "aligned"):
        value = getattr(knobs, name)
        wrong += [] if isinstance(value, bool) else [f"{name} = {value!r}, expected True or False"]
    if not _is_picture(knobs.picture):
        wrong.append(f"picture = {knobs.picture!r}, expected (height, width) in pixels, each between 16 and 1024")
    short = [] if wrong else [name for name in ("video_steps", "audio_steps") if getattr(knobs, name) < knobs.scenes]
    wrong += [f"{name} = {getattr(knobs, name)}, expected a step for each of {knobs.scenes} scenes" for name in short]
    return wrong


def _is_picture(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(is_whole(side) and 16 <= side <= 1024 for side in value)
