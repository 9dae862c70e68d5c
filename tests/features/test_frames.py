"""Frames through a ResNet: order, scaling, seeds, files of weights that fit and that do not."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mmkit.errors import DataError, SettingsError
from mmkit.features import frames

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 2, 3, 40, 40), dtype=np.uint8)


class Brightness(nn.Module):
    """Stands in for a network where only what is around it matters: mean and deviation per colour."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.mean((2, 3)), x.std((2, 3))], dim=1)


@pytest.fixture
def simple(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "network", lambda *_: Brightness())
    monkeypatch.setitem(frames.NETS, "resnet18", 6)


def test_the_first_frame_of_each_third():
    assert [frames.pick(n).tolist() for n in (1, 2, 3, 4, 7, 90)] == [
        [0, 0, 0], [0, 0, 1], [0, 1, 2], [0, 1, 2], [0, 2, 4], [0, 30, 60],
    ]  # fmt: skip
    assert frames.pick(10, 5).tolist() == [0, 2, 4, 6, 8]
    with pytest.raises(DataError, match="at least one"):
        frames.pick(0)


def test_frames_stand_side_by_side_with_imagenets_scale(simple):
    found = frames.describe(PIXELS, size=None, batch=4).reshape(3, 2, 6)
    for clip in range(3):
        for frame in range(2):
            x = PIXELS[clip, frame] / 255.0
            mean, sd = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
            np.testing.assert_allclose(found[clip, frame, :3], (x.mean((1, 2)) - mean) / sd, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(found[clip, frame, 3:], x.std((1, 2), ddof=1) / sd, rtol=1e-4)
    np.testing.assert_allclose(frames.describe(PIXELS, size=None, batch=1).reshape(3, 2, 6), found, atol=1e-6)


def test_frames_are_scaled_without_cutting():
    x = torch.zeros(1, 3, 20, 40, dtype=torch.uint8)
    x[:, :, :, 30:] = 255
    black, white = (frames.prepared(torch.full((1, 3, 8, 8), v, dtype=torch.uint8), None)[0, :, 0, 0] for v in (0, 255))
    found = frames.prepared(x, 8)
    assert found.shape == (1, 3, 8, 8)
    torch.testing.assert_close(found[0, :, 0, 0], black)  # the left edge is still there, and so is the right
    torch.testing.assert_close(found[0, :, 7, 7], white)


def test_a_random_network_comes_from_its_seed_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one = frames.describe(PIXELS[:1], size=None)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    np.testing.assert_array_equal(frames.describe(PIXELS[:1], size=None), one)
    assert one.shape == (1, 2 * 512)
    assert one.dtype == np.float32
    assert np.abs(frames.describe(PIXELS[:1], size=None, seed=1) - one).max() > 0.1
    assert np.abs(one[0, :512] - one[0, 512:]).max() > 1e-3  # two frames, two answers


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of the random network of seed 1."""
    path = tmp_path_factory.mktemp("weights") / "resnet18.pt"
    torch.save(frames.network("resnet18", None, "logits", seed=1).state_dict(), path)
    return path


@pytest.mark.parametrize(("layer", "numbers"), [("pool", 512), ("logits", 1000)])
def test_a_file_of_weights_is_the_network(file, layer, numbers):
    found = frames.describe(PIXELS[:1, :1], weights=file, layer=layer, size=None)
    assert found.shape == (1, numbers)
    np.testing.assert_array_equal(found, frames.describe(PIXELS[:1, :1], layer=layer, size=None, seed=1))


def test_only_the_scores_need_the_last_layer(file, tmp_path):
    state = {name: x for name, x in torch.load(file, weights_only=True).items() if not name.startswith("fc.")}
    torch.save(state, tmp_path / "headless.pt")
    assert frames.describe(PIXELS[:1, :1], weights=tmp_path / "headless.pt", size=None).any()
    with pytest.raises(DataError) as error:
        frames.describe(PIXELS[:1, :1], weights=tmp_path / "headless.pt", layer="logits", size=None)
    assert error.value.problems == ["fc.weight: missing", "fc.bias: missing"]


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("sprung"),))


def test_wrong_files_are_told_apart(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.pt").write_text("hello")
    Path("trap.pt").write_bytes(pickle.dumps(Trap()))
    torch.save([1, 2], "list.pt")
    state = torch.load(file, weights_only=True)
    state["conv1.weight"], state["other"] = state["conv1.weight"][:, :1].clone(), torch.zeros(1)
    torch.save(state, "shape.pt")
    for name, message in [("none.pt", "no such file"), ("text.pt", "read safely"), ("trap.pt", "read safely"),
                          ("list.pt", "holds a list"), ("shape.pt", "2 tensors differ")]:  # fmt: skip
        with pytest.raises(DataError, match=message):
            frames.describe(PIXELS, weights=name)
    assert not Path("sprung").exists()


def test_without_a_network_the_download_says_so(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", refuse)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    with pytest.raises(DataError, match=r"could not be downloaded \(no route\)"):
        frames.describe(PIXELS, weights="download")


def test_widths_are_the_networks():
    with torch.device("meta"):
        for net, numbers in (("resnet18", 512), ("resnet152", 2048)):
            assert frames.network(net, None, "logits").fc.in_features == numbers == frames.width(net)
    assert frames.width("resnet152", "logits") == 1000


def test_what_it_was_is_said():
    assert "never seen an image" in frames.about()
    assert "2048 numbers per frame from the pooled layer of resnet152" in frames.about("resnet152", "w.pt")
    assert "torchvision" in frames.about(weights="download")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (PIXELS.transpose(0, 1, 3, 4, 2), "colours stand last"),
        (PIXELS[0], "expected"),
        (PIXELS.astype(np.float32), "float32, expected"),
        (PIXELS[:, :0], "expected"),
    ],
)
def test_frames_of_another_kind(bad, message):
    with pytest.raises(DataError, match=message):
        frames.describe(bad)


@pytest.mark.parametrize("name", ["size", "batch"])
def test_sizes_below_one(name):
    with pytest.raises(SettingsError, match=f"{name} = 0, expected at least 1"):
        frames.describe(PIXELS, **{name: 0})


def test_no_clips_give_no_rows():
    assert frames.describe(PIXELS[:0]).shape == (0, 2 * 512)


def test_names_that_do_not_exist():
    with pytest.raises(SettingsError, match="did you mean 'resnet18'"):
        frames.describe(PIXELS, net="resnet81")
    with pytest.raises(SettingsError, match="did you mean 'logits'"):
        frames.describe(PIXELS, layer="logit")
