"""Pictures of `pocket/` as arrays, and augmentation in batched tensor operations.

N pictures, S side of the training canvas, K classes. Pictures are uint8 N,3,128,128 RGB.
Every random number comes from torch's one generator, so that a seed repeats a run.
"""
import io
import math
import os
import tarfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

SIDE = 128


def load(data_dir, split, cache_dir=None):
    """-> pictures uint8 N,3,128,128, labels int64 N, class names (sorted), file names."""
    cache = os.path.join(cache_dir, f"pocket_{split}.npz") if cache_dir else None
    if cache and os.path.exists(cache):
        z = np.load(cache, allow_pickle=False)
        return torch.from_numpy(z["x"]), torch.from_numpy(z["y"]), z["names"].tolist(), z["files"].tolist()
    xs, ys, files = [], [], []
    with tarfile.open(os.path.join(data_dir, f"{split}.tar")) as tar:
        members = sorted((m for m in tar if m.isfile() and m.name.endswith(".jpg")), key=lambda m: m.name)
        names = sorted({m.name.split("/")[1] for m in members})
        for m in members:
            im = Image.open(io.BytesIO(tar.extractfile(m).read())).convert("RGB")
            assert im.size == (SIDE, SIDE), m.name
            xs.append(np.asarray(im).transpose(2, 0, 1))
            ys.append(names.index(m.name.split("/")[1]))
            files.append(m.name)
    x, y = np.stack(xs), np.array(ys, np.int64)
    if cache:
        os.makedirs(cache_dir, exist_ok=True)
        np.savez(cache, x=x, y=y, names=np.array(names), files=np.array(files))
    return torch.from_numpy(x), torch.from_numpy(y), names, files


def rand(n, lo, hi):
    return torch.empty(n).uniform_(lo, hi)


def chance(p):
    return float(torch.rand(())) < p


def crop(x, h, w, scale=(0.35, 1.0)):
    """Random resized crop, flip, small rotation: one affine resampling. x float N,3,128,128 -> N,3,h,w."""
    n = x.shape[0]
    area, logr = rand(n, *scale), rand(n, -0.3, 0.3)
    sx, sy = (area.sqrt() * (logr / 2).exp()).clamp(max=1.15), (area.sqrt() * (-logr / 2).exp()).clamp(max=1.15)
    tx, ty = rand(n, -1, 1) * (1 - sx).abs(), rand(n, -1, 1) * (1 - sy).abs()
    a = rand(n, -1, 1) * (math.pi / 180) * 12 * (torch.rand(n) < 0.4).float()
    flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    c, s = a.cos(), a.sin()
    theta = torch.stack([torch.stack([flip * sx * c, -sy * s, tx], 1),
                         torch.stack([flip * sx * s, sy * c, ty], 1)], 1)
    grid = F.affine_grid(theta, (n, 3, h, w), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def colour(x):
    """Brightness, contrast, saturation, hue, grey: one 3x3 matrix and offset a picture. x 0..255."""
    n = x.shape[0]
    grey = torch.tensor([0.299, 0.587, 0.114])
    eye = torch.eye(3)
    sat = rand(n, 0.4, 1.5)
    sat = torch.where(torch.rand(n) < 0.06, torch.zeros(n), sat)[:, None, None]
    m = sat * eye + (1 - sat) * grey.expand(3, 3)
    h = rand(n, -0.25, 0.25) * (torch.rand(n) < 0.5).float()
    # hue: rotation about the grey axis (Rodrigues)
    k = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    ch, sh = h.cos()[:, None, None], h.sin()[:, None, None]
    m = (ch * eye + sh * k + (1 - ch) / 3) @ m
    con, bri = rand(n, 0.6, 1.45)[:, None, None], rand(n, -38, 38)[:, None, None]
    mean = x.mean((1, 2, 3))[:, None, None]
    y = con * (m @ x.flatten(2)) + (1 - con) * mean + bri
    return y.view_as(x).clamp_(0, 255)


def quality(x):
    """Softer, sharper or noisier: photos differ in it, and one source per class would give itself away."""
    u = float(torch.rand(()))
    h, w = x.shape[2:]
    if u < 0.30:
        f = float(rand((), 0.35, 0.9))
        x = F.interpolate(x, scale_factor=f, mode="bilinear", align_corners=False, antialias=True)
        x = F.interpolate(x, size=(h, w), mode="bilinear", align_corners=False)
    elif u < 0.50:
        x = x + float(rand((), 0.2, 1.5)) * (x - F.avg_pool2d(x, 3, 1, 1, count_include_pad=False))
    if chance(0.2):
        x = x + torch.randn_like(x) * float(rand((), 2, 14))
    return x.clamp(0, 255)


def erase(x):
    """A grey-level rectangle over a fifth of the pictures."""
    n, _, h, w = x.shape
    for i in torch.nonzero(torch.rand(n) < 0.2).flatten().tolist():
        eh, ew = int(h * float(rand((), 0.15, 0.5))), int(w * float(rand((), 0.15, 0.5)))
        t, l = int(torch.randint(0, h - eh, ())), int(torch.randint(0, w - ew, ()))
        x[i, :, t:t + eh, l:l + ew] = torch.rand(3, 1, 1) * 255
    return x


def outliers(x, s):
    """Pictures of none of the classes, made from the training pictures: N,3,s,s.

    Jigsaws of small foreign pieces, corners of pictures (mostly background) alone or as a collage, smooth noise,
    graded colour.
    """
    n = x.shape[0]
    out = torch.empty(n, 3, s, s)
    for i in range(n):
        u = float(torch.rand(()))
        if u < 0.25:  # pieces of 8..16 px of several pictures, shuffled
            p = [8, 16][int(torch.randint(0, 2, ()))]
            src = crop(x[torch.randint(0, n, (3,))], s, s)
            t = src.unfold(2, p, p).unfold(3, p, p).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, p, p)
            g = s // p
            t = t[torch.randperm(t.shape[0])[:g * g]].view(g, g, 3, p, p)
            out[i] = t.permute(2, 0, 3, 1, 4).reshape(3, s, s)
        elif u < 0.7:  # corners: one, 2x2 or 3x3 of them, each 10..36 % of its picture's side
            g = int(torch.randint(1, 4, ()))
            e = [s * j // g for j in range(g + 1)]
            for r in range(g):
                for c in range(g):
                    k, m = int(torch.randint(12, 46, ())), int(torch.randint(0, n, ()))
                    t, l = [int(torch.randint(0, 2, ())) * (SIDE - k) for _ in range(2)]
                    out[i, :, e[r]:e[r + 1], e[c]:e[c + 1]] = F.interpolate(
                        x[m:m + 1, :, t:t + k, l:l + k], size=(e[r + 1] - e[r], e[c + 1] - e[c]), mode="bilinear",
                        align_corners=False)[0]
        elif u < 0.9:  # noise at a random scale and contrast
            g = int(torch.randint(2, s, ()))
            z = F.interpolate(torch.randn(1, 3, g, g), size=(s, s), mode="bicubic", align_corners=False)[0]
            if chance(0.3):
                z = z.mean(0, keepdim=True).expand(3, s, s)
            out[i] = (torch.rand(3, 1, 1) * 255 + z * float(rand((), 5, 90))).clamp(0, 255)
        else:  # a colour gradient
            a, b = torch.rand(3, 1, 1) * 255, torch.rand(3, 1, 1) * 255
            r = torch.linspace(0, 1, s)
            r = r.view(1, 1, s) if chance(0.5) else r.view(1, s, 1)
            out[i] = a * (1 - r) + b * r
    return out
