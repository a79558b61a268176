"""What `--help` prints: examples, and what each config group is for. Imports nothing that is slow."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CONF = Path(__file__).resolve().parents[2] / "conf"
WIDTH = 100


@dataclass(frozen=True)
class Usage:
    """Help of one script.

    Attributes:
        head: what it does, and examples.
        groups: config groups and what they choose.
        keys: keys of the config and what they mean.
    """

    head: str
    groups: Mapping[str, str]
    keys: Mapping[str, str]


TRAIN = Usage(
    """Train a population of agents in a market: python scripts/train.py [GROUP=OPTION ...] [KEY=VALUE ...]

Examples
  python scripts/train.py experiment=quickstart                            a first run, of a few minutes
  python scripts/train.py experiment=quickstart seed=2 training.iterations=20
  python scripts/train.py population=self_play market=btc_usd_2026_07_07 market.capacity=medium
  python scripts/train.py experiment=quickstart agent@population.ppo.agent=ppo_lstm   another agent in a group
  python scripts/train.py experiment=quickstart population.ppo.agent.learning_rate=3e-4
  python scripts/train.py resume=runs/quickstart/<time>                    go on with a run
  python scripts/train.py -m experiment=quickstart seed=1,2,3              a sweep: a run for each combination
  python scripts/train.py -m experiment=quickstart seed=1,2 hydra.launcher.n_jobs=1   one after the other
  python scripts/train.py --cfg job experiment=quickstart                  print the config and train nothing
  python scripts/train.py --hydra-help                                     options such as --cfg and --config-dir""",
    {
        "experiment": "a whole setup under one name",
        "population": "groups of seats and their agents",
        "agent": "one agent, scripted or learning: agent@population.<group>.agent=<option>",
        "market": "the market, calibrated to data",
        "observation": "parts of what an agent observes, a list: observation=[book,account]",
        "action": "what an agent can do; of one group: +action@population.<group>.action=<option>",
        "reward": "terms of the reward, a list: reward=[closing_profit,inventory]",
        "timing": "when an agent decides",
        "participation": "when the seats of a group come and leave: +participation@population.<group>.participation=",
        "session_reward": "rewards of whole sessions: +session_reward@population.<group>.session_reward=<option>",
        "latency": "delays: +latency@market.latency=<option> or +latency@population.<group>.latency=<option>",
        "fundamental": "a hidden value that prices follow: +fundamental@market.fundamental=<option>",
        "auxiliary": "what a learner also predicts: see agent ppo_auxiliary",
        "training": "length and width of the training",
        "reporting": "Weights & Biases, beside the files of the run folder",
    },
    {
        "name": "of the study; its runs are kept in runs/<name>",
        "seed": "of everything random; equal seeds give equal runs",
        "resume": "folder of a run to go on with",
        "objective": "metric that the run returns to a sweeper such as Optuna, for example evaluation/ppo/trained_mean",
        "training.iterations": "sessions to train for, each in every market",
        "training.markets": "markets in lock-step",
        "training.workers": "processes that sample; 0: this one",
        "training.validate_every": "iterations between validations on fixed sessions; patience ends by them",
        "market.capacity": "size class of the market, small (16 seats) or larger: see marl_market/exchange/records.py",
        "market.substeps": "ticks of the market's clock in a step, in each of which scripted traders act",
        "market.session_steps": "steps of a session",
        "market.warmup_steps": "steps before it in which only the order flow trades",
        "hydra.run.dir": "folder of the run; of a sweep: hydra.sweep.dir",
    },
)

CALIBRATE = Usage(
    """Calibrate a market to real data: python scripts/calibrate.py calibration=FORMAT path=FILE name=NAME [KEY=VALUE]

Prints what was read, plays the market for a minute, prints the data and the played market beside each other, and writes
the market, unless it cannot hold its own flow. In data of some minutes or more what only emerges from the traders
together is searched for, after a check on simulated data with known parameters; Ctrl-C ends the search and keeps its
best point.

Examples
  python scripts/calibrate.py calibration=lobster path=<message file> name=my_market
  python scripts/calibrate.py calibration=coinbase calibration.product=BTC-USD path=FILE name=b session.step_seconds=0.2
  python scripts/calibrate.py calibration=lobster 'path=data/AAPL_*_message_*.csv.gz' name=aapl start=10:00 end=15:30
  python scripts/calibrate.py calibration=lobster path=<a day> held_out=<the next day> name=m session.substeps=100
  python scripts/calibrate.py calibration=lobster path=FILE name=my_market search=none    direct estimates alone
  python scripts/train.py market=my_market                                 train in it""",
    {
        "calibration": "format of the data",
        "search": "a search over what only emerges, after the direct estimates, of some minutes; or none",
    },
    {
        "path": "the data: a file, a pattern in quotes, or several: path=[a.csv,b.csv]; plain, gz, xz or zst",
        "name": "of the market; the config is written to <folder>/<name>.yaml",
        "folder": "of the config",
        "population_folder": "of the traders that a search finds; their config has the name of the market",
        "held_out": "file that a search does not see; null for the last third of the data, none for nothing",
        "results": "folder of the trials, summary and report of a search",
        "resume": "folder of a search to go on with",
        "search.points": "points that are played; search.seeds sessions each, search.minutes at most",
        "overwrite": "true to replace a market of this name",
        "allow_failed_check": "true to write a market that cannot hold its own flow when it is played",
        "start, end": "use the data between them only: time of day, such as 09:30, or ISO date and time",
        "longest_silence": "seconds without a message, beyond which there is an outage",
        "strict": "true to make repairs and rows left out errors",
        "session.step_seconds": "length of a step",
        "session.substeps": "ticks of the market's clock in a step, in each of which scripted traders act",
        "session.session_steps": "steps of a session",
        "session.warmup_steps": "steps before it in which only the order flow trades",
    },
)

TOURNAMENT = Usage(
    """Let policies of runs and scripted agents meet: python scripts/tournament.py runs=[RUN,...] agents=[AGENT,...]

Every way to share out the contested seats is played on the same sessions, all other groups as they are in the run.
Prints ratings against an equilibrium, regrets and payoffs with intervals. The same command goes on where it stopped.

Examples
  python scripts/tournament.py runs=[runs/quickstart/<time>] agents=[fixed_spread,inventory_skew]
  python scripts/tournament.py runs=[runs/a/<time>:ppo,runs/b/<time>:evolution] players=3 sessions=128
  python scripts/tournament.py runs=[A,B] environment=C group=ppo folder=runs/tournament/a_b_in_c""",
    {"agent": "scripted agents that may enter"},
    {
        "runs": "folders of runs whose policies enter; RUN:GROUP for one of several learning groups",
        "agents": "scripted agents that enter too",
        "environment": "folder of the run in whose market they meet; the first of runs, if not given",
        "group": "group of that run whose seats are contested; its first learning group, if not given",
        "players": "contested seats",
        "sessions": "of each profile, the same for all",
        "seed": "of the sessions",
        "measure": "payoff of a seat: closing_pnl, pnl or reward",
        "folder": "of the results",
    },
)

REALISM = Usage(
    """Measure how far a market is from real data: python scripts/realism.py KEY=VALUE against=FILE [KEY=VALUE ...]

Prints each fact of a market with its distance from that of real data (L1, KS), an interval, and the floor: the distance
of real data from real data. Means are over the eight of earlier work, the 21 of LOB-Bench, and all.

Examples
  python scripts/realism.py tape=runs/<name>/<time>/tape.npz against=<message file>
  python scripts/realism.py run=runs/<name>/<time> against=<message file> floor=<the next day's> start=09:30 end=12:00
  python scripts/realism.py data=<message file> against=<the next day's> start=09:30 end=12:00 json=figures.jsonl
  python scripts/realism.py tape=tape.npz against=day_2.npz floor=day_1.npz draw=realism.html
  python scripts/realism.py against=<message file> save=day.npz    real data as a tape, for training.reference""",
    {},
    {
        "tape": "a simulated market: a tape, or several as sessions of one: a pattern, or [a.npz,b.npz]",
        "run": "a run: its market with the background alone, before and after training",
        "data": "other real data",
        "against": "real data: a file of any format, a pattern in quotes, or several",
        "floor": "real data that make the floor, best of the next day at the same hours; else blocks of against",
        "start, end": "use the real data between them only: time of day, such as 09:30, or ISO date and time",
        "product": "the product, stock or instrument, where a file of real data has several",
        "sessions, seed": "sessions of a run that are played, and their seed",
        "signature": "true to measure the expected signature score too: pip install marl_market[signature]",
        "json": "file that gets one JSON object a line: fact, distance, value, low, high, floor",
        "draw": "file that gets a page of the table and of the distributions over each other, .html",
        "save": "file that gets the real data as a tape",
    },
)


def answer(usage: Usage) -> None:
    """Print the help and exit, if the command line asks for it."""
    if not {"--help", "-h"} & set(sys.argv[1:]):
        return
    try:
        print(text(usage), flush=True)
    except BrokenPipeError:  # the reader stopped early, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit()


def text(usage: Usage) -> str:
    """Return the help of a script."""
    lines = [usage.head, *(("", "Groups, and their options") if usage.groups else ())]
    for group, meaning in usage.groups.items():
        lines.append(f"  {group:14} {meaning}")
        lines += wrapped(sorted(path.stem for path in (CONF / group).glob("*.yaml")))
    lines += ["", "Keys"]
    lines += [f"  {key:22} {meaning}" for key, meaning in usage.keys.items()]
    return "\n".join(lines)


def wrapped(options: list[str]) -> list[str]:
    """Return options in lines of limited width."""
    lines, line = [], ""
    for option in options:
        if line and len(line) + len(option) > WIDTH:
            lines.append(line)
            line = ""
        line += f"{' ' * 17 if not line else ' '}{option}"
    return [*lines, line]
