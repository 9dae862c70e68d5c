"""Numbers -> Axes. Draws only: no training, no saving, no showing; every figure carries a sentence of alt text.

A function draws on the Axes it is given, or on a new figure of notebook width, and returns them. Methods differ in marker and
in colour. A seed is one observation: means and spreads are over seeds, never over examples.
"""

from mmkit.plots.answers import accuracy_by, distribution_growth, learning_curves, ranking
from mmkit.plots.conversations import (
    attack_lines,
    coupling_lines,
    dialogue_timeline,
    emotion_confusion,
    gate_coupling,
    recovered_bars,
    setting_bars,
)
from mmkit.plots.gates import attention_map, gate_histogram, gate_scatter, genre_heatmap, streams
from mmkit.plots.graphs import attention_steps, scene_graph
from mmkit.plots.inside import precision_recall, record_card, weight_vs_truth
from mmkit.plots.movies import curves, genre_dots, grid_bars, pictures, rows_dots, threshold_curves
from mmkit.plots.results import claims_forest, columns_and_truncation, sweep_lines, table_dots
from mmkit.plots.sarcasm import (
    cause_table,
    distance_shares,
    mcnemar_table,
    split_slopes,
    subset_accuracies,
    utterance,
    xor_scatter,
)
from mmkit.plots.style import alt_text, describe, looks, use_style
from mmkit.plots.targets import cosine_histogram, gap_and_unreachable, norm_frequency, norm_over_training, parameter_bars
from mmkit.plots.uncertainty import rejection, reliability_diagram, terms

__all__ = [
    "accuracy_by",
    "alt_text",
    "attack_lines",
    "attention_map",
    "attention_steps",
    "cause_table",
    "claims_forest",
    "columns_and_truncation",
    "cosine_histogram",
    "coupling_lines",
    "curves",
    "describe",
    "dialogue_timeline",
    "distance_shares",
    "distribution_growth",
    "emotion_confusion",
    "gap_and_unreachable",
    "gate_coupling",
    "gate_histogram",
    "gate_scatter",
    "genre_dots",
    "genre_heatmap",
    "grid_bars",
    "learning_curves",
    "looks",
    "mcnemar_table",
    "norm_frequency",
    "norm_over_training",
    "parameter_bars",
    "pictures",
    "precision_recall",
    "ranking",
    "record_card",
    "recovered_bars",
    "rejection",
    "reliability_diagram",
    "rows_dots",
    "scene_graph",
    "setting_bars",
    "split_slopes",
    "streams",
    "subset_accuracies",
    "sweep_lines",
    "table_dots",
    "terms",
    "threshold_curves",
    "use_style",
    "utterance",
    "weight_vs_truth",
    "xor_scatter",
]
