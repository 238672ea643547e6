"""Complexity: lossless files, in bits, the same however the work is shared."""

import io
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from ood_bench.errors import DataError
from ood_bench.statistics.complexity import CODECS, Complexity, encode, file_bits

Images = NDArray[np.uint8]

shapes = st.tuples(st.sampled_from([1, 3]), st.integers(1, 40), st.integers(1, 40))
images = shapes.flatmap(lambda shape: arrays(np.uint8, shape))

TEN_THOUSAND = """
import numpy as np
from ood_bench.statistics.complexity import file_bits
if __name__ == "__main__":
    file_bits(np.zeros((10_000, 3, 32, 32), np.uint8), processes=2)
"""


@pytest.mark.parametrize("codec", CODECS)
@given(image=images)
def test_a_file_gives_the_image_back(codec: str, image: Images) -> None:
    with Image.open(io.BytesIO(encode(image, codec))) as opened:
        mode = "L" if len(image) == 1 else "RGB"
        back = np.atleast_3d(np.asarray(opened.convert(mode))).transpose(2, 0, 1)
    assert (back == image).all()


@pytest.mark.parametrize(("codec", "mode"), [("png", "L"), ("jpeg2000", "L"), ("webp", "RGB")])
def test_gray_images_are_written_as_gray_where_the_format_can(codec: str, mode: str) -> None:
    with Image.open(io.BytesIO(encode(np.zeros((1, 8, 8), np.uint8), codec))) as opened:
        assert opened.mode == mode


def test_columns_are_the_bits_of_the_files() -> None:
    x = np.random.default_rng(0).integers(0, 256, (3, 3, 9, 7), dtype=np.uint8)
    columns = Complexity().compute(x, None)
    assert tuple(columns) == Complexity.columns
    for codec in CODECS:
        expected = [8.0 * len(encode(image, codec)) for image in x]
        column = columns[f"complexity_{codec}"]
        assert column.tolist() == expected
        assert column.dtype == np.float64


def test_richer_images_have_longer_files() -> None:
    ramp = np.broadcast_to(np.arange(0, 256, 8, dtype=np.uint8), (1, 32, 32))
    noise = np.random.default_rng(0).integers(0, 256, (1, 32, 32), dtype=np.uint8)
    constant, simple, rich = file_bits(np.stack([np.full_like(ramp, 7), ramp, noise]))
    assert (constant < simple).all()
    assert (simple < rich).all()
    assert (rich > 32 * 32 * 8).all()  # noise cannot be compressed, and headers come on top


@pytest.mark.parametrize("channels", [1, 3])
def test_the_number_of_processes_changes_no_value(channels: int) -> None:
    x = np.random.default_rng(0).integers(0, 5, (600, channels, 4, 6), dtype=np.uint8)
    alone = file_bits(x, processes=1)
    assert alone.shape == (600, 3)
    assert (file_bits(x, processes=2) == alone).all()
    assert (file_bits(x) == alone).all()


@pytest.mark.parametrize("channels", [2, 4])
def test_images_that_the_codecs_cannot_hold_are_refused(channels: int) -> None:
    with pytest.raises(DataError, match=f"gray or RGB images, got {channels} channels"):
        file_bits(np.zeros((1, channels, 4, 4), np.uint8))


def test_the_processes_of_a_process_that_is_killed_end_with_it(tmp_path: Path) -> None:
    script = tmp_path / "score.py"
    script.write_text(TEN_THOUSAND)
    parent = psutil.Popen([sys.executable, str(script)])
    workers: list[psutil.Process] = []
    while sum("spawn_main" in " ".join(process.cmdline()) for process in workers) < 2:
        assert parent.poll() is None
        workers = parent.children(recursive=True)
        time.sleep(0.02)
    time.sleep(0.5)  # past their imports
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    for worker in alive:
        worker.kill()
    assert not alive


@pytest.mark.parametrize(
    "module",
    [
        "ood_bench.statistics.complexity",
        "ood_bench.detectors.input_complexity",
        "ood_bench.detectors.likelihood",
        "ood_bench.detectors.typicality",
        "ood_bench.metrics",
    ],
)
def test_what_needs_no_torch_does_not_load_it(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
