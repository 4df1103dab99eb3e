"""The loops that must be fast, compiled by Numba when they are first asked for, and never kept on disk.

Numba's own cache is made of pickles and machine code, which whoever can write to it could make run: the service's
processes compile for themselves instead. Kernels are few and small, and each has one signature, so that this takes a
few seconds, once a process. No reordering of sums is allowed (no ``fastmath``, no fused multiply-add): what is added
is added in LightGBM's order. They let go of the interpreter's lock, so that threads may share rows among them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

__all__ = ["BLOCK", "WINDOW", "compiled_gather", "compiled_plan", "compiled_score", "places_in_word"]

BLOCK = 1024
"""Creators whose masks lie side by side and are scored at once: what they need stays in the processor's cache."""

WINDOW = np.uint64(0x03F79D71B4CB0A89)
"""A de Bruijn sequence: times a word of one bit, its top six bits say which one; other than counting, it vectorises."""


def places_in_word() -> Any:
    """Where each of 64 bits is found by `WINDOW`: int64 (64,)."""
    ones = np.uint64(1) << np.arange(64, dtype=np.uint64)
    with np.errstate(over="ignore"):
        return ((ones * WINDOW) >> np.uint64(58)).astype(np.int64)


def _plan(nodes, left, right, source, goes, clear, mask, starts, asked):  # type: ignore[no-untyped-def]
    """What is left of each tree when the nodes with one answer for everybody have given it.

    ``source`` (N,): a column's place, -1 where creators' masks know the answer, -2 where ``goes`` has it. Fills
    ``mask`` (T,), and ``asked`` with the nodes still to be asked, tree by tree as ``starts`` (T + 1,) says.
    """
    reached = np.zeros(64, dtype=np.uint8)
    count = 0
    starts[0] = 0
    for tree in range(mask.shape[0]):
        first, last = nodes[tree], nodes[tree + 1]
        word = np.uint64(0xFFFFFFFFFFFFFFFF)
        reached[:] = 0
        reached[0] = 1
        for node in range(first, last):
            if reached[node - first] == 0:
                continue
            to_left, to_right = True, True
            if source[node] == -2:
                to_left = goes[node] != 0
                to_right = not to_left
                if to_right:
                    word &= clear[node]
            elif source[node] >= 0:
                asked[count] = node
                count += 1
            if to_left and left[node] >= 0:
                reached[left[node]] = 1
            if to_right and right[node] >= 0:
                reached[right[node]] = 1
        mask[tree] = word
        starts[tree + 1] = count


def _gather(table, rows, columns, out):  # type: ignore[no-untyped-def]
    """``out[j, i] = table[rows[i], columns[j]]``, a few rows at a time."""
    for start in range(0, rows.shape[0], 64):
        stop = min(start + 64, rows.shape[0])
        for j in range(columns.shape[0]):
            column = columns[j]
            for i in range(start, stop):
                out[j, i] = table[rows[i], column]


def _score(  # type: ignore[no-untyped-def]
    rows, narrow, wide, columns, head, way, slot, mask, starts, asked, source, threshold, kind, default_left,
    clear, first_word, words, categories, few, many, state, alive, by_state, out,
):  # fmt: skip
    """Add every tree's leaf to its head's sum, for n rows.

    Parameters
    ----------
    rows : int64 (n,)
        Creators' places in ``narrow`` and ``wide``.
    narrow : uint8 (blocks, slots, BLOCK)
    wide : uint16 (blocks, slots, BLOCK)
        Masks, and numbers of states.
    columns : float64 (k, n)
    way : uint8 (T,)
        0: a byte of leaves, no slot; 1: a byte of leaves from ``narrow``; 2: a word, no slot; 3: a word by the state
        in ``narrow``; 4: by that in ``wide``.
    few : float64 (T, 8)
    many : float64 (T, 64)
        Values of leaves: in order, and by `WINDOW`.
    state : int64 (T,)
        Where a tree's states begin in ``alive`` (their leaves) and ``by_state`` (their values, when nothing is asked).
    out : float64 (heads, n)
    """
    byte = np.empty(BLOCK, dtype=np.uint8)
    word = np.empty(BLOCK, dtype=np.uint64)
    found = np.empty(BLOCK, dtype=np.int64)
    all_byte, all_word = np.uint8(0xFF), np.uint64(0xFFFFFFFFFFFFFFFF)
    zero, one = np.uint64(0), np.uint64(1)
    n = rows.shape[0]
    start = 0
    while start < n:
        size = min(BLOCK, n - start)
        block, offset = rows[start] // BLOCK, rows[start] % BLOCK
        size = min(size, BLOCK - offset)
        # Rows ascend, so that the last tells whether they are neighbours.
        beside = rows[start + size - 1] - rows[start] == size - 1
        if not beside:
            size = min(BLOCK, n - start)
        for tree in range(head.shape[0]):
            how, place = way[tree], slot[tree]
            first, last = starts[tree], starts[tree + 1]
            total = out[head[tree], start : start + size]
            # Which leaves the creator's own signals leave.
            if how == 1:
                if beside:
                    known = narrow[block, place, offset : offset + size]
                    for i in range(size):
                        byte[i] = known[i]
                else:
                    for i in range(size):
                        row = rows[start + i]
                        byte[i] = narrow[row // BLOCK, place, row % BLOCK]
            elif how >= 3:
                for i in range(size):
                    row = rows[start + i]
                    if how == 3:
                        found[i] = narrow[row // BLOCK, place, row % BLOCK]
                    else:
                        found[i] = wide[row // BLOCK, place, row % BLOCK]
                if first == last:
                    base = state[tree]
                    for i in range(size):
                        total[i] += by_state[np.uint64(base + found[i])]
                    continue
                base = state[tree]
                for i in range(size):
                    word[i] = alive[np.uint64(base + found[i])]
            elif how == 0:
                byte[:size] = all_byte
            else:
                word[:size] = all_word
            narrow_tree = how <= 1
            # Which of them the nodes that are asked rule out.
            for at in range(first, last):
                node = asked[at]
                x = columns[source[node], start : start + size]
                limit, off, asks = threshold[node], clear[node], kind[node]
                if narrow_tree and asks <= 1:
                    off_byte = np.uint8(off & np.uint64(0xFF))
                    if asks == 0:
                        for i in range(size):
                            byte[i] &= all_byte if x[i] <= limit else off_byte
                    else:
                        for i in range(size):
                            byte[i] &= off_byte if x[i] > limit else all_byte
                elif asks == 0:
                    for i in range(size):
                        word[i] &= all_word if x[i] <= limit else off
                elif asks == 1:
                    for i in range(size):
                        word[i] &= off if x[i] > limit else all_word
                else:
                    to_left = default_left[node] != 0
                    for i in range(size):
                        value = x[i]
                        if asks == 2:
                            goes = value <= limit if abs(value) > SMALLEST else to_left
                        else:
                            goes = False
                            if value > -1.0 and value < 32.0 * words[node]:
                                group = np.int64(value)
                                bits = categories[first_word[node] + (group >> 5)]
                                goes = (bits >> np.uint64(group & 31)) & one != zero
                        if not goes:
                            if narrow_tree:
                                byte[i] &= np.uint8(off & np.uint64(0xFF))
                            else:
                                word[i] &= off
            # The first leaf left is the row's.
            if narrow_tree:
                own = np.uint8(mask[tree] & np.uint64(0xFF))
                v0, v1, v2, v3 = few[tree, 0], few[tree, 1], few[tree, 2], few[tree, 3]
                v4, v5, v6, v7 = few[tree, 4], few[tree, 5], few[tree, 6], few[tree, 7]
                for i in range(size):
                    left = byte[i] & own
                    value = v7
                    value = v6 if left & 64 else value
                    value = v5 if left & 32 else value
                    value = v4 if left & 16 else value
                    value = v3 if left & 8 else value
                    value = v2 if left & 4 else value
                    value = v1 if left & 2 else value
                    value = v0 if left & 1 else value
                    total[i] += value
            else:
                own_word = mask[tree]
                for i in range(size):
                    left_word = word[i] & own_word
                    lowest = left_word & (~left_word + one)
                    total[i] += many[tree, (lowest * WINDOW) >> np.uint64(58)]
        start += size


SMALLEST = float(np.float32(1e-35))


def _compiled(function: Any, signature: Any) -> Any:
    import numba

    return numba.njit(signature, nogil=True, error_model="numpy")(function)


@cache
def compiled_plan() -> Any:
    """The planning of one brief's trees, `_plan`."""
    return _compiled(_plan, "void(i8[::1],i8[::1],i8[::1],i8[::1],u1[::1],u8[::1],u8[::1],i8[::1],i8[::1])")


@cache
def compiled_gather() -> Any:
    """The gathering of some columns of some rows, `_gather`."""
    from numba import types

    # Read-only: so that what is mapped from a file may be read too.
    table = types.Array(types.float64, 2, "A", readonly=True)
    row = types.Array(types.int64, 1, "C")
    return _compiled(_gather, types.void(table, row, row, types.Array(types.float64, 2, "C")))


@cache
def compiled_score() -> Any:
    """The scoring of rows, `_score`."""
    return _compiled(
        _score,
        "void(i8[::1],u1[:,:,::1],u2[:,:,::1],f8[:,::1],i8[::1],u1[::1],i8[::1],u8[::1],i8[::1],i8[::1],i8[::1],"
        "f8[::1],u1[::1],u1[::1],u8[::1],i8[::1],i8[::1],u8[::1],f8[:,::1],f8[:,::1],i8[::1],u8[::1],f8[::1],"
        "f8[:,::1])",
    )
