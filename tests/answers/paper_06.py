"""Answers to the exercises of notebook 06: common wrong ones with what the check says, and right ones in another form."""

# ruff: noqa: E501 - an answer stands on one line with its message

from tests.answers import NOTHING_YET


def extremes(most: str = "min(right_a, n - right_b)", p: str = "paired.mcnemar_p(k, k + g)[0]", end: str = "low, high") -> str:
    """The body of a right answer with some parts replaced."""
    return f"g = right_b - right_a\nlow, high = (float({p}) for k in (0, {most}))\nreturn {end}"


def kernel(
    by: str = "train",
    start: str = "0.0",
    sd: str = "np.where(s > 0, s, 1.0)",
    zero: str = "(s > 0)",
    distance: str = "((a[:, None] - b[None]) ** 2).sum(axis=2)",
    step: str = "t = t + gammas[block] * d",
    end: str = "np.exp(-t)",
) -> str:
    """The body of a right answer with some parts replaced."""
    return (
        f"t = {start}\nfor block in train:\n    m, s = train[block].mean(axis=0), train[block].std(axis=0)\n"
        f"    own, of = {by}[block].mean(axis=0), {by}[block].std(axis=0)\n"
        f"    a = {zero} * (new[block] - own) / np.where(of > 0, of, 1.0)\n    b = {zero} * (train[block] - m) / {sd}\n"
        f"    d = {distance}\n    {step}\nreturn {end}"
    )


def scenes(
    seed: str = "seed",
    unit: str = "np.bincount(g)[o].cumsum()",
    goal: str = "share * len(scene)",
    off: str = "max(abs(t.mean() - share), abs(sarcastic[t].mean() - sarcastic.mean()))",
    group: str = "scene",
    draws: int = 400,
    end: str = "best",
) -> str:
    """The body of a right answer with some parts replaced."""
    return (
        f"r = np.random.default_rng({seed})\ng = np.unique({group}, return_inverse=True)[1]\nbest, least = None, np.inf\n"
        f"for _ in range({draws}):\n    o = r.permutation(g.max() + 1)\n    rows = {unit}\n"
        f"    t = np.isin(g, o[: np.abs(rows - {goal}).argmin() + 1])\n    off = {off}\n"
        f"    if off < least:\n        best, least = t, off\nreturn {end}"
    )


WRONG = {  # id: (what went wrong, body, part of the message)
    "e1-mcnemar": [
        ("printed, not returned", "print(n)", NOTHING_YET),
        ("the least alone", extremes(end="low"), "return two numbers"),
        ("three numbers", extremes(end="low, high, n"), "3 numbers, expected two"),
        ("turned round", extremes(end="high, low"), "the least p comes first"),
        ("one-sided", extremes(p="paired.mcnemar_p(k, k + g)[0] / 2"), "one-sided"),
        ("mid-p", extremes(p="paired.mcnemar_p(k, k + g)[1]"), "this is mid-p"),
        ("the statistic's p", extremes(p="paired.mcnemar_p(k, k + g)[3]"), "the p of chi-square"),
        ("one answer lost at best", extremes(p="paired.mcnemar_p(k + 1, k + 1 + g)[0]"), "the second loses nothing"),
        ("never loses", extremes(most="0"), "both ends are the same"),
        ("more answers than utterances", extremes(most="right_a"), "they cannot be right apart"),
        ("limited by the wrong ones of the first", extremes(most="n - right_a"), "at worst p is"),
        ("half of them", extremes(most="min(right_a, n - right_b) // 2"), "at worst p is"),
    ],
    "e2-blockkernel": [
        ("printed, not returned", "print(len(new))", NOTHING_YET),
        ("turned", kernel(end="np.exp(-t).T"), "a row per new utterance"),
        ("0 / 0", kernel(sd="np.where(s > 0, s, np.nan)", zero="1"), "a constant column was divided by 0"),
        ("new rows scaled by themselves", kernel(by="new", zero="1"), "new rows are scaled by themselves"),
        (
            "nothing scaled",
            "return np.exp(-sum(g * ((new[b][:, None] - train[b][None]) ** 2).sum(axis=2) for b, g in gammas.items()))",
            "nothing is standardised",
        ),
        ("added", kernel(step="t = t + np.exp(-gammas[block] * d)", end="t"), "the kernels are added"),
        ("mean of kernels", kernel(step="t = t + np.exp(-gammas[block] * d) / 3", end="t"), "the kernels are added"),
        ("distance, not its square", kernel(distance="((a[:, None] - b[None]) ** 2).sum(axis=2) ** 0.5"), "not its square"),
        ("a mean over columns", kernel(distance="((a[:, None] - b[None]) ** 2).mean(axis=2)"), "the first entry is"),
        ("a constant column stays", kernel(zero="1"), "the first entry is"),
        ("one width for all", kernel(step="t = t + 0.04 * d"), "the widths of the blocks are not used"),
        ("the first block's width for all", kernel(step="t = t + gammas['text'] * d"), "a block has another's width"),
    ],
    "e3-wholescenes": [
        ("printed, not returned", "print(len(scene))", NOTHING_YET),
        ("row numbers", scenes(end="np.flatnonzero(best)"), "not row numbers"),
        ("0 and 1", scenes(end="best.astype(int)"), "expected bool"),
        ("nobody", "return np.zeros(len(scene), dtype=bool)", "one of the two sides is empty"),
        ("utterances", "return np.random.default_rng(seed).random(len(scene)) < share", "scenes stand on both sides"),
        ("scenes of one class each", scenes(group="np.char.add(scene, sarcastic.astype(str))"), "scenes stand on both sides"),
        ("swapped", scenes(end="~best"), "training and test are swapped"),
        (
            "a share of the scenes",
            scenes(unit="np.arange(1, g.max() + 2)", goal="share * (g.max() + 1)", off="0", draws=1),
            "count utterances, not scenes",
        ),
        ("classes forgotten", scenes(off="abs(t.mean() - share)"), "of the test part is sarcastic"),
        ("a new draw every time", scenes(seed="None"), "gives one split now and another then"),
        ("always the same", scenes(seed="0"), "other seeds give the same split"),
        (
            "share fixed",
            scenes(goal="0.2 * len(scene)", off="max(abs(t.mean() - 0.2), abs(sarcastic[t].mean() - sarcastic.mean()))"),
            "share = 0.4 gives another share",
        ),
    ],
}

RIGHT = {  # id: a right answer in another form
    "e1-mcnemar": "found = paired.possible_discordant(n, right_a, right_b).exact\nreturn float(found.min()), float(found.max())",
    "e2-blockkernel": "return np.prod([np.exp(-g * kernel_fusion.Blocks({b: train[b]}).distances({b: np.where(train[b].std(0) > 0, new[b], train[b][0])})[b]) for b, g in gammas.items()], axis=0)",
    "e3-wholescenes": "from mmkit.schema.groups import grouped_parts\ntest = np.zeros(len(scene), dtype=bool)\ntest[grouped_parts(scene, (1 - share, share), seed, sarcastic)[1]] = True\nreturn test",
}
