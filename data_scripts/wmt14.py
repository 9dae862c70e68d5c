"""WMT'14 English-German: where to get it, and the check.   python data_scripts/wmt14.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://nlp.stanford.edu/projects/nmt/"
CARD = Card(
    "wmt14",
    PAGE,
    "train.de, train.en, newstest2013.de, newstest2013.en, newstest2014.de, newstest2014.en",
    (f"open {PAGE}, WMT'14 English-German data", "download the six files, about 1.4 GB"),
    gate="It is large, so it is fetched by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
