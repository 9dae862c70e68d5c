"""The output head: what is learned, what never changes, and the options."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmkit.errors import SettingsError
from mmkit.layers.counts import by_part, parameters
from mmkit.layers.target_head import DRAWS, TargetHead, draw_rows


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_learned_head_is_a_linear_layer():
    head, f = TargetHead(7, 4), torch.randn(2, 3, 4, generator=seeded())
    with torch.no_grad():
        head.bias += torch.arange(7.0)
    torch.testing.assert_close(head(f), F.linear(f, head.weight, head.bias))
    assert parameters(head) == 7 * 4 + 7
    assert head.weight.abs().max() <= 1 / math.sqrt(4)


def test_fixed_rows_survive_training_bit_for_bit_and_reach_the_checkpoint():
    head = TargetHead(9, 5, "fixed", rows="unit", generator=seeded())
    before, f = head.weight.clone(), nn.Parameter(torch.randn(4, 5, generator=seeded(1)))
    learner = torch.optim.AdamW([f, *head.parameters()], lr=0.1, weight_decay=0.5)
    for _ in range(3):
        F.cross_entropy(head(f), torch.tensor([1, 2, 3, 4])).backward()
        learner.step()
        learner.zero_grad()
    assert torch.equal(head.weight, before)
    assert "weight" in head.state_dict()
    assert head.bias.abs().max() > 0  # what may move does
    other = TargetHead(9, 5, "fixed", rows="unit", generator=seeded(7))
    other.load_state_dict(head.state_dict())
    assert torch.equal(other.weight, before)


def test_a_fixed_head_without_bias_learns_nothing():
    head = TargetHead(9, 5, "fixed", rows="unit", bias="zero", generator=seeded())
    assert parameters(head) == 0
    f = torch.randn(3, 5, generator=seeded(1))
    rows = draw_rows(9, 5, generator=seeded())
    by_hand = torch.stack([f @ (row / row.pow(2).sum().sqrt()) for row in rows], dim=1)
    torch.testing.assert_close(head(f), by_hand)


def test_raw_rows_keep_the_papers_lengths():
    head = TargetHead(4000, 48, "fixed", bias="zero", generator=seeded())
    assert head.weight.min() >= -10
    assert head.weight.max() <= 10
    assert head.weight.norm(dim=1).mean() == pytest.approx(10 * math.sqrt(48 / 3), rel=0.01)
    assert not torch.equal(head.weight, TargetHead(4000, 48, "fixed", bias="zero", generator=seeded(1)).weight)


def test_tied_rows_are_the_embedding_itself():
    embedding = nn.Embedding(6, 3)
    head = TargetHead(6, 3, "tied", weight=embedding.weight)
    assert head.weight is embedding.weight
    both = nn.ModuleDict({"embedding": embedding, "head": head})
    assert parameters(both) == 6 * 3 + 6
    assert by_part(both) == {"embedding": 18, "head": 6}


def test_learned_unit_rows_with_a_temperature():
    head, f = TargetHead(6, 3, rows="unit", bias="zero", scale="temperature"), torch.randn(2, 3, generator=seeded())
    with torch.no_grad():
        head.log_scale += math.log(5)
    torch.testing.assert_close(
        head(f), 5 * torch.cosine_similarity(f[:, None], head.weight[None], dim=2) * f.norm(dim=1)[:, None]
    )
    head(f).sum().backward()
    assert head.weight.grad.abs().max() > 0
    assert head.log_scale.grad.abs() > 0


def test_learned_row_lengths_scale_each_row_alone():
    head = TargetHead(6, 3, "fixed", rows="unit", bias="zero", scale="norms", generator=seeded())
    before = head.matrix.clone()
    with torch.no_grad():
        head.log_scale[2] = math.log(4)
    torch.testing.assert_close(head.matrix.norm(dim=1), torch.tensor([1.0, 1, 4, 1, 1, 1]))
    torch.testing.assert_close(head.matrix[2], 4 * before[2])
    assert parameters(head) == 6


def test_given_rows_replace_the_draw():
    rows = torch.randn(6, 3, generator=seeded())
    head = TargetHead(6, 3, "fixed", bias="zero", weight=rows)
    assert torch.equal(head.weight, rows)
    rows += 1
    assert not torch.equal(head.weight, rows)  # a copy


@pytest.mark.parametrize("draw", DRAWS)
def test_every_draw_is_repeatable_and_spreads_over_all_directions(draw):
    rows = draw_rows(300, 32, draw, seeded())
    assert rows.shape == (300, 32)
    assert torch.equal(rows, draw_rows(300, 32, draw, seeded()))
    assert not torch.equal(rows, draw_rows(300, 32, draw, seeded(1)))
    unit = F.normalize(rows, dim=1)
    cosines = (unit @ unit.T)[~torch.eye(300, dtype=torch.bool)]
    assert cosines.mean().abs() < 0.02
    assert cosines.std() == pytest.approx(1 / math.sqrt(32), rel=0.1)


def test_what_each_draw_is():
    assert set(draw_rows(50, 8, "rademacher", seeded()).unique().tolist()) == {-1.0, 1.0}
    assert set(draw_rows(50, 8, "hadamard", seeded()).unique().tolist()) == {-1.0, 1.0}
    whole = draw_rows(16, 16, "hadamard", seeded())
    torch.testing.assert_close(whole @ whole.T, 16 * torch.eye(16))
    base = draw_rows(16, 8, "orthogonal", seeded())
    torch.testing.assert_close(base[:8] @ base[:8].T, torch.eye(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(base[8:] @ base[8:].T, torch.eye(8), atol=1e-5, rtol=0)
    assert ((draw_rows(50, 8, "sparse", seeded()) != 0).sum(dim=1) == 4).all()
    assert draw_rows(5000, 4, "normal", seeded()).std() == pytest.approx(1.0, rel=0.03)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "fixd"}, "kind = 'fixd'; did you mean 'fixed'"),
        ({"rows": "units"}, "rows = 'units'; did you mean 'unit'"),
        ({"bias": "none"}, "bias = 'none'"),
        ({"scale": "norm"}, "scale = 'norm'; did you mean 'norms'"),
        ({"kind": "fixed", "draw": "unifrm"}, "draw = 'unifrm'; did you mean 'uniform'"),
        ({"kind": "fixed", "weight": torch.zeros(3, 6)}, r"the fixed rows have shape \(3, 6\), expected \(6, 3\)"),
        ({"kind": "tied", "weight": nn.Parameter(torch.zeros(6, 2))}, r"shape \(6, 2\), expected \(6, 3\); tied rows need"),
        ({"kind": "tied"}, "tied rows and weight = NoneType"),
        ({"kind": "learned", "weight": torch.zeros(6, 3)}, "learned rows and weight = Tensor"),
    ],
)
def test_impossible_heads_are_refused(change, told):
    with pytest.raises(SettingsError, match=told):
        TargetHead(6, 3, **change)
