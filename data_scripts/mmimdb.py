"""MM-IMDb: where to get it, and the check.   python data_scripts/mmimdb.py --to FOLDER"""

from __future__ import annotations

from _common import Card, by_hand, run

PAGE = "https://archive.org/details/mmimdb"
CARD = Card(
    "mmimdb",
    PAGE,
    "multimodal_imdb.hdf5 (vectors), or the unpacked folder mmimdb/ with split.json and dataset/",
    (
        f"open {PAGE} (or http://lisi1.unal.edu.co/mmimdb/, which is often down)",
        "download multimodal_imdb.hdf5, the vectors that study 01 needs, or mmimdb.tar.gz (8.1 GB), words, posters and credits",
    ),
    records=25_959,
    counts={"films in train": 15_552, "films in valid": 2_608, "films in test": 7_799},
    gate="It is large and its servers are slow, so it is fetched by hand",
)

if __name__ == "__main__":
    run(lambda: by_hand(CARD))
