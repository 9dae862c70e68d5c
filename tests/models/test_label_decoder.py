"""The translator that says a class: the published size, the equations by hand, padding, and answers that are no class."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmkit import fit
from mmkit.batches import Batches, Columns
from mmkit.errors import SettingsError
from mmkit.layers.counts import by_part, parameters
from mmkit.models import label_decoder as ld

IDS = torch.tensor([[5, 6, 7, 8], [9, 4, 0, 0], [3, 0, 0, 0]])
KEEP = IDS != 0
SMALL = {"word": 6, "hidden": 8, "layers": 2, "dropout": 0.0}


def small(kind: type[nn.Module] = ld.LabelDecoder, **options) -> nn.Module:
    torch.manual_seed(0)
    return kind(12, **SMALL | options).eval()


def test_the_size_that_opennmt_printed():
    """A training log of OpenNMT-py with these options and vocabularies of 15,114 and 9,916 words says 26,248,916."""
    with torch.device("meta"):
        model = ld.LabelDecoder(15_114, 2, 9_914)
        assert parameters(model) == 26_248_916
        assert by_part(model) == {
            "source": 15_114 * 500,
            "encoder": 2 * 2 * (4 * 250 * (500 + 250) + 8 * 250),
            "target": 9_916 * 500,
            "cells": 4 * 500 * (1000 + 500 + 2) + 4 * 500 * (500 + 500 + 2),
            "attention": 500 * 500,
            "combination": 1000 * 500,
            "generator": 501 * 9_916,
        }


@pytest.mark.parametrize("layers", [1, 2])
def test_the_equations_by_hand(layers):
    model = small(layers=layers)
    logits, a = model(IDS, KEEP)
    assert logits.shape == (3, 2 + 4)
    for row, length in enumerate((4, 2, 1)):
        states, (h, c) = model.encoder.lstm(model.source(IDS[[row], :length]))  # alone, without padding
        decoder = nn.LSTM(6 + 8, 8, layers, batch_first=True)
        with torch.no_grad():
            for layer, cell in enumerate(model.cells):
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    getattr(decoder, f"{name}_l{layer}").copy_(getattr(cell, name))
        first = [torch.cat([x[2 * layer], x[2 * layer + 1]], dim=1) for x in (h, c) for layer in range(layers)]
        start = torch.cat([model.target.weight[2 + 2], torch.zeros(8)])  # <s> behind two classes, padding and unknown
        out, _ = decoder(start[None, None], (torch.stack(first[:layers]), torch.stack(first[layers:])))
        weights = (states[0] @ model.attention.w.weight.T @ out[0, 0]).softmax(0)
        torch.testing.assert_close(a[row, :length], weights)
        assert not a[row, length:].any()
        f = torch.tanh(model.combination.weight @ torch.cat([weights @ states[0], out[0, 0]]))
        torch.testing.assert_close(logits[row], model.generator(f))


def test_the_honest_variant_reads_the_last_states():
    model = small(ld.LSTMClassifier)
    logits, a = model(IDS, KEEP)
    assert a is None
    for row, length in enumerate((4, 2, 1)):
        _, (h, _) = model.encoder.lstm(model.source(IDS[[row], :length]))
        torch.testing.assert_close(logits[row], model.head(torch.cat([h[2, 0], h[3, 0]])))


@pytest.mark.parametrize("kind", [ld.LabelDecoder, ld.LSTMClassifier])
def test_padding_never_matters_and_words_do(kind):
    model = small(kind)
    logits = model(IDS, KEEP).logits
    padded, real = IDS.clone(), IDS.clone()
    padded[1, 2:] = 11
    real[1, 1] = 11
    torch.testing.assert_close(model(padded, KEEP).logits, logits)
    torch.testing.assert_close(model(F.pad(IDS, (0, 3)), F.pad(KEEP, (0, 3))).logits, logits)
    moved = (model(real, KEEP).logits - logits).abs().amax(1)
    assert moved[1] > 1e-4
    assert not moved[[0, 2]].any()
    assert model(IDS, torch.zeros_like(KEEP)).logits.isfinite().all()


def test_a_token_that_is_no_class_is_wrong():
    logits = torch.tensor([[3.0, 1, 2, 0], [0, 3, 1, 2], [0, 1, 3, 2]])
    assert ld.predicted(logits, 2).tolist() == [0, 1, ld.NO_LABEL]
    model = small()
    with torch.no_grad():
        model.generator.bias[4] = 50.0
    batch = {"ids": IDS, "keep": KEEP, "label": torch.tensor([0, 1, 1])}
    found = ld.label_step(model, batch)
    assert found["accuracy"] == 0
    assert found["loss"] > 40  # the class competes with every token
    assert ld.label_outputs(model, batch)["predicted"].tolist() == [-1, -1, -1]
    logits = model(IDS, KEEP).logits
    torch.testing.assert_close(found["loss"], -logits.log_softmax(1)[torch.arange(3), batch["label"]].mean())


def data(rows: int, seed: int) -> Columns:
    """Class 1 where the word 4 stands in the sentence."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 7, rows)
    ids = [rng.integers(5, 12, n) for n in lengths]
    label = rng.integers(0, 2, rows)
    for row in np.flatnonzero(label):
        ids[row][rng.integers(len(ids[row]))] = 4
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    column = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(np.concatenate(ids), pa.int32()))
    return Columns(column, {"label": label})


@pytest.mark.parametrize("kind", [ld.LabelDecoder, ld.LSTMClassifier])
def test_it_learns_which_word_decides(kind):
    model = small(kind, dropout=0.1)
    recipe = fit.Recipe(epochs=8, module_rate=0.03, encoder_rate=0.03)
    history = fit.fit(model, ld.label_step, Batches(data(200, 0), 20, shuffle=True), recipe, device="cpu")
    assert history.losses[-1]["accuracy"] > 0.9
    fresh = data(100, 1)
    found = fit.predict(model, Batches(fresh, 25), ld.label_outputs)
    assert (found["predicted"].numpy() == fresh.dense["label"]).mean() > 0.9


def test_the_published_objective_is_plain_sgd():
    model = small()
    objective = ld.published_objective()
    optimizer = objective.make_optimizer(model)
    assert (type(optimizer), optimizer.defaults["lr"], optimizer.defaults["momentum"]) == (torch.optim.SGD, 1.0, 0)
    assert objective.clip == 5.0
    recipe = fit.Recipe(epochs=1, module_rate=1.0, encoder_rate=1.0)
    history = fit.fit(model, [objective], Batches(data(40, 0), 20), recipe, device="cpu")
    assert {"loss", "accuracy"} <= history.losses[0].keys()


def test_given_vectors_start_it_and_frozen_ones_stay():
    vectors = torch.randn(12, 6, generator=torch.Generator().manual_seed(1))
    kept = vectors.clone()
    for frozen in (True, False):
        model = small(vectors=vectors, frozen=frozen)
        ld.initialise(model, torch.Generator().manual_seed(2))
        assert torch.equal(model.source.weight, kept)
        recipe = fit.Recipe(epochs=1, module_rate=0.1, encoder_rate=0.1)
        fit.fit(model, ld.label_step, Batches(data(40, 0), 20), recipe, device="cpu")
        assert torch.equal(model.source.weight, kept) is frozen
    assert torch.equal(vectors, kept)
    assert parameters(small(vectors=vectors, frozen=True)) == parameters(small()) - 12 * 6


def test_start_is_uniform_and_from_the_generator():
    one, two = small(), small()
    for model in (one, two):
        ld.initialise(model, torch.Generator().manual_seed(3))
    whole = torch.cat([p.detach().flatten() for p in one.parameters()])
    assert whole.abs().max() <= 0.1
    assert float(whole.std()) == pytest.approx(0.2 / np.sqrt(12), rel=0.05)
    assert one.source.weight.abs().max() <= 0.1
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_dropout_acts_in_training_only():
    model = small(dropout=0.5)
    assert torch.equal(model(IDS, KEEP).logits, model(IDS, KEEP).logits)
    model.train()
    assert not torch.equal(model(IDS, KEEP).logits, model(IDS, KEEP).logits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": 7}, "even"),
        ({"others": 0}, "at least 1"),
        ({"vectors": torch.zeros(12, 5)}, r"shape \(12, 5\), expected \(12, 6\)"),
        ({"frozen": True}, "none are given"),
    ],
)
def test_settings_that_cannot_be(options, message):
    with pytest.raises(SettingsError, match=message):
        small(**options)
