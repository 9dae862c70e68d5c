"""CMU-MOSI, features per utterance: where to get it, and the check.   python data_scripts/mosi.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://github.com/soujanyaporia/multimodal-sentiment-analysis"
COMMIT = "699dcc55e2fd"  # an early one: the current tree holds other files
CARD = Card(
    "mosi",
    PAGE,
    "the folder data/ with transcripts.csv and the six files of features",
    (f"git clone {PAGE}", f"in it: git checkout {COMMIT}"),
    records=2_199,
    fingerprint="73433d31a3a1c344",
    counts={
        "utterances in train": 1_243,
        "utterances in valid": 204,
        "utterances in test": 752,
        "videos in train": 54,
        "videos in valid": 8,
        "videos in test": 31,
    },
    gate="It stands in an old version of a repository, so it is fetched by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
