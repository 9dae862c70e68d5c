r"""How a speaker looks: a Gaussian vector, or three frames of a drawn face that a fixed small network describes.

Whoever is pleased smiles, with high round brows and open eyes; whoever is not, does the opposite. Sarcasm lifts one corner of the
mouth. Five numbers are an expression (TRAITS, `expression`), Gaussian given attitude and sarcasm; `frames` draws it, moving a
little from frame to frame. Eight speakers have a face each. A scene has a background, which says nothing but which scene it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.bounds import rng
from mmkit.worlds.dialogues.sarcasm import CAST, Acts, Shown, noises, shows, tells
from mmkit.worlds.dialogues.sarcasm_knobs import SarcasmKnobs

TRAITS = ("mouth", "brow height", "brow slant", "eyes", "smirk")
PLEASED = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
SMIRK = np.array([0.0, 0.0, 0.0, 0.0, 0.8])  # what sarcasm does, times `flatness`
# Frames are to tell as much as the vectors do: as they are drawn, a linear probe finds the attitude of 1,500 utterances in `look`
# in 93.6 and 95.1 % (seeds 1000 and 1001, 5 folds, the best of four penalties), in the vectors in 96.3 and 96.1 %. Backgrounds
# are not matched, muted as they are: a linear classifier names the scene in 95 and 97 %, in the vectors in 15 and 17 %.
NOISE = 4.5  # at this `noise_video` a trait's noise is as large as the attitude's effect, 1
LIMIT = 3.0  # of a trait
FRAMES, SIDE = 3, 48
MOVED = 0.2  # of a trait between frames
SHIFT = 0.03  # of a face from where it belongs, in each direction; half the picture's side is 1
GRAIN = 6.0  # grey levels of a picture's noise at NOISE
AT_ONCE = 64  # utterances drawn in one go
KERNELS, CELLS = 6, 3  # the network gives KERNELS x CELLS x CELLS numbers of a frame
FIRST, STRIDE = 5, 2  # of its first layer

SKIN = np.array(  # RGB of each speaker
    [[.96, .80, .68], [.78, .57, .42], [.90, .70, .55], [.55, .38, .28],
     [.98, .85, .75], [.84, .64, .50], [.66, .46, .34], [.93, .76, .62]], dtype=np.float32,
)  # fmt: skip
HAIR = np.array(  # RGB of each speaker
    [[.25, .15, .10], [.08, .07, .07], [.80, .62, .25], [.12, .10, .10],
     [.60, .22, .10], [.55, .55, .55], [.30, .18, .30], [.40, .26, .12]], dtype=np.float32,
)  # fmt: skip
WIDE = np.array(
    [0.56, 0.62, 0.54, 0.60, 0.52, 0.64, 0.58, 0.55], dtype=np.float32
)  # half the width of a face; its height is 0.72
FRINGE = np.array([-0.42, -0.52, -0.36, -0.48, -0.40, -0.56, -0.34, -0.46], dtype=np.float32)  # where the hair begins
WHITE, DARK, LIPS = (np.array(c, dtype=np.float32) for c in ([0.97, 0.97, 0.97], [0.10, 0.07, 0.07], [0.68, 0.16, 0.18]))


def features(acts: Acts, knobs: SarcasmKnobs, seed: int) -> Shown:
    """What `video` holds under the emitter `features`: video_dim numbers, to which each scene adds its background."""
    fixed, size = rng(seed, "face/weights"), knobs.video_dim
    pleased, smirk = fixed.standard_normal((2, size))
    pleased, smirk = (x * np.sqrt(size) / np.linalg.norm(x) for x in (pleased, smirk))  # root mean square 1
    mean = _means(knobs.offset * fixed.standard_normal((CAST, size)), pleased, knobs.flatness * smirk / np.sqrt(size))
    shown = _shown(mean, knobs.noise_video, acts, knobs, seed, "features")
    behind = knobs.traces * rng(seed, "face/scenes").standard_normal((len(acts.attitude), size))[_place(acts, knobs)]
    return Shown(shown.values + behind.astype(np.float32), mean, np.hypot(shown.noise, knobs.traces), shown.tells)


def expression(acts: Acts, knobs: SarcasmKnobs, seed: int) -> Shown:
    """The five TRAITS, in units of the attitude's effect: what `frames` draws."""
    mean = _means(np.zeros((CAST, len(TRAITS))), PLEASED, knobs.flatness * SMIRK)
    return _shown(mean, knobs.noise_video / NOISE, acts, knobs, seed, "expression")


def _means(own: NDArray, pleased: NDArray, smirk: NDArray) -> NDArray[np.float64]:
    """(8, 2, 2, D) for each speaker, each attitude, with and without sarcasm."""
    sign, on = np.array([-1, 1])[:, None, None], np.array([0, 1])[:, None]
    return own[:, None, None] + sign * pleased + on * smirk


def _shown(mean: NDArray, level: float, acts: Acts, knobs: SarcasmKnobs, seed: int, stage: str) -> Shown:
    w, s = shows("face", acts, knobs, seed)
    noise = noises("face", level, acts, knobs, seed)
    values = mean[acts.speaker, w, s] + noise[:, None] * rng(seed, f"face/{stage}").standard_normal((len(w), mean.shape[-1]))
    return Shown(values.astype(np.float32), mean, np.maximum(noise, 1e-3), tells("face", knobs))


def _place(acts: Acts, knobs: SarcasmKnobs) -> NDArray[np.int64]:
    """(U,) number of the background: the scene's, or the utterance's own."""
    return acts.scene if knobs.traces > 0 else np.arange(len(acts.attitude))


def frames(acts: Acts, told: Shown, knobs: SarcasmKnobs, seed: int) -> NDArray[np.uint8]:
    """(U, 3, 3, 48, 48) RGB: three frames of each utterance whose expression is told."""
    count, place = len(acts.attitude), _place(acts, knobs)
    draw = rng(seed, "face/movement")
    traits = np.clip(told.values, -LIMIT, LIMIT)[:, None] + MOVED * draw.standard_normal((count, FRAMES, len(TRAITS)))
    talks, at = draw.random((count, FRAMES)), SHIFT * draw.standard_normal((count, FRAMES, 2))
    behind = rng(seed, "face/backgrounds").random((count, 10))[place]
    grain = GRAIN / 255 * told.noise * (knobs.noise_video > 0)
    out = np.empty((count, FRAMES, 3, SIDE, SIDE), dtype=np.uint8)
    for start in range(0, count, AT_ONCE):
        some = slice(start, start + AT_ONCE)
        who = np.repeat(acts.speaker[some], FRAMES)
        picture = _background(np.repeat(behind[some], FRAMES, axis=0).astype(np.float32))
        flat = [x[some].reshape(len(who), -1).astype(np.float32) for x in (traits, talks, at)]
        _draw(picture, *flat, who)
        noise = rng(seed, f"face/grain/{start}").standard_normal(picture.shape, dtype=np.float32)
        picture += np.repeat(grain[some], FRAMES).astype(np.float32)[:, None, None, None] * noise
        out[some] = np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8).reshape(-1, FRAMES, 3, SIDE, SIDE)
    return out


def _grid() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x (1, 1, 48) and y (1, 48, 1) of the pixels' centres, -1 to 1; y points down."""
    line = ((np.arange(SIDE) + 0.5) / SIDE * 2 - 1).astype(np.float32)
    return line[None, None, :], line[None, :, None]


def _background(look: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 3, 48, 48) two colours in waves. look (n, 10) in [0, 1)."""
    x, y = _grid()
    turn, often, shift = (look[:, k, None, None] for k in (6, 7, 8))
    angle = np.float32(np.pi) * turn
    wave = np.sin((4 + 10 * often) * (np.cos(angle) * x + np.sin(angle) * y) + np.float32(2 * np.pi) * shift)
    mix = np.clip(0.5 + 2 * look[:, 9, None, None] * wave, 0, 1)[:, None]
    one, two = 0.4 + 0.2 * look[:, :3, None, None], 0.4 + 0.2 * look[:, 3:6, None, None]  # muted
    return one + mix * (two - one)


def _draw(picture: NDArray, traits: NDArray, talks: NDArray, at: NDArray, who: NDArray) -> None:
    """Lay a face over each picture (n, 3, 48, 48). traits (n, 5), talks (n, 1) in [0, 1), at (n, 2), who (n,)."""
    x, y = _grid()
    x, y = x - at[:, 0, None, None], y - 0.08 - at[:, 1, None, None]
    smile, lift, slant, wide, smirk = (traits[:, k, None, None] for k in range(5))
    width = WIDE[who][:, None, None]

    away = np.hypot(x / width, y / 0.72)
    _lay(picture, (np.hypot(x / (width + 0.08), (y + 0.08) / 0.78) - 1) * 0.6, HAIR[who])
    _lay(picture, np.maximum((away - 1) * 0.6, FRINGE[who][:, None, None] - y), SKIN[who])
    side = np.abs(x)
    opening = np.maximum(0.075 + 0.025 * wide, 0.02)  # never quite shut
    _lay(picture, (np.hypot((side - 0.25) / 0.12, (y + 0.10) / opening) - 1) * 0.08, WHITE)
    _lay(picture, np.maximum(np.hypot(side - 0.25, y + 0.10) - 0.06, np.abs(y + 0.10) - opening), DARK)
    brow = -0.27 - 0.05 * lift - 0.45 * slant * (0.25 - side) + 0.5 * (side - 0.25) ** 2
    _lay(picture, np.maximum(np.abs(y - brow) - 0.035, np.abs(side - 0.25) - 0.15), HAIR[who] * 0.6)
    _lay(picture, np.maximum(np.abs(x) - 0.04, np.abs(y - 0.10) - 0.10), SKIN[who] * 0.82)
    across = np.clip(x / 0.26, -1.2, 1.2)
    middle = 0.40 - 0.12 * smile * (across**2 - 0.4) - 0.05 * smirk * across
    _lay(picture, np.maximum(np.abs(y - middle) - (0.03 + 0.05 * talks[:, :, None] * (1 - across**2)), side - 0.26), LIPS)


def _lay(picture: NDArray, outside: NDArray, colour: NDArray) -> None:
    """Blend a colour (3,) or (n, 3) in where `outside` (n, 48, 48), the distance from a shape, is negative; soft over a pixel."""
    opaque = np.clip(0.5 - outside * (SIDE / 2), 0, 1)[:, None]
    picture += opaque * (np.broadcast_to(colour, (len(picture), 3))[:, :, None, None] - picture)


def look(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(U, F, 3, 48, 48) -> (U, F * 54): two layers of fixed random filters, rectified, averaged in nine cells of each frame."""
    shape, fixed = pictures.shape, np.random.default_rng([0, 0xFACE])
    one = fixed.standard_normal((3 * FIRST * FIRST, 2 * KERNELS)).astype(np.float32)
    one -= one.mean(axis=0)  # a filter sees edges and colours, not brightness
    two = fixed.standard_normal((2 * KERNELS * 9, KERNELS)).astype(np.float32)
    out = np.empty((shape[0] * shape[1], KERNELS * CELLS * CELLS), dtype=np.float32)
    flat = pictures.reshape(-1, *shape[2:])
    for start in range(0, len(flat), AT_ONCE):
        x = flat[start : start + AT_ONCE].transpose(0, 2, 3, 1).astype(np.float32) / 255
        x = np.maximum(_patches(x, FIRST, STRIDE) @ (one / np.float32(np.sqrt(len(one)))), 0)
        x = np.maximum(_patches(x, 3, 1) @ (two / np.float32(np.sqrt(len(two) / 2))), 0)
        side = x.shape[1] // CELLS * CELLS
        cells = x[:, :side, :side].reshape(len(x), CELLS, side // CELLS, CELLS, side // CELLS, KERNELS)
        out[start : start + AT_ONCE] = cells.mean(axis=(2, 4)).reshape(len(x), -1)
    return out.reshape(shape[0], -1)


def _patches(x: NDArray[np.float32], size: int, stride: int) -> NDArray[np.float32]:
    """(n, H, W, C) -> (n, h, w, C size²): the squares around each place."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return windows.reshape(*windows.shape[:3], -1)
