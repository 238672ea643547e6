"""Where the numbers come from, as tables: claims, trainings, data, and what was left out."""

from collections.abc import Iterable

from ood_bench.metrics.measure import percent
from ood_bench.report.claimed import expected, failures_first, measured
from ood_bench.report.numbers import ABSENT, count, decimal, duration, with_interval
from ood_bench.report.texttable import Footnotes, TextTable, numbers, words
from ood_bench.results import Omission, Results, TrainingCard, why_untrained


def claims_table(results: Results) -> TextTable:
    """Return each claim with the expected, measured and published values, and the verdict.

    Those that were not reproduced come first.
    """
    footnotes = Footnotes()
    rows = []
    for claim in failures_first(results.claims):
        made = f"interval: {claim.interval}" if claim.interval else ""
        measure = footnotes.mark(claim.measure)
        how = footnotes.mark(made)
        note = footnotes.mark(claim.note)
        rows.append(
            (
                claim.id,
                claim.says,
                claim.source or ABSENT,
                f"{expected(claim)} {measure}".strip(),
                f"{measured(claim)} {how}".strip(),
                claim.trainings or ABSENT,
                claim.quoted or ABSENT,
                f"{claim.judged} {note}".strip(),
            )
        )
    columns = (
        *words("Id", "Claim", "Source", "Expected"),
        *numbers(f"Measured ({percent(results.level)} interval)"),
        *words("Trainings", "Published", "Verdict"),
    )
    return TextTable(columns, tuple(rows), footnotes.texts)


def beside_table(results: Results) -> TextTable:
    """Return the further measures of each claim that was not reproduced."""
    rows = []
    for claim in results.claims:
        if claim.verdict == "not reproduced":
            for i, figure in enumerate(claim.beside):
                found = with_interval(figure.measured, figure.low, figure.high)
                said = f"{found}: {figure.note}" if figure.note else found
                about = "" if i else f"{claim.id}: {claim.says}"
                rows.append((about, figure.says, said))
    value = numbers(f"Value ({percent(results.level)} interval)")
    return TextTable((*words("Claim", "Also measured"), *value), tuple(rows))


def training_table(results: Results) -> TextTable:
    """Return how each model was trained, with the published value of a similar one."""
    footnotes = Footnotes()
    compared = any(card.published is not None for card in results.training)
    rows = tuple(
        (
            f"{card.model} {footnotes.mark(why_untrained(card))}".strip(),
            card.plugin,
            card.inside,
            str(card.seed),
            count(card.parameters),
            count(card.steps),
            count(card.images),
            duration(card.seconds),
            f"{card.images_per_second:,.0f}" if card.images_per_second > 0 else ABSENT,
            _validated(card),
            *((_published(card, footnotes),) if compared else ()),
            card.precision,
            card.device,
            _divergences(card),
        )
        for card in results.training
    )
    columns = (
        *words("Model", "Plugin", "Trained on"),
        *numbers("Seed", "Parameters", "Steps", "Images", "Time", "Images/s", "Validation"),
        *(numbers("Published") if compared else ()),
        *words("Precision", "Device", "Divergences"),
    )
    return TextTable(columns, rows, footnotes.texts)


def data_table(results: Results) -> TextTable:
    """Return the source and the transform of each data set."""
    footnotes = Footnotes()
    rows = []
    for card in results.data:
        marks = footnotes.mark(card.note, _citation(card.title, card.citation))
        rows.append(
            (
                f"{card.name} {marks}".strip(),
                card.split,
                count(card.count),
                card.shape,
                card.source,
                card.transform or ABSENT,
                card.licence or ABSENT,
                card.digest[:12] or ABSENT,
            )
        )
    columns = (
        *words("Data set", "Split"),
        *numbers("Images"),
        *words("Shape", "Source", "Transform", "Licence", "Digest"),
    )
    return TextTable(columns, tuple(rows), footnotes.texts)


def omission_table(omissions: Iterable[Omission], heading: str) -> TextTable:
    """Return the skipped or failed cells, with the reasons under a heading."""
    rows = dict.fromkeys((omission.cell, omission.reason) for omission in omissions)
    return TextTable(words("What", heading), tuple(rows))


def run_table(results: Results) -> TextTable:
    """Return the environment of the run."""
    return TextTable(words("Run", results.suite), tuple(results.manifest.items()))


def _validated(card: TrainingCard) -> str:
    if card.accuracy_validation is not None:
        return f"{card.accuracy_validation:.1%} correct".replace("%", " %")
    return decimal(card.bpd_validation)


def _published(card: TrainingCard, footnotes: Footnotes) -> str:
    if card.published is None:
        return ABSENT
    return f"{decimal(card.published)} {footnotes.mark(card.published_in)}".strip()


def _divergences(card: TrainingCard) -> str:
    divergences = (f"step {step:,}: learning rate {rate:g}" for step, rate in card.divergences)
    return "; ".join(divergences) or "none"


def _citation(title: str, citation: str) -> str:
    return ". ".join(part.rstrip(".") for part in (title, citation) if part)
