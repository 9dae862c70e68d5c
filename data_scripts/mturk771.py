"""MTurk-771: where to get it, and the check.   python data_scripts/mturk771.py --to FOLDER"""

from __future__ import annotations

from _common import COLLECTED, Card, by_hand, run

PAGE = "https://www2.mta.ac.il/~gideon/datasets/mturk_771.html"
CARD = Card(
    "mturk771",
    PAGE,
    "EN-MTurk-771.txt or MTURK-771.csv",
    (f"open {COLLECTED}/EN-MTurk-771.txt", f"or get the authors' own file from {PAGE}"),
    records=771,
    gate="It is one small file of text",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
