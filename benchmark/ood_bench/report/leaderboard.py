"""A static page of many runs: detectors ranked on each pair of data sets."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined

from ood_bench.metrics.measure import percent
from ood_bench.report.numbers import with_interval
from ood_bench.results import Recomputed

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
div { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: 0.2rem 0.8rem; text-align: left; border-bottom: 1px solid #8886; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.apart { opacity: 0.6; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p>AUROC (1 is best) and FPR@95TPR (0 is best) of detectors, {{ level }} intervals. Every number on
this page was computed from the scores of the images in the archive of its run, and what the archive
states is the same. Rows of one table scored the same images. An interval of one training covers the
choice of images alone. What the scores themselves were computed from is not checked.</p>
{% for table in tables %}
<h2>{{ table.heading }}</h2>
<div><table>
<thead><tr><th class="number">Rank</th><th>Run</th><th>Model</th><th>Detector</th>
<th class="number">AUROC</th><th class="number">FPR@95TPR</th><th>Trainings</th></tr></thead>
<tbody>
{% for rank, run, row, auroc, fpr, note in table.rows %}
<tr{% if not rank %} class="apart"{% endif %}><td class="number">{{ rank }}</td><td>{{ run }}</td>
<td>{{ row.model }}</td><td>{{ row.detector }}</td><td class="number">{{ auroc }}</td>
<td class="number">{{ fpr }}</td>
<td>{{ row.trainings }}{% if note %}; {{ note }}{% endif %}</td></tr>
{% endfor %}
</tbody></table></div>
{% endfor %}
<h2>Runs</h2>
<div><table>
<thead><tr><th>Run</th><th>Suite</th><th>Rows</th><th>Checksum of the archive</th></tr></thead>
<tbody>
{% for entry in entries %}
<tr><td>{{ entry.name }}</td><td>{{ entry.suite }}: {{ entry.title }}</td>
<td class="number">{{ entry.rows | length }}</td><td><code>{{ entry.checksum }}</code></td></tr>
{% endfor %}
</tbody></table></div>
{% if refused %}
<h2>Refused</h2>
<ul>
{% for line in refused %}
<li>{{ line }}</li>
{% endfor %}
</ul>
{% endif %}
</body>
</html>
"""


@dataclass(frozen=True)
class LeaderboardEntry:
    """A run whose numbers were computed again.

    Attributes:
        name: The name of the archive.
        suite: The suite's name.
        title: Its heading.
        checksum: The checksum of the archive.
        rows: Its detectors.
    """

    name: str
    suite: str
    title: str
    checksum: str
    rows: tuple[Recomputed, ...]


def leaderboard_page(
    entries: Sequence[LeaderboardEntry], refused: Sequence[str], *, level: float, title: str
) -> str:
    """Return the page as HTML, which loads nothing and runs no script.

    Args:
        entries: The runs.
        refused: A line for each run that is not shown.
        level: Coverage of the intervals.
        title: The heading.
    """
    pairs: dict[tuple[str, str], list[tuple[str, Recomputed]]] = defaultdict(list)
    for entry in entries:
        for row in entry.rows:
            pairs[row.images].append((entry.name, row))
    environment = Environment(undefined=StrictUndefined, autoescape=True)
    return environment.from_string(PAGE).render(
        title=title,
        level=percent(level),
        tables=[
            {"heading": heading, "rows": _ranked(rows)}
            for heading, rows in zip(_headings(pairs), pairs.values(), strict=True)
        ],
        entries=entries,
        refused=refused,
    )


def _headings(
    pairs: Mapping[tuple[str, str], Sequence[tuple[str, Recomputed]]],
) -> list[str]:
    """Return a heading for each pair; those of equal names say which images they are of."""
    names = [f"{rows[0][1].inside} → {rows[0][1].outside}" for rows in pairs.values()]
    return [
        name if names.count(name) == 1 else f"{name} (images {own[:8]} → {other[:8]})"
        for name, (own, other) in zip(names, pairs, strict=True)
    ]


def _ranked(
    found: Sequence[tuple[str, Recomputed]],
) -> list[tuple[str, str, Recomputed, str, str, str]]:
    """Return one pair's rows with their ranks, the best AUROC first, those without a rank last."""
    ordered = sorted(found, key=lambda one: (bool(one[1].note), -one[1].measures["auroc"].value))
    ranked = [row.measures["auroc"].value for _, row in ordered if not row.note]
    rows = []
    for run, row in ordered:
        own = row.measures["auroc"].value
        rank = "" if row.note else str(sum(other > own for other in ranked) + 1)
        auroc, fpr = (with_interval(*row.measures[name]) for name in ("auroc", "fpr95"))
        rows.append((rank, run, row, auroc, fpr, row.note))
    return rows
