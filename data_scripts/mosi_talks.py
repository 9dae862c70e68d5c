"""CMU-MOSI as talks, from the files of mosi.py: the check.   python data_scripts/mosi_talks.py --to FOLDER"""

from __future__ import annotations

from dataclasses import replace

from _common import by_hand, run
from mosi import CARD as SEQUENCES

PARTS = ("train", "valid", "test")
CARD = replace(
    SEQUENCES,
    name="mosi_talks",
    counts={f"utterances in {part}": SEQUENCES.counts[f"utterances in {part}"] for part in PARTS}
    | {f"dialogues in {part}": SEQUENCES.counts[f"videos in {part}"] for part in PARTS},
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
