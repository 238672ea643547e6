"""The commands of a Slurm that is not there: sbatch, srun, squeue, scancel and scontrol.

Called by one of these names. The folder FAKE_SLURM holds a file for each job, with its name and
process. FAKE_SLURM_MODE is `run`, `lose` (jobs are gone at once) or `refuse`.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

STATE = os.environ.get("FAKE_SLURM_STATE", "RUNNING|None")
FOLDER = Path(os.environ.get("FAKE_SLURM", "fake"))


def main() -> int:
    """Be the command that this was called as."""
    command, given = Path(sys.argv[0]).name, sys.argv[1:]
    if command == "sbatch":
        return sbatch(Path(given[0]))
    if command == "srun":
        first = next(i for i, word in enumerate(given) if not word.startswith("-") and "/" in word)
        while not os.access(given[first], os.X_OK) or not Path(given[first]).is_file():
            first += 1
        os.execv(given[first], given[first:])
    if command == "squeue":
        for path in sorted(FOLDER.glob("*")):
            name, pid = path.read_text().split()
            if Path(f"/proc/{pid}").exists():
                sys.stdout.write(f"{path.name}|{STATE}|{name}\n")
    if command == "scancel":
        for path in FOLDER.glob("*"):
            name, pid = path.read_text().split()
            if f"--name={name}" in given and Path(f"/proc/{pid}").exists():
                os.killpg(int(pid), signal.SIGTERM)
    if command == "scontrol":
        sys.stdout.write("JobId=1 JobState=NODE_FAIL Reason=None\n")
    return 0


def sbatch(script: Path) -> int:
    """Start the elements of an array, all at once."""
    mode = os.environ["FAKE_SLURM_MODE"]
    if mode == "refuse":
        sys.stderr.write("sbatch: error: invalid partition specified: nowhere\n")
        return 1
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)=(.*)$", script.read_text(), re.MULTILINE))
    name = options["job-name"]
    job = str(1 + len({path.name.partition("_")[0] for path in FOLDER.glob("*")}))
    array = "array" in options
    count = int(options["array"].partition("%")[0].partition("-")[2]) + 1 if array else 1
    for place in range(count):
        called = f"{job}_{place}" if array else job
        own = {"SLURM_JOB_ID": job, "SLURM_JOB_NAME": name, "SLURMD_NODENAME": "fake"}
        if array:
            own |= {"SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": str(place)}
        words = ["true"] if mode == "lose" else ["bash", str(script)]
        log = Path(options["error"].replace("%A_%a", called).replace("%j", called))
        with log.open("a") as file:
            process = subprocess.Popen(
                words, env={**os.environ, **own}, start_new_session=True, stdout=file, stderr=file
            )
        (FOLDER / called).write_text(f"{name} {process.pid}")
        if mode == "lose":
            process.wait()
    sys.stdout.write(f"Submitted batch job {job}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
