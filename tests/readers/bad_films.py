"""Bad film data sets: the good tiny one with one thing changed in it, and what has to be said about each."""

# ruff: noqa: E501 - a message stands on one line, as a person reads it

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from mmkit import readers
from mmkit.readers.mmimdb_folder import GENRES
from tests.readers import film_files
from tests.readers.film_files import BLOCKS, FILMS, TABLE, split_table

Case = tuple[str, str, Callable[[Path], None]]
FORMAT, AGAIN, RUN = "data_scripts/README.md", "fetch it again", "Nothing of it was run"

# --- MM-IMDb: the HDF5 file ------------------------------------------------------------------------------------------------

ARRAYS = film_files.arrays()


def hdf5(**changed: object) -> Callable[[Path], None]:
    def load(tmp: Path) -> None:
        readers.load("mmimdb", film_files.hdf5(tmp / "multimodal_imdb.hdf5", **changed))

    return load


def changed(key: str, *cells: tuple[object, object]) -> dict[str, np.ndarray]:
    """One of the good arrays with other values at some places."""
    values = ARRAYS[key].copy()
    for at, value in cells:
        values[at] = value
    return {key: values}


def split(**blocks: tuple[int, int]) -> np.ndarray:
    return split_table({**BLOCKS, **blocks})


def split_other(source: str, **blocks: tuple[int, int]) -> np.ndarray:
    """Other blocks for one of the arrays alone."""
    rest = tuple(name for name in film_files.SOURCES if name != source)
    return np.concatenate([split_table(BLOCKS, rest), split_table({**BLOCKS, **blocks}, (source,))])


def listed(tmp: Path) -> None:
    """Rows named one by one, which Fuel allows."""
    path = film_files.hdf5(tmp / "multimodal_imdb.hdf5")
    with h5py.File(path, "r+") as file:
        table = file.attrs["split"]
        table["indices"][0] = file.create_dataset("rows", data=np.array([0, 2, 1])).ref
        file.attrs["split"] = table
    readers.load("mmimdb", path)


def alphabetical(tmp: Path) -> None:
    """The names sorted, the columns not: 400 films, as many of them as there are in every genre."""
    n = 400
    genres = np.arange(n)[:, None] < (n * 0.9 ** np.arange(len(GENRES))).astype(int)
    readers.load("mmimdb", film_files.hdf5(
        tmp / "multimodal_imdb.hdf5", names=sorted(GENRES), blocks=split_table({"train": (0, 300), "dev": (300, 350), "test": (350, n)}),
        features=np.ones((n, 300), np.float32), vgg_features=np.ones((n, 4096), np.float32), images=None,
        genres=genres.astype(np.int32), imdb_ids=np.array([f"{k:07d}" for k in range(n)], "S7"),
    ))  # fmt: skip


def cut_hdf5(tmp: Path) -> None:
    path = film_files.hdf5(tmp / "multimodal_imdb.hdf5")
    path.write_bytes(path.read_bytes()[:-5000])
    readers.load("mmimdb", path)


def page_hdf5(tmp: Path) -> None:
    (tmp / "multimodal_imdb.hdf5").write_text("<!DOCTYPE html><html><body>503</body></html>")
    readers.load("mmimdb", tmp)


# --- MM-IMDb: the folder ---------------------------------------------------------------------------------------------------


def films(**files: object) -> Callable[[Path], None]:
    """The good folder with files replaced (bytes, or what becomes JSON) or, with None, taken away. `s0031381` is 0031381.json."""

    def load(tmp: Path) -> None:
        folder = film_files.mmimdb_folder(tmp / "mmimdb")
        for name, value in files.items():
            path = (
                folder / "split.json"
                if name == "split"
                else folder / "dataset" / f"{name[1:]}.{'jpeg' if name[0] == 'p' else 'json'}"
            )
            path.unlink(missing_ok=True)
            if value is not None:
                path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        readers.load("mmimdb", tmp)

    return load


# --- Moviescope ------------------------------------------------------------------------------------------------------------


FOLDERS = {"video": "200F_VGG16", "audio": "Melspectrogram", "poster": "PosterFeatures"}


class Runs:
    """Asks whoever loads it to run a command."""

    def __reduce__(self) -> tuple:
        return os.system, ("echo ran",)


def moviescope(*shown: str, lists: str = "", lines: tuple[object, ...] = (), **files: object) -> Callable[[Path], None]:
    """The good folder with pickles replaced: folder of the feature -> {film: value, bytes or None}. lists: one of the lists."""

    def load(tmp: Path) -> None:
        folder = film_files.moviescope(tmp / "moviescope", shown)
        for name, values in files.items():
            for file, value in values.items():
                path = folder / FOLDERS[name] / str(file)
                path.unlink(missing_ok=True)
                if value is not None:
                    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol=2))
        if lists:
            text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
            (folder / lists).write_text(text + "\n", encoding="utf-8")
        readers.load("moviescope", tmp)

    return load


def no_list(tmp: Path) -> None:
    folder = film_files.moviescope(tmp / "moviescope", ())
    (folder / "dev.jsonl").unlink()
    readers.load("moviescope", tmp)


def film(id: object, synopsis: object = "A plot.", label: object = ("Drama",)) -> dict[str, object]:
    return {"id": id, "synopsis": synopsis, "label": label}


def matrices(change: Callable[[Path], object]) -> Callable[[Path], None]:
    def load(tmp: Path) -> None:
        change(film_files.moviescope(tmp / "moviescope", ("matrices",)) / "Metadata_matrices")
        readers.load("moviescope", tmp)

    return load


def cut(path: Path, by: int) -> None:
    path.write_bytes(path.read_bytes()[:-by])


def table(**columns: list[str] | None) -> Callable[[Path], None]:
    def load(tmp: Path) -> None:
        folder = film_files.moviescope(tmp / "moviescope", ())
        whole = {name: cells for name, cells in {**TABLE, **columns}.items() if cells is not None}
        film_files.table(folder / "movie_metadata.csv", whole)
        readers.load("moviescope", tmp)

    return load


# --- CMU-MOSI --------------------------------------------------------------------------------------------------------------


def mosi(file: str, change: Callable[[list[str]], object] | None) -> Callable[[Path], None]:
    """The good folder with the lines of one file changed in place; None takes the file away."""

    def load(tmp: Path) -> None:
        path = film_files.mosi(tmp / "mosi") / file
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # each keeps its carriage return
        path.unlink()
        if change is not None:
            change(lines)
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
        readers.load("mosi", tmp)

    return load


def swap(lines: list[str], line: int, old: str, new: str) -> None:
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)


def cell(lines: list[str], line: int, field: int, value: str) -> None:
    cells = lines[line - 1].rstrip("\r").split(",")
    cells[field - 1] = f'"{value}"'
    lines[line - 1] = ",".join(cells) + "\r"


def both_parts(tmp: Path) -> None:
    """The last test utterance belongs to a training video."""
    folder = film_files.mosi(tmp / "mosi")
    for file in ("text_test.csv", "audio_test0.csv", "video_test0.csv"):
        path = folder / file
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        if file.startswith("text"):
            cell(lines, 2, 1, "0")  # aXe_1, positive, as cc_3 is
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    readers.load("mosi", tmp)


NAN = float("nan")
H5 = "MM-IMDb, vectors: "
DIR = "MM-IMDb, folder: "
SCOPE = "Moviescope: "
MOSI = "MOSI: "
LISTED = "attribute 'split' lists rows one by one (indices), expected blocks from start to stop"

# id, what is wrong, how to give it, part of the first line, every problem in order, part of the advice
ROWS: list[tuple[str, str, Callable[[Path], None], str, list[str], str]] = [
    ("h5_keys", H5 + "arrays that are missing", hdf5(features=None, imdb_ids=None, vgg_feature=ARRAYS["vgg_features"], vgg_features=None),
     "mmimdb: 3 problems in MM-IMDb, DATA/multimodal_imdb.hdf5", [
         "key 'features' is missing, expected an array (films, 300); did you mean 'vgg_feature'?",
         "key 'vgg_features' is missing, expected an array (films, 4096); did you mean 'vgg_feature'?",
         "key 'imdb_ids' is missing, expected an array (films); known: genres, images, vgg_feature",
     ], FORMAT),
    ("h5_transposed", H5 + "an array on its side, another too narrow", hdf5(vgg_features=ARRAYS["vgg_features"].T, features=ARRAYS["features"][:, :100]),
     "mmimdb: 2 problems", [
         "'features' has shape (6, 100), expected (films, 300)",
         "'vgg_features' has shape (4096, 6), expected (films, 4096); looks transposed",
     ], FORMAT),
    ("h5_type", H5 + "text where numbers belong", hdf5(genres=np.full((6, 23), b"1", "S1")), "mmimdb", ["'genres' has type |S1, expected numbers"], FORMAT),
    ("h5_unequal", H5 + "a film too few in one array", hdf5(features=ARRAYS["features"][:5]),
     "mmimdb", ["numbers of films differ: features 5, vgg_features 6, genres 6, imdb_ids 6; expected equally many"], FORMAT),
    ("h5_nan", H5 + "numbers that are none", hdf5(**changed("features", ((1, 7), NAN), ((4, 0), np.inf)), **changed("vgg_features", (5, NAN))),
     "mmimdb: 3 problems", [
         f"'features': row 1, film {FILMS[1]}: NaN or infinite values, expected finite numbers",
         f"'features': row 4, film {FILMS[4]}: NaN or infinite values, expected finite numbers",
         f"'vgg_features': row 5, film {FILMS[5]}: NaN or infinite values, expected finite numbers",
     ], FORMAT),
    ("h5_genres", H5 + "films without a genre, and a 2 where 0 or 1 belongs", hdf5(**changed("genres", (3, 0), ((0, 2), 2))), "mmimdb", [
        f"'genres': row 0, film {FILMS[0]}: {[1, 0, 2] + [0] * 20}, expected only 0 and 1",
        f"'genres': row 3, film {FILMS[3]}: no genre, expected at least one",
    ], FORMAT),
    ("h5_ids", H5 + "ids that are none or stand twice", hdf5(**changed("imdb_ids", (0, b"12"), (2, b"tt00315"), (5, FILMS[1].encode()))), "mmimdb", [
        "'imdb_ids': row 0: '12', expected 7 digits",
        "'imdb_ids': row 2: 'tt00315', expected 7 digits",
        f"'imdb_ids': row 5: '{FILMS[1]}' was already used in row 1",
    ], FORMAT),
    ("h5_names", H5 + "a genre that is not known", hdf5(names=["SciFi" if name == "Sci-Fi" else name for name in GENRES]), "mmimdb", [
        "'target_names': 'SciFi', expected one of the 23 genres; did you mean 'Sci-Fi'?",
        "'target_names': 'Sci-Fi' stands 0 times, expected each genre once",
    ], FORMAT),
    ("h5_names_absent", H5 + "genres without names", hdf5(names=None), "mmimdb", ["'genres' has no attribute 'target_names', expected a JSON list of 23 genres"], FORMAT),
    ("h5_names_text", H5 + "names of genres that are no JSON", hdf5(names="Drama, Comedy"),
     "mmimdb", ["'genres': attribute 'target_names' is 'Drama, Comedy', expected a JSON list of 23 genres"], FORMAT),
    ("h5_order", H5 + "names of genres in another order than the columns", alphabetical, "mmimdb", ["'genres': 'Action' has 400 films and 'Thriller' 48, expected fewer; do the 'target_names' stand in the order of the columns?"], FORMAT),
    ("h5_split_absent", H5 + "no split", hdf5(blocks=False), "mmimdb", ["attribute 'split' is missing, expected a table of split, source, start, stop"], FORMAT),
    ("h5_split_fields", H5 + "a split without its columns", hdf5(blocks=np.arange(3)),
     "mmimdb", ["attribute 'split' has no field split, source, start, stop, expected split, source, start, stop"], FORMAT),
    ("h5_split_part", H5 + "a split without its dev part", hdf5(blocks=split_table({"train": (0, 3), "test": (3, 6)})), "mmimdb: 4 problems", [
        f"attribute 'split': no dev of {name!r}, expected train, dev, test of each array" for name in ("features", "vgg_features", "genres", "imdb_ids")
    ], FORMAT),
    ("h5_split_gap", H5 + "a split that leaves films out", hdf5(blocks=split_other("genres", dev=(4, 5), test=(5, 5))), "mmimdb", [
        "attribute 'split': dev of 'genres' is rows 4 to 5, expected it to begin at 3 and to end later",
        "attribute 'split': test of 'genres' is rows 5 to 5, expected it to begin at 5 and to end later",
        "attribute 'split': the blocks of 'genres' end at 5, expected 6, the number of films",
    ], FORMAT),
    ("h5_split_differs", H5 + "arrays that are cut at different rows", hdf5(blocks=split_other("genres", train=(0, 2), dev=(2, 4))), "mmimdb", [
        "attribute 'split': train of 'genres' is rows 0 to 2, of 'features' 0 to 3, expected the same films",
        "attribute 'split': dev of 'genres' is rows 2 to 4, of 'features' 3 to 4, expected the same films",
    ], FORMAT),
    ("h5_split_rows", H5 + "a split that lists rows one by one", listed, "mmimdb", [LISTED], FORMAT),
    ("h5_cut", H5 + "a file that is cut off", cut_hdf5, "DATA/multimodal_imdb.hdf5: ends before its own end mark, expected a complete HDF5 file", [], AGAIN),
    ("h5_page", H5 + "a web page under the name of the file", page_hdf5, "DATA/multimodal_imdb.hdf5: starts with b'<!DOCTYP', expected an HDF5 file", [], AGAIN),
    ("films_split", DIR + "a split that is no JSON", films(split=b'{"train": [}'), "mmimdb", ["split.json:1: Expecting value (column 12), expected JSON"], FORMAT),
    ("films_parts", DIR + "a split without its dev part", films(split={"train": [], "test": []}), "mmimdb", ["split.json: expected an object with a list of ids under each of train, dev, test"], FORMAT),
    ("films_ids", DIR + "ids that are none or stand twice in the split", films(split={"train": ["0000005", "5", 12349], "dev": ["0012349"], "test": ["0045152", "0000005"]}), "mmimdb: 3 problems in MM-IMDb, DATA/mmimdb", [
        "split.json: train has '5', expected a text of 7 digits",
        "split.json: train has 12349, expected a text of 7 digits",
        "split.json: test has '0000005', which stands in train already",
    ], FORMAT),
    ("films_plot", DIR + "films without a plot", films(j0000005={"genres": ["Drama"]}, j0012349={"plot": [], "genres": ["Drama"]}, j0045152={"plot": "Rain.", "genres": ["Drama"]}), "mmimdb", [
        "0000005.json: key 'plot' is missing, expected a list of texts",
        "0012349.json: 'plot' holds no text, expected at least one plot",
        "0045152.json: 'plot' is 'Rain.', expected a list of texts",
    ], FORMAT),
    ("films_genre", DIR + "a genre outside the 27, and no genres", films(j0000005={"plot": ["A."], "genres": ["Drama", "Sci Fi"]}, j0045152={"plot": ["A."]}), "mmimdb", [
        "0000005.json: genre 'Sci Fi', expected one of the 27 genres; did you mean 'Sci-Fi'?",
        "0045152.json: key 'genres' is missing, expected a list of texts",
    ], FORMAT),
    ("films_credits", DIR + "credits in another form", films(j0000005={"plot": ["A."], "genres": ["Drama"], "director": "Ada Bell", "writer": [{"id": 3}]}), "mmimdb", [
        "0000005.json: 'director' is 'Ada Bell', expected a list of objects with a 'name'",
        "0000005.json: 'writer' is [{'id': 3}], expected a list of objects with a 'name'",
    ], FORMAT),
    ("films_absent", DIR + "a film without its JSON, one without its poster, a poster without a film", films(j0000005=None, p0012349=None, p0077777=film_files.jpeg((0, 0, 0))), "mmimdb", [
        "0000005.json: no such file",
        "0012349.json: no 0012349.jpeg beside it, expected the poster",
        "0077777.jpeg: has no 0077777.json beside it, expected plot and genres",
    ], FORMAT),
    ("films_picture", DIR + "posters that are broken", films(p0000005=film_files.jpeg((9, 9, 9))[:700], p0045152=b"<html>"), "mmimdb", [
        "0000005.jpeg: cannot be read as a picture, expected a whole JPEG",
        "0045152.jpeg: cannot be read as a picture, expected a whole JPEG",
    ], FORMAT),
    ("films_json", DIR + "films that are no JSON object", films(j0000005=b'{"plot": ["A."]', j0012349=["A."], j0045152=b'{"plot": ["\xe9"]}'), "mmimdb", [
        "0000005.json:1: Expecting ',' delimiter (column 16), expected JSON",
        "0012349.json: holds a list, expected an object",
        "0045152.json: byte 11: 0xe9, expected UTF-8",
    ], FORMAT),
    ("scope_program", SCOPE + "a pickle that asks to run a command", moviescope("poster", poster={"0.p": Runs()}),
     "moviescope: 1 problem in Moviescope, DATA/moviescope", ["PosterFeatures/0.p: names posix.system, expected arrays and built-in containers only"], RUN),
    ("scope_objects", SCOPE + "an array of objects", moviescope("poster", poster={"0.p": np.array([[1, "a"]], object)}),
     "moviescope", ["PosterFeatures/0.p: holds an array of objects (dtype object), expected arrays of plain numbers"], RUN),
    ("scope_cut", SCOPE + "pickles that are cut off, empty, none, or not there", moviescope("poster", poster={"0.p": pickle.dumps(film_files.poster(0), protocol=2)[:-9], "1.p": b"", "2.p": b"<html>", "3.p": None}), "moviescope: 4 problems", [
        "PosterFeatures/3.p: no such file, expected one for each film",
        "PosterFeatures/0.p: is not a whole pickle",
        "PosterFeatures/2.p: starts with b'<html>', expected a pickle",
        "PosterFeatures/1.p: is empty (0 bytes), expected a pickle",
    ], AGAIN),
    ("scope_shapes", SCOPE + "arrays of another shape", moviescope("video", "audio", "poster", video={"0.p": film_files.video(0)[0], "1.p": film_files.video(1)[:, :150]}, audio={"2.p": film_files.audio(2).T}, poster={"3.p": np.ones((1, 512), np.float32)}), "moviescope: 4 problems", [
        "200F_VGG16/0.p: has shape (200, 4096), expected (1, 200, 4096); the leading 1 is missing",
        "200F_VGG16/1.p: has shape (1, 150, 4096), expected (1, 200, 4096)",
        "Melspectrogram/2.p: has shape (385, 96), expected (96, steps); looks transposed",
        "PosterFeatures/3.p: has shape (1, 512), expected (1, 4096)",
    ], FORMAT),
    ("scope_values", SCOPE + "arrays with NaN, of whole numbers, and no array", moviescope("poster", poster={"0.p": np.full((1, 4096), NAN, np.float32), "1.p": np.ones((1, 4096), np.int64), "2.p": [0.5, 1.5]}), "moviescope", [
        "PosterFeatures/0.p: holds NaN or infinite values, expected finite numbers",
        "PosterFeatures/2.p: holds a list, expected an array of floating-point numbers",
        "PosterFeatures/1.p: holds an array of int64, expected an array of floating-point numbers",
    ], FORMAT),
    ("scope_list", SCOPE + "lines of a list that are no film", moviescope(lists="dev.jsonl", lines=('{"id": 5', [5], film("5"), film(5, " "), film(6, None), film(7, label=[]), film(8, label=["Drama", "Sci Fi"]), film(True))), "moviescope: 8 problems", [
        "dev.jsonl:1: Expecting ',' delimiter (column 9), expected a JSON object",
        "dev.jsonl:2: holds a list, expected an object with id, synopsis and label",
        "dev.jsonl:3: id is '5', expected a whole number",
        "dev.jsonl:4: film 5: synopsis is ' ', expected a text",
        "dev.jsonl:5: film 6: synopsis is None, expected a text",
        "dev.jsonl:6: film 7: label is [], expected a list of genres",
        "dev.jsonl:7: film 8: genre 'Sci Fi', expected one of 13; did you mean 'Sci-Fi'?",
        "dev.jsonl:8: id is True, expected a whole number",
    ], FORMAT),
    ("scope_twice", SCOPE + "films that are listed twice", moviescope(lists="test.jsonl", lines=(film(1), film(3), film(1))), "moviescope", [
        "test.jsonl:2: film 3 was already listed at train.jsonl:1",
        "test.jsonl:3: film 1 was already listed at test.jsonl:1",
    ], FORMAT),
    ("scope_no_list", SCOPE + "a list that is missing", no_list, "moviescope", ["dev.jsonl: no such file"], FORMAT),
    ("scope_matrix_ids", SCOPE + "films that the matrices of metadata lack", matrices(lambda folder: film_files.put(folder / "train_ids.pickle", {3: 2, 77: 0})), "moviescope", [
        "Metadata_matrices/train_ids.pickle: film 3 has row 2, but Metadata_matrices/train_metadata.npy has 2",
        "Metadata_matrices/train_ids.pickle: film 0 of train.jsonl:2 is missing, expected a row for each film",
    ], FORMAT),
    ("scope_matrix_shape", SCOPE + "a matrix of metadata on its side", matrices(lambda folder: np.save(folder / "val_metadata.npy", np.ones((312, 1)))),
     "moviescope", ["Metadata_matrices/val_metadata.npy: has shape (312, 1), expected (films, 312); looks transposed"], FORMAT),
    ("scope_matrix_nan", SCOPE + "a matrix of metadata with NaN", matrices(lambda folder: np.save(folder / "val_metadata.npy", np.full((1, 312), NAN))),
     "moviescope", ["Metadata_matrices/val_metadata.npy: row 0, film 2: NaN or infinite values, expected finite numbers"], FORMAT),
    ("scope_matrix_absent", SCOPE + "a matrix of metadata that is missing", matrices(lambda folder: (folder / "val_metadata.npy").unlink()),
     "moviescope", ["Metadata_matrices/val_metadata.npy: no such file, expected it for the dev part"], FORMAT),
    ("scope_matrix_cut", SCOPE + "a matrix of metadata that is cut off", matrices(lambda folder: cut(folder / "test_metadata.npy", 100)),
     "moviescope", ["Metadata_matrices/test_metadata.npy: cannot be read as an array of numbers, expected a whole .npy file"], FORMAT),
    ("scope_matrix_dict", SCOPE + "a list where the matrices' rows belong", matrices(lambda folder: film_files.put(folder / "test_ids.pickle", [1])),
     "moviescope", ["Metadata_matrices/test_ids.pickle: expected a dict from the id of a film to its row"], FORMAT),
    ("scope_table_rows", SCOPE + "a table of films that is too short", table(**{name: cells[:2] for name, cells in TABLE.items()}), "moviescope", [
        "train.jsonl:1: film 3, but movie_metadata.csv has rows 0 to 1 only",
        "dev.jsonl:1: film 2, but movie_metadata.csv has rows 0 to 1 only",
    ], FORMAT),
    ("scope_table_slipped", SCOPE + "a table of films that slipped by a row", table(**{name: cells[1:] + cells[:1] for name, cells in TABLE.items()}),
     "moviescope", ["movie_metadata.csv: names 0 of the 8 genres of the films whose ids are its rows, expected over 60%; is it another version of the table, or in another order?"], FORMAT),
    ("scope_table_cells", SCOPE + "a table of films with words where numbers belong", table(duration=["90", "long", "", "-1"]), "moviescope", [
        "movie_metadata.csv:3: column 'duration': 'long', expected a number, at least 0 or an empty field",
        "movie_metadata.csv:5: column 'duration': '-1', expected a number, at least 0 or an empty field",
    ], FORMAT),
    ("scope_table_columns", SCOPE + "a table of films without a column", table(language=None), "moviescope", ["movie_metadata.csv:1: column 'language' is not in the header, expected it"], FORMAT),
    ("scope_table_damaged", SCOPE + "a table of films that is no CSV", moviescope(lists="movie_metadata.csv", lines=("<!DOCTYPE html>",)), "moviescope", ["movie_metadata.csv:1: starts with '<!doctype html', expected column names; this is a web page"], "sign in"),
    ("mosi_absent", MOSI + "files that are missing", mosi("audio_test0.csv", None), "mosi: 1 problem in CMU-MOSI, features per utterance, DATA/mosi", ["audio_test.csv (or audio_test0.csv): no such file"], FORMAT),
    ("mosi_unequal", MOSI + "a line too few in one file", mosi("video_train0.csv", lambda lines: lines.pop()), "mosi", ["text_train.csv has 5 rows, audio_train0.csv has 5 rows, video_train0.csv has 4 rows; expected equally many"], FORMAT),
    ("mosi_fields", MOSI + "lines with too few fields", mosi("text_test.csv", lambda lines: swap(lines, 2, '"7",', "")), "mosi", ["text_test.csv:2: 100 fields, expected 101: a row of transcripts.csv and 100 features"], FORMAT),
    ("mosi_label_field", MOSI + "lines without a label", mosi("audio_test0.csv", lambda lines: lines.__setitem__(0, lines[0].rsplit(",", 1)[0] + "\r")), "mosi", ["audio_test0.csv:1: 73 fields, expected 74: 73 features and the label"], FORMAT),
    ("mosi_nan", MOSI + "numbers that are none", mosi("video_test0.csv", lambda lines: (cell(lines, 1, 3, "nan"), cell(lines, 2, 100, "1e999"))), "mosi", [
        "video_test0.csv:1: field 3: 'nan', expected a finite number",
        "video_test0.csv:2: field 100: '1e999', expected a finite number",
    ], FORMAT),
    ("mosi_word", MOSI + "words where numbers belong", mosi("audio_train0.csv", lambda lines: (cell(lines, 2, 73, "high"), cell(lines, 4, 1, ""))), "mosi", [
        "audio_train0.csv:2: field 73: 'high', expected a finite number",
        "audio_train0.csv:4: field 1: '', expected a finite number",
    ], FORMAT),
    ("mosi_label", MOSI + "a label that is none, and one that contradicts the transcripts", mosi("audio_train0.csv", lambda lines: (cell(lines, 1, 74, "2"), cell(lines, 3, 74, "1"))), "mosi", [
        "audio_train0.csv:1: label 2, expected 0 (negative) or 1 (positive)",
        "audio_train0.csv:3: label 1, but transcripts.csv says 0 for 'aXe_10'; do the files stand in one order?",
    ], FORMAT),
    ("mosi_order", MOSI + "a file in another order than the others", mosi("video_train0.csv", lambda lines: lines.reverse()), "mosi", [
        "video_train0.csv:1: label 0, but transcripts.csv says 1 for 'aXe_1'; do the files stand in one order?",
        "video_train0.csv:2: label 0, but transcripts.csv says 1 for 'b_b_2'; do the files stand in one order?",
        "video_train0.csv:4: label 1, but transcripts.csv says 0 for 'aXe_2'; do the files stand in one order?",
        "video_train0.csv:5: label 1, but transcripts.csv says 0 for 'b_b_1'; do the files stand in one order?",
    ], FORMAT),
    ("mosi_row", MOSI + "rows that the transcripts do not have", mosi("text_train.csv", lambda lines: (cell(lines, 1, 1, "8"), cell(lines, 2, 1, "-1"), cell(lines, 3, 1, "1.5"))), "mosi", [
        "text_train.csv:1: field 1: 8, expected a row of transcripts.csv, a whole number from 0 to 7",
        "text_train.csv:2: field 1: -1, expected a row of transcripts.csv, a whole number from 0 to 7",
        "text_train.csv:3: field 1: 1.5, expected a row of transcripts.csv, a whole number from 0 to 7",
    ], FORMAT),
    ("mosi_row_twice", MOSI + "a row that stands twice", mosi("text_train.csv", lambda lines: cell(lines, 2, 1, "0")), "mosi", ["text_train.csv:2: field 1: 0, a row of transcripts.csv that was used before in this file"], FORMAT),
    ("mosi_said", MOSI + "transcripts that are wrong in every field", mosi("transcripts.csv", lambda lines: (
        swap(lines, 1, "aXe_1", "aXe"), swap(lines, 2, '"1","0"', '"1","no"'), swap(lines, 3, "IT IS, UM, LONG", " "), swap(lines, 5, '"2"', '"3"'), swap(lines, 6, "cc_1", "b_b_2"), swap(lines, 8, ',"1"', ""),
    )), "mosi", [
        "transcripts.csv:1: id 'aXe', expected the video's name, '_' and the number of the utterance",
        "transcripts.csv:2: label 'no', expected 0 (negative) or 1 (positive)",
        "transcripts.csv:3: id 'aXe_2': no text, expected what is said",
        "transcripts.csv:6: id 'b_b_2' was already used on line 5",
        "transcripts.csv:7: id 'cc_2' belongs to video number '3', which is 'b_b' in the lines before",
        "transcripts.csv:8: 3 fields, expected 4: id, text, number of the video, label",
    ], FORMAT),
    ("mosi_quote", MOSI + "a quote that is never closed", mosi("transcripts.csv", lambda lines: swap(lines, 8, ',"1"', ',"1')), "mosi", ["transcripts.csv:8: unexpected end of data, expected CSV with every quote closed"], FORMAT),
    ("mosi_damaged", MOSI + "a file of 0 bytes", mosi("transcripts.csv", lambda lines: lines.clear()), "mosi", ["transcripts.csv: is empty (0 bytes), expected lines of values"], AGAIN),
    ("mosi_both_parts", MOSI + "a video in the training and in the test files", both_parts, "mosi", ["video 'aXe' stands in the training files and in the test files, expected it in one"], FORMAT),
]  # fmt: skip

CASES: list[Case] = [(id, what, give) for id, what, give, *_ in ROWS]
EXPECTED: dict[str, tuple[str, list[str], str]] = {
    id: (summary, problems, advice) for id, _, _, summary, problems, advice in ROWS
}
