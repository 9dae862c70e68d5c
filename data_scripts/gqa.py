"""GQA: where to get it, and the check.   python data_scripts/gqa.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://cs.stanford.edu/people/dorarad/gqa/download.html"
FILES = "https://nlp.stanford.edu/data/gqa"
CARD = Card(
    "gqa",
    PAGE,
    "sceneGraphs/, questions1.2/ and eval/ (unpacked; the files may also lie side by side)",
    (
        f"open {PAGE}, or fetch the archives from {FILES}",
        "download sceneGraphs.zip (scene graphs of train and val) and questions1.2.zip (questions)",
        "download eval.zip (valid and plausible answers; only needed for validity and plausibility), and unpack all three",
        "the files *_all_questions are only needed for consistency; those of train are large, leave them out",
    ),
    counts={
        "graphs of train": 74_942,
        "graphs of val": 10_696,
        "balanced questions of train": 943_000,
        "balanced questions of val": 132_062,
    },
    gate="Its archives are large, so they are fetched by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
