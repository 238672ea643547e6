"""Weights that lie in the file of a cell are read as `safetensors` reads them, without a copy."""

from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ood_bench.lit.stored import load_stored
from ood_bench.packed import StoredFile, pack

NAME = "weights.safetensors"


def packed(folder: Path, weights: bytes | dict[str, Tensor]) -> StoredFile:
    """Write weights to a packed file, behind another member."""
    new = folder / "new"
    new.mkdir()
    (new / "a.txt").write_text("odd")
    if isinstance(weights, bytes):
        (new / NAME).write_bytes(weights)
    else:
        save_file(weights, new / NAME)
    pack(new, folder / "cell.zip")
    return StoredFile(folder / "cell.zip", NAME)


def test_tensors_of_all_types_come_back_and_lie_where_the_file_is_mapped(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(6, 7, generator=generator) * 100
    types = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32)
    given = {str(dtype): values.to(dtype) for dtype in (*types, torch.int16, torch.uint8)}
    given |= {"bool": values > 0, "none": torch.empty(0, 3), "scalar": torch.tensor(2.5)}
    file = packed(tmp_path, given)
    found, whole = load_stored(file), load_file(tmp_path / "new" / NAME)
    assert load_stored(StoredFile(tmp_path / "new" / NAME)).keys() == found.keys() == whole.keys()
    for name, tensor in whole.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)
    size = file.path.stat().st_size
    full = [tensor for tensor in found.values() if tensor.numel()]
    places = {tensor.data_ptr() for tensor in full}
    assert max(places) - min(places) < size, "all in one mapping"
    assert not [tensor for tensor in full if tensor.data_ptr() % tensor.element_size()]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 40,
        b"\x02\0\0\0\0\0\0\0[]",
        b'\x3b\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4000]}}  ',
        b'\x3b\0\0\0\0\0\0\0{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}     0000',
        b'\x3b\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}     0000',
        b'\x3b\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,3]}}     000',
    ],
)
def test_what_is_no_file_of_weights_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SafetensorError):
        load_stored(packed(tmp_path, content))


def test_a_file_without_the_member_is_refused(tmp_path: Path) -> None:
    file = packed(tmp_path, {"a": torch.zeros(1)})
    with pytest.raises(SafetensorError):
        load_stored(StoredFile(file.path, "b"))
    file.path.write_bytes(b"no ZIP file")
    with pytest.raises(SafetensorError):
        load_stored(file)
