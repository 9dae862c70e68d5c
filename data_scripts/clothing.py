"""Women's E-Commerce Clothing Reviews: where to get it, and the check.   python data_scripts/clothing.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://www.kaggle.com/datasets/nicapotato/womens-ecommerce-clothing-reviews"
CARD = Card(
    "clothing",
    PAGE,
    "'Womens Clothing E-Commerce Reviews.csv' (or the zip as it was downloaded)",
    ("sign in at kaggle.com (a free account)", f"open {PAGE}", "press Download"),
    records=23_486,
    fingerprint="bd93cc515747ad1f",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
