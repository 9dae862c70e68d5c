"""Tokens by rule, mean word vectors against a loop, and files of vectors, good and bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmkit.errors import DataError, SettingsError
from mmkit.features import words
from mmkit.features.words import WordVectors


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("¡Qué maravilla!", "¡ qué maravilla !"),
        ("¿Qué? ¿De verdad?", "¿ qué ? ¿ de verdad ?"),
        ("Claro, claro... el Sr. López llega a las 10:30.", "claro , claro ... el sr. lópez llega a las 10 : 30 ."),
        ('Dijo: "no".', 'dijo : " no " .'),
        ('Dijo "no."', 'dijo " no . "'),
        ("Son 525,600 minutos, o 9.5", "son 525,600 minutos , o 9.5"),
        ("bien-hecho -- creo – o —no—", "bien-hecho -- creo – o — no —"),
        ("l'amour de l’autre", "l ' amour de l ’ autre"),
        ("''vale'' ``sí``", "'' vale '' `` sí ``"),
        ("ve a http://a.b/c?d=1 y/o a /tmp", "ve a http://a.b/c?d=1 y/o a / tmp"),
        ("cuesta $5 o 5€ (casi 100%)", "cuesta $ 5 o 5€ ( casi 100 % )"),
        ("¡¿Cómo?! No; sí…", "¡ ¿ cómo ? ! no ; sí …"),
        ("uno,dos,, tres", "uno , dos ,, tres"),
        ("espera...", "espera ..."),
        ("«hola» [fin]\u00a0tú & yo", "« hola » [ fin ] tú & yo"),
        ("", ""),
    ],
)
def test_tokens(text, tokens):
    assert words.tokenise([text]) == [tokens.split()]


def test_capitals_stay_if_told():
    assert words.tokenise(["La Casa."], lower=False) == [["La", "Casa", "."]]


def tables() -> list[WordVectors]:
    rng = np.random.default_rng(0)
    return [
        WordVectors(("a", "b", "c"), rng.normal(size=(3, 4)).astype(np.float32)),
        WordVectors(("b", "d"), rng.normal(size=(2, 2)).astype(np.float32)),
    ]


def test_a_sentence_is_the_mean_of_its_known_tokens_table_by_table():
    sentences, both = [["a", "b", "b", "x"], [], ["d"], ["x", "y"], ["c"]], tables()
    found = words.centroids(sentences, both)
    slow = np.zeros((5, 6))
    for n, sentence in enumerate(sentences):
        for table, part in zip(both, (slice(0, 4), slice(4, 6)), strict=True):
            known = [table.vectors[table.words.index(w)] for w in sentence if w in table.words]
            if known:
                slow[n, part] = np.mean(known, axis=0)
    np.testing.assert_allclose(found.vectors, slow, rtol=1e-6)
    assert found.vectors.dtype == np.float32
    assert found.tokens.tolist() == [4, 0, 1, 2, 1]
    assert found.known.tolist() == [[3, 2], [0, 0], [0, 1], [0, 0], [1, 0]]
    np.testing.assert_allclose(found.unknown_rates, [4 / 8, 5 / 8])


def test_no_sentences_and_no_tables():
    assert words.centroids([], tables()).vectors.shape == (0, 6)
    assert words.centroids([[]], tables()).unknown_rates.tolist() == [1, 1]
    with pytest.raises(SettingsError, match="no table"):
        words.centroids([["a"]], [])


@pytest.mark.parametrize(
    ("vocabulary", "vectors", "message"),
    [
        (("a", "b"), np.zeros((3, 2)), "2 words and vectors of shape"),
        (("a", "b", "a"), np.zeros((3, 2)), "'a' is also word 0"),
        (("a", "b"), np.array([[0, 1], [0, np.nan]]), "not finite"),
        ((), np.zeros((0, 2)), "V, D > 0"),
    ],
)
def test_a_table_is_checked(vocabulary, vectors, message):
    with pytest.raises(DataError, match=message):
        WordVectors(vocabulary, vectors)


def test_text_files_with_and_without_a_first_line(tmp_path: Path):
    glove = tmp_path / "glove.txt"
    glove.write_text("qué 1 2 3\n. . . 4 5 6\nsol 7 8 9.5 \n", encoding="utf-8")
    table = words.read_vectors(glove)
    assert table.words == ("qué", ". . .", "sol")
    assert table.vectors.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9.5]]
    glove.write_text("2 3\nqué 1 2 3\nluna\u0085 4 5 6\n", encoding="utf-8")
    assert words.read_vectors(glove).words == ("qué", "luna\u0085")
    assert words.read_vectors(glove, only={"qué", "otra"}).vectors.tolist() == [[1, 2, 3]]
    with pytest.raises(DataError, match="for the 1 words asked for"):
        words.read_vectors(glove, only={"otra"})


def test_malformed_lines_are_all_listed(tmp_path: Path):
    file = tmp_path / "glove.txt"
    file.write_text("a 1 2 3\nb 1 2\nc 1 x 3\nd 4 5 6\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        words.read_vectors(file)
    assert [p.split(":")[1] for p in error.value.problems] == ["2", "3"]


def test_arrays_of_words_and_vectors(tmp_path: Path):
    np.savez(tmp_path / "t.npz", words=np.array(["a", "b", "c"]), vectors=np.eye(3))
    assert words.read_vectors(tmp_path / "t.npz", only=["c", "a"]).vectors.tolist() == [[1, 0, 0], [0, 0, 1]]
    np.savez(tmp_path / "u.npz", words=np.array(["a"]))
    with pytest.raises(DataError, match="no array vectors; it has words"):
        words.read_vectors(tmp_path / "u.npz")


def write_tokens(path: Path, **changed: object) -> Path:
    rng = np.random.default_rng(1)
    arrays = {"ids": np.array(["u1", "u2", "u3"]), "offsets": np.array([0, 2, 2, 5]), "vectors": rng.normal(size=(5, 3, 4))}
    np.savez(path, **arrays | changed)
    return path


def test_token_vectors_are_averaged_over_layers_and_tokens(tmp_path: Path):
    file = write_tokens(tmp_path / "elmo.npz")
    with np.load(file) as arrays:
        vectors = arrays["vectors"]
    ids, found = words.read_token_vectors(file)
    assert ids == ["u1", "u2", "u3"]
    np.testing.assert_allclose(found, [vectors[:2].mean((0, 1)), np.zeros(4), vectors[2:].mean((0, 1))], rtol=1e-6)
    _, last = words.read_token_vectors(file, layer=-1)
    np.testing.assert_allclose(last[2], vectors[2:, 2].mean(0), rtol=1e-6)
    _, flat = words.read_token_vectors(write_tokens(tmp_path / "flat.npz", vectors=vectors[:, 1]))
    np.testing.assert_allclose(flat[0], vectors[:2, 1].mean(0), rtol=1e-6)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"offsets": np.array([0, 2, 5])}, r"expected \(4,\)"),
        ({"offsets": np.array([0, 3, 2, 5])}, "expected rising from 0 to 5"),
        ({"offsets": np.array([0, 2, 2, 6])}, "expected rising from 0 to 5"),
        ({"vectors": np.zeros(5)}, r"expected \(S, D\)"),
        ({"vectors": np.full((5, 4), np.nan)}, "not finite"),
    ],
)
def test_token_vectors_that_do_not_fit(tmp_path: Path, changed, message):
    with pytest.raises(DataError, match=message):
        words.read_token_vectors(write_tokens(tmp_path / "bad.npz", **changed))


def test_a_layer_that_is_not_there(tmp_path: Path):
    with pytest.raises(SettingsError, match="3 layers"):
        words.read_token_vectors(write_tokens(tmp_path / "elmo.npz"), layer=3)


def test_bag_of_words():
    bag = words.BagOfWords.fit([["b", "a", "b"], ["c", "a"]])
    assert bag.words == ("a", "b", "c")
    half = np.sqrt(0.5)
    np.testing.assert_allclose(bag.transform([["a", "a", "c", "x"], [], ["b"]]), [[half, 0, half], [0, 0, 0], [0, 1, 0]])
    assert words.BagOfWords.fit([["b", "a", "b"], ["c", "a"]], min_count=2).words == ("a",)
    with pytest.raises(DataError, match="Lower min_count"):
        words.BagOfWords.fit([["a"]], min_count=2)
    assert words.BagOfWords.fit([["b", "a", "b"], ["c", "a"], ["c"]], most=2).words == ("a", "c")
