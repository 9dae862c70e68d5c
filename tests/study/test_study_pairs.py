"""A study of sentence pairs: official parts instead of folds, draws as seeds, and what only a second paper asks of a study."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmkit.errors import DataError, SettingsError
from mmkit.study import Study
from mmkit.worlds import translation
from tests.study import tiny

FIXTURES = Path(__file__).parent.parent / "fixtures"
SETTINGS = {"embedding_dim": 8, "hidden_dim": 8, "context_dim": 8, "epochs": 1, "beam": 1, "world_records": 80}


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MMKIT_JOBS", "1")
    yield
    tiny.close()


def study(out: Path, **changed) -> Study:
    settings = SETTINGS | changed.pop("settings", {})
    tiny.opened.append(Study("08_fixed_targets", "smoke", out=str(out), device="cpu", settings=settings, **changed))
    return tiny.opened[-1]


def multi30k(folder: Path) -> Path:
    """A world's pairs in the layout of the real files."""
    folder.mkdir(parents=True)
    table = translation.make("en_de", 120, 0, lemmas=120).records.table.to_pandas()
    for part, name in {"train": "train", "valid": "val", "test": "test_2016_flickr"}.items():
        for language in ("de", "en"):
            lines = "".join(f"{line}\n" for line in table.loc[table["part"] == part, language])
            (folder / f"{name}.{language}.gz").write_bytes(gzip.compress(lines.encode()))
    return folder


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Study:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMKIT_JOBS", "1")
        base = tmp_path_factory.mktemp("pairs")
        multi30k(base / "root" / "multi30k")
        shutil.copytree(FIXTURES / "word_similarity" / "good", base / "root" / "words")
        done = study(base / "out", data="real", data_root=str(base / "root"))
        done.run()
        done.verdicts(exact={"C6": (1.0, 1.0, 0.0)})
        done.finish()
        return done


def test_real_pairs_keep_their_official_parts_and_seeds_are_draws(real: Study):
    assert real.seeds == [0, 1]
    data = real.data("en_de")
    assert [len(part) for part in data[1:]] == [84, 12, 24]
    first, second = (real.result("fixed", "en_de", seed=seed) for seed in real.seeds)
    assert len(first.arrays["said"]) == 24
    assert not np.array_equal(
        first.arrays["row_norm"], np.ones(len(first.arrays["count"]))
    )  # specials and words: all of length 1
    assert first.rows != second.rows
    assert set(real.scores["world"]) == {"real"}
    assert "oracle" not in set(real.scores["method"])
    assert "nearest" in set(real.scores["method"])


def test_on_real_pairs_lengths_and_similarity_are_judged_too(real: Study):
    claims = {c["id"]: c for c in json.loads((real.out / "claims.json").read_text())}
    assert set(claims) == {"C1", "C2", "C2b", "C4", "C4b", "C5", "C6", "C7", "C9", "C11"}
    assert claims["C7"]["measured"]["n"] == 2
    for id in ("C4b", "C11"):  # nobody knows the leaf, or the floor, of a real sentence
        assert claims[id]["verdict"] == "undecided"
        assert "Not measured in this run" in claims[id]["why"]
    assert all(c["null"] is None for c in claims.values())


def test_published_values_stand_beside_each_head(real: Study):
    for data, printed in (("en_de", [31.63, 31.49, 32.12]), ("de_en", [33.02, 33.08, 33.17])):
        beside = real.beside(data)
        assert beside.index.tolist()[:3] == ["learned", "tied", "fixed"]
        assert beside["bleu", "published"].tolist()[:3] == printed
        assert beside["bleu", "measured"].notna().all()
    assert set(real.scores.loc[real.scores["table"] == "2", "metric"]) == {"bleu"}


def test_an_absent_and_a_damaged_set_are_told(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="none of the data sets de_en, en_de is in"):
        study(tmp_path / "out", data="real", data_root=str(tmp_path / "empty"))
    folder = multi30k(tmp_path / "root" / "multi30k")
    cut = folder / "train.de.gz"
    cut.write_bytes(cut.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"train\.de\.gz: the gzip stream"):
        study(tmp_path / "out", data="real", data_root=str(tmp_path / "root"))


def test_a_profile_may_have_other_seeds_for_real_data(tmp_path: Path):
    multi30k(tmp_path / "root" / "multi30k")
    tiny.opened.append(Study("08", "lab", "real", data_root=str(tmp_path / "root"), out=str(tmp_path / "out"), device="cpu"))
    assert tiny.opened[-1].seeds == [0, 1, 2]


def test_a_sweep_may_take_the_first_seeds_only(tmp_path: Path):
    made = study(tmp_path, settings={"sweeps": True}, seeds=[5, 6])
    swept = {t.seed for t in made.trials() if t.world == "sweep:dim=16"}
    assert swept == {5}
    assert {t.seed for t in made.trials() if t.world == "null:bounded"} == {5, 6}


def test_what_has_no_world_is_refused_before_anything_is_computed(tmp_path: Path):
    made = study(tmp_path, settings={"datasets": ["en_de", "iwslt_de_en"]})
    with pytest.raises(SettingsError, match="'iwslt_de_en' has no world, only real data; worlds: en_de, de_en"):
        made.run()
    assert not list(tmp_path.glob("trials/*"))
