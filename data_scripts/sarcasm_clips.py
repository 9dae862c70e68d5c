"""Sarcasm in Spanish clips: where to get them, and the check.   python data_scripts/sarcasm_clips.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

WORDS, CLIPS = "https://zenodo.org/record/4701383", "https://zenodo.org/record/4707913"
CARD = Card(
    "sarcasm_clips",
    CLIPS,
    "utterances.csv, and as you have them audio/<id>.wav and frames/<id>_0.png to <id>_2.png,",
    (
        f"the words alone: download them from {WORDS}, no account is needed",
        f"sound and picture: ask for access at {CLIPS} (academic use; never pass the clips on)",
        "save the table as utterances.csv (UTF-8, commas) and say in columns.json beside it what its columns are called, "
        'for example {"text": "utterance", "label": "sarcasm", "scene": ""}; an empty name: there is no such column',
        "cut each clip out by its times: ffmpeg -i episode.mkv -ss START -to END -ac 1 -ar 22050 audio/ID.wav",
        "take the first frame of each third of a clip as frames/ID_0.png, ID_1.png, ID_2.png",
    ),
    gate="The clips are given on request, so they are fetched by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
