r"""MulT with gated fusion (Rodríguez-Bribiesca et al. 2021): crossmodal transformers, one summary per modality, a fusion, a head.

Letters: T text, V video, A audio are sequences; P poster, M metadata are vectors.

sequences    Z_a = sqrt(d) W_a X_a + PE;   a crossmodal transformer per ordered pair;   Z_T = [Z_{V->T}; Z_{A->T}] (B, T_T, 2d)
             a memory transformer of that width per sequence; its last real step is the summary x_a
vectors      x_P = W_P p + b,  x_M = W_M m + b
fusion       c = [x_T; x_V; ...] (MulT-Concat)  or  c = sum_i sigmoid(W_zi [x_T; x_V; ...]) * tanh(W_i x_i) (MulT-GMU)
head         y = W_o (c + W_b Dropout(relu(W_a c)))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.errors import DataError, SettingsError, nearest
from mmkit.layers.crossmodal import PairStack
from mmkit.layers.gates import GatedUnit, GatedUnits
from mmkit.layers.positions import Positions

Batch = dict[str, Tensor]
SEQUENCES, VECTORS = "TVA", "PM"
FUSIONS = ("concat", "concat_bottleneck", "gmu", "gmu_tied", "mean", "sum", "static", "additive")
SUMMARIES = ("last", "last_valid", "mean")


class MulTGMU(nn.Module):
    """Any of the modalities T V A P M to logits (B, genres).

    dims: feature width per letter, in any order; with `text` the width of its states. Two sequences: two crossmodal networks and
    memories of width d; one sequence: its memory alone; none: vectors only.
    Batch: "T" (B, T) ids where `text` is given, else (B, T, dims["T"]); "V", "A" (B, T, D); "T_keep", "V_keep", "A_keep" (B, T)
    bool, absent: all real; "P", "M" (B, D).

    fusion: gmu (two modalities: one tied gate, as in the official code; tied=False for the printed form) | gmu_tied | concat |
    concat_bottleneck (concat, mapped to `width`: a head as small as the GMU's) | mean, sum (of tanh(W_i x_i)) | static (gates
    that do not look at the film) | additive (a head per modality, logits added; needs crossmodal=False).
    summary: last_valid | last (of the padded sequence, as in the official code) | mean (over real steps).
    crossmodal=False: the same networks, each looking at its own sequence: equal size, no exchange before the fusion.
    mask_padding=False with summary='last', causal=True, zero_is_padding=True is the official behaviour, in which a prediction
    depends on the other films of its batch.
    audio: a module (x, keep) -> (x, keep) before the audio projection, such as `AudioFront`.

    Deviations: the official code owns a text projection and skips it where the widths agree; it is used here. Each of its
    networks drops its own copy of an embedding; here a sequence is embedded once. As there, attention dropout acts in the
    memories and where text is looked at, never where video or audio is looked at.
    """

    def __init__(
        self,
        dims: dict[str, int],
        genres: int,
        width: int,
        layers: int = 1,
        memory_layers: int = 1,
        heads: int = 2,
        fusion: str = "gmu",
        summary: str = "last_valid",
        *,
        text: nn.Module | None = None,
        audio: nn.Module | None = None,
        crossmodal: bool = True,
        causal: bool = False,
        tied: bool | None = None,
        mask_padding: bool = True,
        zero_is_padding: bool = False,
        attention_dropout: float = 0.0,
        relu_dropout: float = 0.0,
        residual_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        output_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for name, value, known in (("fusion", fusion, FUSIONS), ("summary", summary, SUMMARIES)):
            if value not in known:
                raise SettingsError(f"{name} = {value!r}{nearest(value, known)}")
        self.names = _letters(dims)
        self.sequences = [name for name in self.names if name in SEQUENCES]
        if fusion == "additive" and crossmodal and len(self.sequences) > 1:
            raise SettingsError(
                "fusion = 'additive' adds up single modalities; crossmodal networks mix them: use crossmodal=False"
            )
        self.summary, self.mask_padding, self.embedding_dropout = summary, mask_padding, embedding_dropout
        self.text, self.audio = text, audio
        self.maps = nn.ModuleDict({name: nn.Linear(dims[name], width, bias=name in VECTORS) for name in self.names})
        for layer in self.maps.values():
            nn.init.xavier_uniform_(layer.weight)
        pairs = [(b, a) for a in self.sequences for b in self.sequences if b != a]
        inside = width * max(len(self.sequences) - 1, 1)
        drops = {"relu_dropout": relu_dropout, "residual_dropout": residual_dropout, "causal": causal}
        self.positions = Positions(width, math.sqrt(width), zero_is_padding=zero_is_padding)
        self.memory_positions = Positions(inside, math.sqrt(inside), zero_is_padding=zero_is_padding)
        self.crossmodal = self.memory = None
        self.shown = [f"{b}->{a}" for b, a in pairs] if crossmodal else []
        if pairs:
            looks = pairs if crossmodal else [(a, a) for _, a in pairs]
            rates = [attention_dropout if b == "T" else 0.0 for b, _ in looks]
            self.crossmodal = PairStack(looks, width, layers, heads, attention_dropout=rates, **drops)
        if self.sequences:
            own = [(a, a) for a in self.sequences]
            self.memory = PairStack(own, inside, memory_layers, heads, attention_dropout=attention_dropout, **drops)
        self.dims = [inside if name in SEQUENCES else width for name in self.names]
        self.fusion = Fusion(fusion, self.dims, width, tied)
        self.heads = nn.ModuleList(Head(dim, genres, output_dropout) for dim in self.fusion.dims)

    def forward(self, batch: Batch, attention: bool = False) -> dict[str, Tensor | dict[str, Tensor] | list[str] | None]:
        """logits (B, G); gates (B, M, H) or None, M as `names`; scores (B, M, G) of an additive model.

        attention=True: also "attention", "V->T" -> (B, T_T, T_V) for each pair: last crossmodal layer, mean of the heads.
        """
        x, attentions = self.summaries(batch, attention)
        c, gates = self.fusion(x)
        scores = [head(part) for head, part in zip(self.heads, c, strict=True)]
        out = {"logits": sum(scores[1:], scores[0]), "gates": gates, "names": self.names}
        if len(scores) > 1:
            out["scores"] = torch.stack(scores, dim=1)
        return out | ({"attention": attentions} if attention else {})

    def summaries(self, batch: Batch, attention: bool = False) -> tuple[list[Tensor], dict[str, Tensor]]:
        """x_i (B, self.dims[i]) of each modality, and the crossmodal attention where it is asked for."""
        x, keep, shown = {}, {}, {}
        for name in self.names:
            states, keep[name] = batch[name], batch.get(f"{name}_keep")
            if name == "T" and self.text is not None:
                states = self.text(states, keep[name])
            elif name == "A" and self.audio is not None:
                states, keep[name] = self.audio(states, keep[name])
            x[name] = self.maps[name](states)
        seen = keep if self.mask_padding else {}
        if self.crossmodal is not None:
            z = {name: F.dropout(self.positions(x[name]), self.embedding_dropout, self.training) for name in self.sequences}
            found, weights = self.crossmodal(z, seen, weights_of=-1 if attention and self.shown else None)
            per = len(self.sequences) - 1
            x |= {name: torch.cat(found[i * per : (i + 1) * per], dim=2) for i, name in enumerate(self.sequences)}
            shown = {name: a.mean(dim=1) for name, a in zip(self.shown, weights, strict=True)} if attention else {}
        if self.memory is not None:
            x |= self._remember({name: x[name] for name in self.sequences}, keep, seen)
        return [x[name] for name in self.names], shown

    def _remember(self, z: Batch, keep: dict[str, Tensor | None], seen: dict[str, Tensor | None]) -> Batch:
        """Sequences (B, T, D) through their memories to summaries (B, D)."""
        z = {name: F.dropout(self.memory_positions(x), self.embedding_dropout, self.training) for name, x in z.items()}
        if self.summary == "mean":
            found, _ = self.memory(z, seen)
            return {name: _mean(x, keep[name]) for name, x in zip(z, found, strict=True)}
        valid = self.summary == "last_valid"
        at = {name: _last(x, keep[name] if valid else None) for name, x in z.items()}
        return {name: x[:, 0] for name, x in zip(z, self.memory(z, seen, step=at)[0], strict=True)}


class Head(nn.Module):
    """y = W_o (c + W_b Dropout(relu(W_a c))). Shapes: (B, D) -> (B, genres)."""

    def __init__(self, dim: int, genres: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.a, self.b, self.out, self.dropout = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, genres), dropout

    def forward(self, c: Tensor) -> Tensor:
        return self.out(c + self.b(F.dropout(self.a(c).relu(), self.dropout, self.training)))


class Fusion(nn.Module):
    """Summaries x_i (B, D_i) -> ([c], gates (B, M, H) or None); `additive` leaves them apart: ([x_1, x_2, ...], None).

    `dims`: the width of each c. A single modality passes unchanged, whatever the kind: there is nothing to fuse.
    """

    def __init__(self, kind: str, dims: Sequence[int], width: int, tied: bool | None = None) -> None:
        super().__init__()
        if kind == "gmu_tied" and len(dims) != 2:
            raise SettingsError(f"fusion = 'gmu_tied' joins two modalities, got {len(dims)}")
        tied = kind == "gmu_tied" or (len(dims) == 2 if tied is None else tied)
        self.kind = kind = kind if len(dims) > 1 else "concat"
        self.dims = [sum(dims)] if kind == "concat" else list(dims) if kind == "additive" else [width]
        if kind == "concat_bottleneck":
            self.map = nn.Linear(sum(dims), width)
        elif kind in ("gmu", "gmu_tied"):
            self.unit = GatedUnit(dims, width) if tied else GatedUnits(dims, width)
        elif kind in ("mean", "sum", "static"):
            self.maps = nn.ModuleList(nn.Linear(dim, width, bias=False) for dim in dims)
            self.openness = nn.Parameter(torch.zeros(len(dims), width)) if kind == "static" else None

    def forward(self, x: Sequence[Tensor]) -> tuple[list[Tensor], Tensor | None]:
        if self.kind == "additive":
            return list(x), None
        if self.kind in ("concat", "concat_bottleneck"):
            joined = torch.cat(tuple(x), dim=1)
            return [joined if self.kind == "concat" else self.map(joined)], None
        if self.kind in ("gmu", "gmu_tied"):
            c, gates = self.unit(x)
            return [c], gates
        h = torch.stack([layer(part).tanh() for layer, part in zip(self.maps, x, strict=True)], dim=1)  # (B, M, H)
        if self.openness is None:
            return [h.mean(dim=1) if self.kind == "mean" else h.sum(dim=1)], None
        gates = self.openness.sigmoid().expand_as(h)
        return [(gates * h).sum(dim=1)], gates


class FastMA(nn.Module):
    r"""One linear scorer per modality, then static weights per genre: the baseline of Cascante-Bonilla et al. (2019).

    s_m = W_m x_m + b_m, x_m the mean of a sequence's real steps (text: of its word embeddings);  logit_c = sum_m w_mc s_mc + b_c
    Batch and dims as `MulTGMU`. forward -> logits (B, G), scores s (B, M, G), gates None, names.
    Deviation: trained as one model from w = 1, where its authors train the scorers first; the fused model is at least as free.
    """

    def __init__(self, dims: dict[str, int], genres: int, text: nn.Module | None = None) -> None:
        super().__init__()
        self.names, self.text = _letters(dims), text
        self.scorers = nn.ModuleDict({name: nn.Linear(dims[name], genres) for name in self.names})
        self.weights = nn.Parameter(torch.ones(len(self.names), genres))
        self.bias = nn.Parameter(torch.zeros(genres))

    def forward(self, batch: Batch) -> dict[str, Tensor | list[str] | None]:
        scores = []
        for name in self.names:
            x, keep = batch[name], batch.get(f"{name}_keep")
            x = self.text(x, keep) if name == "T" and self.text is not None else x
            scores.append(self.scorers[name](_mean(x, keep) if name in SEQUENCES else x))
        s = torch.stack(scores, dim=1)  # (B, M, G)
        return {"logits": (s * self.weights).sum(dim=1) + self.bias, "scores": s, "gates": None, "names": self.names}


def pos_weight(genres: Tensor) -> Tensor:
    """N / freq_c per genre, from genres (N, G) of 0 and 1: the official code's weight (not (N - freq) / freq).

    Raises DataError for a genre that no film has.
    """
    count = genres.sum(dim=0)
    if absent := (count == 0).nonzero().flatten().tolist():
        raise DataError(f"{len(absent)} of {len(count)} genres have no film to weigh them by", [f"genre {c}" for c in absent])
    return len(genres) / count.float()


def genre_loss(logits: Tensor, genres: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean binary cross-entropy over films and genres; `weight` (G,) multiplies the positive terms, see `pos_weight`."""
    return F.binary_cross_entropy_with_logits(logits, genres.to(logits.dtype), pos_weight=weight)


def shares(gates: Tensor) -> Tensor:
    """gates (B, M, H) -> (B, M): the mean gate of each modality divided by the sum over modalities."""
    mean = gates.mean(dim=2)
    return mean / mean.sum(dim=1, keepdim=True)


def emap(logits: Callable[[Batch], Tensor], batch: Batch, group: str = "T", most: int = 200) -> Tensor:
    """The closest model that adds a function of the modalities in `group` to one of the others, on these films: (n, G).

    Hessel and Lee (2020): f(i, j) takes `group` from film i and the rest from film j;
    result_i = mean_j f(i, j) + mean_j f(j, i) - mean_jk f(j, k). It needs n^2 predictions, so only the first `most` films.
    logits: batch -> (n, G), a model in eval mode.
    """
    batch = {name: x[:most] for name, x in batch.items()}
    n = len(next(iter(batch.values())))
    first, rows, columns = torch.arange(n), 0.0, 0.0
    with torch.no_grad():
        for shift in range(n):  # n whole batches: every film with the rest of the film `shift` places on
            other = (first + shift) % n
            found = logits({name: x if name[0] in group else x[other] for name, x in batch.items()})
            rows, columns = rows + found / n, columns + found[(first - shift) % n] / n
    return rows + columns - rows.mean(dim=0)


def _letters(dims: dict[str, int]) -> list[str]:
    """The modalities in the order T V A P M. Raises SettingsError for none or unknown ones."""
    if unknown := [name for name in dims if name not in [*SEQUENCES, *VECTORS]]:
        raise SettingsError(f"modality {unknown[0]!r}: expected letters of {SEQUENCES + VECTORS}")
    if not dims:
        raise SettingsError(f"no modalities, expected at least one of {SEQUENCES + VECTORS}")
    return [name for name in SEQUENCES + VECTORS if name in dims]


def _mean(x: Tensor, keep: Tensor | None) -> Tensor:
    """Mean of the real steps, x (B, T, D) -> (B, D); 0 where there is none."""
    if keep is None:
        return x.mean(dim=1)
    weight = keep.to(x.dtype) / keep.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.bmm(weight[:, None], x)[:, 0]


def _last(x: Tensor, keep: Tensor | None) -> Tensor:
    """Number (B,) of the last real step; without `keep` of the last step."""
    if keep is None:
        return torch.full((len(x),), x.shape[1] - 1, device=x.device)
    return (keep * torch.arange(x.shape[1], device=x.device)).amax(dim=1)
