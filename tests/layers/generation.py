"""Any step-wise decoder as a `transformers` model, so that `generate` can be asked the same question."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from mmkit.layers.decoding import State, Step


@dataclass
class Moved:
    """The state after a step, in the place of a cache; `generate` reorders it."""

    moving: State

    def reorder_cache(self, rows: Tensor) -> None:
        self.moving = {name: x.index_select(0, rows) for name, x in self.moving.items()}


class Generating(PreTrainedModel, GenerationMixin):
    """`generate` with `step`. The first state and the memory go through its keyword arguments, which it repeats per beam."""

    config_class = PretrainedConfig
    main_input_name = "input_ids"

    def __init__(self, step: Step, words: int) -> None:
        super().__init__(PretrainedConfig(vocab_size=words))
        self.step = step
        self.here = torch.nn.Parameter(torch.zeros(1))  # a model without any has no device

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def _validate_model_kwargs(self, model_kwargs):
        pass  # it would ask for each name in the signature of forward()

    def prepare_inputs_for_generation(self, input_ids, past_key_values=None, **state):
        return {"input_ids": input_ids[:, -1], "past_key_values": past_key_values, **state}

    def forward(self, input_ids, past_key_values=None, **state):
        memory = {name[7:]: x for name, x in state.items() if name.startswith("memory_")}
        first = {name[7:]: x for name, x in state.items() if name.startswith("moving_")}
        moving = first if past_key_values is None else past_key_values.moving
        logits, moving, _ = self.step(input_ids, moving, memory)
        return CausalLMOutputWithPast(logits=logits[:, None], past_key_values=Moved(moving))


def generated(
    model: Generating, moving: State, memory: State, *, start: int, end: int, max_steps: int, width: int = 1,
    length_power: float = 1.0, best: int = 1,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """(words (B * best, T) without `start`, filled with `end`; scores (B * best,) of a beam), searched as exactly as ours."""
    count = len(next(iter({**moving, **memory}.values())))
    beams = {"num_beams": width, "length_penalty": length_power, "early_stopping": "never", "num_return_sequences": best}
    config = GenerationConfig(
        max_new_tokens=max_steps, do_sample=False, bos_token_id=start, eos_token_id=end, pad_token_id=end,
        return_dict_in_generate=True, output_scores=width > 1, **(beams if width > 1 else {}),
    )  # fmt: skip
    state = {f"moving_{name}": x for name, x in moving.items()} | {f"memory_{name}": x for name, x in memory.items()}
    found = model.generate(torch.full((count, 1), start), generation_config=config, **state)
    return found.sequences[:, 1:], getattr(found, "sequences_scores", None)
