"""The figure of an analysis of a run."""

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ood_bench.analyses.style import colours_of_report
from ood_bench.api.stored_scores import check_known
from ood_bench.api.trainings import one_training
from ood_bench.errors import OodBenchError, raised
from ood_bench.registry import Registry
from ood_bench.report.drawers import drawers
from ood_bench.report.png import SCREEN
from ood_bench.report.resize import PaperSize
from ood_bench.report.write import outside_sets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ood_bench.api.frames import Run


class Wanted(NamedTuple):
    """An analysis, and of what; None where there is but one."""

    analysis: str
    model: str | None
    inside: str | None
    seed: int | None


def analysis_figure(run: "Run", wanted: Wanted, size: PaperSize, registry: Registry) -> "Figure":
    """Return the figure of an analysis of a run, see `Run.plot`.

    Raises:
        OodBenchError: If there is none, several fit, or it cannot be drawn.
    """
    analysis, model, inside, seed = wanted
    tables = run.results.analyses
    check_known(run.folder, "analysis", analysis, (table.analysis for table in tables))
    tables = tuple(table for table in tables if table.analysis == analysis)
    models = dict.fromkeys(table.model for table in tables)
    if model is None:
        model, *others = models
        if others:
            named = " or ".join(f"model={name!r}" for name in models)
            raise OodBenchError(f"the run has '{analysis}' of several models: say {named}")
    check_known(run.folder, f"'{analysis}' of the model", model, models)
    places = {(table.inside, table.seed): table for table in tables if table.model == model}
    if inside is not None:
        known = (place[0] for place in places)
        check_known(run.folder, f"'{analysis}' of {model} trained on", inside, known)
    place = one_training(places, f"figures '{analysis}' of {model}", inside, seed)
    drawn = drawers(run.record, registry)
    if analysis in drawn.reasons:
        raise OodBenchError(f"'{analysis}' cannot be drawn: {drawn.reasons[analysis]}")
    try:
        with colours_of_report(outside_sets(run.results)):
            figure = drawn.analyses[analysis].draw(places[place].table)
    except Exception as error:  # anybody's analysis draws, of anybody's table
        raise OodBenchError(
            f"'{analysis}' does not draw the table of {model}: {raised(error)}"
        ) from error
    size.apply(figure)
    vars(figure)["_repr_png_"] = partial(SCREEN, figure)  # shown by notebooks without pyplot
    return figure
