"""What one iteration says, by the name under which it is kept.

`market/...`, `group/<group>/...`, `learner/<group>/...`; a name without a slash is of the run as a whole.
"""

from __future__ import annotations

from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.env.environment import EnvironmentSpec
from marl_market.market.units import decimal


def session_metrics(session: SampledSession, environment: EnvironmentSpec) -> dict[str, float]:
    """Return what a session says of the market and, per seat and session, of each group; money in currency."""
    unit = float(decimal(environment.spec.cash_unit))
    metrics = {
        "market/spread_ticks": session.spread_ticks,
        "market/trades_per_step": session.trades_per_step,
        "market/volatility_ticks": session.volatility_ticks,
    }
    for group in environment.groups:
        seats = environment.seats_of(group.name)
        metrics[f"group/{group.name}/reward"] = float(session.reward[:, seats].mean())
        metrics[f"group/{group.name}/pnl"] = float(session.profit[:, seats].mean()) * unit
        metrics[f"group/{group.name}/fees"] = float(session.fees[:, seats].mean()) * unit
    return metrics


def speed_metrics(env_steps: int, seats: int, sampling: float, learning: float) -> dict[str, float]:
    """Return how fast an iteration of `env_steps` was that took so many seconds to sample and to learn from."""
    seconds = sampling + learning
    return {
        "sampling_share": sampling / seconds,
        "env_steps_per_second": env_steps / seconds,
        "agent_steps_per_second": env_steps * seats / seconds,
    }
