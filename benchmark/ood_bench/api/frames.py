"""A finished run as pandas frames."""

import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ood_bench.api.planning import globs
from ood_bench.api.stored_scores import Part, StoredScores
from ood_bench.api.tabular import frame
from ood_bench.errors import OodBenchError
from ood_bench.registry import Registry
from ood_bench.report.drawers import Drawers, drawers
from ood_bench.report.pdf import Pdf
from ood_bench.report.resize import PaperSize
from ood_bench.report.tidy import ordered
from ood_bench.results import (
    ClaimResult,
    DataCard,
    FindingRow,
    Omission,
    Results,
    Row,
    TrainingCard,
)
from ood_bench.runs import (
    archive,
    collect,
    is_archive,
    read_record,
    store_of,
    without_figures,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ood_bench.api.events import Progress
    from ood_bench.report.compact import CompactTable, Spread


class Run:
    """A finished run; its frames are computed on first access.

    Attributes:
        folder: Its folder.
        record: Its record: suite, cells, skips and failures.
    """

    def __init__(
        self, folder: Path, *, results: Path | None = None, trust_code: bool = False
    ) -> None:
        self.folder = folder
        self.record = read_record(folder)
        self._trust = trust_code or self.record.own
        stack = ExitStack()
        self._store = stack.enter_context(store_of(folder, results or folder.parent, self.record))
        weakref.finalize(self, stack.close)

    @cached_property
    def results(self) -> Results:
        """All results, as reports read them."""
        return collect(self.record, self._store)

    @property
    def name(self) -> str:
        """The suite's name."""
        return self.record.suite

    @property
    def failures(self) -> tuple[Omission, ...]:
        """The cells that failed, each with its message as `reason`; none if all went well.

        `failures.log` in the run's folder has the tracebacks of unexpected ones.
        """
        return self.record.failures

    @property
    def skips(self) -> tuple[Omission, ...]:
        """What the plan skipped, each with its reason."""
        return self.results.skips

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """One row per measured value, as in `report --format csv`; pooled rows have seed `all`."""
        return frame(ordered(self.results.rows), Row)

    @cached_property
    def findings(self) -> "pd.DataFrame":
        """One row per finding of an analysis."""
        return frame(self.results.findings, FindingRow)

    @cached_property
    def claims(self) -> "pd.DataFrame":
        """One row per claim, with measured value and verdict."""
        return frame(self.results.claims, ClaimResult)

    @cached_property
    def training(self) -> "pd.DataFrame":
        """One row per training: steps, seconds, bits per dimension of validation images."""
        return frame(self.results.training, TrainingCard)

    @cached_property
    def data(self) -> "pd.DataFrame":
        """One row per split of a data set: source, transform, licence, digest."""
        return frame(self.results.data, DataCard)

    def scores(
        self,
        model: str,
        detector: str,
        data: str,
        *,
        inside: str | None = None,
        seed: int | None = None,
    ) -> "pd.Series[float]":
        """Return a detector's scores of the test images of a data set, in the images' order.

        Args:
            model: The model.
            detector: The detector.
            data: An outside data set, or the inside one.
            inside: The training data set, if the model has several.
            seed: The seed of the training, if there are several.

        Returns:
            One score per image, larger = more OOD.

        Raises:
            OodBenchError: If there are none, or the arguments are ambiguous.
        """
        import pandas as pd

        return pd.Series(self._stored.scores(model, detector, data, inside, seed), name=detector)

    def statistics(
        self,
        model: str,
        data: str,
        *,
        part: Part = "test",
        inside: str | None = None,
        seed: int | None = None,
    ) -> "pd.DataFrame":
        """Return all statistics of the images of a data set.

        Args:
            model: The model.
            data: An outside data set, or the inside one.
            part: `test`; or for the inside `held_out`, on which detectors were fitted, or
                `train`, the training images that detectors with `fit_on: train` were fitted on,
                and if there are none the first of the training images.
            inside: The training data set, if the model has several.
            seed: The seed of the training, if there are several.

        Returns:
            One row per image, in the images' order; `log_prob` in nats. A column of another
            model begins with its role, as in `background.log_prob`.

        Raises:
            OodBenchError: If there are none, or the arguments are ambiguous.
        """
        import pandas as pd

        return pd.DataFrame(self._stored.statistics(model, data, part, inside, seed))

    def report(
        self,
        format: str = "markdown",
        *,
        output: str | Path | None = None,
        figures: Literal["pdf"] | None = None,
        width: float | None = None,
        font_size: float | None = None,
        progress: "Progress | None" = None,
    ) -> Path:
        """Write the tables and figures of the run, and return the path of the file to open.

        Figures that exist and are up to date are kept.

        Args:
            format: `markdown`, `html`, `latex`, `csv`, `json`, or a format of your own by its
                name, `package.module:Class` or `./file.py:Class`.
            output: Where the files go; default: the run's folder.
            figures: `pdf` writes every figure as PDF too, below `figures`, with TrueType fonts.
            width: Width of the PDF figures in inches; default: as they are drawn, 4 to 14.
            font_size: Their font size in points; default: 9.
            progress: Called with a `Drawn` after each figure.

        Raises:
            PluginError: If there is no such format.
            OodBenchError: If a size is not one of a page, or figures are not PDF.
        """
        if figures is None and (width, font_size) != (None, None):
            raise OodBenchError("width and font_size are of PDF figures: give figures='pdf' too")
        if figures not in (None, "pdf"):
            raise OodBenchError(f"figures are 'pdf', got {figures!r}")
        return self._written(
            self.results,
            Path(output or self.folder),
            format,
            small=is_archive(self.folder),
            pdf=Pdf(size=PaperSize(width, font_size)) if figures else None,
            progress=progress,
        )

    def plot(
        self,
        analysis: str,
        *,
        model: str | None = None,
        inside: str | None = None,
        seed: int | None = None,
        width: float | None = None,
        font_size: float | None = None,
    ) -> "Figure":
        """Return the figure of an analysis.

        Args:
            analysis: The analysis, such as `histogram`, by its name in the suite.
            model: The model, if the analysis is of several.
            inside: The training data set, if the model has several.
            seed: The seed of the training, if there are several.
            width: Width in inches; default: as the analysis draws it.
            font_size: Font size of labels in points; default: 9.

        Returns:
            A matplotlib figure, for `figure.savefig("histogram.pdf")` or to change. Notebooks show
            it.

        Raises:
            OodBenchError: If there is none, the arguments are ambiguous, or it cannot be drawn.
        """
        from ood_bench.api.plotting import Wanted, analysis_figure

        wanted = Wanted(analysis, model, inside, seed)
        return analysis_figure(self, wanted, PaperSize(width, font_size), self._registry)

    def compact_table(
        self,
        metric: str | Sequence[str] = "auroc",
        *,
        models: str | Sequence[str] = (),
        detectors: str | Sequence[str] = (),
        pairs: str | Sequence[str] = (),
        seeds: "Spread" = "mean-sd",
    ) -> "CompactTable":
        """Return a table for a paper: detectors down, pairs across, the best of a column bold.

        An AUROC that the paired test does not tell from the best is underlined. `frame()` of the
        table has the means, `markdown()` and `latex()` its text.

        Args:
            metric: One or several metrics, by their names in `metrics`.
            models: Globs over models; default: all.
            detectors: Globs over detectors; default: all.
            pairs: Globs over pairs, written `inside:outside`; default: all.
            seeds: What stands beside the mean over seeds: `mean-sd`, `mean-interval`, or `mean`
                for nothing.

        Raises:
            OodBenchError: If a metric is unknown, or a glob matches nothing.
        """
        from ood_bench.api.comparing import paired_test
        from ood_bench.report import compact_table

        return compact_table(
            self.results,
            metrics=globs(metric),
            models=globs(models),
            detectors=globs(detectors),
            pairs=globs(pairs),
            spread=seeds,
            tied=paired_test(self.record, self._store, self._stored.by_key),
        )

    def archive(
        self,
        output: str | Path,
        *,
        scores: bool = True,
        skip: Sequence[str] = (),
        progress: "Progress | None" = None,
    ) -> Path:
        """Write the run to an archive, a folder from which reports are made without weights.

        `load_run` reads it. It holds the Markdown report, and in `cells.zip` all statistics and
        scores as Parquet.

        Args:
            output: The target folder.
            scores: Whether to include detectors' scores, which follow from the statistics.
            skip: Globs over the analyses' cells whose tables and figures are left out.
            progress: Called with a `Drawn` after each figure.

        Returns:
            The folder.

        Raises:
            OodBenchError: If a glob matches no analysis.
        """
        folder = Path(output)
        record = without_figures(self.record, tuple(skip))
        found = collect(archive(record, self._store, folder, scores=scores), self._store)
        self._written(found, folder, "markdown", small=True, progress=progress)
        return folder

    def card_text(self) -> str:
        """Return a card of the run, as on the Hugging Face hub: Markdown with a YAML head.

        The head's `model-index` holds AUROC, FPR@95TPR and bits per dimension.

        Raises:
            OodBenchError: If nothing was measured.
        """
        from ood_bench.report.result_card import result_card

        return result_card(self.results)

    def push(
        self,
        target: str | Path,
        *,
        weights: bool = True,
        private: bool = False,
        skip: Sequence[str] = (),
        progress: "Progress | None" = None,
    ) -> str:
        """Write card, archive and trained models to a folder or a repository of the hub.

        Args:
            target: `hf://owner/name`, a model repository, which is made if there is none; or a
                folder, which must be new or empty.
            weights: Whether to include the trained models; an archive has none.
            private: Whether a new repository is private.
            skip: Globs over the analyses' cells whose tables and figures are left out.
            progress: Called with a `Drawn` after each figure.

        Returns:
            The URL of the repository, or the path of the folder.

        Raises:
            OodBenchError: If the target is no such name, the folder has content, or the hub
                refuses.
        """
        from ood_bench.api.sharing import push

        return push(self, target, weights=weights, private=private, skip=skip, progress=progress)

    def _written(
        self,
        results: Results,
        folder: Path,
        format: str,
        *,
        small: bool,
        pdf: Pdf | None = None,
        progress: "Progress | None",
    ) -> Path:
        """Write a report and return its path."""
        from ood_bench.api.events import Drawn
        from ood_bench.report import load_format, write_report

        draws = pdf is not None or load_format(format).encoding(small=small) is not None
        drawn = drawers(self.record, self._registry) if draws else Drawers({}, {})
        return write_report(
            results,
            folder,
            format=format,
            analyses=drawn.analyses,
            reasons=drawn.reasons,
            small=small,
            run=self.folder,
            pdf=pdf,
            progress=None if progress is None else lambda done, total: progress(Drawn(done, total)),
        )

    @property
    def _registry(self) -> Registry:
        """The plugins; what it may import, a record of a stranger decides on."""
        return Registry(Path(self.record.base or self.folder), trust=self._trust)

    @property
    def _stored(self) -> StoredScores:
        """What is stored of each image."""
        return StoredScores(self.folder, self.record, self._store, self._registry)

    def __repr__(self) -> str:
        """Return a summary, one line per kind of content."""
        from ood_bench.api.summary import summary

        return summary(self)
