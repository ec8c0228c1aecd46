"""Golden values of the presets: presets.json beside this script.

  python3 tests/golden/make_presets.py

Each preset as its origin does it, with PyTorch (gradients, float64) and numpy and PIL (pictures), on the
network and picture of tests/web/tiny.mjs, whose numbers come from a formula. Nothing of the engine is
used. OpenCV's and matplotlib's jet are written out as matplotlib's segments; OpenCV's differs from them
by up to 29 levels.

presets.json: {picture: [height, width], presets: {name: {predictions: [[id, probability]], classes: [id],
normalized: [[...]], overlay: [...]}}}; overlay: RGB of the first class's map, row by row.
"""
import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

HEIGHT, WIDTH, SIZE, CLASSES = 15, 21, 8, 5


def noise(count, seed):
    i = np.arange(1, count + 1)
    return torch.tensor(np.sin(i * 12.9898 + seed * 78.233).astype(np.float32), dtype=torch.float64)


KERNEL = noise(4 * 3 * 3 * 3, 1).reshape(4, 3, 3, 3).requires_grad_()
HEAD = noise(CLASSES * 4, 2).reshape(CLASSES, 4)


def picture():
    """tests/web/tiny.mjs, tinyPicture: JavaScript's Uint8Array cuts off, modulo 256."""
    i = np.arange(WIDTH * HEIGHT)
    rgb = np.stack([255 * (i % WIDTH) / WIDTH, 255 * i / (WIDTH * HEIGHT), np.full(i.shape, 90.0)], -1)
    return np.floor(rgb).astype(np.uint8).reshape(HEIGHT, WIDTH, 3)


def network(x):
    """Activations behind the ReLU, and logits."""
    a = torch.relu(F.conv2d(x, KERNEL, padding=1))
    return a, a.mean((2, 3)) @ HEAD.T


def tensor(rgb, raw):
    """Resized by PIL's nearest neighbour, as Keras's load_img does."""
    x = np.asarray(Image.fromarray(rgb).resize((SIZE, SIZE), Image.NEAREST), np.float64)
    x = x if raw else x / 127.5 - 1
    return torch.tensor(x).permute(2, 0, 1)[None]


def channel_sum(x, c, score):
    """sum over k of alpha_k A^k, alpha_k = mean of dy^c/dA^k.

    Of a softmax near 1 no digit of the gradient is left, even in float64. log(p / (1 - p)) has the same
    gradient but for the positive factor 1 / (p (1 - p)), which every normalisation takes out again.
    """
    a, z = network(x)
    y = z[0, c]
    if score == "softmax":
        y = y - torch.logsumexp(torch.cat([z[0, :c], z[0, c + 1:]]), 0)
    (g,) = torch.autograd.grad(y, a)
    return (g.mean((2, 3), keepdim=True) * a).sum(1)[0].detach().numpy()


def predictions(x):
    p = torch.softmax(network(x)[1], 1)[0].detach()
    order = torch.argsort(p, descending=True)
    return [[int(i), float(p[i])] for i in order]


def jet(index):
    """matplotlib's jet, 0..1, of values 0..255."""
    x = np.asarray(index) / 255
    red = np.interp(x, [0, .35, .66, .89, 1], [0, 0, 1, 1, .5])
    green = np.interp(x, [0, .125, .375, .64, .91, 1], [0, 0, 1, 1, 0, 0])
    blue = np.interp(x, [0, .11, .34, .65, 1], [.5, 1, 1, 0, 0])
    return np.stack([red, green, blue], -1)


def bilinear(m):
    out = F.interpolate(torch.tensor(m)[None, None], (HEIGHT, WIDTH), mode="bilinear", align_corners=False)
    return out[0, 0].numpy()


def pil_map(m):
    return np.asarray(Image.fromarray(m.astype(np.float32), "F").resize((WIDTH, HEIGHT), Image.BICUBIC))


def pil_colours(heat, how):
    return np.asarray(Image.fromarray(np.uint8(np.round(heat * 255))).resize((WIDTH, HEIGHT), how), np.float64)


def relu_max(m):
    """Without positive evidence the originals divide 0 by 0; here that is a map of zeros."""
    m = np.maximum(m, 0)
    return m / m.max() if m.max() > 0 else m


def levels(m):
    return np.clip(np.round(255 * m), 0, 255)


# ---- One function a preset: (raw map, picture) -> normalised map, overlay 0..255

def paper(m, rgb):
    m = relu_max(m)
    return m, 0.4 * 255 * jet(levels(bilinear(m))) + 0.6 * rgb


def post_2020(m, rgb):
    m = relu_max(m / 4)  # the channel mean: 4 channels
    bgr = jet(levels(m))[..., ::-1]
    return m, 0.4 * pil_colours(bgr, Image.NEAREST) + 0.6 * rgb


def keras(m, rgb):
    m = relu_max(m)
    both = 0.4 * pil_colours(jet(levels(m)), Image.BICUBIC) + rgb
    return m, both / both.max() * 255


def pytorch_grad_cam(m, rgb):
    m = np.maximum(m, 0)
    m = m - m.min()
    m = m / (1e-7 + m.max())
    both = 0.5 * jet(levels(bilinear(m))) + 0.5 * rgb / 255
    return m, 255 * both / both.max()


def torch_cam(m, rgb):
    m = np.maximum(m, 0)
    m = (m - m.min()) / (m.max() - m.min())
    return m, 0.7 * rgb + 0.3 * 255 * jet(levels(pil_map(m) ** 2))


def captum(m, rgb):
    shown = np.asarray(Image.fromarray(np.float32(m / np.abs(m).max()), "F").resize((WIDTH, HEIGHT), Image.NEAREST))
    return m, 0.5 * 255 * jet(levels(shown)) + 0.5 * rgb


PRESETS = {  # function, score, raw input for the maps
    "paper": (paper, "logit", False),
    "post-2020": (post_2020, "softmax", True),
    "keras": (keras, "logit", False),
    "pytorch-grad-cam": (pytorch_grad_cam, "logit", False),
    "torch-cam": (torch_cam, "logit", False),
    "captum": (captum, "logit", False),
}


def main():
    rgb = picture()
    out = {"picture": [HEIGHT, WIDTH], "presets": {}}
    for name, (draw, score, raw) in PRESETS.items():
        x = tensor(rgb, raw)
        classes = [i for i, _ in predictions(x)][:3]
        maps, overlay = [], None
        for c in classes:
            m, over = draw(channel_sum(x, c, score), rgb.astype(np.float64))
            maps.append([round(float(v), 7) for v in m.ravel()])
            overlay = over if overlay is None else overlay
        out["presets"][name] = {
            "predictions": [[i, round(p, 7)] for i, p in predictions(tensor(rgb, False))][:3],
            "classes": classes,
            "normalized": maps,
            "overlay": [int(v) for v in np.round(np.clip(overlay, 0, 255)).ravel()],
        }
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "presets.json")
    with open(path, "w") as file:
        json.dump(out, file, separators=(",", ":"))
        file.write("\n")
    for name, row in out["presets"].items():
        spread = [f"{min(m):.3f}..{max(m):.3f}" for m in row["normalized"]]
        print(name, row["predictions"], row["classes"], *spread)


main()
