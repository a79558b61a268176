"""A multilayer perceptron inside the compiled step: the compiled policy of evolution and of exported networks.

Why only additions, multiplications and one division a unit: no call to a mathematics library keeps LLVM from
vectorizing the loops, and every step is rounded as IEEE 754 says, so that actions are equal, bit for bit, on every
machine.

Assumptions: the params record was written by `marl_market.agents.policies.mlp`, which checks every width. Hidden
units are tanh. Outputs are the numbers of a continuous action, which the seat's action decoder bounds, or the scores
of all choices of a discrete one, of which the highest legal one is taken; of mixed actions, both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marl_market.env.interface.finite import are_finite
from marl_market.env.interface.signatures import DECODE, trader
from marl_market.exchange.compiled import compiled, inlined

# Beyond this, tanh is 1 in float32.
SATURATION = np.float32(9.0)
HALF, ONE, TWO = np.float32(0.5), np.float32(1.0), np.float32(2.0)
NUMERATOR = tuple(np.float32(coefficient / 135135) for coefficient in (17325, 378, 1))
DENOMINATOR = tuple(np.float32(coefficient / 135135) for coefficient in (62370, 3150, 28))
UNSIGNED = tuple(np.uint64(number) for number in range(5))


@inlined
def hyperbolic_tangent(value: Any) -> Any:
    """Return tanh of a float32 to a relative error below 4e-7; NaN stays NaN.

    The seventh convergent n / d of Lambert's continued fraction, x / (1 + x^2 / (3 + x^2 / (5 + ...))), is exact to
    float32 up to half of `SATURATION`; tanh(2y) = 2 n d / (d^2 + n^2) reaches the rest (Abramowitz and Stegun 1964,
    section 4.5).
    """
    half = HALF * (SATURATION if value > SATURATION else (-SATURATION if value < -SATURATION else value))
    square = half * half
    numerator = half * (ONE + square * (NUMERATOR[0] + square * (NUMERATOR[1] + square * NUMERATOR[2])))
    denominator = ONE + square * (DENOMINATOR[0] + square * (DENOMINATOR[1] + square * DENOMINATOR[2]))
    return TWO * numerator * denominator / (denominator * denominator + numerator * numerator)


@inlined
def _dense(source: Any, inputs: Any, weight: Any, offset: Any, target: Any, outputs: Any) -> Any:
    """Write bias + source @ weight to `target`; return the offset of the next layer's weights.

    All counts and indices are unsigned: a signed index could be negative, which counts from the end, for all that
    LLVM knows, and the loops would not vectorize. Four rows at a time, since `target` is then loaded and stored a
    quarter as often; the sums still run in the order of the inputs.
    """
    bias = offset + inputs * outputs
    for j in range(outputs):
        target[j] = weight[bias + j]
    row0 = offset
    blocked = inputs - inputs % UNSIGNED[4]
    for i in range(UNSIGNED[0], blocked, UNSIGNED[4]):
        x0, x1, x2, x3 = source[i], source[i + UNSIGNED[1]], source[i + UNSIGNED[2]], source[i + UNSIGNED[3]]
        row1 = row0 + outputs
        row2 = row1 + outputs
        row3 = row2 + outputs
        for j in range(outputs):
            target[j] = (
                target[j]
                + x0 * weight[row0 + j]
                + x1 * weight[row1 + j]
                + x2 * weight[row2 + j]
                + x3 * weight[row3 + j]
            )
        row0 = row3 + outputs
    for i in range(blocked, inputs):
        x0 = source[i]
        for j in range(outputs):
            target[j] += x0 * weight[row0 + j]
        row0 += outputs
    return bias + outputs


@compiled
def choose(seat: Any, params: Any, output: Any) -> None:
    """Write the choice of the highest score of each number into seat.agent.action, among the legal ones if any.

    Of equal scores the first is taken. A number without choices is an output itself.
    """
    outputs = params.layer_size[params.layer_count - 1]
    first, masked = 0, 0
    for number in range(params.num_choices.size):
        if first == outputs:
            break
        count = params.num_choices[number]
        if count == 0:
            seat.agent.action[number] = output[first]
            first += 1
            continue
        best = 0
        for choice in range(1, count):
            allowed, rival = seat.agent.mask[masked + choice], seat.agent.mask[masked + best]
            if allowed > rival or (allowed == rival and output[first + choice] > output[first + best]):
                best = choice
        seat.agent.action[number] = best
        first += count
        masked += count


@trader
def play(public: Any, seat: Any, params: Any) -> int:
    """Fill seat.agent.action from seat.agent.observation by the network in `params`.

    Sees: its observation. Does: the network's action, for its decoder.
    """
    last = params.layer_count - 1
    for i in range(params.layer_size[0]):
        seat.agent.activation[0, i] = seat.agent.observation[i]
    offset = UNSIGNED[0]
    for layer in range(last):
        inputs, outputs = np.uint64(params.layer_size[layer]), np.uint64(params.layer_size[layer + 1])
        target = seat.agent.activation[(layer + 1) % 2]
        offset = _dense(seat.agent.activation[layer % 2], inputs, params.weight, offset, target, outputs)
        if layer + 1 < last or params.tanh_squashed == 1:
            for j in range(outputs):
                target[j] = hyperbolic_tangent(target[j])
    if params.num_choices[0] > 0:
        if are_finite(seat.agent.activation[last % 2].ctypes.data, params.layer_size[last]):
            choose(seat, params, seat.agent.activation[last % 2])
        else:
            seat.agent.action[0] = np.nan  # a choice of scores that are not finite would hide them
        return DECODE
    for i in range(params.layer_size[last]):
        seat.agent.action[i] = seat.agent.activation[last % 2, i]
    return DECODE
