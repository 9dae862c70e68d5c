"""What fits a schema and what does not; splits that leak nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mmkit.errors import DataError
from mmkit.schema import Column, Dataset, Modality, MultimodalSchema, PairSchema, Split, TableSchema, matrix, steps

COLUMNS = (
    Column("note", "text"),
    Column("colour", "category", levels=("red", "blue")),
    Column("age", "number", low=0, high=9),
)
BINARY = TableSchema("toy", "binary", COLUMNS, "liked", ("no", "yes"))
PRICED = TableSchema("toy", "regression", COLUMNS, "price")


def table(schema=BINARY, **changes):
    columns = {"note": ["a", None, "c"], "colour": ["red", None, "blue"], "age": [0.0, None, 9.0], schema.label: [0, 1, 1]}
    return pa.table({**columns, **changes}, schema=schema.arrow)


def test_roles_and_types():
    assert (BINARY.text, BINARY.categories, BINARY.numbers) == (["note"], ["colour"], ["age"])
    assert [f.type for f in BINARY.arrow] == [pa.string(), pa.string(), pa.float64(), pa.int64()]
    assert PRICED.arrow.field("price").type == pa.float64()
    assert not BINARY.problems(table())
    assert not PRICED.problems(table(PRICED, price=[1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    ("schema", "changes", "place", "expected"),
    [
        (
            BINARY,
            {"age": [0.0, 9.5, -0.5]},
            ["row 1, column 'age': 9.5", "row 2, column 'age': -0.5"],
            "a finite number in [0, 9]",
        ),
        (BINARY, {"age": [float("nan"), 1.0, float("inf")]}, ["row 0, column 'age': nan", "row 2, column 'age': inf"], "finite"),
        (BINARY, {"colour": ["red", "green", None]}, ["row 1, column 'colour': 'green'"], "one of red, blue"),
        (BINARY, {"liked": [0, 2, -1]}, ["row 1, column 'liked': 2", "row 2, column 'liked': -1"], "in [0, 1]"),
        (PRICED, {"price": [1.0, float("nan"), 2.0]}, ["label 'price' has infinite or NaN values"], "expected finite numbers"),
    ],
)
def test_every_wrong_value_is_told_with_its_place(schema, changes, place, expected):
    found = schema.problems(table(schema, **changes))
    assert len(found) == len(place)
    for told, where in zip(found, place, strict=True):
        assert where in told
        assert expected in told


def test_missing_columns_wrong_types_and_missing_labels():
    found = BINARY.problems(table().drop_columns(["note"]).set_column(2, "liked", pa.array(["0", "1", "1"])))
    assert found == ["toy: column 'note' is missing, expected string", "toy: column 'liked' is string, expected int64"]
    loose = pa.schema([f.with_nullable(True) for f in BINARY.arrow])
    unlabelled = pa.table({**table().to_pydict(), "liked": [0, None, 1]}, schema=loose)
    assert BINARY.problems(unlabelled) == ["toy: label 'liked' is missing in 1 rows, expected a value in every row"]


def test_a_dataset_refuses_what_does_not_fit():
    with pytest.raises(DataError, match=r"(?s)toy: 1 problem in here.*row 1, column 'age'"):
        Dataset("toy", BINARY, Split(table(age=[0.0, 10.0, 1.0])), "here")
    with pytest.raises(DataError, match="toy: no records in here"):
        Dataset("toy", BINARY, Split(table().slice(0, 0)), "here")


def test_a_record_is_a_dict_and_truth_follows_its_rows():
    split = Split(table(), pa.table({"eta": [0.1, 0.2, 0.3]}))
    assert split[1] == {"note": None, "colour": None, "age": None, "liked": 1}
    assert split[-1] == split[2]
    taken = split.take([2, 0])
    assert taken.table["note"].to_pylist() == ["c", "a"]
    assert taken.truth["eta"].to_pylist() == [0.3, 0.1]


def numbered(n, classes=3):
    """A data set whose records carry their own row number, in `age`."""
    schema = TableSchema("rows", "multiclass", (Column("age", "number"),), "y", tuple("abcdef"[:classes]))
    y = np.repeat(np.arange(classes), [n // 2, n // 3, n - n // 2 - n // 3])
    return Dataset("rows", schema, Split(pa.table({"age": np.arange(n, dtype=float), "y": y}, schema=schema.arrow)), "here")


def rows(split):
    return split.table["age"].to_numpy().astype(int)


@pytest.mark.parametrize("n", [60, 601])
def test_parts_are_disjoint_complete_and_stratified(n):
    data, shares = numbered(n), (0.6, 0.1, 0.3)
    parts = data.parts(shares, seed=3)
    assert sorted(np.concatenate([rows(p) for p in parts])) == list(range(n))
    for part, share in zip(parts, shares, strict=True):
        for label in range(3):
            have, whole = (part.table["y"].to_numpy() == label).sum(), (data.labels == label).sum()
            assert abs(have - share * whole) <= 1.0
    again, other = data.parts(shares, seed=3), data.parts(shares, seed=4)
    assert all(np.array_equal(rows(a), rows(b)) for a, b in zip(parts, again, strict=True))
    assert not np.array_equal(rows(parts[2]), rows(other[2]))
    start = data.labels.cumsum()  # not the first rows of each class: a real draw
    assert len(start) == n
    assert np.corrcoef(rows(parts[0]), np.arange(len(parts[0])))[0, 1] > 0.9  # file order is kept inside a part
    assert rows(parts[2])[0] < 0.3 * n


@pytest.mark.parametrize("of", [2, 4, 7])
def test_every_record_is_tested_in_exactly_one_fold(of):
    data = numbered(101)
    tested = []
    for k in range(of):
        train, test = data.fold(k, of, seed=42)
        assert not set(rows(train)) & set(rows(test))
        assert len(train) + len(test) == 101
        for label in range(3):
            whole = (data.labels == label).sum()
            assert abs((test.table["y"].to_numpy() == label).sum() - whole / of) <= 1.0
        tested.append(rows(test))
    assert sorted(np.concatenate(tested)) == list(range(101))


def test_a_regression_is_split_without_classes():
    prices = pa.array(np.linspace(1, 2, 50))
    data = Dataset("toy", PRICED, Split(pa.table({"note": ["x"] * 50, "colour": ["red"] * 50, "age": np.zeros(50), "price": prices}, schema=PRICED.arrow)), "here")  # noqa: E501  # fmt: skip
    parts = data.parts((0.5, 0.5), seed=0)
    assert [len(p) for p in parts] == [25, 25]
    assert abs(parts[0].table["price"].to_numpy().mean() - 1.5) < 0.15  # a draw, not the cheap half


# --- pairs of sentences -------------------------------------------------------------------------------------------------

PAIRS = PairSchema("toy", ("de", "en"))


def pairs(**changes):
    columns = {"de": ["a b", "c", "d"], "en": ["A B", "C", "D"], "part": ["train", "valid", "test"]}
    return pa.table({**columns, **changes}).cast(PAIRS.arrow)


def test_pairs_fit_their_schema():
    assert PAIRS.problems(pairs()) == []
    assert PAIRS.arrow.names == ["de", "en", "part"]


def test_what_does_not_fit_a_pair_schema_is_listed():
    assert PAIRS.problems(pairs().drop(["en"])) == ["toy: column 'en' is missing, expected string"]
    wrong = pairs(de=["a", " \t", "d"], en=["", "C", "D"])
    assert PAIRS.problems(wrong) == [
        "toy: row 1, column 'de': no text, expected a sentence",
        "toy: row 0, column 'en': no text, expected a sentence",
    ]
    assert PAIRS.problems(pairs(part=["train", "dev", "test"])) == [
        "toy: row 1, column 'part': 'dev', expected one of train, valid, test"
    ]
    numbers = pa.table({"de": [1, 2], "en": ["A", "B"], "part": ["train", "test"]})
    assert PAIRS.problems(numbers) == ["toy: column 'de' is int64, expected string"]


def test_official_parts_are_those_of_the_column():
    table = pairs(de=list("abc"), en=list("ABC"), part=["test", "train", "valid"])
    data = Dataset("toy", PAIRS, Split(table, pa.table({"n": [0, 1, 2]})), "here")
    train, valid, test = data.official()
    assert [part[0]["de"] for part in (train, valid, test)] == ["b", "c", "a"]
    assert test.truth["n"].to_pylist() == [0]
    short = Dataset("toy", PAIRS, Split(table.slice(0, 2)), "here")
    with pytest.raises(DataError, match="no records for valid in here"):
        short.official()


# --- several modalities -------------------------------------------------------------------------------------------------

SHOWN = (
    Modality("plot", "text"),
    Modality("vector", "vector", (3,)),
    Modality("video", "sequence", (2,)),
    Modality("poster", "picture", (3, 2, 2)),
    Modality("credits", "people"),
)
FILMS = MultimodalSchema("toy", "multilabel", SHOWN, "genres", ("a", "b"))


def films(schema=FILMS, **changes):
    columns = {
        "id": ["1", "2", "3"],
        "plot": ["x", "y", "z"],
        "vector": [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        "video": [[[1, 2]], [[3, 4], [5, 6]], [[7, 8]]],
        "poster": [[0] * 12] * 3,
        "credits": [[{"role": "director", "name": "n"}], [], []],
        "genres": [[1, 0], [0, 1], [1, 1]],
        "part": ["train", "valid", "test"],
    }
    return pa.table({**columns, **changes}).cast(schema.arrow)


def test_films_fit_their_schema():
    assert FILMS.problems(films()) == []
    data = Dataset("toy", FILMS, Split(films()), "here")
    np.testing.assert_array_equal(data.labels, [[1, 0], [0, 1], [1, 1]])
    np.testing.assert_array_equal(matrix(data.records.take([2, 0]).table["vector"]), [[7, 8, 9], [1, 2, 3]])
    values, offsets = steps(films()["video"])
    np.testing.assert_array_equal(values, [[1, 2], [3, 4], [5, 6], [7, 8]])
    np.testing.assert_array_equal(offsets, [0, 1, 3, 4])
    values, offsets = steps(films().slice(1)["video"])
    np.testing.assert_array_equal(values, [[3, 4], [5, 6], [7, 8]])
    np.testing.assert_array_equal(offsets, [0, 2, 3])
    assert FILMS["video"].shape == (2,)
    with pytest.raises(DataError, match="no modality 'sound', expected one of plot, vector, video, poster, credits"):
        FILMS["sound"]


NAN = float("nan")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"id": ["1", "2", "1"]}, "toy: id '1' stands 2 times, expected each id once"),
        ({"plot": ["x", " ", "z"]}, "toy: row 1, column 'plot': no text, expected some"),
        ({"plot": ["x", "y", None]}, "toy: row 2, column 'plot': no value, expected one in every row"),
        (
            {"vector": [[1, 2, 3], [4, NAN, 6], [7, 8, 9]]},
            "toy: row 1, column 'vector': infinite or NaN values, expected finite numbers",
        ),
        (
            {"video": [[[1, 2]], [[3, 4], [5, NAN]], [[7, 8]]]},
            "toy: row 1, column 'video': infinite or NaN values, expected finite numbers",
        ),
        ({"video": [[[1, 2]], [], [[7, 8]]]}, "toy: row 1, column 'video': no steps, expected at least one"),
        ({"genres": [[1, 0], [0, 0], [1, 1]]}, "toy: row 1: no genres, expected at least one"),
        ({"genres": [[1, 0], [0, 2], [1, 1]]}, "toy: row 1, column 'genres': 2, expected 0 or 1"),
        ({"part": ["train", "dev", "test"]}, "toy: row 1, column 'part': 'dev', expected one of train, valid, test"),
    ],
)
def test_what_does_not_fit_a_multimodal_schema_is_listed(changes, told):
    arrow = pa.schema([field.with_nullable(True) for field in FILMS.arrow])
    columns = {**{name: films()[name] for name in FILMS.arrow.names}, **changes}
    table = pa.table(
        {
            name: pa.array(columns[name], arrow.field(name).type) if isinstance(columns[name], list) else columns[name]
            for name in arrow.names
        }
    )
    assert FILMS.problems(table) == [told]


def test_a_class_number_outside_is_listed():
    schema = MultimodalSchema("toy", "binary", SHOWN, "mood", ("bad", "good"))
    table = films().drop(["genres"]).append_column("mood", pa.array([0, 1, 2])).select(schema.arrow.names).cast(schema.arrow)
    assert schema.problems(table) == ["toy: row 2, column 'mood': 2, expected a finite number in [0, 1]"]
    assert FILMS.problems(films().drop(["video"])) == [
        "toy: column 'video' is missing, expected list<item: fixed_size_list<item: float>[2]>"
    ]
