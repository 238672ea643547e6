"""The executor `ray`: bundles of cells as tasks of a Ray cluster, or of this machine alone."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ood_bench.cells.context import WorkContext
from ood_bench.errors import PluginError
from ood_bench.execute.cluster import Cluster, RayCluster
from ood_bench.execute.driver import driving
from ood_bench.execute.executor import Executor, Outcome
from ood_bench.execute.journal import RAY_FOLDER
from ood_bench.execute.ray_driver import RayDriver
from ood_bench.plan import Plan
from ood_bench.store import Store

OBJECT_STORE = 80 << 20
"""Bytes that Ray may keep of what tasks return, on this machine alone; outcomes are small."""

KNOCK_SECONDS = 20.0
"""How long a node may take to answer."""

_HERE = "local"

log = logging.getLogger(__name__)


class Ray(Executor):
    """Computes cells as tasks of Ray: one task for each training and what needs it.

    The folder of the results must be on a file system that all nodes see. Without an address, a
    cluster of this machine alone is started for the run. A task whose node or process is lost is
    started again by Ray, at most three times, and its training resumes from the last checkpoint.
    If the calling process ends, so do its tasks; the next run with the same arguments resumes.

    Args:
        cluster: What a task takes, and the address; default: a CPU, and a GPU for each training if
            any node has one.
        jobs: Number of tasks at a time; default: the cluster's `at_a_time`.
    """

    elsewhere = True

    def __init__(self, *, cluster: Cluster | None = None, jobs: int | None = None) -> None:
        if jobs is not None and jobs < 1:
            raise ValueError(f"jobs must be positive, got {jobs}")
        try:
            import ray  # noqa: F401
        except ImportError as error:
            raise PluginError(f"it needs Ray ({error}): pip install 'ood-bench[ray]'") from error
        if cluster is not None and cluster.ray is None:
            raise PluginError("the cluster's file is for Slurm; one for Ray has the key 'ray'")
        self.cluster = cluster or Cluster(ray=RayCluster())
        self.at_a_time = jobs or self.cluster.at_a_time

    def manifest(self, plan: Plan, context: WorkContext) -> dict[str, str]:
        """Return that the cells were computed by Ray, and with how many threads."""
        del plan, context
        cpus = {self.cluster.resources(gpu=gpu)["num_cpus"] for gpu in (False, True)}
        threads = " or ".join(str(count) for count in sorted(cpus))
        return {"executor": type(self).__name__, "threads": f"{threads} in each task"}

    def run(self, plan: Plan, store: Store, context: WorkContext) -> Generator[Outcome, None, None]:
        """Yield an outcome for every cell; `context.progress` is called in this process.

        Raises:
            PluginError: If Ray cannot be reached, or no node has what a task takes.
        """
        with driving(RAY_FOLDER, plan, store, context) as files, ExitStack() as stack:
            stack.callback(files.clear)
            left = [cell for cell in plan.cells if not store.has(cell.key)]
            gives_gpu = False
            if left:
                stack.enter_context(self._connected())
                gives_gpu = self._gives_gpu(context.device)
                for gpu in {cell.spec.calls_model and gives_gpu for cell in left}:
                    self._check(gpu=gpu)
            driver = RayDriver(
                plan,
                store,
                context,
                files,
                cluster=self.cluster,
                at_a_time=self.at_a_time,
                gives_gpu=gives_gpu,
            )
            try:
                yield from driver.run()
            finally:
                driver.cancel()

    def _gives_gpu(self, device: str) -> bool:
        """Return whether bundles that train or call a model take a GPU."""
        if device == "auto" and not any(node.get("GPU") for node in _offers()):
            return False
        return self.cluster.gives_gpu(gpu=True, device=device)

    def _check(self, *, gpu: bool) -> None:
        """Say so if no node has what a task takes; Ray would wait for one in silence.

        Raises:
            PluginError: If no other node can join.
        """
        taken = self.cluster.resources(gpu=gpu)
        needs = {"CPU": taken["num_cpus"], "GPU": taken.get("num_gpus", 0)}
        needs |= {"memory": taken.get("memory", 0), **taken.get("resources", {})}
        if "accelerator_type" in taken:
            needs[f"accelerator_type:{taken['accelerator_type']}"] = 0.001
        if any(all(one.get(name, 0) >= much for name, much in needs.items()) for one in _offers()):
            return
        asked = ", ".join(f"{name} {much:g}" for name, much in needs.items() if much)
        if self._address() == _HERE:
            raise PluginError(f"Ray on this machine does not have what a task takes: {asked}")
        log.warning("no node of the Ray cluster has what a task takes: %s; waiting for one", asked)

    def _address(self) -> str:
        stated = self.cluster.ray.address if self.cluster.ray else None
        return stated or os.environ.get("RAY_ADDRESS") or _HERE

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Connect to Ray, unless the caller has, and leave it in the end.

        Raises:
            PluginError: If Ray cannot be reached.
        """
        import ray

        if ray.is_initialized():
            yield
            return
        address = self._address()
        settings: dict[str, Any] = {"runtime_env": {"env_vars": self._environment(address)}}
        if address == _HERE:
            settings |= {"object_store_memory": OBJECT_STORE, "include_dashboard": False}
        try:
            try:
                _knock(address)
                with _own_signals():
                    ray.init(
                        address=address,
                        log_to_driver=False,
                        logging_level=logging.ERROR,
                        **settings,
                    )
            except (OSError, RuntimeError, ValueError) as error:
                said = " ".join(str(error).split())
                raise PluginError(f"Ray cannot be used at '{address}': {said}") from error
            yield
        finally:
            ray.shutdown()

    def _environment(self, address: str) -> dict[str, str]:
        """Return the variables of a task; on other machines also where Python finds packages."""
        path = os.environ.get("PYTHONPATH")
        found = {"PYTHONPATH": path} if path and address != _HERE else {}
        return found | self.cluster.environment


def _offers() -> list[dict[str, float]]:
    """Return the resources of each node of the cluster."""
    import ray

    nodes: Any = ray.nodes
    return [node["Resources"] for node in nodes() if node["Alive"]]


def _knock(address: str) -> None:
    """Raise an error if nothing answers at an address; Ray itself would try for minutes."""
    if "://" in address:
        raise ValueError("start the run on a node of the cluster, and give a node's host:port")
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Put the signal handlers back that Ray replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
