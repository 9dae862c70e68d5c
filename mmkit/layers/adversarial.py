r"""Adversarial training and attacks on features, along the gradient of the loss (Miyato et al. 2017; Zhang and Chai 2021).

B records (windows or dialogues), T steps, F features; u (B, T, F), `keep` (B, T) True on real steps.

g = dL(theta; u) / du,   u_adv = u + epsilon g / ||g||_2, one norm per record over its real steps; u_adv is a constant
eq. 6    L = L(theta; u) + L(theta; u_adv)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Batch = dict[str, Tensor]
Step = Callable[[nn.Module, Batch], Mapping[str, Tensor]]


def push(g: Tensor, keep: Tensor, epsilon: float) -> Tensor:
    """epsilon g / ||g||_2 per record, zero at padding. Shapes: g (B, T, F), keep (B, T) -> (B, T, F).

    A record whose gradient is zero is not pushed. Divided by its largest value first: the squares of small gradients are zeros.
    """
    g = g.masked_fill(~keep[:, :, None], 0.0)
    g = g / g.abs().amax(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(g.dtype).tiny)
    return epsilon * g / g.pow(2).sum(dim=(1, 2), keepdim=True).sqrt().clamp(min=1e-12)


def adversarial(step: Step, epsilon: float) -> Step:
    """A step whose loss is equation 6: that of `step` on the batch and on the batch pushed by `epsilon`, added.

    Both passes drop the same units. The result has "loss", their sum, and "clean" and "pushed", its two parts.
    """

    def both(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        u = batch["features"].detach().requires_grad_()
        learnt = [p for p in model.parameters() if p.requires_grad]
        with _same_drops(u.device):  # the generator is put back afterwards, so the second pass draws the same
            clean = step(model, {**batch, "features": u})["loss"]
            g, *slopes = torch.autograd.grad(clean, [u, *learnt], allow_unused=True)
        pushed = step(model, {**batch, "features": u.detach() + push(g, batch["keep"], epsilon)})["loss"]
        # One backward pass gave the gradient by u and by the parameters. The latter rides on the loss: the gradient of
        # sum <p, slope> by p is slope, and its value is taken off again. So training costs two passes each way, not three.
        carrier = sum((p * slope).sum() for p, slope in zip(learnt, slopes, strict=True) if slope is not None)
        return {"loss": pushed + carrier - carrier.detach() + clean.detach(), "clean": clean.detach(), "pushed": pushed.detach()}

    return both


def fgm(model: nn.Module, batch: Batch, epsilon: float, step: Step) -> Batch:
    """The batch with its features pushed by `epsilon` to where the loss of `step` rises most: an attack that knows the labels.

    The model is used as it is: in eval mode nothing is dropped. Its parameters' gradients stay as they were.
    """
    u = batch["features"].detach().requires_grad_()
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):  # cuDNN has no way back through a GRU in eval mode
        (g,) = torch.autograd.grad(step(model, {**batch, "features": u})["loss"], u)
    return {**batch, "features": u.detach() + push(g, batch["keep"], epsilon)}


@contextmanager
def _same_drops(device: torch.device) -> Iterator[None]:
    """Afterwards the device draws again what it drew inside."""
    module = {"cpu": torch, "cuda": torch.cuda, "mps": torch.mps}[device.type]
    state = module.get_rng_state()
    yield
    module.set_rng_state(state)
