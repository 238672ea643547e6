"""A suite for one's own images: what it trains on them fits a stated time on this machine."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

from ood_bench.data import DataOptions, Library, Shape
from ood_bench.data.own import options_of
from ood_bench.data.sources.listing import image_files
from ood_bench.data.sources.npz import own_npz
from ood_bench.errors import DataError, PluginError, SuiteError
from ood_bench.files import write_whole
from ood_bench.lit import build, outline
from ood_bench.lit.cost import readied, step_cost, unseen
from ood_bench.lit.module import DensityModule
from ood_bench.recipe import Recipe
from ood_bench.registry import Registry, resolve_options

SIDE = 32
"""Height and width of the images in the suite."""

FEWEST = 50
"""Images of the ID data set, at least."""

BATCH = 32
TRAINED = 0.7
"""Share of the stated time that is left to the trainings; the rest is scoring and figures."""

SMALL: Mapping[str, Mapping[str, Any]] = {
    "glow": {"levels": 2, "steps": 4, "width": 64},
    "pixelcnn": {"likelihood": "logistic_mixture", "components": 5, "layers": 5, "width": 32},
}
"""Options with which models learn something in minutes; other models have their defaults."""


def new_suite(
    inside: str, outside: Sequence[str], *, models: Sequence[str], minutes: float, path: Path | None
) -> Path:
    """Write a commented suite for images of one's own, and return its path.

    All images are cropped to a square and resized. The number of training steps is what the models
    do on this machine in the stated time, measured for about a second each.

    Args:
        inside: The ID data set: a folder, an `.npz` archive, or a data set of the catalogue.
        outside: OOD data sets, likewise; black images and noise are added.
        models: Names of the models.
        minutes: Time of the whole run on this machine.
        path: The file to write, which must not be there; default: the name of the ID data set with
            `.yaml`.

    Raises:
        DataError: If a data set is not there, or there are too few images.
        PluginError: If a model is unknown or does not take such images.
        SuiteError: If the file is there, or the minutes are not positive.
    """
    names = _names([inside, *outside])
    path = path or Path(f"{names[0]}.yaml")
    if path.exists():
        raise SuiteError(f"{path}: is there already; name another file with -o")
    if not 0 < minutes < float("inf"):
        raise SuiteError(f"--minutes {minutes:g}: must be a positive number")
    library = Library(root=_root(), index=None)
    options = [options_of(one, library, on_bad="skip") for one in (inside, *outside)]
    shape = Shape(_channels(inside, options[0], library), SIDE, SIDE)
    count = _count(inside, options[0], library)
    if count is not None and count < FEWEST:
        raise DataError(f"{inside} has {count} images; a model needs {FEWEST} at least")
    divided = "train" not in library.splits(inside, options[0])
    seconds = [_seconds_of_a_step(model, shape) for model in models]
    steps = _rounded(minutes * 60 * TRAINED / sum(seconds))
    entries = [
        _entry(name, given, own, path.parent, divided=divided and not i)
        for i, (name, given, own) in enumerate(zip(names, (inside, *outside), options, strict=True))
    ]
    text = _TEXT.format(
        name=names[0],
        title=json.dumps(f"Images unlike those of {Path(inside).name}", ensure_ascii=False),
        steps=steps,
        minutes=f"{minutes:g}",
        batch=BATCH,
        datasets="".join(entries),
        models="".join(f"  {model}: {_flow(SMALL.get(model, {}))}\n" for model in models),
        inside=names[0],
        outside=", ".join([*names[1:], "black", "noise"]),
        shape=", ".join(map(str, shape)),
    )
    return write_whole(path, text)


_TEXT = """\
# Which images are unlike those of `{inside}`? Try it: ood-bench run THIS_FILE --dry-run
# All keys with their defaults: ood-bench suite show
name: {name}
title: {title}

# As many steps as all models do in {minutes} minutes on the machine that wrote this file, with time
# left for the rest. More steps give better models; `--scale 0.1` shortens them for a try.
training: {{steps: {steps}, batch_size: {batch}}}

# `transform` crops each image to a square and resizes it to the pair's shape. The same transform on
# both sides: otherwise a model may only tell how images were resized. `split` tests on a fifth of
# the images. `on_bad: skip` leaves out files that are no images; the report says how many.
datasets:
{datasets}  black: {{use: constant, level: 0}}
  noise: {{use: noise, count: 200}}

# Each is trained on the ID images. `ood-bench models list` lists more, `models show NAME` options.
models:
{models}
# Larger scores mean more OOD. `ood-bench detectors list` lists more.
detectors: [likelihood, typicality, input_complexity]
analyses: [histogram, roc, extremes]

# `inside` is the ID data set, `outside` are the OOD data sets. Shape: channels, height, width.
pairs:
  - inside: {inside}
    outside: [{outside}]
    shape: [{shape}]
"""


def _root() -> Path | None:
    root = os.environ.get("OOD_BENCH_DATA")
    return Path(root) if root else None


def _names(given: Sequence[str]) -> list[str]:
    """Return a name for each data set, made of its path; no two are the same."""
    found: list[str] = []
    for one in given:
        stem = Path(one).expanduser().resolve().stem
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("._-")[:40] or "images"
        taken = {*found, "black", "noise"}
        number = 2
        while name in taken:
            name = f"{name.rstrip('0123456789').rstrip('-')}-{number}"
            number += 1
        found.append(name)
    return found


def _count(given: str, options: DataOptions, library: Library) -> int | None:
    """Return the number of images of one's own; None for a data set of the catalogue."""
    if options.folder is not None:
        return len(image_files(options.folder, on_bad="skip").paths)
    if options.npz is not None:
        archive = own_npz(options.npz)
        splits = library.splits(given, options)
        return archive.read("train" if "train" in splits else splits[0], None).count
    return None


def _channels(given: str, options: DataOptions, library: Library) -> int:
    """Return three channels, or one if all of a folder's first hundred images are gray."""
    if options.folder is None:
        return library.shape(given, options).channels
    modes = set[str]()
    for path in image_files(options.folder, on_bad="skip").paths[:100]:
        with suppress(OSError), Image.open(path) as image:
            modes.add(image.mode)
    return 1 if modes <= {"1", "L", "LA"} else 3


def _entry(name: str, given: str, options: DataOptions, folder: Path, *, divided: bool) -> str:
    """Return a line of the suite's data sets; paths are relative to the suite's folder."""
    own = options.folder or options.npz
    if own is None:
        fitted = "transform: {crop: square, resize: bicubic, channels: match}"
        return f"  {name}: {{use: {given}, {fitted}}}\n"
    relative = os.path.relpath(own.resolve(), folder.resolve())
    kind = "folder" if options.folder else "npz"
    parts = [f"{kind}: {json.dumps(relative, ensure_ascii=False)}"]
    if divided:
        parts.append("split: {test: 0.2, seed: 0}")
    if options.folder:
        parts.append("on_bad: skip")
    parts.append("transform: {crop: square, resize: bicubic, channels: match}")
    return f"  {name}: {{{', '.join(parts)}}}\n"


def _flow(options: Mapping[str, Any]) -> str:
    if not options:
        return "{}"
    return f"{{options: {{{', '.join(f'{key}: {value}' for key, value in options.items())}}}}}"


def _seconds_of_a_step(name: str, shape: Shape) -> float:
    """Return the seconds of a training step on the CPU, measured for about a second."""
    registry = Registry()
    plugin = registry.load("models", name)
    if not issubclass(plugin, DensityModule):
        raise PluginError(
            f"'{name}' is no density that is trained here; see `ood-bench models list`"
        )
    options = resolve_options(plugin, name, SMALL.get(name, {}))
    with unseen():
        try:
            model = build(plugin, shape, options, seed=0)
        except ValueError as error:
            raise PluginError(f"'{name}' does not take images of {shape}: {error}") from error
        outlined = outline(name, lambda: build(plugin, shape, options, seed=0))
        recipe = Recipe(steps=1, batch_size=BATCH)
        return step_cost(readied(model), outlined, recipe, batch=BATCH).seconds


def _rounded(steps: float) -> int:
    """Return a number of steps with two significant digits, ten at least."""
    return max(10, int(float(f"{steps:.2g}")))
