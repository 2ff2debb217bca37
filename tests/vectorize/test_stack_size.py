"""How many members memory holds."""

import torch
from torch.func import grad, vmap

from lepton.vectorize.stack_size import MemoryTouched


def test_memory_counts_what_operations_make_once_also_inside_of_gradients_of_vmap():
    rows = torch.randn(50, 40)
    with MemoryTouched() as memory:
        doubled = rows * 2
        transposed = doubled.T  # lies where `doubled` does
        gradients = vmap(grad(lambda row: row.square().sum()))(rows)
    one = rows.untyped_storage().nbytes()
    assert transposed.data_ptr() == doubled.data_ptr()
    assert {doubled.data_ptr(), gradients.data_ptr()} <= memory.bytes_by_address.keys()
    total = sum(memory.bytes_by_address.values())
    assert 3 * one < total < 7 * one  # doubled, squares, sums, gradients and their factors
