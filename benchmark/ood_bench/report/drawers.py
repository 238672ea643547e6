"""The analyses of a run, for drawing what they found."""

from typing import TYPE_CHECKING, NamedTuple

from ood_bench.errors import PluginError
from ood_bench.registry import Registry
from ood_bench.runs import RunRecord

if TYPE_CHECKING:
    from ood_bench.analyses import Analysis


class Drawers(NamedTuple):
    """Analyses by the suite's names, and the reasons why others are missing."""

    analyses: "dict[str, Analysis]"
    reasons: dict[str, str]


def drawers(record: RunRecord, registry: Registry) -> Drawers:
    """Return the analyses of a run; the report shows the plain table of one that is missing.

    Args:
        record: The run.
        registry: The plugins. The record names what is imported: restrict the registry for a
            stranger's record.
    """
    from ood_bench.analyses import Analysis
    from ood_bench.cells.analysis import built

    found, reasons = Drawers({}, {})
    for at in (cell.at for cell in record.of("analysis")):
        if at.analysis in found or at.analysis in reasons:
            continue
        try:
            plugin = registry.load("analyses", at.plugin)
            if not issubclass(plugin, Analysis):
                raise PluginError(f"'{at.plugin}' is no analysis")
            found[at.analysis] = built(plugin, at.plugin, at.options, level=record.level)
        except PluginError as error:
            reasons[at.analysis] = str(error)
    return Drawers(found, reasons)
