"""The card of an exported model: Markdown with the YAML header of the Hugging Face hub."""

from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined

from ood_bench.scoring.trained import TestMeasure, TrainedModel

VALIDATED = {
    "bpd_validation": ("density-estimation", "bits per dimension"),
    "accuracy_validation": ("image-classification", "accuracy"),
}
"""Entries of a training report on validation images, with the hub's task and measure."""


def card(model: TrainedModel, name: str, size: int) -> str:
    """Return a model's card; the licence is left for its author to state.

    Args:
        model: The model, with what its training reported.
        name: The name of the model.
        size: Bytes of its weights.
    """
    data = {key: model.data.get(key) for key in ("name", "title", "count", "split", "licence")}
    environment = Environment(
        loader=PackageLoader("ood_bench.scoring", ""),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
    )
    return environment.get_template("card.md").render(
        name=name,
        title=f"{model.plugin} trained on {data['title'] or data['name']}",
        data={**data, "citation": model.data.get("citation")},
        measured=[*([model.tested] if model.tested else []), *_validated(model)],
        recipe=model.recipe,
        training=model.training,
        seed=model.seed,
        shape=model.shape,
        size=size,
    )


def _validated(model: TrainedModel) -> Iterator[TestMeasure]:
    for key, (task, measure) in VALIDATED.items():
        if (value := model.training.get(key)) is not None:
            yield TestMeasure(task, measure, "validation", float(value), None)
