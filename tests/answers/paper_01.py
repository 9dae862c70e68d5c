"""Answers to the exercises of notebook 01: common wrong ones with what the check says, and right ones in another form."""

# ruff: noqa: E501 - an answer stands on one line with its message

from tests.answers import NOTHING_YET

COUNTS = "hits, n, m = (y * guess), guess, y\nf = lambda a: 2 * hits.sum(a) / np.maximum(n.sum(a) + m.sum(a), 1)\ng, s = f(0), y.sum(0)\n"
GOOD = {"micro": "f(None)", "macro": "g.mean()", "weighted": "g @ s / s.sum()", "samples": "f(1).mean()"}


def averages(before: str = "", **changed: str) -> str:
    """The body of a right answer with some averages replaced."""
    return COUNTS + before + "return {" + ", ".join(f"'{name}': {how}" for name, how in (GOOD | changed).items()) + "}"


KL = "a = (mu - mu_0).abs()\nreturn "

NAMES = "named = {n: p for n, p in model.named_parameters() if p.requires_grad}\n"
REACH = NAMES + "g = torch.autograd.grad(loss, list(named.values()), allow_unused=True, retain_graph=True)\n"
RETURN = REACH + "return loss, {n for n, d in zip(named, g) if d is not None and d.any()}"


def step(
    thetas: str = "{n: a.noisy() for n, a in L.items()}",
    a: str = "model.posterior",
    extra: str = "sum(x.kl() + strength * (x.loc ** 2).sum() for x in L.values()) / (model.films * 4)",
    bce: str = "F.binary_cross_entropy_with_logits(model.classifier(v), y)",
    end: str = RETURN,
) -> str:
    """The body of a right answer with some parts replaced."""
    fused = f"v = {a}(batch['plot_vector'], batch['poster_vector'], {thetas})[0]\n"
    return f"L, y = model.laplace, batch['genres'].float()\n{fused}loss = {bce} + {extra}\n{end}"


WRONG = {  # id: (what went wrong, body, part of the message)
    "e1-averages": [
        ("printed, not returned", averages().replace("return ", "x = "), NOTHING_YET),
        ("a tuple", averages().replace("return ", "x = ") + "\nreturn tuple(x.values())", "return a dict with the keys"),
        ("0 / 0", "with np.errstate(all='ignore'):\n    g = 2 * (y * guess).sum(0) / (y.sum(0) + guess.sum(0))\nreturn {'micro': 0.5, 'macro': g.mean(), 'weighted': 0.5, 'samples': 0.5}", "came out as nan"),
        ("accuracy", averages(micro="(y == guess).mean()"), "this is accuracy"),
        ("mean of precision and recall", averages(micro="(hits.sum() / n.sum() + hits.sum() / m.sum()) / 2"), "F1 is the harmonic mean"),
        ("micro is the mean over films", averages(micro="f(1).mean()"), "pool the counts of all cells first"),
        ("genre without films left out", averages(macro="g[:3].mean()"), "it counts 0 here"),
        ("macro and samples swapped", averages(macro="f(1).mean()", samples="g.mean()"), "macro and samples are swapped"),
        ("F1 of mean precision and recall", averages("p, r = (hits.sum(0) / np.maximum(x.sum(0), 1) for x in (n, m))\np, r = p.mean(), r.mean()\n", macro="2 * p * r / (p + r)"), "the mean of the F1 of each genre"),
        ("weighted is macro", averages(weighted="g.mean()"), "this is macro again"),
        ("weighted by guesses", averages(weighted="g @ n.sum(0) / n.sum()"), "not by guesses"),
        ("samples is micro", averages(samples="f(None)"), "the mean of the F1 of all films"),
        ("films without a guess left out", averages(samples="f(1)[n.any(1)].mean()"), "the mean of the F1 of all films"),
    ],
    "e2-kl": [
        ("printed, not returned", "print(mu)", NOTHING_YET),
        ("summed", KL + "(torch.log(b_0 / b) + a / b_0 + b / b_0 * torch.exp(-a / b) - 1).sum()", "one KL per weight, no sum"),
        ("detached", KL + "(torch.log(b_0 / b) + a / b_0 + b / b_0 * torch.exp(-a / b) - 1).detach()", "no gradient comes through"),
        ("turned round", KL + "torch.log(b / b_0) + a / b + b_0 / b * torch.exp(-a / b_0) - 1", "KL(prior || posterior)"),
        ("no - 1", KL + "torch.log(b_0 / b) + a / b_0 + b / b_0 * torch.exp(-a / b)", "the - 1 is missing"),
        ("no exp", KL + "torch.log(b_0 / b) + a / b_0 - 1", "the term with exp is missing"),
        ("sign of the logarithm", KL + "torch.log(b / b_0) + a / b_0 + b / b_0 * torch.exp(-a / b) - 1", "sign of the logarithm"),
        ("prior at zero", "a = mu.abs()\nreturn torch.log(b_0 / b) + a / b_0 + b / b_0 * torch.exp(-a / b) - 1", "mu_0 is not used"),
        ("variances", KL.replace("return ", "b, b_0 = 2 * b**2, 2 * b_0**2\nreturn ") + "torch.log(b_0 / b) + a / b_0 + b / b_0 * torch.exp(-a / b) - 1", "variances were put in"),
        ("normal distributions", KL + "torch.log(b_0 / b) + (b**2 + a**2) / (2 * b_0**2) - 0.5", "two normal distributions"),
        ("exp with the prior's scale", KL + "torch.log(b_0 / b) + a / b_0 + b / b_0 * torch.exp(-a / b_0) - 1", "the first weight has"),
        ("one sample", "q, p = Laplace(mu, b), Laplace(torch.tensor(mu_0), torch.tensor(b_0))\nt = q.rsample()\nreturn q.log_prob(t) - p.log_prob(t)", "the first weight has"),
    ],
    "e3-reach": [
        ("the names alone", step(end="return set(dict(model.named_parameters()))"), "return two things"),
        ("per film", step(bce="F.binary_cross_entropy_with_logits(model.classifier(v), y, reduction='none').mean(1)", end="return loss, set()"), "expected one number"),
        ("detached", step(end="return loss.detach(), set()"), "something detached it"),
        ("a list", step(end="return loss, list(dict(model.named_parameters()))"), "a set of names"),
        ("graph used up", step(end="loss.backward()\nreturn loss, set()"), "retain_graph=True"),
        ("the copy", step(thetas="None", a="model.fusion"), "the copy without distributions is still in it"),
        ("categorical", step(bce="-torch.distributions.Categorical(logits=v[:, None]).log_prob((y * 0).long()).mean()"), "exchanged genres change nothing"),
        ("means of the weights", step(thetas="None"), "sample the weights"),
        ("not scaled", step(extra="sum(x.kl() + strength * (x.loc ** 2).sum() for x in L.values())"), "divide KL and penalty by N G"),
        ("scaled by the batch", step(extra="sum(x.kl() + strength * (x.loc ** 2).sum() for x in L.values()) / (len(y) * 4)"), "divide KL and penalty by N G"),
        ("N alone", step(extra="sum(x.kl() + strength * (x.loc ** 2).sum() for x in L.values()) / model.films"), "divided by N alone"),
        ("penalty not scaled", step(extra="sum(x.kl() for x in L.values()) / (model.films * 4) + strength * sum((x.loc ** 2).sum() for x in L.values())"), "each layer once"),
        ("no KL", step(extra="sum(strength * (x.loc ** 2).sum() for x in L.values()) / (model.films * 4)"), "each layer once"),
        ("L1", step(extra="sum(x.kl() + strength * x.loc.abs().sum() for x in L.values()) / (model.films * 4)"), "each layer once"),
        ("penalty detached", step(extra="sum(x.kl() + strength * (x.loc.detach() ** 2).sum() for x in L.values()) / (model.films * 4)"), "the penalty does not pull"),
        ("names of parts", step(end="return loss, {'posterior', 'classifier'}"), "none of model.named_parameters()"),
        ("all that exist", step(end="return loss, set(dict(model.named_parameters()))"), "those whose gradient is not zero"),
        ("locations alone", step(end=RETURN.replace("if d is", "if n.endswith('loc') and d is")), "those whose gradient is not zero"),
    ],
}  # fmt: skip

RIGHT = {
    "e1-averages": "return {a: multilabel.f1(y, guess, a) for a in multilabel.F1_AVERAGES}",
    "e2-kl": "return kl_divergence(Laplace(mu, b), Laplace(torch.full_like(mu, mu_0), torch.full_like(b, b_0)))",
    "e3-reach": step(
        bce="-torch.distributions.Bernoulli(logits=model.classifier(v)).log_prob(y).mean()",
        end="loss.backward(retain_graph=True)\nfound = {n for n, p in model.named_parameters() if p.grad is not None and (p.grad != 0).any()}\nmodel.zero_grad()\nreturn loss, found",
    ),
}  # fmt: skip
