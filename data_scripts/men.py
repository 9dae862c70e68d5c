"""MEN: where to get it, and the check.   python data_scripts/men.py --to FOLDER"""

from __future__ import annotations

from _common import COLLECTED, Card, by_hand, run

PAGE = "https://staff.fnwi.uva.nl/e.bruni/MEN"
CARD = Card(
    "men",
    PAGE,
    "EN-MEN-TR-3k.txt or MEN_dataset_natural_form_full",
    (f"open {COLLECTED}/EN-MEN-TR-3k.txt", f"or get the authors' own file from {PAGE}"),
    records=3_000,
    gate="It is one small file of text",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
