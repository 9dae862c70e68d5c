"""How many numbers a module learns."""

from __future__ import annotations

from torch import nn


def parameters(module: nn.Module) -> int:
    """Learnable parameters; frozen ones and buffers do not count, and a tied matrix counts once."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def by_part(module: nn.Module) -> dict[str, int]:
    """Learnable parameters of each direct part of a module, by the part's name; a tied matrix counts where it stands first."""
    counts: dict[str, int] = {}
    for name, parameter in module.named_parameters():  # lists a shared one once
        if parameter.requires_grad:
            part = name.partition(".")[0]
            counts[part] = counts.get(part, 0) + parameter.numel()
    return counts
