"""Answers to the exercises of notebook 11: common wrong ones with what the check says, and right ones in another form."""

# ruff: noqa: E501 - an answer stands on one line with its message

from tests.answers import NOTHING_YET


def mean(
    nodes: str = "torch.arange(len(h))",
    loop: str = "if self_loop:\n    s, t = torch.cat([s, n]), torch.cat([t, n])\n",
    ends: str = "source, target",
    count: str = "torch.bincount(t, minlength=len(h)).clamp(min=1)[:, None]",
    end: str = "total / count",
) -> str:
    """The body of a right answer with some parts replaced."""
    total = "total = torch.zeros_like(h).index_add(0, t, h[s])\n"
    return f"n, (s, t) = {nodes}, ({ends})\n{loop}{total}count = {count}\nreturn {end}"


BARE = (
    "m = torch.zeros_like(h).index_add(0, target, h[source]) / torch.bincount(target, minlength=len(h)).clamp(min=1)[:, None]\n"
)


def listen(
    score: str = "F.leaky_relu(u, 0.2) @ w['a']",
    ends: str = "target, source",
    joined: str = "torch.cat([x, i.expand(len(x), -1)], dim=1)",
    same: str = "(target[:, None] == target)",
    half: str = " // 2",
    orders: str = "b.any(0) & ~b.all(0)",
    end: str = "s, c",
) -> str:
    """The body of a right answer with some parts replaced."""
    return (
        f"def j(x, i):\n    return {joined}\n"
        f"def one(i):\n    at, of = {ends}\n    u = j(h, i)[at] @ w['d'].T + j(h, i)[of] @ w['s'].T + j(e, i) @ w['e'].T\n    return {score}\n"
        "s = torch.stack([one(i) for i in instructions])\nb = s[:, :, None] > s[:, None, :]\n"
        f"c = int((({orders}) & {same}).sum()){half}\nreturn {end}"
    )


def rounds(
    told: str = "instructions[:, t]",
    between: str = "h = F.relu(norm(layer(graph, h, e, i)[0] + h))",
    last: str = "h = layer(graph, h, e, i)[0] + h",
    start: str = "[h]",
    end: str = "s",
) -> str:
    """The body of a right answer with some parts replaced."""
    return (
        f"s, m = {start}, instructions.shape[1]\nfor t in range(m):\n    i = {told}\n"
        f"    if t < m - 1:\n        {between}\n    else:\n        {last}\n    s.append(h)\nreturn {end}"
    )


WRONG = {  # id: (what went wrong, body, part of the message)
    "e1-selfloop": [
        ("printed, not returned", "print(len(h))", NOTHING_YET),
        ("one vector", mean(end="(total / count).mean(dim=0)"), "one vector per node"),
        ("0 / 0", mean(count="torch.bincount(t, minlength=len(h))[:, None]"), "came out as nan"),
        ("sum", mean(end="total"), "this is the sum"),
        ("turned round", mean(ends="target, source"), "a message goes from source to target"),
        ("divided by all nodes", mean(count="len(h)"), "not by all nodes"),
        ("always with itself", mean(loop="s, t = torch.cat([s, n]), torch.cat([t, n])\n"), "must not hear itself"),
        ("square roots of degrees", mean(end="total / count.sqrt()"), "node 0 without self edges"),
        ("never with itself", mean(loop=""), "self_loop changes nothing"),
        ("added behind the mean", BARE + "return m + h if self_loop else m", "added behind the mean"),
        ("half and half", BARE + "return (m + h) / 2 if self_loop else m", "half for the node"),
        (
            "itself in the sum, not in the count",
            mean(loop="", end="(total + h * self_loop) / count"),
            "expected the mean of three",
        ),
        (
            "itself where others speak only",
            BARE
            + "d = torch.bincount(target, minlength=len(h))[:, None]\nreturn torch.where(d > 0, (m * d + h) / (d + 1), 0 * h) if self_loop else m",
            "hears nobody but itself",
        ),
    ],
    "e2-static": [
        ("printed, not returned", "print(len(h))", NOTHING_YET),
        ("scores alone", listen(end="s"), "return two things"),
        ("turned shape", listen(end="s.T, c"), "instructions, edges"),
        ("additive still", listen("F.leaky_relu(u @ w['a'], 0.2)"), "this is the additive score still"),
        ("ReLU", listen("u.relu() @ w['a']"), "ReLU in place of LeakyReLU"),
        ("slope of torch", listen("F.leaky_relu(u) @ w['a']"), "the slope is 0.2"),
        ("source and target swapped", listen(ends="source, target"), "W_d is for the target"),
        ("no instruction", listen(joined="torch.cat([x, 0 * i.expand(len(x), -1)], dim=1)"), "the instruction does nothing"),
        ("softmax", listen("(F.leaky_relu(u, 0.2) @ w['a']).softmax(dim=0)"), "the first score is"),
        ("any two edges", listen(same="(target[:, None] >= 0)"), "they never meet in one softmax"),
        ("counted twice", listen(half=""), "each pair is counted twice"),
        ("first and last instruction only", listen(orders="b[0] != b[-1]"), "compare all instructions"),
    ],
    "e3-hops": [
        ("printed, not returned", "print(len(h))", NOTHING_YET),
        ("the last state alone", rounds(end="s[-1]"), "not the last one alone"),
        ("without the first", rounds(start="[]"), "expected 5"),
        ("zeros at first", rounds(start="[0 * h]"), "the first state is h"),
        (
            "the pair as a state",
            "return [h, *[layer(graph, h, e, instructions[:, t]) for t in range(instructions.shape[1])]]",
            "take the first",
        ),
        ("no residual", rounds(between="h = F.relu(norm(layer(graph, h, e, i)[0]))"), "the residual is missing"),
        ("no norm, no ReLU", rounds(between="h = layer(graph, h, e, i)[0] + h"), "norm and ReLU are missing"),
        (
            "residual behind the norm",
            rounds(between="h = F.relu(norm(layer(graph, h, e, i)[0])) + h"),
            "the residual comes before the norm",
        ),
        ("no ReLU", rounds(between="h = norm(layer(graph, h, e, i)[0] + h)"), "the state after round 1 is another"),
        ("always the first instruction", rounds(told="instructions[:, 0]"), "round t reads instruction t"),
        (
            "instructions from the back",
            rounds(told="instructions[:, t if t == 0 else m - t]"),
            "a state between the rounds is another",
        ),
        (
            "norm after the last",
            rounds(last="h = F.relu(norm(layer(graph, h, e, i)[0] + h))"),
            "no norm and no ReLU after the last round",
        ),
        ("no residual at last", rounds(last="h = layer(graph, h, e, i)[0]"), "the last state is another"),
    ],
}

RIGHT = {
    "e1-selfloop": "a = torch.zeros(len(h), len(h))\na[target, source] = 1.0\na = a + torch.eye(len(h)) if self_loop else a\nreturn a @ h / a.sum(dim=1, keepdim=True).clamp(min=1)",
    "e2-static": "k = len(instructions)\nx, y = (torch.cat([z.expand(k, -1, -1), instructions[:, None].expand(-1, len(z), -1)], dim=2) for z in (h, e))\ns = F.leaky_relu(x[:, target] @ w['d'].T + x[:, source] @ w['s'].T + y @ w['e'].T, 0.2) @ w['a']\nn = range(len(target))\nreturn s, sum(bool(target[a] == target[b]) and len(set((s[:, a] > s[:, b]).tolist())) == 2 for a in n for b in n if a < b)",
    "e3-hops": "s = [h]\nfor t, i in enumerate(instructions.unbind(dim=1)):\n    if t:\n        s[-1] = norm(s[-1]).relu()\n    s.append(layer(graph, s[-1], e, i)[0] + s[-1])\nreturn s",
}
