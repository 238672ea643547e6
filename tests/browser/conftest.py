"""A browser, and the page of a real run of small models on digits."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.conftest import SUITE

from ood_bench.registry import Registry, construct
from ood_bench.results import Results
from ood_bench.runs import collect, read_record
from ood_bench.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from ood_bench.analyses import Analysis

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, what it found, and the analyses that draw its tables."""

    folder: Path
    results: Results
    analyses: "dict[str, Analysis]"


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, digits: dict[str, np.ndarray]) -> Run:
    """Two models on two pairs; digits below five inside."""
    place = tmp_path_factory.mktemp("browser")
    for name, pixels in digits.items():
        np.savez(place / f"{name}.npz", train_images=pixels[:600], test_images=pixels[600:])
    suite = SUITE.replace("extremes, course]", "extremes, errors, course]")
    (place / "tiny.yaml").write_text(suite)
    start = "from ood_bench.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, "run", "tiny.yaml"],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder,) = place.glob("results/tiny-*")
    record = read_record(folder)
    registry = Registry(place)
    return Run(
        folder,
        collect(record, Store(place / "results" / "store")),
        {
            at.analysis: construct(registry.load("analyses", at.plugin), at.plugin, at.options)
            for at in (cell.at for cell in record.of("analysis"))
        },
    )


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with playwright.sync_playwright() as started:
        own = Path(started.chromium.executable_path)
        if found is None and not own.is_file():
            pytest.skip("no Chromium is installed")
        launched = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    """A page without network, which must stay without errors."""
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    yield opened
    context.close()
    assert said == []
