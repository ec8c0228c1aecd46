"""Golden values of web/cli/trust.js's metrics, by plain numpy: tests/golden/trust.json.

  python3 tests/golden/make_trust.py

The "network" is a logistic function of fixed weights, so that both sides can compute it. Linear systems
are solved densely, curves and correlations from their definitions.
"""
import json
import math
import os

import numpy as np

from noise import mix

W, H = 14, 11
U32 = np.uint32


def uniform(seed, index):
    with np.errstate(over="ignore"):
        h = U32(seed) + (np.asarray(index).astype(U32) + U32(1)) * U32(0x9E3779B9)
    return mix(h).astype(np.float64) / 2 ** 32


def normal(seed, index):
    index = np.asarray(index)
    return np.sqrt(-2 * np.log(1 - uniform(seed, 2 * index))) * np.cos(2 * math.pi * uniform(seed, 2 * index + 1))


picture = np.floor(256 * uniform(5, np.arange(H * W * 3))).reshape(H, W, 3)
weights = uniform(6, np.arange(H * W * 3)).reshape(H, W, 3) - 0.5
heat = np.round(uniform(7, np.arange(H * W)), 2).reshape(H, W)  # rounded: with ties
other = np.round(uniform(8, np.arange(H * W)), 2).reshape(H, W) + 0.5 * heat
order = np.argsort(-heat.ravel(), kind="stable")


def predict(x):
    return float(1 / (1 + np.exp(-np.sum(weights * (x - 127.5)) / 400)))


def eight_bit(x):
    return np.clip(np.rint(x), 0, 255)


def curve(start, end, order, steps):
    now, values, done = start.reshape(-1, 3).copy(), [predict(start)], 0
    for s in range(1, steps + 1):
        upto = math.floor(s * len(order) / steps + 0.5)
        now[order[done:upto]] = end.reshape(-1, 3)[order[done:upto]]
        done = upto
        values.append(predict(now.reshape(H, W, 3)))
    return values


def blurred(x, part):
    sigma = part * max(W, H)
    r = math.ceil(3 * sigma)
    k = np.exp(-np.arange(-r, r + 1) ** 2 / (2 * sigma ** 2))
    k /= k.sum()
    rows = np.pad(x, ((0, 0), (r, r), (0, 0)), mode="edge")
    x = sum(k[i] * rows[:, i:i + W] for i in range(2 * r + 1))
    columns = np.pad(x, ((r, r), (0, 0), (0, 0)), mode="edge")
    return eight_bit(sum(k[i] * columns[i:i + H] for i in range(2 * r + 1)))


def imputed(x, removed):
    n = len(removed)
    A, b = np.zeros((n, n)), np.zeros((n, 3))
    where = {int(p): i for i, p in enumerate(removed)}
    for i, p in enumerate(removed):
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                v, u = p // W + dy, p % W + dx
                if (dx, dy) == (0, 0) or not (0 <= u < W and 0 <= v < H):
                    continue
                w = 1 / 12 if dx and dy else 1 / 6
                A[i, i] += w
                if v * W + u in where:
                    A[i, where[v * W + u]] -= w
                else:
                    b[i] += w * x[v, u]
    out = x.reshape(-1, 3).copy()
    noise = normal(1, np.arange(3 * n)).reshape(n, 3)
    out[removed] = eight_bit(np.linalg.solve(A, b) + noise)
    return out.reshape(H, W, 3)


def ranks(v):
    order = np.argsort(v, kind="stable")
    r = np.empty(len(v))
    r[order] = np.arange(len(v))
    for value in np.unique(v):
        r[v == value] = r[v == value].mean()
    return r


grey = np.full_like(picture, 124)
area = lambda c: float(np.trapz(c) / (len(c) - 1))
deletion = curve(picture, grey, order, 7)
soft = blurred(picture, 1 / 8)
insertion = curve(soft, picture, order, 7)
most = [predict(imputed(picture, order[:round(p * H * W / 100)])) for p in (20, 40, 60, 80)]
least = [predict(imputed(picture, order[H * W - round(p * H * W / 100):])) for p in (20, 40, 60, 80)]
mask = eight_bit(heat[..., None] * picture + (1 - heat[..., None]) * grey)
result = {
    "width": W, "height": H, "picture": picture.astype(int).ravel().tolist(), "weights": weights.ravel().tolist(),
    "heat": heat.ravel().tolist(), "other": other.ravel().tolist(), "order": order.tolist(),
    "deletion": deletion, "deletionArea": area(deletion), "blurred": soft.astype(int).ravel().tolist(),
    "insertion": insertion, "insertionArea": area(insertion), "most": most, "least": least,
    "road": float(np.mean((np.array(least) - most) / 2)), "masked": predict(mask),
    "correlation": float(np.corrcoef(ranks(heat.ravel()), ranks(other.ravel()))[0, 1]),
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "trust.json")
with open(path, "w") as f:
    f.write(json.dumps(result).replace("], ", "],\n") + "\n")
