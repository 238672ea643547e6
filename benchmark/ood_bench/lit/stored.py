"""Read the weights of a stored training, mapped to memory and not copied."""

import mmap
import struct

import torch
from pydantic import BaseModel, ConfigDict, TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ood_bench.packed import DAMAGE, StoredFile
from ood_bench.typed import Count

_LENGTH = struct.Struct("<Q")

_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""Types of tensors by their names in a safetensors file."""


class _Described(BaseModel):
    """A tensor in the header of a safetensors file."""

    model_config = ConfigDict(frozen=True)

    dtype: str
    shape: tuple[Count, ...]
    data_offsets: tuple[Count, Count]


_HEADER = TypeAdapter(dict[str, _Described])


def load_stored(file: StoredFile) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, or of one packed into the file of a cell.

    The packed one is mapped to memory, as `safetensors` does it for a whole file: from bytes it
    would copy 400 MB twice, in half a second.

    Raises:
        OSError: If it cannot be read.
        SafetensorError: If it is damaged.
    """
    if not file.member:
        return dict(load_file(file.path))
    try:
        with file.open() as (handle, begin, size):
            memory = mmap.mmap(handle.fileno(), begin + size, access=mmap.ACCESS_COPY)
        (length,) = _LENGTH.unpack_from(memory, begin)
        start = begin + _LENGTH.size + length
        header = _HEADER.validate_json(memory[start - length : start])
        return {name: _tensor(memory, start, found) for name, found in header.items()}
    except (*DAMAGE, LookupError, OverflowError) as error:
        raise SafetensorError(" ".join(str(error).split())) from error


def _tensor(memory: mmap.mmap, start: int, found: _Described) -> Tensor:
    dtype = _TYPES[found.dtype]
    begin, end = found.data_offsets
    if begin == end:
        return torch.empty(found.shape, dtype=dtype)
    count, odd = divmod(end - begin, dtype.itemsize)
    if odd:
        raise ValueError(f"{end - begin} bytes are no whole number of values")
    flat = torch.frombuffer(memory, dtype=dtype, count=count, offset=start + begin)
    return flat.reshape(found.shape)
