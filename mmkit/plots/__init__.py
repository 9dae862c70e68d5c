"""Numbers -> Axes. Draws only: no training, no saving, no showing; every figure carries a sentence of alt text.

A function draws on the Axes it is given, or on a new figure of notebook width, and returns them. Methods differ in marker and
in colour. A seed is one observation: means and spreads are over seeds, never over examples.
"""

from mmkit.plots.inside import precision_recall, record_card, weight_vs_truth
from mmkit.plots.results import claims_forest, columns_and_truncation, sweep_lines, table_dots
from mmkit.plots.style import alt_text, describe, looks, use_style
from mmkit.plots.targets import cosine_histogram, gap_and_unreachable, norm_frequency, norm_over_training, parameter_bars

__all__ = [
    "alt_text",
    "claims_forest",
    "columns_and_truncation",
    "cosine_histogram",
    "describe",
    "gap_and_unreachable",
    "looks",
    "norm_frequency",
    "norm_over_training",
    "parameter_bars",
    "precision_recall",
    "record_card",
    "sweep_lines",
    "table_dots",
    "use_style",
    "weight_vs_truth",
]
