"""Runs: the record of one run on disk, and its results collected from the store."""

from ood_bench.runs.archive import archive, is_archive, store_of, without_figures
from ood_bench.runs.audit import collect_audit, combine_audits
from ood_bench.runs.changes import Changes
from ood_bench.runs.collect import collect
from ood_bench.runs.find import find_run, list_runs
from ood_bench.runs.recompute import recompute
from ood_bench.runs.record import RunRecord, read_record, run_folder, write_record
from ood_bench.runs.run_comparison import ComparedRun, compare_runs

__all__ = [
    "Changes",
    "ComparedRun",
    "RunRecord",
    "archive",
    "collect",
    "collect_audit",
    "combine_audits",
    "compare_runs",
    "find_run",
    "is_archive",
    "list_runs",
    "read_record",
    "recompute",
    "run_folder",
    "store_of",
    "without_figures",
    "write_record",
]
