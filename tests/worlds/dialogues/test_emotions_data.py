"""The emotions view as a data set: same bytes, its split, its truth, null controls, settings, and the ceilings."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from mmkit.errors import SettingsError
from mmkit.schema import dialogue_starts, matrix
from mmkit.worlds.dialogues.emotions_data import ceilings, make_emotions
from mmkit.worlds.dialogues.filtering import READERS
from mmkit.worlds.dialogues.knobs import NULLS
from mmkit.worlds.dialogues.states import EMOTIONS

SHOWN = ("text", "text_vector", "audio", "video")


@cache
def small(seed=1, null=None, dialogues=40, turns=12, **changes):
    return make_emotions(dialogues, seed, null, turns=turns, **changes)


@cache
def large(null=None, **changes):
    return make_emotions(200, 1, null, **changes).records


def fingerprint(data):
    sink = pa.BufferOutputStream()
    for part in (data.records.table, data.records.truth):
        with pa.ipc.new_stream(sink, part.schema) as stream:
            stream.write_table(part)
    return hashlib.sha256(sink.getvalue()).hexdigest()


# --- same arguments, same bytes ---------------------------------------------------------------------------------------

TELL = "from tests.worlds.dialogues.test_emotions_data import *\nprint(fingerprint(small()))"


def test_same_bytes_in_any_process():
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    there = subprocess.run([sys.executable, "-c", TELL], env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == fingerprint(small()) == fingerprint(make_emotions(40, 1, turns=12))


def test_another_seed_null_knob_or_number_gives_other_records_and_another_name():
    made = [small(), small(2), small(dialogues=41), small(turns=13), *(small(null=null) for null in NULLS)]
    made += [small(offset=0.5), small(mode="provoke"), small(lexical=0.1), small(missing=0.1), small(coupling_spread=0.0)]
    assert len({fingerprint(data) for data in made}) == len({data.fingerprint for data in made}) == len(made)


# --- the data set -----------------------------------------------------------------------------------------------------


def test_the_columns_and_their_sizes():
    data = small(text_dim=7, audio_dim=8, video_dim=9)
    assert data.records.table.column_names == [
        *("id", "dialogue", "turn", "speaker", *SHOWN, "emotion", "part"),
        "pair",
    ]
    assert [data.schema[name].shape for name in SHOWN] == [(), (7,), (8,), (9,)]
    assert data.schema.classes == EMOTIONS
    row = data.records[13]
    assert (row["id"], row["dialogue"], row["turn"]) == (f"{row['dialogue']}t{row['turn']:03d}", row["id"][:6], row["turn"])
    assert row["speaker"] in (row["pair"] + "a", row["pair"] + "b")
    assert small().schema["video"].shape == (40,)
    lengths = np.diff([*dialogue_starts(data.records.table), len(data.records)])
    assert len(lengths) == data.counts["dialogues"] == 40
    assert data.counts["utterances"] == len(data.records) == lengths.sum()
    assert set(lengths) == set(range(9, 16))


def test_nobody_is_in_two_parts_or_two_pairs():
    table = large().table.to_pandas()
    assert (table.groupby("speaker")["part"].nunique() == 1).all()
    assert (table.groupby("speaker")["pair"].nunique() == 1).all()
    assert (table.groupby("dialogue")["speaker"].nunique() == 2).all()
    assert table.groupby("part")["pair"].nunique().to_dict() == {"train": 7, "valid": 1, "test": 2}
    assert table.groupby("pair")["dialogue"].nunique().tolist() == [20] * 10
    few = small(pairs=3, dialogues=30)
    assert [len(set(part.table["pair"].to_pylist())) for part in few.official()] == [1, 1, 1]


def test_the_truth_is_about_who_speaks():
    data = small(coupling=0.3, inertia_spread=0.5)
    table, truth = data.records.table, data.records.truth
    np.testing.assert_array_equal(truth["state_own"], table["emotion"])
    assert truth["spoken_by"].equals(table["speaker"])
    assert [f"p{n:02d}" for n in truth["who"].to_pylist()] == table["pair"].to_pylist()
    frame = table.select(["dialogue", "turn", "speaker"]).to_pandas()
    for name in truth.column_names:
        if name.endswith(("own", "other")):
            frame[name] = truth[name].to_numpy()
    for _, talk in frame.groupby("dialogue"):
        said = {}
        of_speaker = {s: part.iloc[0] for s, part in talk.groupby("speaker")}
        for row in talk.itertuples():
            said[row.speaker] = row.state_own
            (other,) = set(of_speaker) - {row.speaker}
            assert row.state_other == said.get(other, row.state_other)  # as it was when the other last spoke
            assert row.coupling_own == of_speaker[row.speaker].coupling_own == of_speaker[other].coupling_other
            assert row.inertia_own == of_speaker[row.speaker].inertia_own
    assert frame["coupling_own"].nunique() == 80
    assert frame["inertia_own"].nunique() == 20  # a speaker's, in all dialogues


def test_lengths_of_one_turn_are_refused_and_two_are_enough():
    assert len(small(turns=2).records) == 80
    with pytest.raises(SettingsError, match="turns = 1, expected a whole number between 2 and 400"):
        small(turns=1)


# --- null controls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("null", "stays"),
    [
        ("no_coupling", {"id", "dialogue", "turn", "speaker", "part", "pair"}),
        ("no_history", {"id", "dialogue", "turn", "speaker", "part", "pair"}),
        ("shuffled_speakers", {"id", "dialogue", "turn", *SHOWN, "emotion", "part", "pair"}),
        ("clean", {"id", "dialogue", "turn", "speaker", "text", "emotion", "part", "pair"}),
        ("equal_modalities", {"id", "dialogue", "turn", "speaker", "text", "emotion", "part", "pair"}),
        ("even_emotions", {"id", "dialogue", "turn", "speaker", "part", "pair"}),
    ],
)
def test_a_null_control_leaves_all_else_alone(null, stays):
    main, other = small().records.table, small(null=null).records.table
    assert {name for name in main.column_names if main[name].equals(other[name])} == stays


def test_shuffled_names_keep_their_number_of_turns_and_lose_their_place():
    data = large("shuffled_speakers")
    shown, true = (np.array(column.to_pylist()) for column in (data.table["speaker"], data.truth["spoken_by"]))
    dialogue = np.array(data.table["dialogue"].to_pylist())
    assert sorted(zip(dialogue, shown, strict=True)) == sorted(zip(dialogue, true, strict=True))
    assert (shown == true).mean() == pytest.approx(0.5, abs=0.03)
    same = dialogue[1:] == dialogue[:-1]
    assert (true[1:] != true[:-1])[same].mean() == pytest.approx(0.75, abs=0.02)
    assert (shown[1:] != shown[:-1])[same].mean() == pytest.approx(0.5, abs=0.03)
    assert data.truth.equals(large().truth)


def test_clean_features_are_one_vector_per_emotion():
    data = small(null="clean")
    for name in ("text_vector", "audio", "video"):
        assert len(np.unique(matrix(data.records.table[name]).round(4), axis=0)) == 6
    assert accuracy(data.records, "utterance") == 1.0


# --- ceilings ---------------------------------------------------------------------------------------------------------


def accuracy(split, reader):
    return (matrix(split.truth[f"posterior_{reader}"]).argmax(axis=1) == split.table["emotion"].to_numpy()).mean()


def test_ceilings_are_the_posteriors_of_the_same_rows():
    told = ceilings(40, 1, turns=12)
    assert tuple(told) == READERS
    for reader, values in told.items():
        np.testing.assert_allclose(matrix(small().records.truth[f"posterior_{reader}"]), values, atol=1e-6)
    (text,) = ceilings(40, 1, modalities=("text",), readers=("joint",), turns=12).values()
    assert abs(text - told["joint"]).max() > 0.3


def test_the_default_world_is_as_hard_as_it_should_be():
    """8,000 utterances, so 1.1 points of standard error at most, counting utterances of a dialogue as independent."""
    reached = {reader: accuracy(large(), reader) for reader in READERS}
    assert 0.59 < reached["utterance"] < 0.65
    assert 0.69 < reached["own"] < 0.74
    assert 0.73 < reached["joint"] < 0.78
    assert reached["own"] + 0.015 < reached["agnostic"] < reached["joint"]
    alone = [ceilings(200, 1, modalities=(name,), readers=("joint",))["joint"] for name in ("text", "audio", "video")]
    text, audio, video = ((told.argmax(axis=1) == large().truth["state_own"].to_numpy()).mean() for told in alone)
    assert text > audio + 0.03 > video + 0.06


def test_nulls_take_away_what_they_claim():
    assert accuracy(large("no_coupling"), "joint") == accuracy(large("no_coupling"), "own")
    assert accuracy(large("no_history"), "joint") == accuracy(large("no_history"), "utterance")
    names = ("text", "audio", "video")
    alone = [ceilings(200, 1, "equal_modalities", (name,), ("utterance",))["utterance"] for name in names]
    reached = [(told.argmax(axis=1) == large("equal_modalities").truth["state_own"].to_numpy()).mean() for told in alone]
    assert max(reached) - min(reached) < 0.02
    assert accuracy(large("equal_modalities"), "joint") == pytest.approx(accuracy(large(), "joint"), abs=0.03)


def test_only_emotions_that_differ_evenly_are_mixed_up_evenly():
    """Share of the best reader's errors between happy and excited, and between angry and frustrated, beside 2 pairs of 15."""

    def near(null=None):
        truth = large(null).truth
        own, said = truth["state_own"].to_numpy(), matrix(truth["posterior_joint"]).argmax(axis=1)
        pairs = np.sort(np.stack([own, said], axis=1)[own != said], axis=1)
        return (np.isin(pairs[:, 0] * 6 + pairs[:, 1], (0 * 6 + 4, 3 * 6 + 5))).mean()

    assert near() > near("even_emotions") + 0.05


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        ((100, 0, "no_copling"), {}, "no null control 'no_copling'; did you mean 'no_coupling'"),
        ((100, 0), {"inertja": 0.1, "kappa": 0.1}, "no knob 'inertja'; did you mean 'inertia'.*no knob 'kappa'"),
        ((100, 0), {"coupling": 0.8}, r"coupling \+ inertia = 0.8 \+ 0.3 = 1.1, expected at most 1"),
        ((100, 0), {"coupling": 1.5, "lexical": -1}, "coupling = 1.5, expected a number between 0 and 1; lexical = -1"),
        ((100, 0), {"inertia": 0.7, "coupling": 0.1, "inertia_spread": 0.8}, "inertia_spread.* = 1.26, expected at most 1"),
        ((100, 0), {"noise_text": float("nan")}, "noise_text = nan, expected a number between 0 and 10"),
        ((100, 0), {"switch": "often"}, "switch = 'often', expected a number"),
        ((100, 0), {"mode": "provok"}, "mode = 'provok', expected one of contagion, provoke; did you mean 'provoke'"),
        ((100, 0), {"named": False}, "named = False, expected one of true, shuffled"),
        ((100, 0), {"audio_dim": 5}, "audio_dim = 5, expected a whole number between 6 and 4096"),
        ((100, 0), {"pairs": True}, "pairs = True, expected a whole number between 3"),
        ((100, -1), {}, "seed = -1, expected a whole number of at least 0"),
        ((9, 0), {}, "dialogues = 9, expected a whole number of at least 10, one for each pair"),
        ((20.0, 0), {}, "dialogues = 20.0, expected a whole number"),
        ((True, 0), {}, "dialogues = True, expected a whole number"),
    ],
)
def test_impossible_settings_are_refused(arguments, changes, message):
    with pytest.raises(SettingsError, match=message):
        make_emotions(*arguments, **changes)


def test_only_known_views_have_knobs():
    from mmkit.worlds.dialogues.knobs import settle

    with pytest.raises(SettingsError, match="no view 'emotion'; did you mean 'emotions'"):
        settle("emotion", 0, None, {})
    assert settle("emotions", 0, None, {"coupling": 0.7}).coupling == 0.7  # the sum may be 1
