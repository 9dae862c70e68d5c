"""Moviescope: where to get it, and the check.   python data_scripts/moviescope.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://www.paolacascante.com/research/moviescope.html"
CARD = Card(
    "moviescope",
    PAGE,
    "train.jsonl, dev.jsonl, test.jsonl and the folders of features, all in one folder called moviescope,",
    (
        f"open {PAGE} (or https://www.cs.virginia.edu/~pc9za/research/moviescope.html)",
        "download the splits with plots, the features of the videos and those of the posters",
        "sound is not offered: make Melspectrogram/<id>.p (a pickled array, 96 by steps) of the trailers, or do without",
        "metadata: put the IMDB-5000 table (movie_metadata.csv) beside the lists; an id is a row of it, counted from 0",
    ),
    counts={"films in test": 987},
    gate="It comes in parts from several places, so it is fetched by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
