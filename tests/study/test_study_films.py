"""The study on films: values of two results tables, claims about cost, methods that a data set cannot feed."""

import pandas as pd
import pytest

from mmkit.study import Study
from mmkit.trials import films, pmmo
from tests.readers import film_files

TINY = {"world_records": 100, "world_text_dim": 8, "world_poster_dim": 8, "hidden_dim": 8, "narrow_dim": 4, "epochs": 1}


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("MMKIT_JOBS", "1")
    made = Study("01_pmmo", "smoke", out=str(tmp_path / "run"), settings={**TINY, "sweeps": False})
    yield made
    made.finish()


def test_two_tables_and_a_claim_about_cost(study):
    scores = study.run()
    table = scores[(scores["metric"] == "f1_weighted") & (scores["world"] == "main")].groupby("method")["table"].first()
    assert (table["gmu"], table["pmmo_lambda_l2"], table["pmmo_v1"], table["concat"]) == ("1", "1", "2", "")
    assert "genres_not_below" in set(scores["metric"])
    verdicts = study.verdicts().set_index("id")
    costs = study.costs()
    main = costs[costs["world"] == "main"].pivot_table(index="seed", columns="method", values="seconds_per_epoch")
    assert verdicts.loc["C12", "mean"] == pytest.approx((main["pmmo_lambda_l2"] - main["gmu"]).mean())
    assert "seconds_per_epoch" not in set(scores["metric"])  # two runs of one seed have equal scores
    assert "seconds_per_epoch" not in set(pd.read_csv(study.out / "scores.csv")["metric"])


def test_the_threshold_is_tuned_on_validation_films(study, monkeypatch):
    seen = []
    monkeypatch.setattr(pmmo.multilabel, "best_threshold", lambda y, p: seen.append(y) or 0.5)
    trial = study._trial("mmimdb", "main", 0, "gmu")
    pmmo.run(trial, study.settings, device="cpu")
    assert (seen[0] == films.labels(study.data("mmimdb").valid)).all()


def test_a_method_is_not_run_where_its_modalities_are_missing(tmp_path):
    film_files.mosi(tmp_path / "mosi_features")
    study = Study("02_mult_gmu", "smoke", "real", data_root=str(tmp_path), out=str(tmp_path / "run"))
    methods = {trial.method for trial in study.trials()}
    study.finish()
    assert {"gmu_TVA", "fastma_VA", "prior"} <= methods
    assert not {m for m in methods if set("PM") & set(m.partition("_")[2])}
