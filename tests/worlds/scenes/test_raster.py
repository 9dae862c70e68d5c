"""Pictures of scenes: nearer objects cover farther ones, and every property of a scene shows where it should and nowhere else."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from mmkit.errors import SettingsError
from mmkit.worlds.scenes import generate, glyphs, pictograms, raster
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.backdrops import backdrop
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.scene import Scene


@cache
def scenes(count: int = 40) -> list[Scene]:
    return [generate.scene(Knobs(3), "train", i) for i in range(count)]


def by_hand(names, boxes, relations=(), **columns) -> Scene:
    """A scene of a few things, far ones first, plain unless `columns` say otherwise."""
    n = len(names)
    plain = dict.fromkeys(("colour", "material", "shape", "size", "state", "facing"), [0] * n) | {
        "material": [-1] * n, "shape": [-1] * n, "state": [-1] * n, "depth": range(n),
    }  # fmt: skip
    rows = {name: np.array(list(values), dtype=np.int8) for name, values in (plain | columns).items()}
    return Scene(
        seed=0, split="train", index=0, place=0, weather=-1, time=0,
        category=np.array([v.CATEGORIES.index(name) for name in names], dtype=np.int8),
        box=np.array(boxes, dtype=np.float32), text=np.array([""] * n, dtype="<U8"),
        relations=np.array(relations, dtype=np.int16).reshape(-1, 3), **rows,
    )  # fmt: skip


def whole(scene: Scene, canvas: int) -> np.ndarray:
    """(n, H, W): all of each object, covered or not."""
    out = np.zeros((len(scene), canvas, canvas), dtype=bool)
    for k, (left, top, right, bottom) in enumerate(raster.rectangles(scene, canvas)):
        name = pictograms.form(int(scene.category[k]), int(scene.shape[k]))
        state = int(scene.state[k]) if name in ("person", "animal") else -1
        out[k, top:bottom, left:right] = pictograms.outline(name, state, int(scene.facing[k]), bottom - top, right - left)
    return out


@pytest.mark.parametrize("canvas", [64, 150])
def test_each_pixel_shows_the_nearest_object_that_is_there(canvas):
    for scene in scenes():
        masks = whole(scene, canvas)
        near = np.where(masks, scene.depth[:, None, None].astype(int), -1)
        expected = np.where(masks.any(axis=0), near.argmax(axis=0), -1)
        _, instance, visible = raster.draw(scene, canvas)
        np.testing.assert_array_equal(instance, expected)
        np.testing.assert_allclose(visible, [(expected == k).sum() / masks[k].sum() for k in range(len(scene))], rtol=1e-6)
        np.testing.assert_array_equal(visible, raster.visible(scene, canvas))
        assert visible[scene.depth.argmax()] == 1
    assert min(raster.visible(scene).min() for scene in scenes()) < 0.8  # else covering was never tested


def test_same_scene_same_bytes_and_every_scene_its_own():
    seen = set()
    for scene in scenes():
        again = generate.scene(Knobs(3), "train", scene.index)
        first, second = raster.draw(scene), raster.draw(again)
        assert [a.tobytes() for a in first] == [a.tobytes() for a in second]
        seen.add(first[0].tobytes())
    assert len(seen) == len(scenes())


@pytest.mark.parametrize("field", ["colour", "material", "shape", "state", "facing", "text", "category"])
def test_a_property_changes_the_picture_inside_its_box_only(field):
    """Looked at on every object that is wholly visible; strokes are left out, as a look's stroke starts at the eye."""
    others = {"colour": 10, "material": 6, "shape": 6, "state": 6, "category": 30}
    tried = 0
    for scene in scenes(20):
        scene = replace(scene, relations=scene.relations[:0])
        picture, _, visible = raster.draw(scene, 128)
        for k in np.flatnonzero(visible == 1):
            value = getattr(scene, field)[k]
            if field == "text":
                new = "" if value else "acme"
                if min(scene.box[k, 2:] * (1, 0.8)) < 0.1:  # too small to be written on
                    continue
            elif field == "facing":
                new = -value
            elif value < 0:
                continue
            elif field == "state":
                new = {4: 5, 5: 4}.get(int(value), (value + 1) % 4)
            else:
                new = (value + 1) % others[field]
            if new == value:
                continue
            column = getattr(scene, field).copy()
            column[k] = new
            changed = (raster.draw(replace(scene, **{field: column}), 128)[0] != picture).any(axis=2)
            left, top, right, bottom = raster.rectangles(scene, 128)[k]
            assert changed[top:bottom, left:right].any(), (scene.index, k, field, value, new)
            changed[top:bottom, left:right] = False
            assert not changed.any()
            tried += 1
    assert tried > 15


@pytest.mark.parametrize(("field", "count"), [("colour", 10), ("material", 6), ("shape", 6)])
def test_all_values_look_different(field, count):
    """On one object, each value against each other one; also on black, where textures are hard to see."""
    for base in (v.COLOURS.index("black"), v.COLOURS.index("pink"), v.COLOURS.index("white")):
        columns = {"colour": [base], "material": [2], "shape": [1]}
        looks = []
        for value in range(count):
            scene = by_hand(["table"], [(0.3, 0.3, 0.3, 0.25)], **(columns | {field: [value]}))
            looks.append(raster.draw(scene, 64)[0].astype(int))
        for a, b in combinations(range(count), 2):
            assert (np.abs(looks[a] - looks[b]).max(axis=2) >= 12).sum() >= 10, (field, a, b)


def test_states_look_different_and_faces_turn():
    for name, states in (("man", (-1, 0, 1, 2, 3)), ("dog", (-1, 0, 1, 2, 3)), ("box", (4, 5))):
        looks = {raster.draw(by_hand([name], [(0.3, 0.3, 0.2, 0.3)], state=[s], facing=[1]), 64)[0].tobytes() for s in states}
        assert len(looks) == len(states)
    right, left = (pictograms.tones(0, v.CATEGORIES.index("dog"), -1, -1, 1, facing, 40, 60, 2) for facing in (1, -1))
    np.testing.assert_array_equal(right > 0, left[:, ::-1] > 0)
    column = [np.flatnonzero((tone == pictograms.LIGHT).any(axis=0)).mean() / 60 for tone in (right, left)]
    assert column[0] > 0.6  # where the eye is
    assert column[1] < 0.4
    for tone, facing in ((right, 1), (left, -1)):  # the pupil is before the white of the eye
        eye = tone[np.flatnonzero((tone == pictograms.LIGHT).any(axis=1))[0]]
        pupil, white = (np.flatnonzero(eye == part).mean() for part in (pictograms.DARK, pictograms.LIGHT))
        assert facing * (pupil - white) > 0


def test_shapes_have_their_proportions():
    """Round things are circles and square things squares in any box; a star has five tips, a triangle one."""
    for height, width in ((60, 90), (90, 60), (75, 75)):
        side = min(height, width)
        mask = {name: pictograms.outline(name, -1, 0, height, width) for name in v.SHAPES}
        extent = {
            n: (np.ptp(np.flatnonzero(m.any(axis=1))) + 1, np.ptp(np.flatnonzero(m.any(axis=0))) + 1) for n, m in mask.items()
        }
        assert extent["round"] == extent["square"] == (side, side)
        assert mask["round"].sum() == pytest.approx(np.pi * side**2 / 4, rel=0.02)
        assert max(extent["oval"]) > 1.4 * min(extent["oval"])
        assert mask["triangular"].sum() == pytest.approx(height * width / 2, rel=0.03)
        assert mask["hexagonal"].sum() == pytest.approx(height * width * 3 / 4, rel=0.03)
        runs = [(np.diff(np.concatenate([[0], row, [0]]).astype(int)) == 1).sum() for row in mask["star-shaped"]]
        assert runs[2] == 1  # one tip on top, two at the bottom
        assert runs[-2] == 2
        assert min(extent["star-shaped"][0] - height, extent["star-shaped"][1] - width) >= -3
        for m in (mask["triangular"], mask["star-shaped"]):
            np.testing.assert_array_equal(m, m[:, ::-1])


def test_glass_lets_half_through_and_other_materials_nothing():
    boxes = [(0.2, 0.2, 0.6, 0.6), (0.35, 0.35, 0.3, 0.3)]
    yellow, plate = v.COLOURS.index("yellow"), v.CATEGORIES.index("plate")
    behind = raster.draw(by_hand(["apple"], boxes[:1]), 64)[0][22:42, 22:42]
    for material in ("glass", "plastic"):
        number = v.MATERIALS.index(material)
        scene = by_hand(["apple", "plate"], boxes, colour=[0, yellow], material=[-1, number], shape=[-1, 1])
        seen = raster.draw(scene, 64)[0][22:42, 22:42]
        tone = pictograms.tones(0, plate, 1, number, -1, 0, 20, 20, 1)
        own = pictograms.palette()[yellow][tone]
        shade = ((tone > 0) & (tone < pictograms.EDGE))[..., None]
        np.testing.assert_array_equal(seen, np.where(shade, own // 2 + behind // 2, own) if material == "glass" else own)


def test_a_stroke_tells_its_relation():
    """By its colour, which nothing else has; within a slot by its bend, too. It runs from the subject to the object."""
    boxes = [(0.1, 0.4, 0.2, 0.3), (0.7, 0.42, 0.2, 0.2)]
    plain = raster.draw(by_hand(["man", "box"], boxes, state=[0, 4], facing=[1, 0]), 128)[0]
    known = {colour: r for r, colour in enumerate(raster.STROKES)}
    assert len(known) == len(v.SEMANTIC) == len(raster.BENDS)
    paths = []
    for relation in range(len(v.SEMANTIC)):
        scene = by_hand(["man", "box"], boxes, [(0, relation, 1)], state=[0, 4], facing=[1, 0])
        picture = raster.draw(scene, 128)[0]
        changed = (picture != plain).any(axis=2)
        assert {known[tuple(colour)] for colour in picture[changed].tolist()} == {relation}
        ((rows, columns),) = raster.strokes(scene, 128)
        path = np.zeros_like(changed)
        path[rows, columns] = True
        assert not (changed & ~path).any()
        paths.append(path)
        (x, y), (left, top) = (columns[0], rows[0]), (0.1 * 128, 0.4 * 128)
        assert left - 2 <= x <= left + 0.2 * 128
        assert top - 2 <= y <= top + 0.3 * 128
        assert abs(columns[-1] - 0.8 * 128) <= 2
        assert abs(rows[-1] - 0.52 * 128) <= 2
    for a, b in combinations(range(len(v.SEMANTIC)), 2):
        if v.SLOT_OF[a] == v.SLOT_OF[b]:
            assert (paths[a] ^ paths[b]).sum() > 0.3 * paths[a].sum(), (v.SEMANTIC[a], v.SEMANTIC[b])


def test_nothing_but_strokes_has_their_colours():
    for scene in scenes():
        picture = raster.draw(replace(scene, relations=scene.relations[:0]), 96)[0]
        assert not {tuple(c) for c in np.unique(picture.reshape(-1, 3), axis=0).tolist()} & set(raster.STROKES)


def test_small_and_outlying_boxes_stay_in_the_picture():
    scene = by_hand(["cup", "cup"], [(0.995, 0.99, 0.005, 0.01), (0, 0, 0.001, 0.001)])
    for left, top, right, bottom in raster.rectangles(scene, 64):
        assert 0 <= left <= right - 3 <= 61
        assert 0 <= top <= bottom - 3 <= 61
    assert (raster.draw(scene)[1] >= 0).sum() >= 2
    for canvas in (31, 513):
        with pytest.raises(SettingsError, match=f"canvas = {canvas}, expected 32 to 512"):
            raster.draw(scene, canvas)


def test_icons_are_mirrored_and_told_apart():
    for seed in (0, 1):
        icons = pictograms.icons(seed)
        np.testing.assert_array_equal(icons, icons[:, :, ::-1])
        halves = icons[:, :, 4:].reshape(len(icons), -1)
        assert min((a != b).sum() for a, b in combinations(halves, 2)) >= 8
        assert (halves.sum(axis=1) == 16).all()  # as much ink on each
    assert (pictograms.icons(0) != pictograms.icons(1)).any()
    drawn = pictograms.tones(1, 3, -1, -1, -1, 1, 80, 120, 1) == pictograms.ICON  # a dog, three times as large
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    drawn = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    icon = np.repeat(np.repeat(pictograms.icons(1)[3], 4, 0), 4, 1)
    used = [np.flatnonzero(icon.any(axis=axis)) for axis in (1, 0)]
    np.testing.assert_array_equal(drawn, icon[used[0][0] : used[0][-1] + 1, used[1][0] : used[1][-1] + 1])


def test_backdrops_differ_and_nights_are_dark():
    surroundings = [(p, w) for p in range(6) for w in ((0, 1, 2) if v.OUTDOORS[p] else (-1,))]
    pictures = {(p, w, t): backdrop(p, w, t, 64) for p, w in surroundings for t in (0, 1)}
    for a, b in combinations(pictures, 2):
        assert (np.abs(pictures[a].astype(int) - pictures[b]).max(axis=2) > 15).mean() > 0.005, (a, b)
    assert max(backdrop(p, w, 1, 64).mean() for p, w in surroundings) < min(backdrop(p, w, 0, 64).mean() for p, w in surroundings)
    with pytest.raises(ValueError, match="read-only"):
        backdrop(0, -1, 0, 64)[:] = 0


def test_every_word_of_the_world_can_be_written():
    for text in (*v.BRANDS, *map(str, range(100)), "$12.50"):
        assert glyphs.lettering(text).shape == (7, 6 * len(text) - 1)
    letters = [glyphs.lettering(c).tobytes() for c in glyphs.FONT]
    assert len(set(letters)) == len(letters)
    expected = ["..#..#...#", ".##..#...#", "..#..#...#", "..#..#####", "..#..#...#", "..#..#...#", ".###.#...#"]
    spaced = [row[:5] + "." + row[5:] for row in expected]
    np.testing.assert_array_equal(glyphs.lettering("1h"), [[c == "#" for c in row] for row in spaced])


def test_lettering_fits_its_place():
    ink = glyphs.lettering("acme")  # 7 x 23
    np.testing.assert_array_equal(glyphs.fitted("acme", 15, 60), np.kron(ink, np.ones((2, 2))))
    small = glyphs.fitted("acme", 20, 15)
    assert small.shape == (5, 15)
    assert small.mean() == pytest.approx(ink.mean(), abs=1e-6)
    assert small[0, 0] == pytest.approx((ink[:2, :2] * np.outer([1, 0.4], [1, 8 / 15])).sum() / (7 / 5 * 23 / 15), abs=1e-6)
    assert glyphs.fitted("acme", 2, 60) is None
    with pytest.raises(KeyError):
        glyphs.lettering("é")


def test_text_is_dark_on_light():
    scene = by_hand(["sign"], [(0.1, 0.1, 0.8, 0.8)], shape=[1], material=[2], colour=[v.COLOURS.index("blue")])
    picture = raster.draw(replace(scene, text=np.array(["42"], dtype="<U8")), 64)[0]
    ink = glyphs.fitted("42", 17, 45)
    blank = raster.draw(scene, 64)[0]
    rows, columns = np.nonzero((picture != blank).any(axis=2))
    part = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    np.testing.assert_array_equal(part[..., 0] < 100, ink > 0.5)


def test_five_hundred_pictures_a_second():
    made = scenes(120)
    raster.draw(made[0])
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        for scene in made:
            raster.draw(scene, 64)
        best = min(best, (time.process_time() - start) / len(made))
    assert best < 1 / 500, f"{best * 1e3:.2f} ms per picture"
