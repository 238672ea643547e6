"""The file that describes a cluster: what each bundle asks for, checked like a suite."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ood_bench.suite.given import read_mapping
from ood_bench.suite.json_schema import Schema, schema_of
from ood_bench.suite.load import validated
from ood_bench.suite.source import read_yaml
from ood_bench.typed import FROZEN

ClusterLike: TypeAlias = str | Path | Mapping[str, Any]
"""A cluster: its YAML file, or a mapping with the YAML's content."""

Option: TypeAlias = str | int | bool

GIVEN = Path("cluster given as a mapping")

_HAVE_KEYS = {
    "partition": "partition",
    "account": "account",
    "time": "time",
    "mem": "memory",
    "cpus-per-task": "cpus",
    "gpus": "gpus",
    "gpus-per-node": "gpus",
}
_OURS = ("array", "dependency", "error", "job-name", "nodes", "ntasks", "open-mode", "output")
_OF_SLURM = ("partition", "account", "time", "timeouts", "setup", "slurm")
_TIME = re.compile(
    r"(?:(?P<days>\d+)-(?P<hours>\d+)(?::(?P<minutes>\d+)(?::\d+)?)?"
    r"|(?P<h>\d+):(?P<m>\d+):\d+|(?P<only>\d+)(?::\d+)?)"
)

_SIZE = re.compile(r"^[1-9][0-9]*[KMGT]B?$")


def _a_time(value: int | str) -> int | str:
    if minutes_of(value) < 1:
        raise ValueError("must be one minute at least")
    return value


def _a_size(value: str) -> str:
    if not _SIZE.fullmatch(value):
        raise ValueError("write a whole number and K, M, G or T, such as 16G")
    return value


def minutes_of(time: int | str) -> int:
    """Return the minutes of a time limit in one of Slurm's forms; seconds are left out.

    Raises:
        ValueError: If it has another form.

    Example:
        >>> [minutes_of(time) for time in (90, "1:30:00", "2-00", "1-12:30:00", "30:00")]
        [90, 90, 2880, 2190, 30]
    """
    found = _TIME.fullmatch(str(time))
    if found is None:
        raise ValueError("write minutes, hours:minutes:seconds or days-hours:minutes:seconds")
    days, hours = int(found["days"] or 0), int(found["hours"] or found["h"] or 0)
    return 60 * (24 * days + hours) + int(found["minutes"] or found["m"] or found["only"] or 0)


def bytes_of(size: str) -> int:
    """Return the bytes of a size in Slurm's form.

    Example:
        >>> bytes_of("2K"), bytes_of("16GB")
        (2048, 17179869184)
    """
    number, unit = size.rstrip("B")[:-1], size.rstrip("B")[-1]
    return int(number) << 10 * ("KMGT".index(unit) + 1)


def _options(given: dict[str, Option]) -> dict[str, Option]:
    for name, value in given.items():
        plain = name.lstrip("-").replace("_", "-")
        if plain != name:
            raise ValueError(f"write the option '{name}' as '{plain}'")
        if name in _HAVE_KEYS:
            raise ValueError(f"'{name}' is the key '{_HAVE_KEYS[name]}', beside 'slurm'")
        if name in _OURS:
            raise ValueError(f"'{name}' is set by ood-bench")
        if value is False:
            raise ValueError(f"leave '{name}' out instead of setting it to false")
    return given


Time = Annotated[int | str, AfterValidator(_a_time)]
Memory = Annotated[
    str,
    AfterValidator(_a_size),
    WithJsonSchema({"type": "string", "pattern": _SIZE.pattern}),
]
Options = Annotated[
    dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z-][A-Za-z0-9_-]*$")], Option],
    AfterValidator(_options),
]
Variables = dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x08\x0a-\x1f]*$")]


class _Frozen(BaseModel):
    model_config = FROZEN


class CpuOnly(_Frozen):
    """What bundles that need no GPU ask for instead; a missing key is as for the others."""

    partition: str | None = None
    """Partition."""
    account: str | None = None
    """Account to charge."""
    time: Time | None = None
    """Time limit."""
    memory: Memory | None = None
    """Memory, such as `8G`."""
    cpus: int | None = Field(default=None, ge=1)
    """CPUs."""
    slurm: Options = {}
    """Further options of `sbatch`, which replace those of the same name."""


class RayCluster(_Frozen):
    """A Ray cluster: how it is reached, and what else a bundle takes."""

    address: str | None = Field(default=None, pattern=r"^(auto|[A-Za-z0-9.-]+:[0-9]+)$")
    """Address of a node, such as `10.0.0.1:6379`, or `auto` for the cluster that this machine is
    part of; default: `RAY_ADDRESS`, otherwise this machine alone."""
    gpu_share: float = Field(default=1.0, gt=0, le=1)
    """Part of a GPU that a bundle takes: with 0.25, four share one."""
    resources: dict[str, Annotated[float, Field(gt=0)]] = {}
    """Other resources of Ray that a bundle takes which trains or calls a model."""


class Cluster(_Frozen):
    """A Slurm or Ray cluster: what each bundle asks for, and how many run at a time."""

    partition: str | None = None
    """Partition; default: Slurm's."""
    account: str | None = None
    """Account to charge; default: Slurm's."""
    time: Time = 240
    """Time limit of a bundle in minutes, or as Slurm writes it: `4:00:00`, `1-12:00:00`. A training
    that reaches it is queued again and resumes from its last checkpoint."""
    memory: Memory | None = None
    """Memory of a bundle, such as `16G`; default: Slurm's."""
    cpus: int = Field(default=1, ge=1)
    """CPUs of a bundle, and its threads."""
    gpus: int = Field(default=1, ge=0, le=1)
    """GPUs of a bundle that trains or calls a model: 1, or 0 to run it on CPUs."""
    gpu_type: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]+$")
    """Type of the GPU, as Slurm calls it; default: any."""
    at_a_time: int = Field(default=64, ge=1)
    """Most bundles of a wave that run at a time, those with and without a GPU counted apart."""
    timeouts: int = Field(default=10, ge=0)
    """How many time limits a bundle may reach before its remaining cells fail."""
    setup: tuple[Line, ...] = ()
    """Lines of shell that run before a bundle, such as `module load cuda`."""
    environment: Variables = {}
    """Environment variables of a bundle, set after `setup`; others are those of `ood-bench run`."""
    slurm: Options = {}
    """Further options of `sbatch` without dashes, such as `{qos: normal, exclusive: true}`."""
    cpu: CpuOnly = CpuOnly()
    """What bundles that need no GPU ask for instead of the above."""
    ray: RayCluster | None = None
    """With this key, even without a value, the file is for the executor `ray`, and only `memory`,
    `cpus`, `gpus`, `gpu_type`, `at_a_time`, `environment` and `cpu` may stand beside it."""

    @field_validator("ray", mode="before")
    @classmethod
    def _a_bare_key(cls, given: object) -> object:
        return {} if given is None else given

    @model_validator(mode="after")
    def _no_keys_of_slurm(self) -> Self:
        if self.ray is None:
            return self
        for fields, names, where in (
            (self.model_fields_set, _OF_SLURM, ""),
            (self.cpu.model_fields_set, _OF_SLURM, "cpu."),
        ):
            found = next((name for name in names if name in fields), None)
            if found is not None:
                raise ValueError(f"'{where}{found}' is for Slurm; leave it out beside 'ray'")
        return self

    def gives_gpu(self, *, gpu: bool, device: str) -> bool:
        """Return whether bundles are given a GPU.

        Args:
            gpu: Whether they train or call a model.
            device: The device that the run names; with `cpu` no GPU is asked for.
        """
        return gpu and self.gpus > 0 and device != "cpu"

    def options(self, *, gpu: bool) -> dict[str, Option]:
        """Return the options of `sbatch` that say what a bundle asks for.

        Args:
            gpu: Whether it is given a GPU.

        Example:
            >>> cluster = Cluster(partition="gpu", time="1:00:00", cpu=CpuOnly(partition="cpu"))
            >>> cluster.options(gpu=False)
            {'partition': 'cpu', 'time': 60, 'cpus-per-task': 1}
        """
        less = CpuOnly() if gpu else self.cpu
        kind = f"{self.gpu_type}:" if self.gpu_type else ""
        stated: dict[str, Option | None] = {
            "partition": less.partition or self.partition,
            "account": less.account or self.account,
            "time": minutes_of(less.time or self.time),
            "mem": less.memory or self.memory,
            "cpus-per-task": less.cpus or self.cpus,
            "gpus-per-node": f"{kind}{self.gpus}" if gpu and self.gpus else None,
            **self.slurm,
            **less.slurm,
        }
        return {name: value for name, value in stated.items() if value is not None}

    def resources(self, *, gpu: bool) -> dict[str, Any]:
        """Return what a bundle takes on a Ray cluster, as arguments of `ray.remote`.

        Args:
            gpu: Whether it is given a GPU.

        Example:
            >>> cluster = Cluster(memory="16G", ray=RayCluster(gpu_share=0.5))
            >>> cluster.resources(gpu=True)
            {'num_cpus': 1, 'num_gpus': 0.5, 'memory': 17179869184}
        """
        ray = self.ray or RayCluster()
        less = CpuOnly() if gpu else self.cpu
        memory = less.memory or self.memory
        stated = {
            "num_cpus": less.cpus or self.cpus,
            "num_gpus": ray.gpu_share if gpu and self.gpus else None,
            "memory": bytes_of(memory) if memory else None,
            "accelerator_type": self.gpu_type if gpu and self.gpus else None,
            "resources": ray.resources if gpu and ray.resources else None,
        }
        return {name: value for name, value in stated.items() if value is not None}

    def array(self, count: int) -> str:
        """Return the option `array` of `sbatch`, with the most bundles that run at a time.

        Args:
            count: Number of bundles.
        """
        return f"0-{count - 1}%{min(count, self.at_a_time)}"

    def preparation(self, *, gpu: bool) -> list[str]:
        """Return the lines of shell that run before a bundle.

        The number of threads is that of the bundle's CPUs, unless `environment` has it.
        """
        cpus = self.options(gpu=gpu)["cpus-per-task"]
        variables = {"OMP_NUM_THREADS": str(cpus), **self.environment}
        exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        return [*self.setup, *exports]


def load_cluster(written: ClusterLike) -> Cluster:
    """Read and check the file of a cluster.

    Args:
        written: The YAML file, or its value.

    Raises:
        SuiteError: With one line for each mistake: file, line, path and near match.
    """
    if isinstance(written, Mapping):
        return validated(read_mapping(written, name=GIVEN), Cluster)
    return validated(read_yaml(Path(written), what="the cluster"), Cluster)


def cluster_schema() -> Schema:
    """Return the JSON Schema of the file of a cluster, draft 2020-12."""
    return schema_of(Cluster, "A cluster for ood-bench")
