"""All of COCO's val2017 captions: MMKIT_TEST_DATA=<folder> pytest tests/scores/test_captions_real.py."""

from __future__ import annotations

import json
import os
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer import ptbtokenizer

from mmkit.scores import captions as c

ROOT = os.environ.get("MMKIT_TEST_DATA", "")
Texts = dict[int, list[str]]


@pytest.fixture(scope="module")
def coco() -> tuple[Texts, Texts]:
    """(references of each picture, generated caption of most pictures), as they were written."""
    if not ROOT:
        pytest.skip("MMKIT_TEST_DATA names no folder with the published files")
    folder = Path(ROOT) / "coco_captions"
    if not folder.is_dir():
        pytest.skip("the folder of MMKIT_TEST_DATA holds no coco_captions")
    references: Texts = defaultdict(list)
    for record in json.loads((folder / "captions_val2017.json").read_text(encoding="utf-8"))["annotations"]:
        references[record["image_id"]].append(record["caption"])
    results = json.loads((folder / "captions_val2017_fakecap_results.json").read_text(encoding="utf-8"))
    return references, {record["image_id"]: [record["caption"]] for record in results}


@pytest.fixture(scope="module", params=["results file", "one reference against the others"])
def corpus(coco, request) -> tuple[list[list[str]], list[list[list[str]]]]:
    references, results = coco
    if request.param == "results file":
        said, wanted = [results[i][0] for i in results], [references[i] for i in results]
    else:
        said, wanted = [own[0] for own in references.values()], [own[1:] for own in references.values()]
    assert len(said) == {"results file": 4989}.get(request.param, 5000)
    return c.tokenise(said), [c.tokenise(own) for own in wanted]


def peers(corpus) -> tuple[Texts, Texts]:
    said, wanted = corpus
    return {i: [" ".join(r) for r in own] for i, own in enumerate(wanted)}, {i: [" ".join(w)] for i, w in enumerate(said)}


def test_every_score_is_that_of_the_coco_evaluation(corpus):
    coded = c.Corpus(*corpus)
    for ours, (score, each) in (
        (c.cider(coded), Cider().compute_score(*peers(corpus))),
        (c.rouge_l(coded), Rouge().compute_score(*peers(corpus))),
        (c.bleu(coded), Bleu(4).compute_score(*peers(corpus), verbose=0)),
    ):
        np.testing.assert_allclose(ours[0], score, rtol=0, atol=1e-9)
        np.testing.assert_allclose(ours[1], np.array(each).T, rtol=0, atol=1e-9)


def test_meteor_is_that_of_the_coco_evaluation(coco):
    if shutil.which("java") is None:
        pytest.skip("no Java runtime on the path")
    references = [c.tokenise(own) for own in coco[0].values()][:40]
    corpus = [own[0] for own in references], [own[1:] for own in references]
    score, each = c.meteor(c.Corpus(*corpus))
    peer = Meteor()
    try:
        theirs = peer.compute_score(*peers(corpus))
    finally:
        peer.meteor_p.kill()
        peer.meteor_p.communicate()
    assert (score, each.tolist()) == theirs
    assert 0.1 < score < 0.6


def test_the_tokeniser_is_stanfords_on_nearly_all_captions(coco, tmp_path, monkeypatch):
    if shutil.which("java") is None:
        pytest.skip("no Java runtime on the path")
    texts = [text for own in coco[0].values() for text in own]
    home = Path(ptbtokenizer.__file__).parent  # their class writes beside its jar: let it write elsewhere
    (tmp_path / ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR).symlink_to(home / ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR)
    monkeypatch.setattr(ptbtokenizer, "__file__", str(tmp_path / "ptbtokenizer.py"))
    theirs = ptbtokenizer.PTBTokenizer().tokenize({i: [{"caption": text}] for i, text in enumerate(texts)})
    differ = [i for i, words in enumerate(c.tokenise(texts)) if words != theirs[i][0].split()]
    assert len(texts) == 25_014
    assert len(differ) <= 4, [(texts[i], theirs[i]) for i in differ]  # 99.98 %
