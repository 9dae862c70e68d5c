"""Video and audio of the movies world: scenes, plain and bound events, and what nobody learns who does not compare streams."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mmkit.worlds.movies import evidence, genres, plots, scenes
from mmkit.worlds.movies.evidence import MODALITIES
from mmkit.worlds.movies.knobs import settle

VIDEO, AUDIO = MODALITIES.index("video"), MODALITIES.index("audio")
SMALL = {"scenes": 6, "video_steps": 24, "audio_steps": 18, "video_dim": 32, "audio_dim": 24}
CAUSES = ("video_scene", "audio_scene", "video_event_scenes", "audio_event_scenes", "realised")


def settled(null=None, **changes):
    return settle("moviescope", 1, null, {**SMALL, **changes})


@cache
def drawn(films=600, null=None):
    knobs = settled(null)
    y = genres.draw("moviescope", films, 1)
    return evidence.draw(y, knobs, 1, evidence.units(plots.lengths(films, knobs, 1), 1))


def silent(films=600):
    """Evidence without units, and cue 1, so without haze: all that is left are scenes and bound events."""
    seen = drawn(films)
    return replace(seen, genuine=seen.genuine * 0, decoy=seen.decoy * 0, cue=np.ones_like(seen.cue))


def with_units(seen, modality, genre, count, kind="genuine"):
    units = np.zeros_like(seen.genuine)
    units[:, modality, genre] = count
    return replace(seen, **{kind: units})


def show(seen, seed=1, null=None, **changes):
    return scenes.streams(seen, settled(null, **changes), seed)


@cache
def usual(null=None):
    return show(drawn(), null=null)


def each_scene(values, scene):
    """{(film, scene): (steps, D)}"""
    return {(i, s): values[i, scene[i] == s] for i in range(len(values)) for s in np.unique(scene[i])}


# --- scenes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["video_scene", "audio_scene"])
def test_each_scene_is_one_run_of_at_least_half_its_fair_share(name):
    scene = getattr(usual(), name)
    runs = 1 + (np.diff(scene, axis=1) != 0).sum(axis=1)
    assert (runs == 6).all()
    length = np.stack([(scene == s).sum(axis=1) for s in range(6)], axis=1)
    assert length.min() == scene.shape[1] // 12
    assert length.max() > scene.shape[1] // 6 + 1
    for s in range(6):
        assert (scene[:, 0] == s).mean() == pytest.approx(1 / 6, abs=0.06)


def test_the_streams_cut_the_scenes_in_orders_of_their_own():
    shown = usual()
    middle = [
        np.array([[np.flatnonzero(row == s).mean() for s in range(6)] for row in x])
        for x in (shown.video_scene, shown.audio_scene)
    ]
    assert abs(np.corrcoef(middle[0].ravel(), middle[1].ravel())[0, 1]) < 0.05


def test_as_many_scenes_as_steps():
    scene = show(drawn(), scenes=6, video_steps=6, audio_steps=7).video_scene
    np.testing.assert_array_equal(np.sort(scene, axis=1), np.tile(np.arange(6), (600, 1)))


def codes(shown, stream):
    """(N, S, D) what each scene looks like, from streams without events and noise; asserts that it is one thing."""
    values, scene = getattr(shown, stream), getattr(shown, f"{stream}_scene")
    found = each_scene(values, scene)
    assert all(np.abs(steps - steps[0]).max() < 1e-5 for steps in found.values())
    first = scene.min()
    return np.stack([[found[i, first + s][0] for s in range(6)] for i in range(len(values))])


def unexplained(x, y):
    """Share of y that no linear map of x explains, on films that the map has not seen."""
    half = len(x) // 2 * x.shape[1]
    x, y = x.reshape(-1, x.shape[2]), y.reshape(-1, y.shape[2])
    w = np.linalg.lstsq(x[:half], y[:half], rcond=None)[0]
    return ((y[half:] - x[half:] @ w) ** 2).sum() / (y[half:] ** 2).sum()


def test_one_linear_map_turns_each_scene_s_picture_into_its_sound_unless_scenes_are_shuffled():
    plain = {"noise": 0.0, "bound": 0.0}
    main, null = show(silent(), **plain), show(silent(), null="shuffled_scenes", **plain)
    video, audio = codes(main, "video"), codes(main, "audio")
    assert unexplained(video, audio) < 1e-8
    assert unexplained(video, audio[:, ::-1]) > 0.5  # other scenes of the same film
    assert unexplained(codes(null, "video"), codes(null, "audio")) > 0.9


def test_scenes_of_a_film_are_never_alike_and_codes_are_new_in_each_film():
    video = codes(show(silent(), noise=0.0, bound=0.0, video_dim=2000), "video")
    unit = video / np.linalg.norm(video, axis=2, keepdims=True)
    cosine = np.einsum("nsd,ntd->nst", unit, unit)
    apart = cosine[:, ~np.eye(6, dtype=bool)]
    assert apart.max() < 0.15  # a random projection bends right angles a little
    assert np.sqrt((video**2).mean()) == pytest.approx(scenes.CODE * scenes.SCALE, rel=0.1)
    between = np.einsum("nd,md->nm", unit[:100, 0], unit[100:, 0])
    assert np.abs(between.mean()) < 0.05
    assert between.std() > 0.4


# --- plain events ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stream", "modality"), [("video", VIDEO), ("audio", AUDIO)])
@pytest.mark.parametrize("kind", ["genuine", "decoy"])
def test_a_unit_is_its_genre_s_event_in_one_random_scene(stream, modality, kind):
    quiet = {"noise": 0.0, "bound": 0.0}
    bare, one, other = (
        getattr(show(seen, **quiet), stream)
        for seen in (silent(), with_units(silent(), modality, 7, 1, kind), with_units(silent(), modality, 2, 1, kind))
    )
    scene = getattr(show(silent(), **quiet), f"{stream}_scene")
    added = one - bare
    touched = np.abs(added).max(axis=2) > 1e-4
    where = np.array([np.unique(scene[i, touched[i]]) for i in range(600)])
    assert where.shape == (600, 1)
    np.testing.assert_array_equal(touched, scene == where)  # all steps of that scene
    assert np.bincount(where[:, 0], minlength=6) == pytest.approx(np.full(6, 100), abs=40)
    event = added[touched]
    np.testing.assert_allclose(event, np.broadcast_to(event[0], event.shape), atol=1e-5)
    assert np.sqrt((event[0] ** 2).mean()) == pytest.approx(scenes.PLAIN * scenes.SCALE, rel=1e-3)
    second = (other - bare)[np.abs(other - bare).max(axis=2) > 1e-4][0]
    assert np.abs(event[0] - second).max() > 0.5 * scenes.PLAIN * scenes.SCALE
    unmoved = "audio" if stream == "video" else "video"
    a, b = (getattr(show(seen, **quiet), unmoved) for seen in (silent(), with_units(silent(), modality, 7, 1, kind)))
    np.testing.assert_array_equal(a, b)


def shown_units(stream, modality, genre, count, kind, bound):
    """(N,) how many units of a genre a stream shows."""
    bare, full = (
        getattr(show(seen, noise=0.0, bound=bound), stream)
        for seen in (silent(), with_units(silent(), modality, genre, count, kind))
    )
    scene = getattr(show(silent(), noise=0.0, bound=bound), f"{stream}_scene")
    event = getattr(show(with_units(silent(), modality, genre, 1, "decoy"), noise=0.0, bound=bound), stream) - bare
    event = event[np.abs(event).max(axis=2) > 1e-4][0]
    times = (full - bare) @ event / (event @ event)
    return np.rint([sum(times[i, scene[i] == s][0] for s in range(6)) for i in range(len(times))])


def test_bound_genres_withhold_their_share_of_genuine_units():
    bound = scenes.bound_genres(settled(bound=0.4))
    assert bound == (2, 3, 4, 5)
    assert [genres.names(view)[b] for view in ("mmimdb", "moviescope") for b in bound] == [
        "Romance",
        "Thriller",
        "Crime",
        "Action",
    ] * 2
    for stream, modality in (("video", VIDEO), ("audio", AUDIO)):
        withheld = shown_units(stream, modality, 3, 10, "genuine", 0.4)
        assert withheld.mean() == pytest.approx(6.0, abs=0.25)
        assert withheld.std() == pytest.approx(np.sqrt(10 * 0.4 * 0.6), rel=0.15)
        assert (shown_units(stream, modality, 3, 10, "decoy", 0.4) == 10).all()
    assert (shown_units("video", VIDEO, 7, 10, "genuine", 0.4) == 10).all()
    assert (shown_units("video", VIDEO, 3, 10, "genuine", 1.0) == 0).all()


def test_the_haze_grows_with_what_the_cue_lacks():
    knobs = {"noise": 0.0, "bound": 0.0}
    clear = silent()
    for stream, modality in (("video", VIDEO), ("audio", AUDIO)):
        cue = clear.cue.copy()
        cue[:, modality] = np.linspace(0, 1, 600)
        added = getattr(show(replace(clear, cue=cue), **knobs), stream) - getattr(show(clear, **knobs), stream)
        haze = added[0, 0]
        assert np.sqrt((haze**2).mean()) == pytest.approx(scenes.HAZE * scenes.SCALE, rel=1e-3)
        np.testing.assert_allclose(added, np.broadcast_to((1 - cue[:, modality])[:, None, None] * haze, added.shape), atol=1e-5)


def test_noise_has_its_standard_deviation():
    quiet, loud = show(drawn(), noise=0.0), show(drawn(), noise=0.7)
    for stream in ("video", "audio"):
        added = getattr(loud, stream) - getattr(quiet, stream)
        assert added.std() == pytest.approx(0.7 * scenes.SCALE, rel=0.02)
        assert abs(np.corrcoef(added[:, 0].ravel(), added[:, 1].ravel())[0, 1]) < 0.03


# --- bound events ---------------------------------------------------------------------------------------------------------


def test_bound_events_share_their_scenes_where_realised_and_no_scene_otherwise():
    shown, seen = usual(), drawn()
    assert shown.video_event_scenes.shape == (600, 4, 2)
    shared = (shown.video_event_scenes[..., :, None] == shown.audio_event_scenes[..., None, :]).sum(axis=(2, 3))
    np.testing.assert_array_equal(shared, np.where(shown.realised, 2, 0))
    for places in (shown.video_event_scenes, shown.audio_event_scenes):
        assert (places[..., 0] != places[..., 1]).all()
        assert np.bincount(places.ravel(), minlength=6) == pytest.approx(np.full(6, 800), abs=120)
    assert not shown.realised[~seen.genres[:, list(shown.bound_genres)]].any()


def test_present_genres_are_realised_nineteen_times_in_twenty_and_absent_ones_never():
    seen = drawn(6000)
    shown = show(seen, video_steps=6, audio_steps=6, video_dim=8, audio_dim=8)
    present = seen.genres[:, list(shown.bound_genres)]
    assert present.sum() > 4000
    assert shown.realised[present].mean() == pytest.approx(0.95, abs=0.015)
    assert not shown.realised[~present].any()


@pytest.mark.parametrize("stream", ["video", "audio"])
def test_each_bound_genre_has_one_event_in_its_two_scenes_and_nowhere_else(stream):
    quiet, bound = show(silent(), noise=0.0, bound=0.0), show(silent(), noise=0.0, bound=0.4)
    added = getattr(bound, stream) - getattr(quiet, stream)
    scene, places = getattr(bound, f"{stream}_scene"), getattr(bound, f"{stream}_event_scenes")
    here = (scene[:, :, None, None] == places[:, None]).any(axis=3).astype(float)  # (N, T, B)
    own = np.linalg.lstsq(here.reshape(-1, 4), added.reshape(-1, added.shape[2]), rcond=None)[0]
    np.testing.assert_allclose(here @ own, added, atol=1e-4)
    np.testing.assert_allclose(np.sqrt((own**2).mean(axis=1)), scenes.BOUND * scenes.SCALE, rtol=1e-3)
    assert np.linalg.matrix_rank(own, tol=0.05) == 4


def out_of_sample(x, y):
    """Correlation of y (N,) with a ridge regression on x in films that it has not seen."""
    half = len(x) // 2
    a = np.hstack([x, np.ones((len(x), 1))]).astype(float)
    w = np.linalg.solve(a[:half].T @ a[:half] + np.eye(a.shape[1]), a[:half].T @ y[:half])
    return np.corrcoef(a[half:] @ w, y[half:])[0, 1]


def test_neither_stream_nor_their_means_nor_the_clock_tell_what_is_bound():
    films = 6000
    shown = show(silent(films), video_steps=12, audio_steps=12, video_dim=16, audio_dim=16)
    means = np.hstack([shown.video.mean(axis=1), shown.audio.mean(axis=1)])
    second = np.hstack([np.einsum("ntd,nte->nde", x, x).reshape(films, -1)[:, ::3] for x in (shown.video, shown.audio)])
    at = {
        s: (getattr(shown, f"{s}_scene")[:, :, None, None] == getattr(shown, f"{s}_event_scenes")[:, None]).any(3)
        for s in ("video", "audio")
    }
    for b in range(4):
        y = shown.realised[:, b].astype(float)
        assert abs(out_of_sample(means, y)) < 0.06
        assert abs(out_of_sample(second, y)) < 0.06
        together = (at["video"][:, :, b] & at["audio"][:, :, b]).sum(axis=1)
        assert abs(np.corrcoef(together, y)[0, 1]) < 0.05
        assert not at["video"][0, :, b].all()


@pytest.mark.parametrize(("null", "told"), [(None, True), ("shuffled_scenes", False)])
def test_comparing_the_scenes_of_the_two_streams_tells_what_is_bound(null, told):
    """What attention can do, by hand: which sound has each picture, and are the two events in the same scenes?"""
    quiet, shown = (show(silent(), null=null, noise=0.0, bound=bound) for bound in (0.0, 0.4))
    usual = show(silent(), noise=0.0, bound=0.0)
    seen, heard = codes(usual, "video").reshape(-1, 32), codes(usual, "audio").reshape(-1, 24)
    sound_of = np.linalg.lstsq(seen, heard, rcond=None)[0]
    sound = np.einsum("nsd,ntd->nst", codes(quiet, "video") @ sound_of, codes(quiet, "audio")).argmax(axis=2)
    expected = np.take_along_axis(sound[:, None], shown.video_event_scenes, axis=2) + shown.audio_scene.min()  # (N, B, 2)
    guess = (np.sort(expected, axis=2) == np.sort(shown.audio_event_scenes, axis=2)).all(axis=2)
    agreement = np.corrcoef(guess.ravel(), shown.realised.ravel())[0, 1]
    assert agreement > 0.99 if told else abs(agreement) < 0.1


# --- null controls, same bytes --------------------------------------------------------------------------------------------


def test_shuffled_scenes_changes_the_sound_s_codes_and_nothing_else():
    main, null = usual(), usual(null="shuffled_scenes")
    np.testing.assert_array_equal(null.video, main.video)
    for name in ("video_scene", "video_event_scenes", "realised"):
        np.testing.assert_array_equal(getattr(null, name), getattr(main, name))
    for name in ("audio_scene", "audio_event_scenes"):
        np.testing.assert_array_equal(getattr(null, name), getattr(main, name) + 6)  # no scene is a scene of the video
    assert (null.audio != main.audio).mean() > 0.99
    quiet = {"noise": 0.0, "bound": 0.0}
    seen = replace(drawn(), cue=np.ones_like(drawn().cue))
    events = [show(seen, null=n, **quiet).audio - show(silent(), null=n, **quiet).audio for n in (None, "shuffled_scenes")]
    assert np.abs(events[0]).max() > 0.01
    np.testing.assert_allclose(*events, atol=1e-5)


def test_without_bound_evidence_there_are_no_bound_events():
    shown = show(drawn(), bound=0.0)
    assert shown.bound_genres == ()
    assert set(shown.truth) == {"video_scene", "audio_scene"}
    assert set(usual().truth) == set(CAUSES)
    assert scenes.bound_genres(settled(bound_genres=2)) == (2, 3)


def test_same_arguments_same_bytes_and_a_stage_moves_only_itself():
    shown, again = usual(), show(drawn())
    for name in ("video", "audio", *CAUSES):
        np.testing.assert_array_equal(getattr(again, name), getattr(shown, name))
    assert shown.video.dtype == shown.audio.dtype == np.float32
    assert (show(drawn(), seed=2).video != shown.video).mean() > 0.99
    wide = show(drawn(), video_dim=64, video_steps=48, poster_dim=64)
    np.testing.assert_array_equal(wide.audio, shown.audio)
    np.testing.assert_array_equal(wide.video_event_scenes, shown.video_event_scenes)
    deaf = replace(drawn(), genuine=drawn().genuine.copy())
    deaf.genuine[:, AUDIO] = 0
    np.testing.assert_array_equal(show(deaf).video, shown.video)


@pytest.mark.parametrize("name", ["video", "audio"])
def test_a_clear_film_has_no_haze_and_a_vague_one_the_whole_haze(name):
    seen = silent(50)

    def stream(cue):
        made = show(replace(seen, cue=np.full_like(seen.cue, cue)), bound=0.0, noise=0.0)
        return getattr(made, name), getattr(made, f"{name}_scene")

    (clear, scene), (vague, _), (half, _) = (stream(cue) for cue in (1.0, 0.0, 0.5))
    scenes_of = np.stack([[clear[i, scene[i] == s][0] for s in range(6)] for i in range(50)])
    np.testing.assert_allclose(scenes_of.sum(axis=1), 0, atol=1e-5)  # the six codes of a film cancel: nothing else is there
    haze = vague - clear
    np.testing.assert_allclose(haze, np.broadcast_to(haze[0, 0], haze.shape), atol=1e-6)  # the same in every step and film
    np.testing.assert_allclose(np.sqrt((haze[0, 0] ** 2).mean()), scenes.HAZE * scenes.SCALE, rtol=1e-4)
    np.testing.assert_allclose(half - clear, haze / 2, atol=1e-6)
