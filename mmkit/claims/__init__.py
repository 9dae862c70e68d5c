"""A paper's claim and the scores of paired seeds -> a verdict, with the numbers that decided it.

A claim is one `[[claim]]` entry of `papers/<slug>.toml`, written down before the run. Its quantity is a *gain* per seed:
better minus worse, signed so that a positive gain favours the claim. The interval is Student's t over seeds, at the level
that Holm's step-down procedure gives the claim among all claims of its paper; the verdict is read off that interval, so the
two never disagree. `simulate` measures how often this is wrong.
"""

from mmkit.claims.entries import Claim, Interval, Verdict
from mmkit.claims.gains import differences
from mmkit.claims.rates import DISTRIBUTIONS, simulate
from mmkit.claims.verdicts import judge, table

__all__ = ["DISTRIBUTIONS", "Claim", "Interval", "Verdict", "differences", "judge", "simulate", "table"]
