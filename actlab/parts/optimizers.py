"""Optimizers and learning-rate schedules: Keras's, with every constant written out.

An optimizer's function takes the learning rate (a number or a Keras schedule) and the parameters that all share;
its keyword-only parameters are its entry in a config. The defaults are Keras 3.15's, pinned here, so that a
record means the same after an upgrade.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from actlab.lazy import keras
from actlab.registry import Kind, Registry

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


def shared(
    *,
    schedule: Annotated[str, Kind("schedule")] = "constant",
    weight_decay: NotNegative | None = None,
    clipnorm: Positive | None = None,
    clipvalue: Positive | None = None,
    global_clipnorm: Positive | None = None,
    use_ema: bool = False,
    ema_momentum: Fraction = 0.99,
    ema_overwrite_frequency: Count | None = None,
    loss_scale_factor: Positive | None = None,
    gradient_accumulation_steps: Annotated[int, Field(ge=2)] | None = None,
) -> None:
    """What every optimizer takes besides its own parameters."""


def one_way_of_clipping(parameters: dict[str, Any]) -> str | None:
    """Keras clips by one rule only."""
    given = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if parameters[name] is not None]
    return f"only one of {' and '.join(given)} can be set" if len(given) > 1 else None


OPTIMIZERS: Registry[str] = Registry(  # stated of each: its source
    "optimizer", shared, one_way_of_clipping, takes=lambda facts: ("rate", "common")
)
SCHEDULES: Registry[str] = Registry("schedule", takes=lambda facts: ("rate", "total_steps", "steps_per_epoch"))


@OPTIMIZERS.register("Robbins and Monro 1951; momentum: Polyak 1964; nesterov: Sutskever et al. 2013")
def sgd(
    rate: Any, common: dict[str, Any], *, learning_rate: Positive = 0.01, momentum: Fraction = 0.0,
    nesterov: bool = False,
) -> Any:  # fmt: skip
    """v ← momentum · v − learning_rate · g; w ← w + v."""
    return keras.optimizers.SGD(rate, momentum, nesterov, **common)


@OPTIMIZERS.register("Duchi et al. 2011")
def adagrad(
    rate: Any, common: dict[str, Any], *, learning_rate: Positive = 0.001,
    initial_accumulator_value: NotNegative = 0.1, epsilon: Positive = 1e-7,
) -> Any:  # fmt: skip
    """s ← s + g²; w ← w − learning_rate · g / √(s + epsilon), s from initial_accumulator_value."""
    return keras.optimizers.Adagrad(rate, initial_accumulator_value, epsilon, **common)


@OPTIMIZERS.register("Zeiler 2012, arXiv 1212.5701")
def adadelta(
    rate: Any, common: dict[str, Any], *, learning_rate: Positive = 0.001, rho: Fraction = 0.95,
    epsilon: Positive = 1e-7,
) -> Any:  # fmt: skip
    """Steps scaled by the ratio of the running mean squares of past steps and of gradients."""
    return keras.optimizers.Adadelta(rate, rho, epsilon, **common)


@OPTIMIZERS.register("Tieleman and Hinton 2012")
def rmsprop(
    rate: Any, common: dict[str, Any], *, learning_rate: Positive = 0.001, rho: Fraction = 0.9,
    momentum: Fraction = 0.0, epsilon: Positive = 1e-7, centered: bool = False,
) -> Any:  # fmt: skip
    """s ← rho · s + (1 − rho) · g²; w ← w − learning_rate · g / √(s + epsilon)."""
    return keras.optimizers.RMSprop(rate, rho, momentum, epsilon, centered, **common)


@OPTIMIZERS.register("Kingma and Ba 2015, arXiv 1412.6980; amsgrad: Reddi et al. 2018")
def adam(
    rate: Any, common: dict[str, Any], *, learning_rate: Positive = 0.001, beta_1: Fraction = 0.9,
    beta_2: Fraction = 0.999, epsilon: Positive = 1e-7, amsgrad: bool = False,
) -> Any:  # fmt: skip
    """w ← w − learning_rate · m̂ / (√v̂ + epsilon), m̂ and v̂ the bias-corrected running means of g and g²."""
    return keras.optimizers.Adam(rate, beta_1, beta_2, epsilon, amsgrad, **common)


@OPTIMIZERS.register("Loshchilov and Hutter 2019, arXiv 1711.05101")
def adamw(
    rate: Any, common: dict[str, Any], *, learning_rate: Positive = 0.001, weight_decay: NotNegative = 0.004,
    beta_1: Fraction = 0.9, beta_2: Fraction = 0.999, epsilon: Positive = 1e-7, amsgrad: bool = False,
) -> Any:  # fmt: skip
    """Adam with the weight decay taken apart from the gradient: w ← w − learning_rate · weight_decay · w."""
    return keras.optimizers.AdamW(
        rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, amsgrad=amsgrad, weight_decay=weight_decay, **common
    )


@OPTIMIZERS.register("Dozat 2016")
def nadam(
    rate: Any, common: dict[str, Any], *, learning_rate: Positive = 0.001, beta_1: Fraction = 0.9,
    beta_2: Fraction = 0.999, epsilon: Positive = 1e-7,
) -> Any:  # fmt: skip
    """Adam with Nesterov momentum."""
    return keras.optimizers.Nadam(rate, beta_1, beta_2, epsilon, **common)


@OPTIMIZERS.register("Chen et al. 2023, arXiv 2302.06675")
def lion(
    rate: Any, common: dict[str, Any], *, learning_rate: Positive = 0.001,
    beta_1: Annotated[float, Field(gt=0, lt=1)] = 0.9, beta_2: Fraction = 0.99,
) -> Any:  # fmt: skip
    """w ← w − learning_rate · sign(beta_1 · m + (1 − beta_1) · g): every weight moves by the same amount."""
    return keras.optimizers.Lion(rate, beta_1, beta_2, **common)


@SCHEDULES.register("Keras")
def constant(rate: float, total_steps: int, steps_per_epoch: int) -> Any:
    """The learning rate as it is given."""
    return rate


@SCHEDULES.register("Loshchilov and Hutter 2017, arXiv 1608.03983")
def cosine(
    rate: float, total_steps: int, steps_per_epoch: int, *, final_fraction: Fraction = 0.0,
    warmup_steps: Annotated[int, Field(ge=0)] = 0,
) -> Any:  # fmt: skip
    """From the learning rate to `final_fraction` of it along half a cosine, after a linear rise from 0."""
    if not warmup_steps:
        return keras.optimizers.schedules.CosineDecay(rate, max(1, total_steps), final_fraction)
    falling = max(1, total_steps - warmup_steps)
    return keras.optimizers.schedules.CosineDecay(  # in its dtype: on JAX a 0.0 of Python would be of double precision
        np.float32(0.0), falling, final_fraction, warmup_target=rate, warmup_steps=warmup_steps
    )


@SCHEDULES.register("Keras (ExponentialDecay with staircase)")
def step(
    rate: float, total_steps: int, steps_per_epoch: int, *, every_epochs: Positive = 10.0, factor: Positive = 0.1
) -> Any:
    """The learning rate times `factor` after every `every_epochs` epochs."""
    steps = max(1, round(every_epochs * steps_per_epoch))
    return keras.optimizers.schedules.ExponentialDecay(rate, steps, factor, staircase=True)


@SCHEDULES.register("Keras (ExponentialDecay)")
def exponential(rate: float, total_steps: int, steps_per_epoch: int, *, factor: Positive = 0.95) -> Any:
    """The learning rate times `factor` an epoch, falling a little at each step."""
    return keras.optimizers.schedules.ExponentialDecay(rate, steps_per_epoch, factor)
