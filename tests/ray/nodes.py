"""A Ray cluster of a head and two nodes of one CPU and one GPU that is not there, as processes.

It prints its address. `kill` on standard input kills a node that works on a task, and prints that;
anything else ends all.
"""

import sys
import time

import psutil
from ray.cluster_utils import Cluster

SIZE = {"node_ip_address": "127.0.0.1", "object_store_memory": 80 << 20}


def main() -> None:
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **SIZE}
    )
    nodes = [cluster.add_node(num_cpus=1, num_gpus=1, **SIZE) for _ in range(2)]
    say(str(cluster.address))
    for line in sys.stdin:
        if line.strip() != "kill":
            break
        while not (busy := [node for node in nodes if works(node)]):
            time.sleep(0.2)
        cluster.remove_node(busy[0], allow_graceful=False)
        nodes.remove(busy[0])
        say("killed")
        nodes.append(cluster.add_node(num_cpus=1, num_gpus=1, **SIZE))
    cluster.shutdown()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def works(node: object) -> bool:
    """Return whether a node works on a task."""
    (raylet,) = node.all_processes["raylet"]  # type: ignore[attr-defined]
    under = psutil.Process(raylet.process.pid).children(recursive=True)
    return any("train/" in " ".join(process.cmdline()) for process in under)


if __name__ == "__main__":
    main()
