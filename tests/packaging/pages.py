"""The code of a Markdown page, and how it is run: what a reader would type, in the page's order."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

BLOCK = re.compile(
    r'(?:^<!-- (?P<note>[^\n]*) -->\n)?^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n'
    r"(?P<code>.*?)^```$",
    flags=re.DOTALL | re.MULTILINE,
)

QUICK = [
    *("--scale", "0.01", "--device", "cpu", "--jobs", "1"),
    *("--set", "training.held_out=200", "--set", "training.validation=50"),
    *("--set", "datasets.fashion_mnist.limit={test: 100}", "--set", "datasets.noise.count=100"),
    *("--set", "datasets.mnist.limit={test: 100}", "--set", "evaluation.train_images=50"),
    *("--set", "datasets.fashion_mnist_20k.limit={test: 100}"),
    *("--set", "datasets.mnist_20k.limit={test: 100}"),
    *("--set", "evaluation.resamples=100", "--set", "evaluation.audit=false"),
]
"""What a run that trains is given beside what the page says, so that it takes seconds."""


@dataclass(frozen=True)
class Block:
    """A block of code: its language, the file that it is, and the remark before it."""

    language: str
    code: str
    title: str
    note: str


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page that name a language."""
    for found in BLOCK.finditer(page):
        yield Block(found["language"], found["code"], found["title"] or "", found["note"] or "")


def run_page(page: str, folder: Path, ood_bench: Callable[..., Any]) -> None:
    """Run a page's commands and Python in a folder, each block after the one before it.

    A block with a title is written to that file. One after `<!-- not run: why -->` is left out,
    and one after `<!-- fails -->` ends in a mistake of the user's.
    """
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        if block.note.startswith("not run: "):
            continue
        if block.title:
            (folder / block.title).write_text(block.code, encoding="utf-8")
        elif block.language == "python":
            exec(compile(block.code, "<page>", "exec"), names)
        elif block.language == "sh":
            lines = block.code.replace("\\\n", " ").splitlines()
            for i, line in enumerate(lines):
                wanted = 2 if block.note == "fails" and i == len(lines) - 1 else 0
                _run(line, folder, wanted, ood_bench)


def _run(line: str, folder: Path, wanted: int, ood_bench: Callable[..., Any]) -> None:
    words = shlex.split(line)
    if words[0] == "ood-bench" and not {"|", "&&", ">"} & set(words):
        done = ood_bench(*words[1:], *(QUICK if words[1] == "run" else ()))
        assert done.status == wanted, f"{line}: {done.err}"
        return
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = ["bash", "-euo", "pipefail", "-c", line]
    done = subprocess.run(shell, cwd=folder, env={**os.environ, "PATH": path}, check=False)
    assert done.returncode == wanted, line
