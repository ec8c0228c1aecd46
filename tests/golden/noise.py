"""Twin of tests/models/noise.mjs: the same numbers, made by numpy."""
import numpy as np

U32 = np.uint32


def seed_of(name):
    h = 0x811C9DC5
    for byte in name.encode("ascii"):
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return h


def mix(h):
    h = h.astype(np.uint32)
    with np.errstate(over="ignore"):
        h = (h ^ (h >> U32(16))) * U32(0x85EBCA6B)
        h = (h ^ (h >> U32(13))) * U32(0xC2B2AE35)
    return h ^ (h >> U32(16))


def uniform(name, shape, spread, centre=0.0):
    count = int(np.prod(shape))
    out = np.empty(count, np.float32)
    for start in range(0, count, 1 << 22):
        i = np.arange(start, min(count, start + (1 << 22)), dtype=np.uint32)
        with np.errstate(over="ignore"):
            h = mix(U32(seed_of(name)) + i * U32(0x9E3779B9))
        out[start:start + len(i)] = centre + spread * (h.astype(np.float64) / 2147483648 - 1)
    return out.reshape(shape)


def picture(size):
    """[size, size, 3] bytes."""
    y, x, c = np.meshgrid(np.arange(size), np.arange(size), np.arange(3), indexing="ij")
    tile = ((x >> 5) * 3 + (y >> 5) * 5) * 29 * (c + 1)
    noise = mix(((y * size + x) * 3 + c)) & 31
    return (((tile + x + 2 * y) & 127) + 64 + noise).astype(np.uint8)
