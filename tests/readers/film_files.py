"""Tiny copies of the film data sets in their true layout on disk, written by code: every number in them can be told again."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from mmkit.readers.mmimdb_folder import GENRES

# --- MM-IMDb ---------------------------------------------------------------------------------------------------------------

FILMS = ("0000005", "0012349", "0031381", "0045152", "1375666", "0078748")  # 3 to train, 1 dev, 2 test
BLOCKS = {"train": (0, 3), "dev": (3, 4), "test": (4, 6)}
SOURCES = ("features", "vgg_features", "genres", "imdb_ids", "images")
OF = (("Drama",), ("Comedy", "Drama"), ("Drama", "War", "Romance"), ("Comedy", "Romance"), ("Film-Noir",), ("Drama", "Short"))


def vectors(width: int, shift: int) -> np.ndarray:
    """(6, width) float32, no two numbers of a row alike."""
    return (np.arange(6)[:, None] + np.arange(width) / 8192 + shift).astype(np.float32)


def split_table(blocks: dict[str, tuple[int, int]], sources: tuple[str, ...] = SOURCES) -> np.ndarray:
    """As Fuel writes it, with a field of references that is not used."""
    kinds = [("split", "S5"), ("source", "S12"), ("start", "i8"), ("stop", "i8"), ("indices", h5py.ref_dtype)]
    entries = [(part.encode(), source.encode(), *rows) for part, rows in blocks.items() for source in sources]
    return np.array(
        [(*entry, h5py.Reference(), True, b"") for entry in entries], dtype=[*kinds, ("available", "?"), ("comment", "S1")]
    )


def arrays() -> dict[str, np.ndarray]:
    """The arrays of the HDF5 file; `images` stands there and is never read."""
    return {
        "features": vectors(300, 0),
        "vgg_features": vectors(4096, 10),
        "genres": np.array([[name in names for name in GENRES] for names in OF], np.int32),
        "imdb_ids": np.array(FILMS, "S7"),
        "images": np.zeros((6, 3, 4, 2), np.int32),
    }


def hdf5(path: Path, names: object = GENRES, blocks: object = None, **changed: np.ndarray | None) -> Path:
    """multimodal_imdb.hdf5. `changed` replaces an array or, with None, leaves it out; blocks=None writes the good split."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for key, values in {**arrays(), **changed}.items():
            if values is not None:
                file[key] = values
        if "genres" in file and names is not None:
            file["genres"].attrs["target_names"] = names if isinstance(names, str) else json.dumps(names)
        table = split_table(BLOCKS) if blocks is None else blocks
        if isinstance(table, np.ndarray):
            file.attrs["split"] = table
    return path


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (200, 300)) -> bytes:
    """A picture (width, height) of one colour with a black band across its middle third."""
    pixels = np.full((size[1], size[0], 3), colour, np.uint8)
    pixels[size[1] // 3 : 2 * size[1] // 3] = 0
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=95)
    return data.getvalue()


RECORDS = {
    "0000005": {"plot": ["A smith works.", "A smith and two helpers hammer a rod."], "genres": ["Drama", "News"],
                "director": [{"name": "Ada Bell"}], "writer": [{"name": "Cy Dunn"}, {"name": "Eve Fox"}, {"name": "Cy Dunn"}]},
    "0012349": {"plot": ["A tramp finds a boy."], "genres": ["Comedy", "Drama"], "director": [{"name": "Ada Bell", "id": 7}],
                "producer": [], "art director": [{"name": "Gil Hart"}], "cast": [{"name": "not one of the roles"}]},
    "0031381": {"plot": ["Fire."], "genres": ["Adult"]},
    "0045152": {"plot": ["Rain, and they sing.", "Rain."], "genres": ["Musical", "Comedy"], "year": 1952},
}  # fmt: skip
COLOURS = dict(zip(RECORDS, ((200, 30, 30), (30, 200, 30), (90, 90, 90), (30, 30, 200)), strict=True))


def mmimdb_folder(folder: Path) -> Path:
    """split.json and dataset/: two films to train, one of them without a class, one each for dev and test; one film unnamed."""
    (folder / "dataset").mkdir(parents=True)
    split = {"train": ["0000005", "0031381"], "dev": ["0012349"], "test": ["0045152"]}
    (folder / "split.json").write_text(json.dumps(split), encoding="utf-8")
    for id, record in RECORDS.items():
        (folder / "dataset" / f"{id}.json").write_text(json.dumps(record), encoding="utf-8")
        (folder / "dataset" / f"{id}.jpeg").write_bytes(jpeg(COLOURS[id]))
    (folder / "dataset" / "0099999.json").write_text("{}", encoding="utf-8")
    return folder


# --- Moviescope ------------------------------------------------------------------------------------------------------------

LISTS = {
    "train": [(3, "A captain loses his ship.", ["Drama", "Action"]), (0, "Two clowns meet.\u2028They part.", ["Comedy"])],
    "dev": [(2, "A house that whispers.", ["Horror", "Mystery"])],
    "test": [(1, "A robot learns to bake.", ["Sci-Fi", "Family", "Animation"])],
}
TABLE = {  # the rows of movie_metadata.csv by id
    "movie_title": ["Clowns\xa0", "Baking Robot\xa0", "Whispers\xa0", "Lost Ship Lost\xa0"],
    "num_voted_users": ["1000", "20000", "300", "886204"],
    "num_critic_for_reviews": ["10", "", "30", "723"],
    "movie_facebook_likes": ["0", "5", "0", "33000"],
    "cast_total_facebook_likes": ["7", "8", "9", "4834"],
    "facenumber_in_poster": ["2.0", "0", "1", "0.0"],
    "duration": ["90", "85", "", "178.0"],
    "language": ["English", "Zulu", "", "French"],
    "content_rating": ["PG", "G", "R", ""],
    "director_name": ["Ada Bell", "Ada Bell", "Cy Dunn", ""],
    "actor_1_name": ["Eve Fox", "Gil Hart", "Eve Fox", "Ida Jay"],
    "actor_2_name": ["", "Kim Low", "", "Eve Fox"],
    "actor_3_name": ["", "", "", ""],
    "genres": ["Comedy|Short", "Animation|Family|Sci-Fi", "Horror|Mystery", "Action|Drama|War"],
    "color": ["Color", "Color", "Color", "Black and White"],
}
LENGTHS = {0: 400, 1: 390, 2: 385, 3: 300}  # steps of audio


def video(id: int) -> np.ndarray:
    """(1, 200, 4096): frame t of film `id` holds 1000 id + t, but for its first number, which is its own."""
    values = np.broadcast_to((1000 * id + np.arange(200, dtype=np.float32))[:, None], (200, 4096)).copy()
    values[:, 0] = -id
    return values[None]


def audio(id: int) -> np.ndarray:
    """(96, T): channel + step / 1000 + 100 id."""
    return (np.arange(96)[:, None] + np.arange(LENGTHS[id]) / 1000 + 100 * id).astype(np.float64)


def poster(id: int) -> np.ndarray:
    return np.full((1, 4096), 0 if id == 2 else id + 1, np.float32)


def put(path: Path, value: object, protocol: int = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=protocol))


SHOWN = ("video", "audio", "poster", "table")


def moviescope(folder: Path, shown: Sequence[str] = SHOWN) -> Path:
    """The lists and some of the features: video | audio | poster | table (movie_metadata.csv) | matrices (of metadata)."""
    folder.mkdir(parents=True)
    for part, films in LISTS.items():
        lines = [json.dumps({"id": id, "synopsis": text, "label": label}, ensure_ascii=False) for id, text, label in films]
        (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for id in LENGTHS:
        if "video" in shown:
            put(folder / f"200F_VGG16/{id}.p", video(id), protocol=4)
        if "audio" in shown:
            put(folder / f"Melspectrogram/{id}.p", audio(id))
        if "poster" in shown:
            put(folder / f"PosterFeatures/{id}.p", poster(id), protocol=5)
    if "table" in shown:
        table(folder / "movie_metadata.csv", TABLE)
    for part, films in {"train": (3, 0), "val": (2,), "test": (1,)}.items() if "matrices" in shown else ():
        put(folder / f"Metadata_matrices/{part}_ids.pickle", {id: row for row, id in enumerate(films)})
        np.save(folder / f"Metadata_matrices/{part}_metadata.npy", np.array([np.arange(312) + 1000.0 * id for id in films]))
    return folder


def table(path: Path, columns: dict[str, list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])


# --- CMU-MOSI --------------------------------------------------------------------------------------------------------------

SAID = (  # in the order of the file: by text, so the tenth utterance stands before the second
    ("aXe_1", "I SAW IT", "1", "1"), ("aXe_10", "THE END", "1", "0"), ("aXe_2", "IT IS, UM, LONG", "1", "0"),
    ("b_b_1", "NO", "2", "0"), ("b_b_2", "WELL NO", "2", "1"),
    ("cc_1", "GREAT", "3", "1"), ("cc_2", "NOT READ", "3", "0"), ("cc_3", "SO GREAT", "3", "1"),
)  # fmt: skip
ROWS = {"train": (0, 4, 1, 2, 3), "test": (5, 7)}  # of SAID, in the order of the files: positive ones first
WIDTH = {"text": 100, "audio": 73, "video": 100}
SHIFT = {"text": 0.0, "audio": 0.25, "video": 0.5}


def feature(kind: str, row: int) -> np.ndarray:
    """What one utterance holds: its row in the transcripts, plus a fraction of the modality, plus a hundredth per place."""
    return row + SHIFT[kind] + np.arange(WIDTH[kind]) / 1024


def mosi(folder: Path) -> Path:
    folder.mkdir(parents=True)
    lines = ["".join(f'"{cell}",' for cell in cells)[:-1] for cells in SAID]
    (folder / "transcripts.csv").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8", newline="")
    for part, rows in ROWS.items():
        for kind in WIDTH:
            cells = [[f'"{number!r}"' for number in feature(kind, row).tolist()] for row in rows]
            if kind == "text":
                cells = [[f'"{row}"', *line] for row, line in zip(rows, cells, strict=True)]
            else:
                cells = [[*line, f'"{SAID[row][3]}"'] for row, line in zip(rows, cells, strict=True)]
            name = f"{kind}_{part}.csv" if kind == "text" else f"{kind}_{part}0.csv"
            (folder / name).write_text("".join(",".join(line) + "\r\n" for line in cells), encoding="utf-8", newline="")
    return folder
