"""Files that a suite names import the files beside them; all of them are part of the digest."""

from pathlib import Path
from textwrap import dedent

import pytest

from ood_bench.hashing import file_sha256
from ood_bench.source_files import read_source


def written(folder: Path, **files: str) -> Path:
    """Write files, `a__b` for `a/b.py`, and return the path of the one that is called `mine`."""
    for name, text in files.items():
        path = folder.joinpath(*name.split("__")).with_suffix(".py")
        path = path.with_name(path.name.replace("init", "__init__"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return folder / "mine.py"


def value(path: Path, name: str = "found") -> object:
    return getattr(read_source(path).load(), name)


@pytest.mark.parametrize(
    "line",
    [
        "import helper; found = helper.x",
        "import helper as h; found = h.x",
        "from helper import x as found",
        "from helper import *; found = x",
        "from . import helper; found = helper.x",
        "from .helper import x as found",
        "import math, helper; found = helper.x + math.floor(0.5)",
        "import pack.deep.inner; found = pack.deep.inner.x",
        "import pack.deep.inner as inner; found = inner.x",
        "from pack import deep; found = deep.y",
        "from pack.deep import inner; found = inner.x",
        "import pack; found = pack.z",
        "from loose.part import x as found",
        "from loose import part; found = part.x",
    ],
)
def test_imports_find_the_files_and_packages_beside(tmp_path: Path, line: str) -> None:
    path = written(
        tmp_path,
        mine=line,
        helper="x = 7",
        pack__init="from .deep import y as z",
        pack__deep__init="from pack.deep.inner import x as y",
        pack__deep__inner="from helper import x",
        loose__part="from helper import x",
    )
    assert value(path) == 7


def test_a_helper_is_found_when_a_function_imports_it_later(tmp_path: Path) -> None:
    path = written(
        tmp_path, mine="def found():\n    import helper\n    return helper.x", helper="x = 7"
    )
    assert value(path)() == 7  # type: ignore[operator]


def test_helpers_of_one_name_in_two_folders_are_two_modules(tmp_path: Path) -> None:
    text = "import helper\ndef found():\n    import helper as again\n    return helper.x, again.x"
    one = value(written(tmp_path / "one", mine=text, helper="x = 1"))
    two = value(written(tmp_path / "two", mine=text, helper="x = 2"))
    assert (one(), two()) == ((1, 1), (2, 2))  # type: ignore[operator]


def test_the_digest_of_a_file_alone_is_that_of_its_content(tmp_path: Path) -> None:
    path = written(tmp_path, mine="import math\nimport no_such_module", helper="x = 1")
    assert read_source(path).sha256 == file_sha256(path)
    assert list(read_source(path).files) == ["mine.py"]


@pytest.mark.parametrize("changed", ["mine", "helper", "pack__init", "pack__far"])
def test_the_digest_changes_with_every_file_that_is_reached(tmp_path: Path, changed: str) -> None:
    files = {
        "mine": "def later():\n    import helper\n",
        "helper": "from pack import far",
        "pack__init": "",
        "pack__far": "x = 1",
        "unrelated": "",
    }
    before = read_source(written(tmp_path, **files)).sha256
    assert read_source(written(tmp_path, unrelated="x = 2")).sha256 == before
    after = read_source(written(tmp_path, **{changed: files[changed] + "\n# changed"})).sha256
    assert after != before
    again = read_source(written(tmp_path / "moved", **files))
    assert again.sha256 == before
    assert list(again.files) == ["helper.py", "mine.py", "pack/__init__.py", "pack/far.py"]


def test_an_edited_helper_is_read_again_in_the_same_process(tmp_path: Path) -> None:
    path = written(tmp_path, mine="from helper import x as found", helper="x = 1")
    assert value(path) == 1
    assert value(written(tmp_path, helper="x = 2")) == 2


def test_the_standard_library_the_harness_and_a_name_of_ones_own_are_no_files_beside(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        mine="import random, ood_bench\nfrom numpy import found",
        random="raise RuntimeError",
        ood_bench="raise RuntimeError",
        numpy="import numpy\nfound = numpy.__version__",
    )
    import numpy as np

    assert value(path) == np.__version__
    assert list(read_source(path).files) == ["mine.py", "numpy.py"]


def test_files_that_import_each_other_are_read_once(tmp_path: Path) -> None:
    path = written(
        tmp_path, mine="x = 7\nfrom helper import found", helper="import mine\nfound = mine.x"
    )
    assert value(path) == 7


def test_a_line_of_a_helper_is_named_by_its_traceback(tmp_path: Path) -> None:
    path = written(tmp_path, mine="import math, helper", helper="\n\n1 / 0")
    with pytest.raises(ZeroDivisionError) as error:
        read_source(path).load()
    last = error.traceback[-1]
    assert (Path(last.path).name, last.lineno) == ("helper.py", 2)


def test_what_lies_outside_of_the_folder_is_not_read(tmp_path: Path) -> None:
    written(tmp_path, outside="x = 1")
    path = written(tmp_path / "own", mine="from ..outside import x as found")
    assert list(read_source(path).files) == ["mine.py"]
    with pytest.raises(ImportError, match="beyond top-level package"):
        read_source(path).load()
