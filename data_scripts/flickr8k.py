"""Flickr8k, the captions: where to get them, and the check.   python data_scripts/flickr8k.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://hockenmaier.cs.illinois.edu/8k-pictures.html"
CARD = Card(
    "flickr8k",
    PAGE,
    "Flickr8k.token.txt and the lists Flickr_8k.trainImages.txt, Flickr_8k.devImages.txt, Flickr_8k.testImages.txt",
    (f"open {PAGE} and ask its authors for the text (Flickr8k_text.zip)", "unpack it; the pictures are not needed"),
    records=8_000,
    fingerprint="90aeb5851cad0f97",
    counts={
        "pictures in train": 6_000,
        "pictures in valid": 1_000,
        "pictures in test": 1_000,
        "captions in train": 30_000,
        "pictures in no list, left out": 92,
    },
    gate="It is given out on request, so it is fetched by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
