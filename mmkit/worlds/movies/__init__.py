r"""The movies world: films in up to eight modalities, with genres, and with the known share that each modality truly tells.

Genres come from five tones and are as frequent as the real ones. In each film each modality has a reliability of its own, which
it shows (a vague plot, a blurred poster, a hazy trailer, few votes): with that probability a unit of evidence is about the film's
genres, else it misleads or says nothing. So the right weight of a modality differs from film to film, can be seen, and is known.
Some genres stand in video and audio only as a coincidence: the same scene shows the one and sounds like the other.

Two views as two published data sets: `mmimdb`, 23 genres, and `moviescope`, 13 of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mmkit.errors import SettingsError, nearest
from mmkit.schema import Dataset, Modality, MultimodalSchema, Split, vectors
from mmkit.worlds.movies import credits, evidence, genres, metadata, parts, plots, posters, scenes, truth
from mmkit.worlds.movies.evidence import MODALITIES
from mmkit.worlds.movies.knobs import NULLS, SHOWN, VIEWS, Knobs, settle

__all__ = ["DEFAULT_SHOW", "MODALITIES", "NULLS", "SHOWN", "VERSION", "VIEWS", "Knobs", "make", "word_table"]

VERSION = 1  # part of the fingerprint: raise it whenever the same knobs give other records
FEWEST_FILMS = 50
DEFAULT_SHOW = {
    "mmimdb": ("plot_vector", "poster_vector"),
    "moviescope": ("plot", "poster_vector", "video", "audio", "metadata"),
}


def make(view: str, films: int, seed: int, null: str | None = None, show: Sequence[str] | None = None, **changes: Any) -> Dataset:
    """`films` films with columns id, what is shown, genres, part. Same arguments, same bytes, in any process.

    view: mmimdb | moviescope.  null: a name in NULLS.  show: names in SHOWN (None: the view's DEFAULT_SHOW); what is not shown is
    not computed, and no column depends on which others are shown.  changes: fields of `Knobs`.
    The truth has, per film (5 modalities in the order of MODALITIES, G genres; lists, modality by modality): `reliability` and
    `cue` (5); `genuine`, `decoy` (5 G) and `blank` (5), units of evidence; `told` (5 G), what each modality's units add to each
    genre's log odds, and `oracle` (G), the log odds from all five (see truth.py). With video or audio also where scenes and bound
    events are (scenes.py), with credits who works on the film (credits.py).
    Raises SettingsError for an unknown view, null, knob or modality, or an impossible value.
    """
    knobs = settle(view, seed, null, changes)
    if isinstance(films, bool) or not isinstance(films, (int, np.integer)) or films < FEWEST_FILMS:
        raise SettingsError(f"movies/{view}: films = {films!r}, expected a whole number of at least {FEWEST_FILMS}")
    show = _shown(view, show)

    has = genres.draw(view, films, seed)
    length = plots.lengths(films, knobs, seed)
    drawn = evidence.draw(has, knobs, seed, evidence.units(length, seed))
    part = parts.split(has, seed)
    columns, known = _columns(show, drawn, length, part == "train", knobs, seed)

    schema = MultimodalSchema(view, "multilabel", tuple(_modality(name, knobs) for name in show), "genres", genres.names(view))
    ids = np.char.zfill(np.arange(films).astype(str), 7)
    table = pa.table({"id": ids, **columns, "genres": vectors(has.astype(np.uint8)), "part": part}, schema=schema.arrow)
    origin = f"world movies/{view}" + (f", null control {null}" if null else "") + f", seed {seed}"
    fingerprint = f"movies-v{VERSION}:{view}:{films}:{seed}:{','.join(show)}:{knobs}"
    records = Split(table, pa.table({**truth.table(drawn, knobs), **known}))
    return Dataset(view, schema, records, origin, fingerprint, {"films": films})


def word_table(seed: int, **changes: Any) -> tuple[tuple[str, ...], np.ndarray]:
    """The V words of a seed's plots, and their vectors (V, text_dim) float32: what a published word table is for real plots."""
    knobs = settle("mmimdb", seed, None, changes)
    return plots.vocabulary(seed).words, plots.vectors(knobs, seed)


def _shown(view: str, show: Sequence[str] | None) -> tuple[str, ...]:
    """The modalities to show, in the order of SHOWN."""
    show = DEFAULT_SHOW[view] if show is None else (show,) if isinstance(show, str) else tuple(show)
    if unknown := [name for name in show if name not in SHOWN]:
        raise SettingsError("; ".join(f"movies world has no modality {name!r}{nearest(name, SHOWN)}" for name in unknown))
    if not show:
        raise SettingsError(f"movies/{view}: show = (), expected at least one of {', '.join(SHOWN)}")
    return tuple(name for name in SHOWN if name in show)


def _modality(name: str, knobs: Knobs) -> Modality:
    height, width = knobs.picture
    return {
        "plot": Modality("plot", "text", about="what happens, in invented words"),
        "plot_vector": Modality("plot_vector", "vector", (knobs.text_dim,), about="mean of the plot's word vectors"),
        "poster": Modality("poster", "picture", (3, height, width), "pixels", "glyphs on a background"),
        "poster_vector": Modality("poster_vector", "vector", (knobs.poster_dim,), about="features of the poster"),
        "video": Modality("video", "sequence", (knobs.video_dim,), about="features of the trailer's pictures, step by step"),
        "audio": Modality("audio", "sequence", (knobs.audio_dim,), about="features of the trailer's sound, step by step"),
        "metadata": Modality("metadata", "vector", (len(metadata.fields(knobs)),), about="13 fields, categories as 0 and 1"),
        "credits": Modality("credits", "people", about="who made the film"),
    }[name]


def _columns(
    show: tuple[str, ...], drawn: evidence.Evidence, length: np.ndarray, train: np.ndarray, knobs: Knobs, seed: int
) -> tuple[dict[str, pa.Array], dict[str, Any]]:
    """The columns that are shown, and what only the world knows of them."""
    columns: dict[str, pa.Array] = {}
    known: dict[str, Any] = {}
    if {"plot", "plot_vector"} & set(show):
        said = plots.tokens(drawn, length, knobs, seed)
        if "plot" in show:
            columns["plot"] = plots.plots(said, seed)
        if "plot_vector" in show:
            columns["plot_vector"] = vectors(plots.mean_vectors(said, plots.vectors(knobs, seed)))
    if "poster" in show:
        columns["poster"] = vectors(posters.pictures(drawn, knobs, seed))
    if "poster_vector" in show:
        columns["poster_vector"] = vectors(posters.features(drawn, knobs, seed))
    if {"video", "audio"} & set(show):
        streams = scenes.streams(drawn, knobs, seed)
        columns |= {name: _sequences(getattr(streams, name)) for name in ("video", "audio") if name in show}
        known |= {name: vectors(values) for name, values in streams.truth.items()}
    people = None
    if "credits" in show or ("metadata" in show and knobs.metadata_names):
        people, of_people = credits.people(drawn.genres, knobs, seed)
        if "credits" in show:
            columns["credits"] = people
            known |= {name: vectors(values) for name, values in of_people.items()}
    if "metadata" in show:
        columns["metadata"] = vectors(metadata.vectors(drawn, train, people, knobs, seed))
    return columns, known


def _sequences(values: np.ndarray) -> pa.Array:
    """(N, T, D) as N lists of T vectors."""
    offsets = pa.array(np.arange(len(values) + 1, dtype=np.int32) * values.shape[1])
    return pa.ListArray.from_arrays(offsets, vectors(values.reshape(-1, values.shape[2])))
