"""COCO captions in Karpathy's splits: where to get them, and the check.   python data_scripts/karpathy.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://cs.stanford.edu/people/karpathy/deepimagesent/"
CARD = Card(
    "karpathy",
    PAGE,
    "dataset_coco.json (or caption_datasets.zip as it was downloaded)",
    (
        f"open {PAGE}",
        "download caption_datasets.zip (https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip)",
    ),
    records=123_287,
    counts={
        "pictures in train": 113_287,
        "pictures of restval, in train": 30_504,
        "pictures in valid": 5_000,
        "pictures in test": 5_000,
    },
    gate="It stands on the authors' page, so it is fetched by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
