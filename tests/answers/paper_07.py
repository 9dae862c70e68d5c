"""Answers to the exercises of notebook 07: common wrong ones with what the check says, and right ones in another form."""

# ruff: noqa: E501 - an answer stands on one line with its message

from tests.answers import NOTHING_YET


def counted(
    recall: str = "1 / (2 / f1 - 1 / precision) / 100",
    right: str = "np.round(r * present)",
    predicted: str = "np.round(c / (precision / 100))",
    accuracy: str = "100 * c.sum() / present.sum()",
    end: str = "c, m, a",
) -> str:
    """The body of a right answer with some parts replaced."""
    return f"r = {recall}\nc = {right}\nm = {predicted}\na = {accuracy}\nreturn {end}"


def talked(
    cell: str = "cells[p][way](u[i], s[p])",
    gate: str = "gates[1 - p][way](s[1 - p]).sigmoid()",
    kept: str = "s[p] = m",
    handed: str = "m",
    order: str = "range(len(u)) if way == 0 else range(len(u) - 1, -1, -1)",
    place: str = "out[i]",
    end: str = "torch.cat(found, dim=1)",
) -> str:
    """The body of a right answer with some parts replaced."""
    return (
        "found = []\nfor way in (0, 1):\n    s, out = [torch.zeros(dim)] * 2, [None] * len(u)\n"
        f"    for step, i in enumerate({order}):\n        p = 1 - int(own[i])\n        m = {cell} * {gate}\n        {kept}\n        {place} = {handed}\n"
        f"    found.append(torch.stack(out))\nreturn {end}"
    )


def chose(
    leaky: str = "np.argmax(right @ chosen)",
    honest: str = "np.argmax(held_out)",
    every: str = "100 * right.sum(1) / size.sum()",
    seen: str = "~chosen",
    unseen: str = "100 * right[e][rest].sum() / size[rest].sum()",
    end: str = "every[e], every[h], unseen",
) -> str:
    """The body of a right answer with some parts replaced."""
    return f"e, h = {leaky}, {honest}\nevery = {every}\nrest = {seen}\nunseen = {unseen}\nreturn {end}"


WRONG = {  # id: (what went wrong, body, part of the message)
    "e1-precision": [
        ("printed, not returned", "print(len(f1))", NOTHING_YET),
        ("accuracy alone", counted(end="a"), "return three things"),
        ("two things", counted(end="c, a"), "not 2"),
        ("totals", counted(end="c.sum(), m.sum(), a"), "one number per class"),
        ("precision as recall", counted("precision / 100"), "precision times present"),
        ("F1 as recall", counted("f1 / 100"), "F1 is no recall"),
        ("not rounded", counted(right="r * present"), "counts are whole numbers"),
        ("difference turned round", counted("f1 * precision / (2 * f1 - precision) / 100"), "more right answers than examples"),
        ("cut off", counted(right="np.floor(r * present)"), "cut off, not rounded"),
        ("F1 taken for a mean", counted("np.minimum(2 * f1 - precision, 100) / 100"), "right: ["),
        ("predicted by recall", counted(predicted="np.round(c / r)"), "predicted equals present"),
        ("predicted not rounded", counted(predicted="c / (precision / 100)"), "predicted: ["),
        ("a share", counted(accuracy="c.sum() / present.sum()"), "in percent"),
        ("mean of recalls", counted(accuracy="100 * (c / present).mean()"), "a rare class as much"),
        ("mean of precisions", counted(accuracy="precision @ present / present.sum()"), "this is the average precision"),
        ("by predictions", counted(accuracy="100 * c.sum() / m.sum()"), "divide by what is present"),
    ],
    "e2-feedback": [
        ("printed, not returned", "print(len(u))", NOTHING_YET),
        ("a list", talked(end="found"), "return one tensor"),
        ("forward alone", talked(end="found[0]"), "K turns, 2 dim numbers"),
        (
            "equation 1 still",
            talked("cells[p][way](u[i], s[p])", kept="s[p] = cells[p][way](u[i], s[p])"),
            "this is equation 1 still",
        ),
        ("nothing gated", talked(gate="1"), "nothing is gated"),
        (
            "no gate while the partner is silent",
            talked(gate="(gates[1 - p][way](s[1 - p]).sigmoid() if s[1 - p].any() else 1)"),
            "the first turn is not gated",
        ),
        ("backward first", talked(end="torch.cat(found[::-1], dim=1)"), "forward first, then backward"),
        ("in the order of its steps", talked(place="out[step]"), "put turn i into row i"),
        ("own gate", talked(gate="gates[p][way](s[p]).sigmoid()"), "A speaks, so the gate of the partner B reads"),
        ("tanh", talked(gate="gates[1 - p][way](s[1 - p]).tanh()"), "the first turn is another"),
        ("speakers exchanged", talked("cells[1 - p][way](u[i], s[p])"), "the first turn is another"),
        ("the partner's state as one's own", talked(kept="s = [m, m]"), "turn 1: B starts from zeros"),
        ("the gate reads itself", talked(gate="gates[1 - p][way](s[p]).sigmoid()"), "turn 1: B starts from zeros"),
        ("forgets at the other's turns", talked(kept="s = [m, 0 * m] if p == 0 else [0 * m, m]"), "carried over"),
        (
            "both directions forwards",
            talked("cells[p][way](u[i], s[p])", order="range(len(u))"),
            "the backward half is another",
        ),
        ("one network for both directions", talked("cells[p][0](u[i], s[p])"), "the backward half is another"),
    ],
    "e3-optimism": [
        ("printed, not returned", "print(len(size))", NOTHING_YET),
        ("the gap alone", chose(end="every[e] - every[h]"), "return three numbers"),
        ("a share", chose(every="right.sum(1) / size.sum()"), "in percent"),
        (
            "reports where it chose",
            chose(end="100 * right[e][chosen].sum() / size[chosen].sum(), every[h], unseen"),
            "reports on all of them",
        ),
        ("chooses on all", chose("np.argmax(right.sum(1))"), "leaky sees some of them only"),
        ("exchanged", chose(end="every[h], every[e], unseen"), "exchanged, or both use the held-out talks"),
        ("mean over talks", chose("np.argmax((right / size)[:, chosen].mean(1))"), "a mean over talks"),
        ("chosen and not chosen", chose("np.argmax(right @ ~chosen)"), "chosen and not chosen are exchanged"),
        ("reports over talks", chose(every="(100 * right / size).mean(1)"), "report over utterances"),
        ("last epoch", chose(honest="len(held_out) - 1"), "the best epoch, not the last one"),
        ("reports what was held out", chose(end="every[e], held_out.max(), unseen"), "honest reports on the test talks"),
        (
            "unseen of honest's epoch",
            chose(unseen="100 * right[h][rest].sum() / size[rest].sum()"),
            "of leaky's epoch, not honest's",
        ),
        ("unseen where it chose", chose(seen="chosen"), "on the talks that were not chosen"),
        ("the last of equal epochs", chose("len(right) - 1 - np.argmax((right @ chosen)[::-1])"), "of equal epochs, the first"),
    ],
}

RIGHT = {  # id: the same numbers, written in another way
    "e1-precision": counted(),
    "e2-feedback": talked(),
    "e3-optimism": chose(),
}
