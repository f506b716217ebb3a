"""Weights in the order in which kernels read them, kept for the next call with the same weights.

Weights are recognised by their values: a digest of 2048 bits is read off them at every call, in less time than it takes
to compare them with a copy.
"""

import ctypes
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np

from gpuconv.cpu.dense import SHALLOW
from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.jit import Kernel, address
from gpuconv.cpu.job import address as address_of
from gpuconv.cpu.pool import Driver, driver
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes

KEPT_BYTES = 64 << 20
SPARSE = 8  # times the bytes of an array, over which it may be spread and still be read in place
WORDS = 32  # of 64 bits, that a digest has and that are read at once
FACTOR, SHIFT = -7046029254386353131, 29  # an odd number, as many of its bits set as not

_kept: OrderedDict[Hashable, np.ndarray] = OrderedDict()
_lock = threading.Lock()


def packed(weights: np.ndarray, key: Hashable, pack: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return pack(weights), which `key` describes; from memory if these values were packed so before."""
    key = key, weights.shape, weights.strides, weights.dtype, digest(weights)
    with _lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
            return found
    result = pack(weights)
    with _lock:
        _kept[key] = result
        while sum(array.nbytes for array in _kept.values()) > KEPT_BYTES and len(_kept) > 1:
            _kept.popitem(last=False)
    return result


def digest(array: np.ndarray) -> bytes:
    """Return bytes that differ where the values of two arrays of the same shape and strides do.

    Read in the order of memory, with what may lie between the values.
    """
    if array.size == 0:
        return b""
    reach = [step * (count - 1) for step, count in zip(array.strides, array.shape, strict=True)]
    start = address_of(array) + sum(r for r in reach if r < 0)
    size = sum(map(abs, reach)) + array.itemsize
    if size > SPARSE * array.nbytes:
        return digest(np.ascontiguousarray(array))
    whole, words = size // (8 * WORDS) * (8 * WORDS), np.empty(WORDS, np.int64)
    _reader()(start, whole, address_of(words))
    return words.tobytes() + ctypes.string_at(start + whole, size - whole)


@functools.cache
def _reader() -> Driver:
    return driver(address(digest_kernel()))


def digest_kernel() -> Kernel:
    """Return the kernel that reads WORDS words at a time and multiplies them into as many sums."""
    return Kernel(_write_digest)


def _write_digest(target: Target) -> str:
    e = Emitter(("source", "bytes", "to"), fused=target.fused)
    lanes = Lanes("i8", target.lanes(8))
    factor, shift = e.splat(lanes, FACTOR), e.splat(lanes, SHIFT)
    sums = [e.variable(e.splat(lanes, i + 1)) for i in range(WORDS // lanes.count)]
    with e.loop(0, e.bytes, 8 * WORDS) as i:
        for v, total in enumerate(sums):
            value = total.value
            high = e.emit(lanes.type, f"lshr {lanes.type} {value.name}, {shift.name}")
            mixed = e.emit(lanes.type, f"xor {lanes.type} {value.name}, {high.name}")
            total.value = mixed * factor + e.load(lanes.type, e.source + i + v * lanes.bytes)
    for v, total in enumerate(sums):
        e.store(total.value, e.to + v * lanes.bytes)
    return e.text()


def dense_order(weights: np.ndarray, groups: int, lanes: int, vectors: int) -> np.ndarray:
    """Order (channels_out, channels, *filter) by group, outputs, block of channels, tap, channel, output.

    A block is a vector of channels, or all of them where every pair of tap and channel is listed.
    """
    outputs, depth, wide = weights.shape[0] // groups, weights.shape[1], lanes * vectors
    wides = -(-outputs // wide)
    padded = np.zeros((groups, wides * wide, depth, int(np.prod(weights.shape[2:]))), weights.dtype)
    padded[:, :outputs] = weights.reshape(groups, outputs, depth, -1)
    ordered = padded.reshape(groups, wides, wide, depth, -1).transpose(0, 1, 4, 3, 2)  # tap, channel, output
    block = depth if depth <= SHALLOW else lanes
    blocks = [ordered[:, :, :, k : k + block].reshape(groups, wides, -1) for k in range(0, depth, block)]
    return np.ascontiguousarray(np.concatenate(blocks, axis=2))


def depthwise_order(weights: np.ndarray, lanes: int) -> np.ndarray:
    """Order (channels, 1, *filter) by vector of channels, tap, channel."""
    channels = weights.shape[0]
    padded = np.zeros((-(-channels // lanes) * lanes, int(np.prod(weights.shape[2:]))), weights.dtype)
    padded[:channels] = weights.reshape(channels, -1)
    return np.ascontiguousarray(padded.reshape(-1, lanes, padded.shape[1]).transpose(0, 2, 1))
