"""Training pictures as one array, what is known of them, and augmentation in batched tensor operations.

N pictures, S side, K = 1,000 classes. Pictures are uint8 N,3,160,160 RGB, squashed to squares as the engine does it.
Random numbers come from torch's generator of the device and Python's, so that a seed repeats a run.
"""
import concurrent.futures
import io
import math
import os
import tarfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

SIDE = 160
CLASSES = 1000

# What a folder of pocket/train.tar says about ImageNet's classes; person, flower: nothing.
FOLDERS = {
    "cassette_player": [482], "chain_saw": [491], "church": [497], "fish": [0], "french_horn": [566], "gas_pump": [571],
    "golf_ball": [574], "parachute": [701], "truck": [569], "imagenette/dog": [217], "dog": list(range(151, 269)),
    "cat": [281, 282, 283, 284, 285], "bus": [654, 779, 874], "train": [466, 547, 820, 705, 829],
    "car": [817, 751, 511, 436, 656, 627, 468, 609, 717], "airplane": [404, 895], "motorbike": [665, 670],
}


def classes_of(name):
    """'train/church/imagenette_123.jpg' -> ImageNet's classes it can be, [] unknown."""
    folder, file = name.split("/")[-2:]
    if folder == "unlabelled":
        return []
    if f"imagenette/{folder}" in FOLDERS and file.startswith("imagenette_"):
        return FOLDERS[f"imagenette/{folder}"]
    return FOLDERS.get(folder, [])


def read(path, side=SIDE, limit=0):
    """A tar of pictures -> uint8 N,3,side,side, file names. limit: every so-manieth alone."""
    with tarfile.open(path) as tar:
        members = sorted((m for m in tar if m.isfile() and m.name.endswith(".jpg")), key=lambda m: m.name)
        members = members[::max(1, len(members) // limit)] if limit else members
        blobs = [tar.extractfile(m).read() for m in members]

    def one(blob):
        im = Image.open(io.BytesIO(blob)).convert("RGB").resize((side, side), Image.BILINEAR)
        return np.asarray(im).transpose(2, 0, 1)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        return torch.from_numpy(np.stack(list(pool.map(one, blobs)))), [m.name for m in members]


def load(data_dir, limit=0):
    """-> pictures, names of pocket/train.tar and unlabelled/unlabelled.tar."""
    xs, names = [], []
    for tar in ("pocket/train.tar", "unlabelled/unlabelled.tar"):
        x, n = read(os.path.join(data_dir, tar), limit=limit)
        xs.append(x), names.extend(n)
    return torch.cat(xs), names


def known(names):
    """-> N,K: 1 at the classes a picture can be where that is known, 0 elsewhere."""
    m = torch.zeros(len(names), CLASSES)
    for i, n in enumerate(names):
        m[i, classes_of(n)] = 1
    return m


def chance(p):
    return float(torch.rand(())) < p


def uniform(n, lo, hi, device):
    return torch.empty(n, device=device).uniform_(lo, hi)


def crop(x, s, scale):
    """Random resized crop, flip, small rotation: one affine resampling. x float N,3,S,S -> N,3,s,s."""
    n, d = x.shape[0], x.device
    area, logr = uniform(n, *scale, d), uniform(n, -0.25, 0.25, d)
    sx, sy = (area.sqrt() * (logr / 2).exp()).clamp(max=1.1), (area.sqrt() * (-logr / 2).exp()).clamp(max=1.1)
    tx, ty = uniform(n, -1, 1, d) * (1 - sx).abs(), uniform(n, -1, 1, d) * (1 - sy).abs()
    a = uniform(n, -1, 1, d) * (math.pi / 180) * 10 * (torch.rand(n, device=d) < 0.25).float()
    flip = torch.where(torch.rand(n, device=d) < 0.5, -1.0, 1.0)
    c, k = a.cos(), a.sin()
    theta = torch.stack([torch.stack([flip * sx * c, -sy * k, tx], 1),
                         torch.stack([flip * sx * k, sy * c, ty], 1)], 1)
    grid = F.affine_grid(theta, (n, 3, s, s), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def colour(x, strength=1.0):
    """Brightness, contrast, saturation, hue: one 3x3 matrix and offset a picture. x 0..255."""
    n, d = x.shape[0], x.device
    grey = torch.tensor([0.299, 0.587, 0.114], device=d)
    eye = torch.eye(3, device=d)
    sat = uniform(n, 1 - 0.4 * strength, 1 + 0.35 * strength, d)[:, None, None]
    m = sat * eye + (1 - sat) * grey.expand(3, 3)
    h = uniform(n, -0.15, 0.15, d) * strength
    # hue: rotation about the grey axis (Rodrigues)
    k = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=d) / math.sqrt(3)
    ch, sh = h.cos()[:, None, None], h.sin()[:, None, None]
    m = (ch * eye + sh * k + (1 - ch) / 3) @ m
    con, bri = uniform(n, 1 - 0.3 * strength, 1 + 0.3 * strength, d)[:, None, None], \
        uniform(n, -25 * strength, 25 * strength, d)[:, None, None]
    mean = x.mean((1, 2, 3))[:, None, None]
    y = con * (m @ x.flatten(2)) + (1 - con) * mean + bri
    return y.view_as(x).clamp_(0, 255)


def quality(x):
    """Softer, sharper or noisier than the file: the pictures of train.tar are softer than the photos people bring, and
    softness must not be taken for one of the classes there."""
    u, s = float(torch.rand(())), x.shape[2]
    if u < 0.35:
        side = int(torch.randint(72, 168, ()))
        x = F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False, antialias=True)
        x = F.interpolate(x, size=(s, s), mode="bilinear", align_corners=False)
    elif u < 0.65:
        x = x + float(torch.empty(()).uniform_(0.2, 1.5)) * (x - F.avg_pool2d(x, 3, 1, 1, count_include_pad=False))
    if chance(0.15):
        x = x + torch.randn_like(x) * float(torch.empty(()).uniform_(2, 10))
    return x.clamp(0, 255)
