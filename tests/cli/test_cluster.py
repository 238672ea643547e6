"""`ood-bench cluster show`, and the options of `run` for a cluster."""

from pathlib import Path

import pytest
from tests.conftest import Command

from ood_bench.api import job_arrays

KEPT = Path(__file__).parents[2] / "suites" / "cluster.schema.json"


@pytest.fixture
def cluster(tiny: Path) -> Path:
    path = tiny.parent / "cluster.yaml"
    path.write_text("partition: gpu\nat_a_time: 1\ncpu: {partition: short}\n")
    return path


def test_show_prints_waves_bundles_and_options(
    tiny: Path, cluster: Path, ood_bench: Command
) -> None:
    shown = ood_bench("cluster", "show", tiny, "--cluster", cluster)
    assert shown.status == 0, shown.err
    lines = [line.strip() for line in shown.out.splitlines()]
    assert "wave 2: 2 bundles with a GPU" in lines
    assert "#SBATCH --array=0-1%1" in lines
    assert "#SBATCH --gpus-per-node=1" in lines
    assert "#SBATCH --partition=short" in lines
    assert any(line.endswith("train/glow@low/0") for line in lines)
    assert lines[-1].endswith("waves")
    assert not (tiny.parent / "results").exists()
    none = ood_bench("cluster", "show", tiny, "--cluster", cluster, "--device", "cpu").out
    assert "gpus-per-node" not in none


def test_show_prints_what_a_task_of_ray_takes(tiny: Path, ood_bench: Command) -> None:
    path = tiny.parent / "cluster.yaml"
    path.write_text("ray: {gpu_share: 0.5}\n")
    lines = ood_bench("cluster", "show", tiny, "--cluster", path).out.splitlines()
    assert "  ray.remote(num_cpus=1, num_gpus=0.5)" in lines
    assert "  ray.remote(num_cpus=1)" in lines
    assert not [line for line in lines if "SBATCH" in line]


def test_python_has_what_show_prints(tiny: Path, cluster: Path) -> None:
    arrays = job_arrays(tiny, cluster=cluster, device="cuda")  # which this machine need not have
    assert [(array.wave, array.gpu, len(array.bundles)) for array in arrays][1] == (2, True, 2)
    assert arrays[1].options["gpus-per-node"] == "1"


def test_show_leaves_out_what_is_stored(tiny: Path, cluster: Path, ood_bench: Command) -> None:
    assert ood_bench("run", tiny, "--only", "train/glow@low/0").status == 0
    shown = ood_bench(
        "cluster", "show", tiny, "--cluster", cluster, "--only", "score/glow@low/0/low/test/*"
    ).out
    assert shown.splitlines()[-1].startswith("to run: ")
    assert "train/glow@low/0" in shown  # the bundle is named by its training
    done = ood_bench("cluster", "show", tiny, "--cluster", cluster, "--only", "train/glow@low/0")
    assert done.out.strip() == "all cells are stored: nothing would be submitted"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--cluster", "cluster.yaml"), "--cluster: name the executor too, such as --executor sl"),
        (
            ("--executor", "ray", "--cluster", "cluster.yaml"),
            "the cluster's file is for Slurm; one for Ray has",
        ),
        (("--executor", "ray", "--detach"), "--detach: the executor 'ray' has no such option"),
        (("--detach",), "--detach: name the executor too"),
        (("--executor", "inline", "--cluster", "cluster.yaml"), "--cluster: the executor 'inline'"),
        (("--executor", "processes", "--detach"), "--detach: the executor 'processes' has no such"),
        (("--executor", "inline", "--cluster", "no.yaml"), "no.yaml: cannot read the cluster"),
    ],
)
def test_an_option_that_the_executor_lacks_is_one_line(
    tiny: Path, cluster: Path, ood_bench: Command, arguments: tuple[str, ...], said: str
) -> None:
    ran = ood_bench("run", tiny, *arguments)
    assert ran.status == 2
    assert len(ran.err.splitlines()) == 1
    assert said in ran.err
    assert not (tiny.parent / "results").exists()


def test_the_schema_of_clusters_is_current(tmp_path: Path, ood_bench: Command) -> None:
    ood_bench("schema", "cluster", "-o", tmp_path / "schema.json")
    again = "run `ood-bench schema cluster -o suites/cluster.schema.json`"
    assert KEPT.read_text() == (tmp_path / "schema.json").read_text(), again
