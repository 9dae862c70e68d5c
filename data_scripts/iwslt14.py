"""IWSLT'14 German-English: where to get it, and the check.   python data_scripts/iwslt14.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://github.com/facebookresearch/fairseq/blob/main/examples/translation/prepare-iwslt14.sh"
CARD = Card(
    "iwslt14",
    PAGE,
    "the folder of plain text with train, valid and test, each .de and .en",
    (
        f"open {PAGE}, a script that fetches the talks (de-en.tgz of https://wit3.fbk.eu) and makes plain text of them",
        "run it; the readers take its text before subword units are made (the files below tmp), so that words stay whole",
    ),
    gate="It is made from talks that another site offers, so it is prepared by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
