"""Answers to the exercises of notebook 02: common wrong ones with what the check says, and right ones in another form."""

# ruff: noqa: E501 - an answer stands on one line with its message

_JOINED = "joined = torch.cat(x, dim=1)\nh = torch.stack([(p @ w.T).tanh() for p, w in zip(x, W)], dim=1)\nu = torch.stack([joined @ w.T for w in W_z], dim=1)\n"

WRONG = {  # id: (what went wrong, body, part of the message)
    "e1-softmaxgate": [
        ("over the units", _JOINED + "z = u.softmax(dim=2)\nreturn (z * h).sum(dim=1), z", "sum to 1 over the units"),
        ("over the batch", _JOINED + "z = u.softmax(dim=0)\nreturn (z * h).sum(dim=1), z", "sum to 1 over the films of the batch"),
        ("still sigmoids", _JOINED + "z = u.sigmoid()\nreturn (z * h).sum(dim=1), z", "do not sum to 1 over the modalities"),
        ("sigmoids over their sum", _JOINED + "z = u.sigmoid() / u.sigmoid().sum(dim=1, keepdim=True)\nreturn (z * h).sum(dim=1), z", "no softmax of W_zi"),
        ("sigmoid before the softmax", _JOINED + "z = u.sigmoid().softmax(dim=1)\nreturn (z * h).sum(dim=1), z", "no softmax of W_zi"),
        ("each gate sees its own modality only", _JOINED + "u = torch.stack([p @ w[:, :p.shape[1]].T for p, w in zip(x, W_z)], dim=1)\nz = u.softmax(dim=1)\nreturn (z * h).sum(dim=1), z", "no softmax of W_zi"),
        ("no tanh", _JOINED + "h = torch.stack([p @ w.T for p, w in zip(x, W)], dim=1)\nz = u.softmax(dim=1)\nreturn (z * h).sum(dim=1), z", "h exceeds 1"),
        ("tanh after the sum", _JOINED + "h = torch.stack([p @ w.T for p, w in zip(x, W)], dim=1)\nz = u.softmax(dim=1)\nreturn (z * h).sum(dim=1).tanh(), z", "not the sum over modalities"),
        ("mean instead of sum", _JOINED + "z = u.softmax(dim=1)\nreturn (z * h).mean(dim=1), z", "not the sum over modalities"),
        ("one gate for all units", _JOINED + "z = u.mean(dim=2).softmax(dim=1)\nreturn (z[..., None] * h).sum(dim=1), z", "expected (4, 3, 7)"),
        ("only h", _JOINED + "return (u.softmax(dim=1) * h).sum(dim=1)", "return two things"),
        ("modalities last", _JOINED + "z = u.softmax(dim=1)\nreturn (z * h).sum(dim=1), z.transpose(1, 2)", "expected (4, 3, 7)"),
    ],
    "e2-lastvalid": [
        ("the last step", "return x[:, -1]", "a pad for the shorter ones"),
        ("argmax", "return x[torch.arange(len(x)), keep.int().argmax(dim=1)]", "argmax finds the first True"),
        ("one too far", "return x[torch.arange(len(x)), keep.sum(dim=1).clamp(max=x.shape[1] - 1)]", "right for 2 of 5 sequences"),
        ("before the first pad, found by argmin", "return x[torch.arange(len(x)), keep.int().argmin(dim=1) - 1 + (keep.all(dim=1)).int()]", "sequences without padding get a wrong step"),
        ("one too few", "return x[torch.arange(len(x)), (keep.sum(dim=1) - 2).clamp(min=0)]", "sequences without padding get a wrong step"),
        ("the mean", "return (x * keep[..., None]).sum(dim=1) / keep.sum(dim=1, keepdim=True)", "mean of the real steps"),
        ("the sum", "return (x * keep[..., None]).sum(dim=1)", "sum of the real steps"),
        ("pads to zero, then the last", "return (x * keep[..., None])[:, -1]", "right for 2 of 5 sequences"),
        ("all steps of all items", "return x[:, keep.sum(dim=1) - 1]", "expected (5, 4)"),
        ("one step for the whole batch", "return x[:, int(keep.sum(dim=1).min()) - 1]", "this is the first step"),
    ],
    "e3-robustfusion": [
        ("a concatenation", "return torch.cat(x, dim=1)", "still leads to huge features"),
        ("one norm for all", "joined = torch.cat(x, dim=1)\nreturn F.layer_norm(joined, joined.shape[1:])", "it drowns them"),
        ("tanh", "return torch.cat([p.tanh() for p in x], dim=1)", "squashed, not rescaled"),
        ("a logarithm", "return torch.cat([p.sign() * p.abs().log1p() for p in x], dim=1)", "squashed, not rescaled"),
        ("standardised over the batch", "return torch.cat([(p - p.mean(dim=0)) / (p.std(dim=0) + 1e-6) for p in x], dim=1)", "depend on the batch"),
        ("divided by the length", "return torch.cat([p / p.norm(dim=1, keepdim=True) for p in x], dim=1)", "gives NaN"),
        ("divided by the standard deviation", "return torch.cat([(p - p.mean(dim=1, keepdim=True)) / p.std(dim=1, keepdim=True) for p in x], dim=1)", "gives NaN"),
        ("the mean of each", "return torch.cat([F.layer_norm(p, p.shape[1:]).mean(dim=1, keepdim=True) for p in x], dim=1)", "all modalities"),
        ("without the largest", "return torch.cat([F.layer_norm(x[0], x[0].shape[1:]), F.layer_norm(x[1], x[1].shape[1:]), 0 * x[2]], dim=1)", "directions are lost"),
        ("signs", "return torch.cat([p.sign() for p in x], dim=1)", "too coarse"),
        ("ranks", "return torch.cat([p.argsort(dim=1).argsort(dim=1).float() for p in x], dim=1)", "too coarse"),
        ("softmax of each", "return torch.cat([p.softmax(dim=1) for p in x], dim=1)", "squashed, not rescaled"),
        ("nothing is kept", "return torch.cat([0 * p for p in x], dim=1)", "directions are lost"),
    ],
}  # fmt: skip

RIGHT = {
    "e1-softmaxgate": "joined = torch.cat(x, 1)\nu = torch.einsum('bd,msd->bms', joined, torch.stack(W_z)).exp()\nz = u / u.sum(1, keepdim=True)\nreturn torch.einsum('bms,bms->bs', z, torch.stack([torch.tanh(F.linear(p, w)) for p, w in zip(x, W)], 1)), z",
    "e2-lastvalid": "at = (keep * torch.arange(x.shape[1])).amax(dim=1)\nreturn x.gather(1, at[:, None, None].expand(-1, 1, x.shape[2]))[:, 0]",
    "e3-robustfusion": "return torch.cat([p / (p.square().mean(dim=1, keepdim=True) + 1e-8).sqrt() for p in x], dim=1)",
}  # fmt: skip
