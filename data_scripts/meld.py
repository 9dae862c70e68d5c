"""MELD, emotions in talks of several people: where to get it, and the check.   python data_scripts/meld.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://github.com/declare-lab/MELD"
CARD = Card(
    "meld",
    PAGE,
    "train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv",
    (f"open {PAGE}", "download the three files from its folder data/MELD"),
    records=13_708,
    fingerprint="af88675960e7dd64",
    counts={
        "utterances in train": 9_989,
        "utterances in valid": 1_109,
        "utterances in test": 2_610,
        "dialogues in train": 1_038,
        "dialogues in valid": 114,
        "dialogues in test": 280,
    },
    gate="Its lines are the dialogue of a television series, so it is fetched by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
