"""Multi30k, task 1, German and English: fetch and check.   python data_scripts/multi30k.py --to FOLDER"""

from __future__ import annotations

from _common import Card, check, fetch, options, run

from mmkit import readers

PAGE = "https://github.com/multi30k/dataset"
SERVER = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw"
FILES = {  # sha256 of the packed files
    "train.de.gz": "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
    "train.en.gz": "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
    "val.de.gz": "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
    "val.en.gz": "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
    "test_2016_flickr.de.gz": "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
    "test_2016_flickr.en.gz": "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
}
CARD = Card(
    "multi30k",
    PAGE,
    ", ".join(FILES),
    (),
    records=31_014,
    fingerprint="0f09b1df18194211",
    counts={"pairs in train": 29_000, "pairs in valid": 1_014, "pairs in test": 1_000},
)


def main() -> int:
    """Fetch the six files into FOLDER/multi30k unless the data set is there, then read it."""
    parser = options(CARD)
    parser.add_argument("--server", default=SERVER, help="another place with the same files (%(default)s)")
    args = parser.parse_args()

    found = readers.find(CARD.name).locate(args.to) if args.to.exists() else None
    if found is None:
        found = args.to / CARD.name
        for name, digest in FILES.items():
            fetch(f"{args.server}/{name}", found / name, digest, f"see {PAGE}")
            print(f"fetched {found / name}")
    return check(CARD, found)


if __name__ == "__main__":
    run(main)
