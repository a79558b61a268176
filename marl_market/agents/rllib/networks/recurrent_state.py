"""The hidden state of a recurrent actor-critic module: flat for samplers, structured for RLlib's encoders."""

from __future__ import annotations

from typing import Any

import torch

from marl_market.agents.rollout import Floats


def state_size_of(module: Any) -> int:
    """Return the size S of the policy's hidden state: hidden and cell state of its LSTM; 0 without one."""
    return 2 * int(module.model_config["lstm_cell_size"]) if module.is_stateful() else 0


def unflatten_state(state: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return flat states (R, S) in the structure of RLlib's recurrent encoders, (R, layers, cells) each."""
    hidden, cell = state[:, None].chunk(2, dim=-1)
    return {"h": hidden.contiguous(), "c": cell.contiguous()}


def flatten_state(state: dict[str, torch.Tensor]) -> Floats:
    """Return states in the structure of RLlib's recurrent encoders as flat ones (R, S)."""
    return torch.cat([state["h"], state["c"]], dim=-1)[:, 0].cpu().numpy()
