"""Speed of a training iteration; the metrics of its sessions are declared in `marl_market.evaluation.metrics`."""

from __future__ import annotations


def speed_metrics(env_steps: int, seats: int, sampling: float, learning: float) -> dict[str, float]:
    """Return speed metrics of an iteration of `env_steps` from its seconds of `sampling` and of `learning`."""
    seconds = sampling + learning
    return {
        "sampling_share": sampling / seconds,
        "env_steps_per_second": env_steps / seconds,
        "agent_steps_per_second": env_steps * seats / seconds,
    }
