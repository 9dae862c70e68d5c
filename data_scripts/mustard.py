"""MUStARD, sarcasm in series: where to get it, and the check.   python data_scripts/mustard.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://github.com/soujanyaporia/MUStARD"
CARD = Card(
    "mustard",
    PAGE,
    "sarcasm_data.json and split_indices.p of its folder data/",
    (
        f"git clone {PAGE}",
        "for the sound, if wanted: fetch the clips that its README links; its script in audio/ makes data/audio_features.p",
    ),
    records=690,
    fingerprint="782e19a50668dc52",
    counts={
        "utterances in train": 414,
        "utterances in valid": 138,
        "utterances in test": 138,
        "sarcastic": 345,
        "series": 4,
    },
    gate="It stands in a repository, so it is fetched by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
