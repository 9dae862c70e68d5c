"""COCO captions, the official files: where to get them, and the check.   python data_scripts/coco_captions.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://cocodataset.org/#download"
CARD = Card(
    "coco_captions",
    PAGE,
    "captions_train2017.json and captions_val2017.json",
    (
        f"open {PAGE}",
        "download '2017 Train/Val annotations' (annotations_trainval2017.zip, 241 MB); no pictures are needed",
        "unpack it: the two files are in its folder annotations",
    ),
    records=123_287,
    counts={
        "pictures in train": 118_287,
        "captions in train": 591_753,
        "pictures in valid": 5_000,
        "captions in valid": 25_014,
    },
    gate="It is part of a large archive, so it is fetched by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
