"""Video frames to vectors: what an image network says about a few frames of a clip, side by side.

Alnajjar and Hämäläinen (2021) take three frames and a ResNet-152 "from the last layer", which may be the pooled 2,048 numbers or
the 1,000 class scores: `layer`. Without a file of weights the network is random: a fixed, meaningless mixture of the
pixels, and of the deeper one numbers around a million. Standardise them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmkit.errors import DataError, SettingsError, nearest

if TYPE_CHECKING:
    from torch import Tensor, nn

NETS = {"resnet18": 512, "resnet152": 2048}  # numbers of the pooled layer
CLASSES = 1000
LAYERS = ("pool", "logits")
MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels, red, green, blue
DOWNLOAD = "download"


def pick(count: int, frames: int = 3) -> NDArray[np.int64]:
    """Which of a clip's `count` frames stand for it: the first of each third, floor(k count / 3); a short clip repeats some.

    Raises DataError for a clip without frames.
    """
    if count < 1:
        raise DataError(f"a clip of {count} frames, expected at least one")
    return np.arange(frames) * count // frames


def width(net: str = "resnet18", layer: str = "pool") -> int:
    """How many numbers `describe` gives per frame. Raises SettingsError for a name it does not know."""
    if net not in NETS:
        raise SettingsError(f"no network {net!r}{nearest(net, NETS)}")
    if layer not in LAYERS:
        raise SettingsError(f"no layer {layer!r}{nearest(layer, LAYERS)}")
    return NETS[net] if layer == "pool" else CLASSES


def about(net: str = "resnet18", weights: Path | str | None = None, layer: str = "pool", seed: int = 0) -> str:
    """One sentence for whoever reads the results: which network it was, and what it knows."""
    numbers = f"{width(net, layer)} numbers per frame from the {'pooled layer' if layer == 'pool' else 'class scores'} of {net}"
    if weights is None:
        return f"{numbers} with random weights (seed {seed}): it has never seen an image"
    return f"{numbers} with weights from {'torchvision (ImageNet)' if weights == DOWNLOAD else weights}"


def describe(
    frames: NDArray[np.uint8],
    net: str = "resnet18",
    weights: Path | str | None = None,
    layer: str = "pool",
    *,
    size: int | None = 224,
    batch: int = 32,
    device: str = "cpu",
    seed: int = 0,
) -> NDArray[np.float32]:
    """frames (N, F, 3, H, W) uint8, red, green, blue -> (N, F * D) float32, the frames of a clip side by side; D is `width`.

    weights: None for random ones (from `seed`; the global seed is neither read nor moved), the path of a state dict as
    torchvision saves it, or 'download' for torchvision's ImageNet weights.
    size: pixels of a side; frames are scaled to a square without cutting, None leaves them as they are.
    Raises DataError for frames of another shape or type and for a file that does not fit, SettingsError for unknown names and
    for a size or batch below 1.
    """
    import torch

    numbers = width(net, layer)
    for name, value in (("size", size), ("batch", batch)):
        if value is not None and value < 1:
            raise SettingsError(f"{name} = {value!r}, expected at least 1")
    frames = np.asarray(frames)
    if frames.ndim != 5 or frames.shape[2] != 3 or frames.dtype != np.uint8 or not all(frames.shape[1:]):
        hint = "; colours stand last here" if frames.ndim == 5 and frames.shape[-1] == 3 else ""
        raise DataError(f"frames have shape {frames.shape} of {frames.dtype}, expected (N, F, 3, H, W) of uint8{hint}")
    n, per_clip = frames.shape[:2]
    model = network(net, weights, layer, seed).to(device)
    flat = torch.from_numpy(np.ascontiguousarray(frames)).flatten(0, 1)
    found = torch.empty(len(flat), numbers)
    with torch.inference_mode():
        for first in range(0, len(flat), batch):
            found[first : first + batch] = model(prepared(flat[first : first + batch].to(device), size)).cpu()
    return found.reshape(n, per_clip * numbers).numpy()


def prepared(pixels: Tensor, size: int | None) -> Tensor:
    """(B, 3, H, W) uint8 -> (B, 3, size, size) float32: scaled (antialiased), then to ImageNet's mean 0, deviation 1."""
    import torch.nn.functional as F

    x = pixels.float() / 255
    if size is not None and x.shape[2:] != (size, size):
        x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
    return (x - x.new_tensor(MEAN)[:, None, None]) / x.new_tensor(SD)[:, None, None]


def network(net: str, weights: Path | str | None, layer: str, seed: int = 0) -> nn.Module:
    """The ResNet, ready to be asked: (B, 3, H, W) -> (B, D)."""
    import torch
    import torchvision
    from torch import nn

    width(net, layer)
    state = None
    if weights is not None:
        state = _downloaded(net) if weights == DOWNLOAD else _read(Path(weights))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(torchvision.models, net)()
    if state is not None:
        _load(model, state, str(weights), layer)
    if layer == "pool":
        model.fc = nn.Identity()
    return model.eval().requires_grad_(False)


def _downloaded(net: str) -> dict[str, Tensor]:
    import torchvision

    try:
        return torchvision.models.get_model_weights(net)["IMAGENET1K_V1"].get_state_dict(progress=False, check_hash=True)
    except OSError as why:
        raise DataError(
            f"the weights of {net} could not be downloaded ({why})", advice="Give the path of a file of weights, or none at all."
        ) from why


def _read(path: Path) -> dict[str, Tensor]:
    import torch

    if not path.is_file():
        raise DataError(f"{path}: no such file of weights", advice=f"Say {DOWNLOAD!r} to get torchvision's.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # no code of the file is run
    except Exception as why:  # whatever torch and pickle raise for a file of another kind
        reason = str(why).strip().partition("\n")[0]
        raise DataError(f"{path}: not a file of weights that torch can read safely ({type(why).__name__}: {reason})") from why
    if not isinstance(state, dict) or not all(isinstance(x, torch.Tensor) for x in state.values()):
        raise DataError(f"{path}: holds a {type(state).__name__}, expected a state dict: tensors by name")
    return state


def _load(model: nn.Module, state: dict[str, Tensor], source: str, layer: str) -> None:
    """Copy the state into the model. The class scores' weights may be missing where they are not asked for."""
    own = model.state_dict()
    needed = {
        name: x
        for name, x in own.items()
        if not name.endswith("num_batches_tracked") and (layer == "logits" or not name.startswith("fc."))
    }
    problems = [f"{name}: missing" for name in needed if name not in state]
    problems += [f"{name}: not of this network" for name in state if name not in own]
    problems += [
        f"{name}: shape {tuple(state[name].shape)}, expected {tuple(x.shape)}"
        for name, x in needed.items()
        if name in state and state[name].shape != x.shape
    ]
    if problems:
        raise DataError(f"{source}: these weights do not fit, {len(problems)} tensors differ", problems)
    model.load_state_dict({name: x for name, x in state.items() if name in needed}, strict=False)
