"""Check a plugin against its contract, law by law."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ood_bench.errors import PluginError

if TYPE_CHECKING:
    from ood_bench.testing import Verdict


@dataclass(frozen=True)
class Check:
    """The check of a plugin: the verdict on each law of its contract.

    Attributes:
        subject: The plugin and its test data, in words.
        verdicts: One per law, computed on iteration.
    """

    subject: str
    verdicts: "Iterator[Verdict]"


def check(
    plugin: "type[Any] | str",
    kind: Literal["model", "detector", "metric"] = "model",
    *,
    options: Mapping[str, Any] | None = None,
    tiny: Mapping[str, Any] | None = None,
    shape: tuple[int, int, int] | None = None,
    exact: bool = False,
) -> Check:
    """Check a plugin against its contract: a density or classifier, a detector, a metric.

    Args:
        plugin: A class, a registered name, `package.module:Class`, or `./file.py:Class`.
        kind: The kind of plugin.
        options: Options of its constructor.
        tiny: Options of a density for images of two pixels.
        shape: Shape of the images for a model; default: the first that it accepts of a few small
            ones.
        exact: Whether a density is a distribution over 8-bit images, so that its probabilities
            sum to exactly one.

    Returns:
        The check; laws are tested while `verdicts` is read.

    Raises:
        PluginError: If it cannot be loaded or is not such a plugin.

    Example:
        >>> {verdict.outcome for verdict in check("likelihood", "detector").verdicts}
        {'passed'}
    """
    from ood_bench import testing

    if kind == "detector":
        detector = testing.DetectorSubject.of(plugin, options)
        return Check(f"{_name(plugin)} on random columns", iter(testing.check_detector(detector)))
    if kind == "metric":
        metric = testing.MetricSubject.of(plugin, options)
        return Check(f"{_name(plugin)} on random scores", iter(testing.check_metric(metric)))

    from ood_bench.data import Shape
    from ood_bench.lit import ClassifierModule
    from ood_bench.registry import Registry

    registry, tried = Registry(), Shape(*shape) if shape else None
    model = registry.load("models", plugin) if isinstance(plugin, str) else plugin
    if issubclass(model, ClassifierModule):
        if tiny or exact:
            flag = "--tiny" if tiny else "--exact"
            raise PluginError(f"'{_name(plugin)}' is a classifier; {flag} is for densities")
        classifier = testing.ClassifierSubject.of(plugin, options, shape=tried, registry=registry)
        what = f"{_name(plugin)} on images of {classifier.shape}"
        return Check(what, iter(testing.check_classifier(classifier)))
    density = testing.ModelSubject.of(
        plugin, options, tiny_options=tiny, exact=exact, shape=tried, registry=registry
    )
    what = f"{_name(plugin)} on images of two pixels and of {density.shape}"
    return Check(what, iter(testing.check_model(density)))


def _name(plugin: "type[Any] | str") -> str:
    return plugin if isinstance(plugin, str) else plugin.__name__
