"""The card of a run: Markdown with the YAML head that the Hugging Face hub reads."""

from ood_bench.errors import OodBenchError
from ood_bench.report.compact import compact_table
from ood_bench.report.escape import escape, paragraph
from ood_bench.report.numbers import plural
from ood_bench.results import Results, Row, without_trainings

METRICS = ("auroc", "fpr95")
"""The metrics of a detector that the head states."""
TASK = "out-of-distribution-detection"


def result_card(results: Results) -> str:
    """Return the card of a run.

    The head's `model-index` has an entry for each pooled AUROC and FPR@95TPR, and the mean bits
    per dimension of each model on its ID test images.

    Args:
        results: The results of the run.

    Raises:
        OodBenchError: If nothing was measured.
    """
    from huggingface_hub import EvalResult, ModelCardData

    titles = {card.name: card.title for card in results.data}
    wanted = (*METRICS, "bpd_inside")
    rows = [row for row in results.rows if row.seed == "all" and row.metric in wanted]
    if not rows:
        raise OodBenchError("nothing was measured in this run: there is no card")

    def entry(row: Row) -> EvalResult:
        inside = titles.get(row.inside, row.inside)
        outside = titles.get(row.outside, row.outside)
        of = f"{row.detector} of {row.model}" if row.detector else row.model
        named = {"model": row.model, "detector": row.detector, "note": row.note}
        bits = row.metric == "bpd_inside"
        return EvalResult(
            task_type="density-estimation" if bits else TASK,
            dataset_type=row.inside,
            dataset_name=f"{inside} against {outside}" if row.outside else inside,
            dataset_split="test",
            dataset_config=f"against {row.outside}" if row.outside else None,
            metric_type="bits per dimension" if bits else row.metric,
            metric_name=f"{_heading(results, row.metric)} of {of}",
            metric_value=round(row.value, 6),
            metric_args={
                **{name: text for name, text in named.items() if text},
                "low": round(row.low, 6),
                "high": round(row.high, 6),
            },
        )

    head = ModelCardData(
        library_name="ood-bench",
        tags=[TASK],
        model_name=results.suite,
        eval_results=[entry(row) for row in rows],
    )
    return f"---\n{head.to_yaml()}\n---\n\n{_body(results)}"


def _heading(results: Results, metric: str) -> str:
    headings = {spec.name: spec.heading for spec in results.metrics}
    return headings.get(metric, "Bits per dimension")


def _body(results: Results) -> str:
    blocks = [f"# {escape(results.title or results.suite)}"]
    blocks += [paragraph(results.about)] if results.about else []
    blocks += [paragraph(note) for note in results.notes]
    blocks.append(
        "Measured with ood-bench. A larger score means more out of distribution (OOD); an AUROC "
        "below 0.5 is shown as it is."
    )
    if any(row.detector for row in results.rows):
        table = compact_table(results, metrics=METRICS, spread="mean-interval")
        blocks += ["## Detection", table.markdown().strip()]
    bits = [row for row in results.rows if row.seed == "all" and row.metric == "bpd_inside"]
    if bits:
        lines = [
            f"| {escape(row.model)} | {escape(row.inside)} | {row.value:.3f} "
            f"[{row.low:.3f}, {row.high:.3f}] | {escape(without_trainings(row.note))} |"
            for row in bits
        ]
        head = "| Model | Test images | Bits per dimension | |\n| :--- | :--- | ---: | :--- |"
        blocks += ["## Likelihood", "\n".join([head, *lines])]
    if results.claims:
        lines = [f"- {claim.judged}: {paragraph(claim.says)}" for claim in results.claims]
        blocks += ["## Claims", "\n".join(lines)]
    used = dict.fromkeys((card.title or card.name, card.licence) for card in results.data)
    lines = [f"- {escape(title)}: {escape(licence) or 'not stated'}" for title, licence in used]
    blocks += ["## Licences of the data", "\n".join(lines)]
    trained = plural(len(results.training), "training")
    blocks += [
        "## Use",
        f"{trained} in this run. `archive` holds every score as Parquet: `ood-bench report "
        "archive` makes the report again, and `ood-bench leaderboard` computes the numbers above "
        "again from the scores. `models`, where it is here, holds the trained weights: `ood-bench "
        "score --model models/NAME --images PHOTOS`.",
    ]
    return "\n\n".join(blocks) + "\n"
