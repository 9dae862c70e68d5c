"""Melbourne Airbnb Open Data: where to get it, and the check.   python data_scripts/airbnb.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://www.kaggle.com/datasets/tylerx/melbourne-airbnb-open-data"
CARD = Card(
    "airbnb",
    PAGE,
    "cleansed_listings_dec18.csv (or its zip)",
    (
        "sign in at kaggle.com (a free account)",
        f"open {PAGE}",
        "download cleansed_listings_dec18.csv; the other files are not needed",
    ),
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
