"""`ood-bench new suite`: for images of one's own, and it runs as it is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import Command

from ood_bench.suite import load_suite


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sixty photographs of several sizes, formats and channels beside a text; ten others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    monkeypatch.setenv("OOD_BENCH_JOBS", "1")
    noise = np.random.default_rng(0)
    for folder, count in (("my photos", 60), ("others", 10)):
        (tmp_path / folder).mkdir()
        for i in range(count):
            size = tuple(noise.integers(36, 70, 2))
            pixels = noise.integers(256, size=(*size, 3), dtype=np.uint8)
            image = Image.fromarray(pixels).convert("L" if i % 7 == 0 else "RGB")
            image.save(tmp_path / folder / f"{i:02}.{'png' if i % 2 else 'jpg'}")
    (tmp_path / "my photos/notes.txt").write_text("none")
    return tmp_path / "my photos"


def test_a_suite_for_a_folder_of_photographs_runs_as_it_is(
    photos: Path, ood_bench: Command
) -> None:
    arguments = ("--inside", photos, "--outside", "others", "--models", "vae", "--minutes", "0.01")
    done = ood_bench("new", "suite", *arguments)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == ["my-photos.yaml", "next: ood-bench run my-photos.yaml"]
    suite = load_suite(Path("my-photos.yaml")).suite
    assert list(suite.models) == ["vae"]
    assert suite.pairs[0].shape == (3, 32, 32), "one image in seven is gray, the first too"
    assert suite.pairs[0].outside == ("others", "black", "noise")
    assert str(suite.datasets["my-photos"].folder) == "my photos"
    done = ood_bench("run", "my-photos.yaml")
    assert done.status == 0, done.err
    (report,) = Path("results").glob("my-photos-*/report.md")
    assert "1 not an image" in report.read_text()


def test_more_minutes_are_more_steps_and_what_is_wrong_is_one_line(
    photos: Path, ood_bench: Command
) -> None:
    steps = []
    for minutes in ("1", "100"):
        output = ("-o", f"{minutes}.yaml")
        arguments = ("--inside", photos, "--models", "vae", "--minutes", minutes)
        assert ood_bench("new", "suite", *arguments, *output).status == 0
        steps.append(load_suite(Path(f"{minutes}.yaml")).suite.recipe("vae").steps)
    assert 20 < steps[1] / steps[0] < 500
    for more, said in (
        (("--inside", "others"), "others has 10 images; a model needs 50 at least"),
        (("--inside", "othres"), "'othres' is neither a folder, an .npz archive nor a data set"),
        (("--inside", photos, "-o", "1.yaml"), "1.yaml: is there already; name another file"),
        (("--inside", photos, "--minutes", "0"), "--minutes 0: must be a positive number"),
        (("--inside", photos, "--models", "vea"), "unknown model 'vea'; did you mean 'vae'?"),
        (("--inside", photos, "--models", "classifier"), "'classifier' is no density"),
    ):
        done = ood_bench("new", "suite", *more)
        assert (done.status, len(done.err.splitlines())) == (2, 1)
        assert done.err.startswith(said)
