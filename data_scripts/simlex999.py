"""SimLex-999: where to get it, and the check.   python data_scripts/simlex999.py --to FOLDER"""

from __future__ import annotations

from _common import COLLECTED, Card, by_hand, run

PAGE = "https://fh295.github.io/simlex.html"
CARD = Card(
    "simlex999",
    PAGE,
    "EN-SIMLEX-999.txt or SimLex-999.txt (or SimLex-999.zip as it was downloaded)",
    (f"open {COLLECTED}/EN-SIMLEX-999.txt", f"or get the authors' own file from {PAGE}"),
    records=999,
    gate="It is one small file of text",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
