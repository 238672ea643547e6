"""The file of a cluster: what it may say, and what is made of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ood_bench.errors import SuiteError
from ood_bench.execute import Cluster, load_cluster
from ood_bench.execute.cluster import cluster_schema, minutes_of

KEPT = Path(__file__).parents[2] / "suites" / "cluster.schema.json"

WHOLE = """\
partition: gpu
account: lab
time: 1-12:00:00
memory: 32G
cpus: 8
gpu_type: a100
at_a_time: 4
timeouts: 30
setup: [module load cuda]
environment: {HF_HOME: /scratch/my data}
slurm: {qos: normal, exclusive: true}
cpu: {partition: short, time: 30, memory: 4G, cpus: 2, slurm: {qos: low}}
"""


def test_a_bundle_with_a_gpu_asks_for_what_the_file_says() -> None:
    cluster = load_cluster(yaml.safe_load(WHOLE))
    assert cluster.options(gpu=True) == {
        "partition": "gpu",
        "account": "lab",
        "time": 36 * 60,
        "mem": "32G",
        "cpus-per-task": 8,
        "gpus-per-node": "a100:1",
        "qos": "normal",
        "exclusive": True,
    }
    assert cluster.preparation(gpu=True) == [
        "module load cuda",
        "export OMP_NUM_THREADS=8",
        "export HF_HOME='/scratch/my data'",
    ]


def test_a_bundle_without_a_gpu_asks_for_none_and_for_what_differs() -> None:
    cluster = load_cluster(yaml.safe_load(WHOLE))
    assert cluster.options(gpu=False) == {
        "partition": "short",
        "account": "lab",
        "time": 30,
        "mem": "4G",
        "cpus-per-task": 2,
        "qos": "low",
        "exclusive": True,
    }
    assert "export OMP_NUM_THREADS=2" in cluster.preparation(gpu=False)


def test_an_array_is_throttled() -> None:
    cluster = Cluster(at_a_time=4)
    assert [cluster.array(count) for count in (1, 3, 40)] == ["0-0%1", "0-2%3", "0-39%4"]


def test_without_gpus_nothing_asks_for_one() -> None:
    assert "gpus-per-node" not in Cluster(gpus=0).options(gpu=True)


def test_a_bundle_takes_of_a_ray_cluster_what_the_file_says() -> None:
    text = "cpus: 4\nmemory: 8G\ngpu_type: A100\nenvironment: {A: b}\ncpu: {cpus: 1, memory: 2G}\n"
    text += "ray: {address: '10.0.0.1:6379', gpu_share: 0.25, resources: {fast: 1}}\n"
    cluster = load_cluster(yaml.safe_load(text))
    assert cluster.resources(gpu=True) == {
        "num_cpus": 4,
        "num_gpus": 0.25,
        "memory": 8 << 30,
        "accelerator_type": "A100",
        "resources": {"fast": 1},
    }
    assert cluster.resources(gpu=False) == {"num_cpus": 1, "memory": 2 << 30}
    assert load_cluster({"ray": None, "gpus": 0}).resources(gpu=True) == {"num_cpus": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("partiton: gpu", "cluster.yaml:1: partiton: unknown key 'partiton'; did you mean 'part"),
        ("cpus: 2\ncpu: {tme: 3}", "cluster.yaml:2: cpu.tme: unknown key 'tme'; did you mean 'ti"),
        ("memory: 16", 'memory: Input should be a valid string, got 16; write "16", in quotes'),
        ("memory: lots", "write a whole number and K, M, G or T, such as 16G, got 'lots'"),
        ("time: soon", "write minutes, hours:minutes:seconds or days-hours:minutes:seconds"),
        ("time: 0", "must be one minute at least"),
        ("gpus: 2", "less than or equal to 1, got 2"),
        ("cpus: '4'", "a number is wanted, got the text '4'; write 4, without quotes"),
        ("slurm: {mem: 3G}", "'mem' is the key 'memory', beside 'slurm'"),
        ("slurm: {array: 0-3}", "'array' is set by ood-bench"),
        ("slurm: {mail_type: END}", "write the option 'mail_type' as 'mail-type'"),
        ("slurm: {exclusive: false}", "leave 'exclusive' out"),
        ('setup: ["a\\nb"]', "setup[0]: String should match pattern"),
        ("", "the cluster is empty"),
        ("ray: {}\ntime: 60\n", "'time' is for Slurm; leave it out beside 'ray'"),
        ("ray:\ncpu: {partition: short}\n", "'cpu.partition' is for Slurm"),
        ("ray: {address: 'ray://node:10001'}\n", "ray.address"),
        ("ray: {gpu_share: 2}\n", "ray.gpu_share"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    with pytest.raises(SuiteError) as error:
        load_cluster(path)
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="cannot read the cluster: No such file"):
        load_cluster(tmp_path / "none.yaml")


def test_times_are_read_as_slurm_reads_them() -> None:
    times: list[int | str] = [5, "5", "5:00", "2:05:00", "1-2", "1-2:05", "1-2:05:00"]
    minutes = [5, 5, 5, 125, 26 * 60, 26 * 60 + 5, 26 * 60 + 5]
    assert [minutes_of(time) for time in times] == minutes


def test_the_schema_accepts_what_the_loader_accepts_and_explains_each_key() -> None:
    jsonschema: Any = pytest.importorskip("jsonschema")
    schema = cluster_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(yaml.safe_load(WHOLE))
    for bad in ({"memory": "lots"}, {"partiton": "gpu"}, {"gpus": 2}, {"cpu": {"setup": []}}):
        assert not validator.is_valid(bad)
    for part in (schema, *schema["$defs"].values()):
        assert all(field.get("description") for field in part["properties"].values())
