"""Random numbers as TensorFlow draws them on a processor, by NumPy: the initial weights of a seed on any backend.

Counters through Philox-4x32-10 give 32-bit words, four a counter; words give uniform numbers, and two uniform numbers
two normal ones (Box and Muller). A truncated normal number is the next of its stream that lies within two standard
deviations; each four numbers have a stream of their own. Logarithm, sine and cosine are those of glibc, by the same
polynomials: NumPy's differ from them in the last bit of one number in a hundred.

Reference:
    Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3; tensorflow/core/lib/random/philox_random.h and
    random_distributions.h; glibc 2.28 and later, sysdeps/ieee754/flt-32/e_logf.c and s_sincosf.h.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Floats = NDArray[np.float32]

STREAM = 256  # counters that TensorFlow keeps for four truncated numbers
SCRAMBLE = (0x3EC8F720, 0x02461E29)  # the key under which a seed is made a key and a counter

_LOG_INVERSE = [float.fromhex(number) for number in (
    "0x1.661ec79f8f3bep+0", "0x1.571ed4aaf883dp+0", "0x1.49539f0f010bp+0", "0x1.3c995b0b80385p+0",
    "0x1.30d190c8864a5p+0", "0x1.25e227b0b8eap+0", "0x1.1bb4a4a1a343fp+0", "0x1.12358f08ae5bap+0",
    "0x1.0953f419900a7p+0", "0x1p+0", "0x1.e608cfd9a47acp-1", "0x1.ca4b31f026aap-1", "0x1.b2036576afce6p-1",
    "0x1.9c2d163a1aa2dp-1", "0x1.886e6037841edp-1", "0x1.767dcf5534862p-1",
)]  # fmt: skip
_LOG = [float.fromhex(number) for number in (
    "-0x1.57bf7808caadep-2", "-0x1.2bef0a7c06ddbp-2", "-0x1.01eae7f513a67p-2", "-0x1.b31d8a68224e9p-3",
    "-0x1.6574f0ac07758p-3", "-0x1.1aa2bc79c81p-3", "-0x1.a4e76ce8c0e5ep-4", "-0x1.1973c5a611cccp-4",
    "-0x1.252f438e10c1ep-5", "0x0p+0", "0x1.aa5aa5df25984p-5", "0x1.c5e53aa362eb4p-4", "0x1.526e57720db08p-3",
    "0x1.bc2860d22477p-3", "0x1.1058bc8a07ee1p-2", "0x1.4043057b6ee09p-2",
)]  # fmt: skip
_LOG_SERIES = [float.fromhex(n) for n in ("-0x1.00ea348b88334p-2", "0x1.5575b0be00b6ap-2", "-0x1.ffffef20a4123p-2")]
_COSINE = [float.fromhex(number) for number in (
    "-0x1.ffffffd0c621cp-2", "0x1.55553e1068f19p-5", "-0x1.6c087e89a359dp-10", "0x1.99343027bf8c3p-16",
)]  # fmt: skip
_SINE = [float.fromhex(n) for n in ("-0x1.555545995a603p-3", "0x1.1107605230bc4p-7", "-0x1.994eb3774cf24p-13")]


def uniform(shape: tuple[int, ...], seed: int, low: float, high: float) -> Floats:
    """U(low, high), float32: `tf.random.stateless_uniform(shape, [seed, 0], low, high)`."""
    count = math.prod(shape)
    words = _words(np.arange(-(-count // 4)), seed).ravel()[:count]
    start = np.float32(low)
    drawn: Floats = _unit(words) * (np.float32(high) - start) + start
    return drawn.reshape(shape)


def normal(shape: tuple[int, ...], seed: int, mean: float, stddev: float) -> Floats:
    """N(mean, stddev²), float32: `tf.random.stateless_normal(shape, [seed, 0], mean, stddev)`."""
    count = math.prod(shape)
    drawn = _box_muller(_words(np.arange(-(-count // 4)), seed)).ravel()[:count]
    return (drawn * np.float32(stddev) + np.float32(mean)).reshape(shape)


def truncated_normal(shape: tuple[int, ...], seed: int, mean: float, stddev: float) -> Floats:
    """The same within two standard deviations: `tf.random.stateless_truncated_normal`."""
    count = math.prod(shape)
    drawn = np.zeros((-(-count // 4), 4), np.float32)
    have, open_ = np.zeros(len(drawn), int), np.arange(len(drawn))
    for step in range(STREAM):
        if not len(open_):
            break
        for normals in _box_muller(_words(open_ * STREAM + step, seed)).T:
            taken = open_[(np.abs(normals) < 2) & (have[open_] < 4)]
            drawn[taken, have[taken]] = normals[(np.abs(normals) < 2) & (have[open_] < 4)]
            have[taken] += 1
        open_ = open_[have[open_] < 4]
    return (drawn.ravel()[:count] * np.float32(stddev) + np.float32(mean)).reshape(shape)


def _words(counters: NDArray[np.int64], seed: int) -> Words:
    """The four words of each counter in the stream of a seed, (counters, 4)."""
    seed %= 2**31 - 2  # as Keras brings one to TensorFlow
    key_low, key_high, low, high = (int(word) for word in _philox(np.array([[seed, 0, 0, 0]], np.uint64), SCRAMBLE)[0])
    blocks = np.empty((len(counters), 4), np.uint64)
    blocks[:, 0], blocks[:, 1] = counters & 0xFFFFFFFF, counters >> 32
    blocks[:, 2:] = low, high
    return _philox(blocks, (key_low, key_high))


def _philox(blocks: NDArray[np.uint64], key: tuple[int, int]) -> Words:
    """Ten rounds over blocks of four words, (blocks, 4)."""
    a, b, c, d = blocks.T
    low, high = key
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(10):
        first, second = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = (
            (second >> half) ^ b ^ np.uint64(low), second & mask, (first >> half) ^ d ^ np.uint64(high), first & mask,
        )  # fmt: skip
        low, high = (low + 0x9E3779B9) % 2**32, (high + 0xBB67AE85) % 2**32
    return np.stack([a, b, c, d], axis=1).astype(np.uint32)


def _unit(words: Words) -> Floats:
    """Each word as a float32 in [0, 1), by its last 23 bits."""
    bits: Words = words & np.uint32(0x7FFFFF) | np.uint32(127 << 23)
    return bits.view(np.float32) - np.float32(1)


def _box_muller(words: Words) -> Floats:
    """Standard normal numbers, two of each two words."""
    unit = _unit(words)
    radius = np.sqrt(np.float32(-2) * _log(np.maximum(unit[:, 0::2], np.float32(1e-7))))
    sine, cosine = _sine_and_cosine((2 * np.pi * unit[:, 1::2].astype(np.float64)).astype(np.float32))
    return np.stack([sine * radius, cosine * radius], axis=-1).reshape(words.shape)


def _log(x: Floats) -> Floats:
    """glibc's `logf`, of normal numbers above 0."""
    bits = x.view(np.int32)
    above = bits - np.int32(0x3F330000)
    part = above >> 19 & 15
    rest = (bits - (above & np.int32(-0x800000))).view(np.float32).astype(np.float64)
    r = rest * np.take(_LOG_INVERSE, part) - 1
    start, square = np.take(_LOG, part) + (above >> 23) * float.fromhex("0x1.62e42fefa39efp-1"), r * r
    a, b, c = _LOG_SERIES
    log: Floats = ((a * square + (b * r + c)) * square + (start + r)).astype(np.float32)
    return log


def _sine_and_cosine(x: Floats) -> tuple[Floats, Floats]:
    """glibc's `sinf` and `cosf`, of numbers under 120."""
    wide = x.astype(np.float64)
    quarter = (wide * float.fromhex("0x1.45f306dc9c883p+23")).astype(np.int32) + 0x800000 >> 24
    r = wide - quarter * float.fromhex("0x1.921fb54442d18p+0")
    square = r * r
    fourth, cube = square * square, r * square
    c1, c2, c3, c4 = _COSINE
    s1, s2, s3 = _SINE
    cosine = ((1 + square * c1 + fourth * c2) + fourth * square * (c3 + square * c4)).astype(np.float32)
    sine = ((r + cube * s1) + cube * square * (s2 + square * s3)).astype(np.float32)
    odd = (quarter & 1).astype(bool)
    return (
        np.where(odd, cosine, sine) * np.where(quarter & 2, np.float32(-1), np.float32(1)),
        np.where(odd, sine, cosine) * np.where(quarter + 1 & 2, np.float32(-1), np.float32(1)),
    )
