"""What a method of emotions in conversations is: a model, what is changed about it, and whether it learns from attacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmkit.errors import SettingsError, nearest

WHOLE = ("bc_lstm", "bc_lstm_att", "dialogue_rnn", "dialogue_gcn")  # read whole dialogues; the others a window each
WINDOW = ("utterance", "memnet", "cmn", "icon")
# What a COIN is called and how it differs; sizes and modalities are compared without adversarial training, which costs as much
# again. dim: times the width.  stacks: their number.  modalities: what it reads.
COINS: dict[str, dict[str, Any]] = {
    "coin": {},
    "coin_plain": {"adversarial": False},
    "coin_no_smi": {"smi": False},
    "coin_fed_back": {"fed_back": True},
    "coin_no_attention": {"attention": False},
    "coin_no_history": {"history": 0},
    "coin_one_gru": {"speakers": 1, "smi": False},
    "coin_shuffled": {"shuffled": True},
    "coin_one_stack": {"adversarial": False, "stacks": 1},
    "coin_six_stacks": {"adversarial": False, "stacks": 6},
    "coin_half_width": {"adversarial": False, "dim": 0.5},
    "coin_double_width": {"adversarial": False, "dim": 2},
    "coin_text": {"adversarial": False, "modalities": ("text_vector",)},
    "coin_audio": {"adversarial": False, "modalities": ("audio",)},
    "coin_video": {"adversarial": False, "modalities": ("video",)},
    "coin_text_audio": {"adversarial": False, "modalities": ("text_vector", "audio")},
    "coin_text_video": {"adversarial": False, "modalities": ("text_vector", "video")},
    "coin_audio_video": {"adversarial": False, "modalities": ("audio", "video")},
    "coin_chosen_on_test": {"chosen_on_test": True},
    "coin_random": {"trained": False},
}
METHODS = (*WINDOW, *WHOLE, *(f"{m}_at" for m in (*WINDOW, *WHOLE)), *COINS)
OTHERS = (*WINDOW, *WHOLE)  # what Table 1 compares COIN with


@dataclass(frozen=True)
class Way:
    """What a method's name says: the model, whether it learns from attacks, and what is changed about it."""

    model: str
    adversarial: bool
    changes: dict[str, Any]

    @classmethod
    def of(cls, method: str) -> Way:
        if method not in METHODS:
            raise SettingsError(f"no method {method!r}{nearest(method, METHODS)}")
        if method in COINS:
            changes = dict(COINS[method])
            return cls("coin", changes.pop("adversarial", True), changes)
        return cls(method.removesuffix("_at"), method.endswith("_at"), {})

    @property
    def reads_windows(self) -> bool:
        return self.model not in WHOLE


def build(way: Way, features: int, classes: int, settings: dict[str, Any]):
    """The model of one trial: logits of `classes` from `features` numbers per utterance. Seed torch before."""
    from mmkit.models.conversations.bc_lstm import BcLSTM
    from mmkit.models.conversations.coin import COIN, matched_dim
    from mmkit.models.conversations.dialogue_gcn import DialogueGCN
    from mmkit.models.conversations.dialogue_rnn import DialogueRNN
    from mmkit.models.conversations.icon import ICON
    from mmkit.models.conversations.memory import CMN, MemNet
    from mmkit.models.conversations.utterance import UtteranceMLP

    s, changes = settings, way.changes
    dim, hops = max(2, round(s["dim"] * changes.get("dim", 1))), changes.get("stacks", s["stacks"])
    past = s["causal"]
    if way.model == "coin":
        named = {name: changes[name] for name in ("fed_back", "attention", "speakers") if name in changes}
        projection = {"raw": "none", "shared": "shared"}[s["projection"]]
        more = {"gate_bias": s["gate_bias"], "passes": s["pass_on"], "projection": projection, "dropout": s["dropout"], **named}
        if changes.get("smi", True) or "speakers" in changes:
            return COIN(features, classes, dim, hops, smi=changes.get("smi", True), **more)
        as_large = matched_dim(features, classes, dim, hops, smi=False, projection=projection)
        return COIN(features, classes, as_large, hops, smi=False, **more)
    if way.model == "utterance":
        return UtteranceMLP(features, classes, dim, dropout=s["dropout"])
    if way.model == "memnet":
        return MemNet(features, classes, dim, hops=hops, history=s["history"], dropout=s["dropout"])
    if way.model in ("cmn", "icon"):
        kind = CMN if way.model == "cmn" else ICON
        return kind(features, classes, dim, hops=hops, dropout=s["dropout"])
    if way.model in ("bc_lstm", "bc_lstm_att"):
        attention = way.model == "bc_lstm_att"
        return BcLSTM(features, classes, dim, attention=attention, past_only=past, dropout=s["dropout"])
    if way.model == "dialogue_gcn":
        return DialogueGCN(features, classes, dim, past_only=past, dropout=s["dropout"])
    sizes = {"global_dim": s["rnn_dim"], "party_dim": s["rnn_dim"], "emotion_dim": max(1, round(0.6 * s["rnn_dim"]))}
    return DialogueRNN(features, classes, **sizes, past_only=past, dropout=s["dropout"])
