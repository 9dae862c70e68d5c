"""Windows and dialogues against slow ways of cutting them, utterance by utterance."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mmkit.batches.conversations import NO_LABEL, Dialogues, Scale, Utterances, Windows, utterances
from mmkit.errors import DataError
from mmkit.schema import Split

LENGTHS = [5, 1, 9, 3, 12]


def vectors(values):
    values = np.asarray(values, dtype=np.float32)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def split(rng, names=("Zoe", "Al")):
    total = sum(LENGTHS)
    table = pa.table(
        {
            "dialogue": np.repeat([f"d{n}" for n in range(len(LENGTHS))], LENGTHS),
            "speaker": rng.choice(names, total),
            "text": ["well"] * total,
            "audio": vectors(rng.normal(3, 2, (total, 2))),
            "video": vectors(np.concatenate([rng.normal(-1, 5, (total, 2)), np.full((total, 1), 7.0)], axis=1)),
            "emotion": rng.integers(0, 6, total),
            "heard": rng.integers(0, 2, total),
        }
    )
    return Split(table)


@pytest.fixture
def data():
    return utterances(split(np.random.default_rng(0), ("Zoe", "Al", "Bo")), ["video", "audio"])


def test_features_stand_side_by_side_in_the_order_asked_for():
    records = split(np.random.default_rng(0))
    data = utterances(records, ["video", "audio"])
    for n, row in enumerate(records.table.to_pylist()):
        np.testing.assert_array_equal(data.features[n], np.float32([*row["video"], *row["audio"]]))
        assert data.label[n] == row["emotion"]
    assert data.features.dtype == np.float32
    assert data.offsets.tolist() == [0, 5, 6, 15, 18, 30]
    assert data.widths == {"video": 3, "audio": 2}
    assert (data.at("video"), data.at("audio")) == (slice(0, 3), slice(3, 5))
    assert utterances(records, ["audio"], label="heard").label.tolist() == records.table["heard"].to_pylist()


def test_speakers_are_numbered_as_they_come_in_their_dialogue(data):
    names = split(np.random.default_rng(0), ("Zoe", "Al", "Bo")).table["speaker"].to_pylist()
    for start, end in zip(data.offsets[:-1], data.offsets[1:], strict=True):
        seen = list(dict.fromkeys(names[start:end]))
        assert data.speaker[start:end].tolist() == [seen.index(name) for name in names[start:end]]
    assert data.speaker.max() == 2


def test_a_scale_is_that_of_the_split_it_was_fitted_on():
    train, test = split(np.random.default_rng(0)), split(np.random.default_rng(1))
    scale = Scale.fit(train, ["audio", "video"])
    scaled = utterances(train, ["audio", "video"], scale).features
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 1, 1, 0], atol=1e-5)  # the last never varies
    x, y = utterances(train, ["audio", "video"]).features, utterances(test, ["audio", "video"]).features
    wanted = (y[:, :4] - x[:, :4].mean(axis=0)) / x[:, :4].std(axis=0)
    np.testing.assert_allclose(utterances(test, ["audio", "video"], scale).features[:, :4], wanted, rtol=1e-4, atol=1e-4)
    assert utterances(test, ["audio", "video"], scale).features.dtype == np.float32


def test_a_blank_modality_is_zero_and_the_others_stay(data):
    without = data.blank("audio")
    assert not without.features[:, 3:].any()
    np.testing.assert_array_equal(without.features[:, :3], data.features[:, :3])
    assert data.features[:, 3:].all()  # the first ones are as they were
    assert data.norm == pytest.approx(np.mean([np.sqrt(sum(float(v) ** 2 for v in row)) for row in data.features]))


@pytest.mark.parametrize("history", [0, 1, 4, 20])
def test_a_window_is_the_utterance_and_its_past(data, history):
    (batch,) = Windows(data, 100, history).epoch()
    assert batch["features"].shape == (30, history + 1, 5)
    for n in range(30):
        start = max(data.offsets[data.offsets <= n].max(), n - history)
        real = n - start + 1
        np.testing.assert_array_equal(batch["features"][n, -real:], data.features[start : n + 1])
        assert not batch["features"][n, :-real].any()
        assert batch["keep"][n].tolist() == [False] * (history + 1 - real) + [True] * real
        own = [bool(who == data.speaker[n]) for who in data.speaker[start : n + 1]]
        assert batch["own"][n].tolist() == [False] * (history + 1 - real) + own
        assert batch["label"][n] == data.label[n]


def test_windows_come_in_any_order_each_once(data):
    windows = Windows(data, 7, 4, shuffle=True, seed=3)
    (whole,) = Windows(data, 100, 4).epoch()
    rows = np.concatenate(windows.rows(1))
    assert sorted(rows) == list(range(30))
    assert rows.tolist() != sorted(rows)
    for at, batch in zip(windows.rows(1), windows.epoch(1), strict=True):
        for name in ("features", "keep", "own", "label"):
            np.testing.assert_array_equal(batch[name], whole[name][at])


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_dialogue_is_all_its_utterances(data, shuffle):
    batches = Dialogues(data, 2, shuffle=shuffle, seed=1)
    seen = []
    for rows, batch in zip(batches.rows(0), batches.epoch(0), strict=True):
        longest = max(LENGTHS[d] for d in rows)
        assert batch["features"].shape == (len(rows), longest, 5)
        for i, d in enumerate(rows):
            at, length = slice(data.offsets[d], data.offsets[d + 1]), LENGTHS[d]
            np.testing.assert_array_equal(batch["features"][i, :length], data.features[at])
            assert not batch["features"][i, length:].any()
            assert batch["keep"][i].tolist() == [True] * length + [False] * (longest - length)
            assert batch["speaker"][i].tolist() == [min(s, 1) for s in data.speaker[at]] + [0] * (longest - length)
            assert batch["label"][i].tolist() == [*data.label[at], *[NO_LABEL] * (longest - length)]
        seen += rows.tolist()
    assert sorted(seen) == list(range(5))


def test_dialogues_of_similar_length_share_a_batch():
    lengths = np.random.default_rng(0).integers(1, 50, 32)
    total = int(lengths.sum())
    features, zeros = np.zeros((total, 1), np.float32), np.zeros(total, np.int64)
    data = Utterances(features, zeros, np.append(0, np.cumsum(lengths)), zeros, {"text": 1})
    spread = [np.ptp(lengths[rows]) for rows in Dialogues(data, 4, shuffle=True).rows()]
    assert np.mean(spread) < 10 < np.mean([np.ptp(lengths[rows]) for rows in Dialogues(data, 4).rows()])


def test_what_cannot_be_read_is_named():
    records = split(np.random.default_rng(0))
    scale = Scale.fit(records, ["audio"])
    for modalities, told in (
        ([], "no modalities"),
        (["audi"], "did you mean 'audio'"),
        (["text"], "column 'text' is string, expected vectors"),
    ):
        with pytest.raises(DataError, match=told):
            utterances(records, modalities)
    with pytest.raises(DataError, match="has 3 features, the scale was fitted on 2"):
        utterances(records, ["video"], scale)
    with pytest.raises(DataError, match="no column 'emotions' of labels; did you mean 'emotion'"):
        utterances(records, ["video"], label="emotions")
    data = utterances(records, ["video"])
    with pytest.raises(DataError, match=r"no modality 'vidio'.*'video'"):
        data.at("vidio")
    with pytest.raises(DataError, match="history of -1 turns"):
        Windows(data, 4, -1)
