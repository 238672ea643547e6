"""What is recorded beside a result."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ood_bench.execute.environment import PACKAGES, setting


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    setting.cache_clear()
    yield
    setting.cache_clear()


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package with a model, as far as its metadata goes."""
    metadata = tmp_path / "someones_flows-1.2.3.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: someones-flows\nVersion: 1.2.3\n", encoding="utf-8"
    )
    (metadata / "entry_points.txt").write_text(
        "[ood_bench.models]\nflow = someones_flows:Flow\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("other_package")
def test_versions_of_plugin_packages_are_recorded() -> None:
    assert setting()["someones-flows"] == "1.2.3"


def test_own_packages_are_named_once() -> None:
    recorded = list(setting())
    assert [name for name in recorded if name in PACKAGES] == list(PACKAGES)
    assert "someones-flows" not in recorded
