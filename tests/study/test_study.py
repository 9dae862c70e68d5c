"""A study from its parameters to its run folder: what it refuses, what it leaves behind, what a rerun does not compute again."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import shutil
import signal
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from PIL import Image
from sklearn.metrics import average_precision_score

from mmkit import papers
from mmkit.errors import ClaimError, DataError, RunError, SettingsError
from mmkit.study import Study, folder
from mmkit.trials import Result, Trial, tabular
from tests.study import tiny

FIXTURES = Path(__file__).parent.parent / "fixtures"
REVIEWS = "Womens Clothing E-Commerce Reviews.csv"
RUN = "paper profile data seeds device data_root out overrides settings datasets versions hardware commit code started finished"
RUN += " absent wall_seconds peak_memory_mb trials state error"
CLAIM = "id text kind metric data better worse published measured null margin verdict explained why source"
ALT = "Two points of a line, for nobody to read anything into"
NUMBERS = pd.DataFrame({"x": [1, 2], "y": [0.25, 1 / 3]})


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MMKIT_JOBS", "1")
    yield
    tiny.close()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A whole run with one worker. Tests that change its folder work on a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMKIT_JOBS", "1")
        study = tiny.study(tmp_path_factory.mktemp("run") / "out")
        study.run()
        study.verdicts(exact={"C7": (0.0877, 0.088, 0.0005)})
        figure, axes = plt.subplots(1, 2, squeeze=False)
        axes[0, 0].plot(NUMBERS["x"], NUMBERS["y"])
        study.figure("two_points", axes, NUMBERS, ALT)
        plt.close(figure)
        study.finish()
    return study


@pytest.fixture
def copy(done: Study, tmp_path: Path) -> Path:
    return Path(shutil.copytree(done.out, tmp_path / "copy"))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Trial]:
    """Trials cost nothing; those that were computed are noted here."""
    noted: list[Trial] = []

    def run(trial: Trial, settings: dict[str, Any], **how: Any) -> Result:
        noted.append(trial)
        return tiny.quick(trial, settings, **how)

    monkeypatch.setattr(tabular, "run", run)
    return noted


def again(out: Path, **changed: Any) -> Study:
    """One more run into `out`, closed at its end."""
    study = tiny.study(out, **changed)
    study.run()
    study.finish()
    return study


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


# --- what is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"paper": "tabluar"}, "no paper 'tabluar'; did you mean '05_tabular'"),
        ({"paper": "12"}, "12_qrr cannot be run yet; `mmkit list`"),
        ({"profile": "labb"}, "profile = 'labb', expected one of smoke, lab, paper; did you mean 'lab'"),
        ({"data": "word"}, "data = 'word', expected one of world, real; did you mean 'world'"),
        ({"device": "gpu"}, "DEVICE = 'gpu', expected one of auto, cpu, cuda, mps"),
        ({"settings": {"epoch": 3}}, "unknown setting 'epoch'; did you mean 'epochs'"),
        ({"settings": {"methods": ["gateing"]}}, "methods contains 'gateing'; did you mean 'gating'"),
        ({"settings": {"epochs": 0}}, "epochs = 0, expected between 1 and 1000"),
        *(({"seeds": seeds}, r"SEEDS = .*expected a list of non-negative whole numbers such as \[0, 1, 2\]")
          for seeds in (0, 3, "01", [], [1.0], [True], [-1], ["1"], {1}, [0, None], [np.int64(1)])),
        ({"seeds": [1, 0, 1]}, r"SEEDS = \[1, 0, 1\] names a seed twice"),
        ({"data": "real"}, "give DATA_ROOT .* or set MMKIT_DATA; `mmkit data where`"),
        ({"data": "real", "data_root": "/nonexistent/data"}, "DATA_ROOT /nonexistent/data does not exist; `mmkit data where`"),
        ({"data": "real", "data_root": str(FIXTURES), "seeds": [0, 2]}, r"SEEDS = \[0, 2\] are folds .* only 2: 0 to 1"),
    ],
)  # fmt: skip
def test_an_impossible_parameter_is_refused_before_anything_is_written(wrong: dict, message: str, tmp_path: Path):
    with pytest.raises(SettingsError, match=message):
        tiny.study(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MMKIT_JOBS", "two", "MMKIT_JOBS = 'two', expected a whole number"),
        ("MMKIT_JOBS", "0", "MMKIT_JOBS = '0'"),
        ("MMKIT_BACKEND", "dask", "backend = 'dask', expected one of loky, ray"),
    ],
)
def test_an_impossible_environment_is_refused(
    variable: str, value: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, computed: list[Trial]
):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=message):
        tiny.study(tmp_path).run()
    assert not computed


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused_before_anything_is_computed(
    device: str, tmp_path: Path, computed: list[Trial], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SettingsError, match=f"device = '{device}', but this machine has none .* auto or cpu"):
        tiny.study(tmp_path, device=device).run()
    assert not computed
    assert not (tmp_path / "trials").exists()


# --- the run folder -------------------------------------------------------------------------------------------------------


def test_the_folder_holds_what_was_promised_and_nothing_else(done: Study):
    there = {str(p.relative_to(done.out)) for p in done.out.rglob("*") if p.is_file() and p.parent.name != "trials"}
    figure = {"figures/two_points.png", "figures/two_points.csv"}
    assert there == {".lock", "run.json", "scores.csv", "costs.csv", "claims.json"} | figure
    stems = {p.stem for p in (done.out / "trials").iterdir()}
    assert {p.name for p in (done.out / "trials").iterdir()} == {f"{s}{end}" for s in stems for end in (".json", ".npz")}
    assert len(stems) == len(done.trials()) == len(done.scores[["method", "world", "seed"]].drop_duplicates())


def test_run_json_tells_all_about_the_run(done: Study):
    record = read_json(done.out / "run.json")
    assert record.keys() == set(RUN.split())
    asked = {"paper": "05_tabular", "profile": "smoke", "data": "world", "seeds": [0, 1], "device": "cpu", "data_root": None}
    assert asked.items() <= record.items()
    assert record["overrides"] == tiny.SETTINGS
    assert record["settings"].keys() == papers.find("05").settings.keys()
    assert record["settings"]["encoder_dim"] == {"value": 8, "source": "chosen", "where": "given by the user"}
    assert record["settings"]["dropout"]["source"] == "official code"
    assert {"python", "torch", "mmkit", "numpy"} <= record["versions"].keys()
    assert record["code"] == folder.code_hash()
    total = len(done.trials())
    assert (record["state"], record["error"]) == ("done", None)
    assert record["trials"] == {"total": total, "computed": total, "cached": 0}
    assert record["started"] <= record["finished"]
    assert 0 < record["wall_seconds"] < 300
    assert 50 < record["peak_memory_mb"] < 4096


def test_scores_are_tidy(done: Study):
    with (done.out / "scores.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == "paper table method data world seed split metric value".split()
    assert {r["paper"] for r in rows} == {"05_tabular"}
    assert {r["world"] for r in rows} == {"main", "null:table_speaks", "null:opaque", "null:no_text"}
    assert {r["split"] for r in rows} == {"train", "valid", "test"}
    keys = [tuple(r[k] for k in ("method", "data", "world", "seed", "split", "metric")) for r in rows]
    assert len(set(keys)) == len(keys)
    table_3 = {(r["method"], r["metric"]) for r in rows if r["table"] == "3"}
    assert {metric for _, metric in table_3} == {"f1_max", "auprc"}
    assert {m for m, _ in table_3} <= set(papers.find("05").facts["methods"])
    assert all(r["table"] == "" for r in rows if r["method"] in ("oracle", "constant", "table_only"))
    references = {"constant", "best_column", "oracle", "table_only"}
    assert {r["method"] for r in rows if r["world"] == "main"} >= {"text_only", "concat"} | references
    back = pd.read_csv(done.out / "scores.csv", keep_default_na=False)
    pd.testing.assert_series_equal(pd.to_numeric(back["value"]), done.scores["value"], check_exact=True)  # no digit is lost


def test_costs_are_kept_apart(done: Study):
    costs = pd.read_csv(done.out / "costs.csv")
    assert list(costs) == ["method", "data", "world", "seed", "parameters", "seconds", "peak_memory_mb"]
    assert len(costs) == len(done.trials())
    size = costs.set_index(["method", "world", "seed"])["parameters"]
    assert size["constant", "main", 0] == 0
    assert size["concat", "main", 0] > size["text_only", "main", 0] > 0
    assert (costs["seconds"] >= 0).all()


def test_claims_name_both_sides_and_both_worlds(done: Study):
    claims = read_json(done.out / "claims.json")
    assert [c["id"] for c in claims] == ["C3", "C4", "C7", "C8"]
    for claim in claims:
        assert set(CLAIM.split()) <= claim.keys()
        assert claim["verdict"] in ("upheld", "refuted", "undecided")
        assert claim["explained"] in (True, False, None)
        if claim["kind"] != "exact":
            assert {"name", "mean", "low", "high", "n"} <= claim["null"].keys()
            assert claim["measured"]["n"] == 2
    c4 = claims[1]
    assert c4["published"] == {"better": 0.968, "worse": 0.962}
    assert c4["null"]["name"] == "null:opaque"
    wide = done.values("reviews", "f1_max")
    assert c4["measured"]["mean"] == pytest.approx((wide.loc["unimodal"] - wide.loc["weighted_sum"]).mean())
    assert claims[2]["verdict"] == "upheld"
    assert claims[2]["null"] is None


def test_a_figure_carries_its_numbers_and_its_words(done: Study):
    with Image.open(done.out / "figures" / "two_points.png") as picture:
        assert picture.text["Description"] == ALT
        assert "Software" not in picture.text
        assert min(picture.size) > 100
        assert len(set(picture.convert("L").tobytes())) > 5
    pd.testing.assert_frame_equal(pd.read_csv(done.out / "figures" / "two_points.csv"), NUMBERS, check_exact=True)


def test_published_values_stand_as_they_are_printed(done: Study):
    facts = tomllib.loads((papers.HERE / "05_tabular.toml").read_text(encoding="utf-8"), parse_float=str)
    table = next(t for t in facts["table"] if t["id"] == "3")
    printed = {row[0]: dict(zip(table["columns"], row, strict=True)) for row in table["rows"]}
    beside = done.beside("reviews")
    assert list(beside.index[:2]) == ["Text Only", "Unimodal"]
    for metric, column in (("f1_max", "clothing_f1"), ("auprc", "clothing_auprc")):
        shown = beside[metric, "published"].dropna()
        assert {"Text Only", "Concat"} <= set(shown.index) <= set(printed)
        assert {name: f"{value:.3f}" for name, value in shown.items()} == {name: printed[name][column] for name in shown.index}
        ours = done.values("reviews", metric)
        assert beside.loc["Concat", (metric, "measured")] == pytest.approx(ours.loc["concat"].to_numpy().mean())
        assert beside.loc["Concat", (metric, "sd")] == pytest.approx(ours.loc["concat"].to_numpy().std(ddof=1))
    assert beside.loc[["oracle", "constant", "table only"]].xs("published", axis=1, level=1).isna().all(axis=None)


def test_arrays_of_a_trial_belong_to_its_test_records(done: Study):
    data = done.data("reviews")
    assert sum(map(len, data[1:])) == len(data.dataset.records) == 60
    assert done.result("concat", "reviews").arrays["prediction"].shape == (len(data.test),)
    assert done.result("attention", "reviews").arrays["scores"].shape == (len(data.test), 3)
    y = data.test.table[data.dataset.schema.label].to_numpy()
    concat = done.result("concat", "reviews")
    (written,) = (value for split, metric, value in concat.rows if (split, metric) == ("test", "auprc"))
    assert average_precision_score(y, concat.arrays["prediction"]) == pytest.approx(written, abs=1e-6)
    other = done.result("concat", "reviews", "main", 1).arrays["prediction"]
    assert not np.array_equal(done.result("concat", "reviews").arrays["prediction"], other)


def test_what_is_not_in_the_run_is_told(done: Study):
    with pytest.raises(SettingsError, match="no data set 'pets' in this run; there are: reviews"):
        done.data("pets")
    with pytest.raises(SettingsError, match=r"no trial Trial\(.*method='mlp_concat'\) in this run"):
        done.result("mlp_concat", "reviews")
    with pytest.raises(ClaimError, match="no 'rmse' of 'reviews' in world 'main'"):
        done.values("reviews", "rmse")


def test_settings_are_shown_beside_the_published_ones(done: Study):
    table = done.settings_table()
    assert set(table.index) == set(papers.find("05").settings)
    assert table.loc["encoder_dim"].to_dict() == {
        "value": "8",
        "source": "chosen",
        "where": "given by the user",
        "published": "64",
    }
    assert table.loc["dropout", "published"] == ""


# --- running again --------------------------------------------------------------------------------------------------------


def test_an_unchanged_rerun_computes_nothing(done: Study, copy: Path, computed: list[Trial]):
    study = again(copy)
    assert not computed
    for name in ("scores.csv", "costs.csv"):
        assert (copy / name).read_bytes() == (done.out / name).read_bytes()
    total = len(study.trials())
    assert read_json(copy / "run.json")["trials"] == {"total": total, "computed": 0, "cached": total}


@pytest.mark.parametrize("how", ["cut json", "cut npz", "empty json", "no npz", "garbage"])
def test_a_broken_trial_is_computed_again(how: str, done: Study, copy: Path):
    trial = sorted((copy / "trials").glob("reviews.main.1.concat.*.json"))[0]
    file = trial.with_suffix(".npz") if "npz" in how else trial
    {"cut": lambda: os.truncate(file, file.stat().st_size // 2), "empty": lambda: os.truncate(file, 0),
     "no": file.unlink, "garbage": lambda: file.write_bytes(b"\x00" * 100)}[how.split()[0]]()  # fmt: skip
    study = again(copy)
    assert read_json(copy / "run.json")["trials"]["computed"] == 1
    assert (copy / "scores.csv").read_bytes() == (done.out / "scores.csv").read_bytes()
    assert study.results[Trial("reviews", "main", 1, "concat")].arrays.keys() == {"prediction"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, lambda t: False),
        ({"seeds": [0, 1, 5]}, lambda t: t.seed == 5),
        ({"seeds": [1]}, lambda t: False),
        ({"settings": {"methods": ["concat"]}}, lambda t: False),
        ({"settings": {"methods": ["concat", "gating"]}}, lambda t: t.method == "gating"),
        ({"settings": {"datasets": ["reviews", "listings"]}}, lambda t: t.data == "listings"),
        ({"settings": {"epochs": 2}}, lambda t: True),
        ({"settings": {"world_records": 61}}, lambda t: True),
    ],
    ids=["nothing", "a seed more", "a seed less", "a method less", "a method more", "a data set more", "epochs", "records"],
)
def test_a_change_computes_only_what_it_must(changed: dict, expected: Callable, tmp_path: Path, computed: list[Trial]):
    again(tmp_path)
    computed.clear()
    study = again(tmp_path, **changed)
    assert sorted(computed) == sorted(t for t in study.trials() if expected(t))
    left = study.scores[["method", "data", "world", "seed"]].drop_duplicates()
    assert len(left) == len(study.trials())  # and nothing of the first run is left among the scores


def test_sweeps_add_their_worlds_only(tmp_path: Path, computed: list[Trial]):
    settings = {"datasets": ["pets"]}
    again(tmp_path, settings=settings)
    computed.clear()
    again(tmp_path, settings=settings | {"sweeps": True})
    assert {t.world.split("=")[0] for t in computed} == {"sweep:table", "sweep:columns"}


def test_numbers_do_not_depend_on_what_ran_before(done: Study, tmp_path: Path):
    """A trial alone, after other draws from every generator, gives what it gave in the middle of the run."""
    random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002
    trial = Trial("reviews", "null:opaque", 1, "unimodal")
    tabular._prepared.cache_clear()
    alone = tabular.run(trial, done.settings, device="cpu")
    assert alone.rows == done.results[trial].rows


@pytest.mark.slow
def test_two_workers_find_the_same_numbers_as_one(done: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MMKIT_JOBS", "2")
    again(tmp_path)
    assert (tmp_path / "scores.csv").read_bytes() == (done.out / "scores.csv").read_bytes()


@pytest.mark.slow
def test_a_killed_study_is_continued_to_the_same_numbers(done: Study, tmp_path: Path):
    process = tiny.start(tmp_path, jobs=2)
    tiny.wait_for_trials(tmp_path, process, at_least=2)
    below = psutil.Process(process.pid).children(recursive=True)
    with pytest.raises(RunError, match=rf"{tmp_path}: another run is using this folder \(process {process.pid}\)"):
        tiny.study(tmp_path)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    psutil.wait_procs(below, timeout=20)
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "trials").glob("*.json")}
    assert 2 <= len(kept) < len(done.trials()), "the run was over before it could be killed"
    assert read_json(tmp_path / "run.json")["state"] == "running"
    assert not (tmp_path / "scores.csv").exists()
    tiny.finished(tiny.start(tmp_path, jobs=2))
    assert (tmp_path / "scores.csv").read_bytes() == (done.out / "scores.csv").read_bytes()
    assert all(p.stat().st_mtime_ns == when for p, when in kept.items())
    record = read_json(tmp_path / "run.json")
    assert (record["state"], record["trials"]["cached"]) == ("done", len(kept))


# --- the folder is held, or full ------------------------------------------------------------------------------------------


def test_the_study_cell_can_be_run_again_and_takes_the_folder_over(tmp_path: Path):
    first = tiny.study(tmp_path)
    second = tiny.study(tmp_path)  # the same cell of the same notebook, run twice
    with pytest.raises(RunError, match=rf"{tmp_path}: .*process {os.getpid()}\)"):
        folder.lock(tmp_path)  # the folder is still held, by the second
    assert first.lock.handle.closed
    second.finish()
    folder.lock(tmp_path).release()


def test_a_full_disk_is_told_and_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, computed: list[Trial]):
    study, replace, left = tiny.study(tmp_path), os.replace, [4]

    def full(source: Any, target: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(RunError, match=r"cannot be written \(No space left on device\); free some space .* --out"):
            study.run()
    assert not list(tmp_path.rglob(".part-*"))
    first = list(computed)
    assert 1 < len(first) < len(study.trials())
    study.run()  # with space again: the same study goes on
    assert computed[len(first) - 1 :][0] == first[-1]  # the one that could not be kept is computed again, no other
    assert len(computed) == len(study.trials()) + 1
    study.finish()


@pytest.mark.parametrize("out", ["file/run", "/proc/mmkit"])
def test_a_folder_that_cannot_be_written_is_told(out: str, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot be written .*--out, or set MMKIT_RUNS"):
        tiny.study(tmp_path / out)


def test_without_out_the_folder_is_found_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for runs, expected in ((None, "runs"), ("mine", "mine"), (str(tmp_path / "far"), "far")):
        monkeypatch.setenv("MMKIT_RUNS", runs) if runs else monkeypatch.delenv("MMKIT_RUNS", raising=False)
        study = Study("5", "smoke", device="cpu", settings=tiny.SETTINGS)
        study.lock.release()
        assert study.out == tmp_path / expected / "05_tabular" / "smoke-world"


# --- real data ------------------------------------------------------------------------------------------------------------


def clothing(folder: Path, copies: int = 15) -> Path:
    """The hand-made records many times over, as Kaggle lays them out: four are too few for a fold to train and to test on."""
    folder.mkdir(parents=True, exist_ok=True)
    with (FIXTURES / "clothing" / "good.csv").open(newline="", encoding="utf-8") as lines:
        header, *records = csv.reader(lines)
    with (folder / REVIEWS).open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([header, *([str(i), *r[1:]] for i, r in enumerate(records * copies))])
    return folder


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Real records of one data set out of two, from files to verdicts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMKIT_JOBS", "1")
        base = tmp_path_factory.mktemp("real")
        patch.setenv("MMKIT_DATA", str(clothing(base / "data" / "kaggle")))
        settings = {"datasets": ["reviews", "pets"], "methods": ["text_only", "weighted_sum"]}
        study = tiny.study(base / "out", data="real", settings=settings)
        study.run()
        study.verdicts()
        study.finish()
    return study


def test_real_records_are_tested_once_each_in_folds(real: Study):
    assert real.seeds == [0, 1]
    assert set(real.scores["world"]) == {"real"}
    dataset = real.data("reviews").dataset
    assert len(dataset.records) == 60
    tested = [real.module.splits(dataset, Trial("reviews", "real", fold, ""), real.settings) for fold in real.seeds]
    assert [sum(map(len, parts)) for parts in tested] == [60, 60]
    sizes = [len(parts[2]) for parts in tested]
    assert sum(sizes) == 60
    assert max(sizes) < 35
    assert [len(real.result("text_only", "reviews", seed=fold).arrays["prediction"]) for fold in real.seeds] == sizes
    assert "oracle" not in set(real.scores["method"])
    assert {"constant", "best_column", "table_only"} <= set(real.scores["method"])


def test_claims_on_real_data_have_no_null_control(real: Study):
    claims = read_json(real.out / "claims.json")
    assert [c["id"] for c in claims] == ["C3"]  # both methods of the others are not in this run, or they need a world
    assert claims[0]["null"] is None
    assert claims[0]["explained"] is None
    assert claims[0]["measured"]["n"] == 2
    assert all(c.null is None and c.kind in ("comparison", "exact") for c in real.claims)


def test_a_missing_data_set_is_told_and_the_others_run(real: Study):
    assert real.datasets == ["reviews"]
    (message,) = real.absent
    assert message.startswith("petfinder: not found in ")
    assert "data_scripts/petfinder.py" in message
    record = read_json(real.out / "run.json")
    assert record["datasets"].keys() == {"reviews"}
    assert record["datasets"]["reviews"]["counts"]
    assert record["data_root"].endswith("kaggle")
    with pytest.raises(SettingsError, match="no data set 'pets' in this run; there are: reviews"):
        real.data("pets")


def test_changed_records_are_another_run(tmp_path: Path, computed: list[Trial]):
    root = clothing(tmp_path / "data")
    asked = {"data": "real", "data_root": str(root)}
    again(tmp_path / "out", **asked)
    computed.clear()
    again(tmp_path / "out", **asked)
    assert not computed
    (root / REVIEWS).write_text((root / REVIEWS).read_text().replace("warm sleeves", "cold sleeves", 1))
    study = again(tmp_path / "out", **asked)
    assert sorted(computed) == sorted(study.trials())


def test_a_folder_without_data_is_told(tmp_path: Path):
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match="none of the data sets reviews is in ") as caught:
        tiny.study(tmp_path / "out", data="real", data_root=str(tmp_path / "data"))
    assert "clothing: not found in" in str(caught.value)
    assert "data_scripts/clothing.py" in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("fixture", "message"),
    [("bad_cut.zip", "is not a complete zip archive"), ("bad_everything.csv", "4 problems in"), ("bad_empty.csv", "is empty")],
)
def test_a_broken_data_set_stops_the_run_even_beside_a_whole_one(fixture: str, message: str, tmp_path: Path):
    """Absent is told, broken is an error: a run without it would pass for the whole."""
    root = tmp_path / "data"
    shutil.copytree(FIXTURES / "petfinder" / "good_kaggle", root / "pets")
    (root / "clothing").mkdir()
    shutil.copy(FIXTURES / "clothing" / fixture, root / "clothing" / (REVIEWS + Path(fixture).suffix.replace(".csv", "")))
    with pytest.raises(DataError, match=message):
        tiny.study(tmp_path / "out", data="real", data_root=str(root), settings={"datasets": ["pets", "reviews"]})
    assert not (tmp_path / "out").exists()


def test_too_few_records_for_the_folds_are_told(tmp_path: Path):
    root = clothing(tmp_path / "data", copies=1)
    with pytest.raises(DataError, match="too few records") as caught:
        tiny.study(tmp_path / "out", data="real", data_root=str(root))
    assert "reviews: fold 0 of 4 records has 3 / 0 / 1 of them" in str(caught.value)


def test_nan_scores_survive_the_files(tmp_path: Path, computed: list[Trial]):
    study = again(tmp_path)
    assert math.isnan(study.scores.query("metric == 'rho_text'")["value"].iloc[0])
    assert "nan" not in (tmp_path / "scores.csv").read_text().lower()  # an empty field
    study.verdicts()
    assert "NaN" not in (tmp_path / "claims.json").read_text()
