"""Trials of captioning: preparation, scores against slower computations, real files, repeatability."""

import json

import numpy as np
import pytest
import torch

from mmkit import papers, readers
from mmkit.errors import DataError, SettingsError
from mmkit.fit import one_thread
from mmkit.models.captioners import Attend, Tell
from mmkit.readers import karpathy
from mmkit.scores import captions as scores
from mmkit.study.settings import resolve
from mmkit.text.words import END, UNK
from mmkit.trials import Result, Trial, captioning, fixed_targets, frozen
from mmkit.trials.captioning import HEADS, build, caption
from mmkit.worlds.scenes import captions_data

PAPER = papers.find("08")
TINY = {"world_scenes": 60, "world_features": 8, "caption_dim": 8, "caption_epochs": 1, "caption_beam": 1}


def settings(**changed):
    return {name: s.value for name, s in resolve(PAPER, "smoke", "world", {**TINY, **changed}).items()}


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def prepared(data="tell", name="main", seed=0, **changed):
    return captioning.prepared(data, name, seed, frozen(settings(**changed)), None, "", "")


def run(data, method, name="main", seed=0, **changed):
    return fixed_targets.run(Trial(data, name, seed, method), settings(**changed), device="cpu")


def values(result, split="test"):
    return {metric: value for part, metric, value in result.rows if part == split}


@pytest.mark.parametrize("data", ["tell", "attend"])
@pytest.mark.parametrize("method", [*HEADS, "nearest"])
def test_every_method_captions_and_says_what_it_cost(data, method):
    result = run(data, method)
    got = values(result)
    assert all(0 <= got[name] <= 100 for name in ("bleu", "bleu3", "bleu2", "bleu1", "rouge_l"))
    assert 0 <= got["hyponym_recall"] <= 1
    assert not {"meteor", "bleu_beam"} & set(got)
    trained = method in HEADS
    assert (result.cost["parameters"] > 0) == trained
    if trained:
        assert np.isfinite(got["cross_entropy"])
        assert len(result.arrays["said"]) == len(prepared(data).said["test"])
        assert ("attention" in result.arrays) == (data == "attend")


def test_the_fixed_head_has_raw_rows_and_a_bias_and_none_of_its_rows_moves():
    p = prepared()
    torch.manual_seed(3)
    before = build("tell", "fixed", p, settings()).head
    model, _ = captioning.train(Trial("tell", "main", 3, "fixed"), settings(), p, "cpu")
    assert torch.equal(model.head.weight, before.weight)
    assert before.weight.abs().max() > 9
    assert model.head.bias.abs().max() > 0
    assert sum(x.numel() for x in model.head.parameters()) == len(p.vocabulary)


def test_every_kind_of_head_has_its_own_learning_rate():
    def rows(method, **changed):
        return run("tell", method, **changed).rows

    assert rows("fixed", caption_rate=0.5) == rows("fixed", caption_rate=0.001)
    assert rows("fixed", caption_fixed_rate=0.05) != rows("fixed", caption_fixed_rate=0.001)
    for method in ("learned", "tied"):
        assert rows(method, caption_fixed_rate=0.5) == rows(method, caption_fixed_rate=0.001)
        assert rows(method, caption_rate=0.05) != rows(method, caption_rate=0.001)


def test_tied_rows_are_the_input_embedding_and_the_networks_read_what_they_should():
    for data, kind in (("tell", Tell), ("attend", Attend)):
        model = build(data, "tied", prepared(data), settings())
        assert isinstance(model, kind)
        assert model.head.weight is model.embedding.weight
    assert prepared("tell").features["test"].shape == (13, 8)
    assert prepared("attend").features["test"].shape == (13, 5, 8)
    np.testing.assert_allclose(
        prepared("attend").features["test"].mean(axis=1), prepared("tell").features["test"], rtol=1e-4, atol=1e-5
    )


def test_every_caption_of_an_image_is_a_row_that_names_its_image():
    p = prepared()
    texts = captions_data.make(
        60, 0, regions=5, dim=8, sigma=0.3, hypernym_rate=0.4, **captioning.SCENES
    ).official()  # what the settings of the smoke profile say
    for part, split in zip(("train", "test"), (texts[0], texts[2]), strict=True):
        pairs = p.pairs[part]
        said = [[p.vocabulary.words[i] for i in ids] for ids in pairs.ragged["target"].to_pylist()]
        want = [text for image in split.table["captions"].to_pylist() for text in image]
        for row in range(len(want)):
            assert said[row][-1] == p.vocabulary.words[END]
            known = [w if w in p.vocabulary.ids else p.vocabulary.words[UNK] for w in want[row].split()]
            assert said[row][:-1] == known
        assert pairs.dense["image"].tolist() == [i for i in range(len(split)) for _ in range(5)]


def test_scores_against_the_metrics_and_words_by_hand():
    p = prepared("attend")
    model, _ = captioning.train(Trial("attend", "main", 0, "learned"), settings(caption_epochs=3), p, "cpu")
    greedy = caption(model, p, "test", settings())
    got = {metric: value for _, metric, value in captioning.said(greedy, p, settings())}
    corpus = scores.Corpus(greedy, p.said["test"])
    assert [got["bleu1"], got["bleu2"], got["bleu3"], got["bleu"]] == pytest.approx(list(100 * scores.bleu(corpus)[0]))
    assert got["rouge_l"] == pytest.approx(100 * scores.rouge_l(corpus)[0])
    assert got["cider"] == pytest.approx(100 * scores.cider(corpus)[0])
    assert got["vocabulary_used"] == len({word for words in greedy for word in words})
    entropy, length = captioning._cross_entropy(model, p, settings())
    total, count, lengths = 0.0, 0, []
    model.eval()
    with torch.no_grad():
        for i, target in enumerate(p.pairs["test"].ragged["target"].to_pylist()):
            memory = model.encode(torch.from_numpy(p.features["test"][i // 5])[None])
            moving, last = model.start(memory), 2
            for word in target:
                f, moving, _ = model.step(torch.tensor([last]), moving, memory)
                total, count, last = total - float(model.head(f).log_softmax(1)[0, word]), count + 1, word
                lengths.append(float(f.norm()))
    assert entropy == pytest.approx(total / count, rel=1e-4)
    assert length == pytest.approx(np.mean(lengths), rel=1e-4)


def test_leaves_said_and_meant():
    said = [["a", "puppy", "near", "an", "animal"], ["a", "cat", "and", "a", "dog"], []]
    meant = [[["dog", "cat"], ["dog"]], [["cat"], ["car"]], [["man"], []]]
    got = captioning._leaves(said, meant)
    assert got["hyponym_recall"] == pytest.approx(2 / 5)  # dog and cat of dog, cat; cat, car; man
    assert got["leaf_share"] == pytest.approx(3 / 4)  # puppy, cat, dog; animal
    assert captioning._leaves([["an", "animal"]], [[["dog"]]]) == {"hyponym_recall": 0.0, "leaf_share": 0.0}


def test_nearest_copies_the_caption_of_the_most_similar_image():
    p = prepared("attend")
    train, test = (torch.from_numpy(p.features[part]).flatten(1) for part in ("train", "test"))
    best = [int(torch.cosine_similarity(image[None], train).argmax()) for image in test]
    assert captioning._nearest(p) == [p.said["train"][i][0] for i in best]


def test_beam_search_stands_beside_greedy_search():
    got = values(run("attend", "learned", caption_beam=3, caption_epochs=2))
    assert {"bleu_beam", "cider_beam", "vocabulary_used_beam"} <= set(got)
    p, s = prepared("attend"), settings()
    model, _ = captioning.train(Trial("attend", "main", 0, "learned"), s, p, "cpu")
    assert len(caption(model, p, "test", s, 3)) == len(p.said["test"])


def test_a_trial_is_repeatable_and_its_seed_matters():
    first, again = (run("attend", "fixed", seed=1) for _ in range(2))
    assert first.rows == again.rows
    assert all(np.array_equal(first.arrays[name], again.arrays[name]) for name in first.arrays)
    assert values(run("attend", "fixed", seed=2)) != values(first)


def test_attention_is_kept_for_words_that_were_said():
    result = run("attend", "learned")
    attention = result.arrays["attention"].astype(float)
    for looked, text in zip(attention, result.arrays["said"], strict=True):
        spoken = len(text.split())
        np.testing.assert_allclose(looked[:spoken].sum(axis=1), 1, atol=5e-3)
        assert not looked[spoken + 1 :].any()  # the end of the sentence looks once more


def test_training_can_be_judged_by_bleu_on_the_validation_part():
    result = run("tell", "learned", decay="plateau", caption_epochs=3, stop_patience=1)
    assert values(result, "train")["epochs"] <= 3


def test_the_lead_over_tell_is_that_of_the_same_head_world_and_seed():
    def result(bleu):
        return Result([("test", "bleu", bleu), ("train", "bleu", 99.0)], {})

    results = {
        Trial("attend", "main", 0, "fixed"): result(20.0),
        Trial("tell", "main", 0, "fixed"): result(17.5),
        Trial("tell", "main", 1, "fixed"): result(3.0),
        Trial("tell", "main", 0, "learned"): result(4.0),
        Trial("attend", "main", 0, "tied"): result(5.0),
    }
    assert fixed_targets.across(results) == {Trial("attend", "main", 0, "fixed"): [("test", "lead_over_tell", 2.5)]}


def test_worlds_and_methods_by_name():
    s = settings()
    main, null = (fixed_targets.world("tell", name, 0, s).records.table for name in ("main", "null:hypernyms"))
    assert main["regions"] == null["regions"]
    assert main["captions"] != null["captions"]
    assert fixed_targets.world("attend", "main", 0, s).records.table == main
    with pytest.raises(SettingsError, match="no world 'sweep:dim=3' of captions"):
        fixed_targets.world("tell", "sweep:dim=3", 0, s)
    with pytest.raises(SettingsError, match="no null control 'no_noise'"):
        fixed_targets.world("tell", "null:no_noise", 0, s)
    assert not fixed_targets.applies("oracle", "tell")
    assert not fixed_targets.applies("fixed_norms", "attend")
    assert fixed_targets.applies("fixed_norms", "en_de")
    assert fixed_targets.applies("nearest", "attend")
    with pytest.raises(SettingsError, match="no method 'oracle' for captions"):
        run("tell", "oracle")
    fixed_targets.check(s, ["tell", "attend", "en_de"], "world")


# --- real captions --------------------------------------------------------------------------------------------------


def coco(folder, features=None):
    """A file in Karpathy's layout about twelve pictures, and features beside it."""
    splits = ["train"] * 8 + ["val"] * 2 + ["test"] * 2
    images = [
        {
            "imgid": n,
            "cocoid": 100 + n,
            "split": split,
            "sentences": [
                {"imgid": n, "sentid": 2 * n + k, "raw": f"A Dog, number {n % 3}, {'sits' if k else 'runs'}."} for k in (0, 1)
            ],
        }
        for n, split in enumerate(splits)
    ]
    folder.mkdir(parents=True)
    (folder / "dataset_coco.json").write_text(json.dumps({"images": images}))
    if features is not None:
        np.savez(folder / "features.npz", ids=np.arange(100, 112), features=features)
    return folder


def test_real_captions_with_features_train_both_networks(tmp_path, monkeypatch):
    if "karpathy" not in readers.READERS:
        pytest.skip("the reader of Karpathy's files is not registered")
    rng = np.random.default_rng(0)
    coco(tmp_path / "coco", rng.normal(size=(12, 3, 6)).astype(np.float32))
    data = fixed_targets.real("attend", PAPER.facts, tmp_path)
    s = settings(caption_min_count=1)
    for name in ("tell", "attend"):
        how = {"root": tmp_path, "reader": data.name, "fingerprint": data.fingerprint, "device": "cpu"}
        got = fixed_targets.run(Trial(name, "real", 0, "fixed"), s, **how)
        assert np.isfinite(values(got)["cross_entropy"])
        assert "hyponym_recall" not in values(got)  # nobody knows what real annotators meant
    p = captioning.prepare("attend", data, s, generated=False)
    assert p.said["test"][1][0] == ["a", "dog", "number", "2", "runs"]  # as the COCO evaluation cuts
    assert p.features["train"].shape == (8, 3, 6)


def test_captions_without_features_are_refused_with_what_to_do(tmp_path):
    whole = karpathy.read(coco(tmp_path / "coco") / "dataset_coco.json")
    assert whole.schema.modalities == ()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captioning.reading, "real", lambda *_: whole)
        with pytest.raises(DataError, match=r"no features of the images(.|\n)*features.npz(.|\n)*datasets"):
            fixed_targets.real("tell", PAPER.facts, tmp_path)


def test_regions_and_vectors_serve_both_networks(tmp_path):
    for shape in ((12, 6), (12, 3, 6)):
        values_ = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        data = karpathy.read(coco(tmp_path / f"{len(shape)}", values_) / "dataset_coco.json")
        for name in ("tell", "attend"):
            p = captioning.prepare(name, data, settings(caption_min_count=1), generated=False)
            np.testing.assert_array_equal(p.features["test"], values_[10:])


def test_meteor_where_there_is_what_it_needs(monkeypatch):
    p = prepared()
    monkeypatch.setattr(captioning.scores, "meteor", lambda corpus: (0.25, np.zeros(corpus.n)))
    for there, want in ((True, 25.0), (False, None)):
        monkeypatch.setattr(captioning, "_java", lambda there=there: there)
        rows = captioning.said(p.said["test"][:0] + [image[0] for image in p.said["test"]], p, settings(meteor=True))
        assert {metric: value for _, metric, value in rows}.get("meteor") == want
