"""PetFinder.my Adoption Prediction: where to get it, and the check.   python data_scripts/petfinder.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://www.kaggle.com/competitions/petfinder-adoption-prediction"
CARD = Card(
    "petfinder",
    f"{PAGE}/data",
    "train/train.csv, breed_labels.csv, color_labels.csv and state_labels.csv, unpacked; the pictures are not needed",
    (
        "sign in at kaggle.com (a free account)",
        f"open {PAGE}/rules and accept the rules of the competition",
        f"download from {PAGE}/data",
    ),
    records=14_993,
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
