"""IEMOCAP, emotions in talks of two: where to get it, and the check.   python data_scripts/iemocap.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

FORM = "https://sail.usc.edu/iemocap/iemocap_release.htm"
CODE = "https://github.com/declare-lab/conv-emotion"
CARD = Card(
    "iemocap",
    FORM,
    "IEMOCAP_features_raw.pkl (features), or iemocap.pkl (transcripts alone)",
    (
        f"open {FORM}, sign the release form and wait for the answer",
        f"open {CODE}: its pages on DialogueRNN and DialogueGCN lead to the file of features",
        "its folder COSMIC/feature-extraction/iemocap holds iemocap.pkl, the transcripts alone",
    ),
    records=7_433,
    counts={"utterances in test": 1_623, "dialogues in test": 31},
    gate="It is given on request, for research, so it is fetched by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
