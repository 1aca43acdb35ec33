"""A config held against its data, its model and its own length, by what is stated of them: no data is read."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from actlab.errors import DatasetError, UnknownName, counted
from actlab.registry import find
from actlab.spec.problems import Issue

PLURAL = re.compile(r"s\b")
Config = Mapping[str, Any]  # of one run, resolved, as plain data: without the keys that are None


class Sizes(NamedTuple):
    """Of the data: the shape of an example, how many classes, and how many examples to train and to test on."""

    shape: tuple[int, ...]
    classes: int
    train_images: int
    test_images: int


def sizes_of(config: Config) -> Sizes:
    """The sizes of the dataset of a resolved config: as found in own data, as asked for, or as stated of it."""
    dataset = config["dataset"]
    stated, found = vars(find("dataset").get(dataset["name"]).facts), dataset.get("content", dataset)
    shape, *counts = (found.get(key, stated[key]) for key in Sizes._fields)
    return Sizes(tuple(shape), *counts)


@dataclass(frozen=True)
class Budget:
    """How long a training is.

    Args:
        images: that are trained on.
        held_out: images that each evaluation looks at.
        steps_per_epoch: the last of them with what is left of the images.
        steps: of the whole training.
        evaluate_every: steps between two evaluations.
    """

    images: int
    held_out: int
    steps_per_epoch: int
    steps: int
    evaluate_every: int

    def evaluates(self, unit: str, moment: float) -> bool:
        """Whether there is an evaluation at a step or an epoch."""
        step = moment * self.steps_per_epoch if unit == "epoch" else moment
        return abs(step - round(step)) < 1e-6 and (round(step) % self.evaluate_every == 0 or step == self.steps)


def split_sizes(count: int, train_samples: int | None, validation: float | Literal["test"]) -> tuple[int, int]:
    """How many of `count` training images are trained on and how many are held out; 0 where the test images are used.

    Raises:
        DatasetError: fewer are left than `train_samples`, or none to hold out.
    """
    held = 0 if validation == "test" else round(count * validation)
    if validation != "test" and not 0 < held < count:
        share = f"{validation} of {counted(count, 'training image')}"
        raise DatasetError(f"validation: {share} is {held:,} of them; give another part")
    if train_samples is not None and train_samples > count - held:
        left = counted(count - held, "image")
        raise DatasetError(f"train_samples: {train_samples} is more than the {left} not held out")
    return train_samples or count - held, held


def budget_of(config: Config) -> Budget:
    """The length of a training on the dataset that the config names.

    Raises:
        DatasetError: as `split_sizes`.
    """
    dataset = config["dataset"]
    sizes = sizes_of(config)
    images, held = split_sizes(sizes.train_images, dataset.get("train_samples"), dataset["validation"])
    per_epoch = math.ceil(images / config["batch_size"])
    steps = config.get("steps") or config["epochs"] * per_epoch
    return Budget(images, held or sizes.test_images, per_epoch, steps, config.get("evaluate_every") or per_epoch)


def weight_layers(model: Mapping[str, Any]) -> list[str]:
    """Keras's names of the layers with weights of a resolved model, in their order."""
    kinds, seen, names = find("model").get(model["name"]).facts.layers(model), Counter[str](), list[str]()
    for kind in kinds:
        names.append(f"{kind}_{seen[kind]}" if seen[kind] else kind)
        seen[kind] += 1
    return [*names, "logits"]


def impossible(config: Config) -> list[Issue]:
    """What no training can do, though each key is right by itself."""
    issues = []
    try:
        budget_of(config)
    except DatasetError as error:
        key, _, message = str(error).partition(": ")
        issues.append(Issue(("dataset", key), message))
    model, shape = config["model"], sizes_of(config).shape
    if message := find("model").get(model["name"]).facts.wrong(model, shape):
        issues.append(Issue(("model",), message))
    layers, film = weight_layers(model), config.get("weight_film")
    if film and film["layer"] not in (known := ["first", *layers]):
        wrong = str(UnknownName("layer with weights", film["layer"], known))
        issues.append(Issue(("weight_film", "layer"), wrong))
    if config["initializer"]["name"] == "identity" and any("conv" in layer for layer in layers):
        issues.append(Issue(("initializer",), f"identity is for dense layers; {model['name']} has others"))
    return issues


def too_long(config: Config) -> list[Issue]:
    """Lengths that reach beyond the training, each with both numbers and what comes of it."""
    of = budget_of(config)
    optimizer, schedule, model = config["optimizer"], config["optimizer"]["schedule"], config["model"]
    film, stop = config.get("weight_film", {}), config.get("early_stopping", {})
    steps, evaluations = of.steps, math.ceil(of.steps / of.evaluate_every)
    epochs, memory = steps / of.steps_per_epoch, "steps of memory"
    sample = None if config.get("train_eval") == "all" else config.get("train_eval")
    seen = {"training": min(of.images, sample or of.images), "validation": of.held_out}
    lengths: list[tuple[str, float | None, str, float, float, str]] = [  # key, length, unit, there are, allowed, if not
        ("batch_size", config["batch_size"], "images a step", of.images, of.images, "each step takes them all"),
        ("evaluate_every", config.get("evaluate_every"), "steps", steps, steps, "it is evaluated at its end only"),
        ("optimizer.gradient_accumulation_steps", optimizer.get("gradient_accumulation_steps"), "steps", steps, steps,
         "no weight is ever changed"),
        # the rate of the last step is that after all steps but one
        ("optimizer.schedule.warmup_steps", schedule.get("warmup_steps") or None, "steps", steps, steps - 1,
         "the learning rate is never reached"),
        ("optimizer.schedule.every_epochs", schedule.get("every_epochs"), "epochs", epochs,
         (steps - 1) / of.steps_per_epoch, "the learning rate never falls"),
        # the first evaluation is the best so far, and after the last there is nothing to stop
        ("early_stopping.patience", stop.get("patience"), "evaluations without improvement", evaluations,
         max(0, evaluations - 2), "it never stops early"),
        ("weight_film.every", film.get("every"), "evaluations", evaluations, evaluations, "no frame is kept"),
        ("train_eval", sample, "training images", of.images, of.images, "it looks at all of them"),
        *(("probes", probe["images"], f"{on} images for {probe['name']}", seen[on], seen[on], "it sees all of them")
          for probe in config.get("probes", []) if "images" in probe for on in [probe.get("on", "validation")]),
    ]  # fmt: skip
    if optimizer["use_ema"]:
        lengths += [
            ("optimizer.ema_overwrite_frequency", optimizer.get("ema_overwrite_frequency"), "steps", steps, steps,
             "the weights are overwritten at its end only"),
            ("optimizer.ema_momentum", 1 / (1 - optimizer["ema_momentum"]), memory, steps, steps,
             "the average hardly leaves the first weights"),
        ]  # fmt: skip
    if model["batch_norm"] != "none":
        lengths.append(("model.batch_norm_momentum", 1 / (1 - model["batch_norm_momentum"]), memory, steps, steps,
                        "the statistics of inference do not settle"))  # fmt: skip
    return [
        Issue(
            tuple(key.split(".")),
            f"{round(length, 2):,.12g} {PLURAL.sub('', unit, count=1) if length == 1 else unit}, and the training has "
            f"{round(there, 2):,.12g}: {otherwise}",
        )
        for key, length, unit, there, allowed, otherwise in lengths
        if length is not None and length > allowed + 1e-6
    ]
