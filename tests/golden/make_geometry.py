#!/usr/bin/env python3
"""Writes tests/golden/geometry: where a picture comes to lie in a network's input, and a map on a picture.

Needs numpy, PIL, torch and torchvision (Debian: python3-numpy python3-pil python3-torch python3-torchvision). Nothing
here uses the engine. Stretch and crop are torchvision's transforms where they can say it (square inputs; without
antialiasing, which the engine does not do), nearest and pad are PIL's; what neither can (inputs that are not square,
padding by other resamplings) is the definition, evaluated sample by sample in float64: torchvision, PIL and the
definition are compared with each other here wherever two of them apply.

    python3 tests/golden/make_geometry.py

inputs.txt   one line an input: picture, fit, how, order, H, W, ratio, fill (mean, or R,G,B), mean, std, and the view
             (x, y, width, height in the picture's pixels); values in inputs.f32 (NHWC).
places.txt   one line a map laid on a picture's part: how, map width and height, picture width and height, view;
             in places.f32 the map's value at every pixel, then how much of every pixel the view covers.
overlay.rgb  plain.png with the map of make_images.py on its part (4.25, 2.5, 13.5, 11.75), jet at alpha 0.4.
"""
import pathlib

import numpy as np
import torch
import torchvision.transforms.functional as F
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
IMAGES, OUT = HERE / 'images', HERE / 'geometry'
MODES = {'nearest': F.InterpolationMode.NEAREST, 'bilinear': F.InterpolationMode.BILINEAR, 'bicubic': F.InterpolationMode.BICUBIC}


def keys(t, a=-0.75):
    t = abs(t)
    return ((a + 2) * t - (a + 3)) * t * t + 1 if t <= 1 else ((a * t - 5 * a) * t + 8 * a) * t - 4 * a if t < 2 else 0.0


def taps(x, count, how):
    """The samples and weights that make up the value at x, in samples from the first one's centre."""
    if how == 'nearest':
        return [(min(max(int(np.floor(x + 0.5)), 0), count - 1), 1.0)]
    if how == 'bilinear':
        x = max(x, 0.0)
        i, t = int(np.floor(x)), x - np.floor(x)
        return [(min(i, count - 1), 1 - t), (min(i + 1, count - 1), t)]
    i = int(np.floor(x))
    return [(min(max(k, 0), count - 1), keys(x - k)) for k in range(i - 1, i + 3)]


def matrix(count, out, start, length, how):
    """out x count: `count` samples spread over [start, start + length) of `out`."""
    m = np.zeros((out, count))
    for i in range(out):
        for k, w in taps((i + 0.5 - start) * count / length - 0.5, count, how):
            m[i, k] += w
    return m


def covered(out, start, length):
    i = np.arange(out)
    return (np.minimum(i + 1, start + length) - np.maximum(i, start)).clip(0, 1)


def place(values, h, w, view, how):
    x, y, vw, vh = view
    a, b = matrix(values.shape[0], h, y, vh, how), matrix(values.shape[1], w, x, vw, how)
    return np.einsum('yi,ijc,xj->yxc', a, values, b)


def extents(fit, w, h, W, H, ratio):
    """The picture's [start, length] across and down the input, in the input's samples."""
    if fit == 'stretch':
        return (0, W), (0, H)
    if fit == 'crop':
        want_w, want_h = round(W / ratio), round(H / ratio)
        if want_w / w >= want_h / h:
            rw, rh = want_w, max(int(want_w * h / w), H)
        else:
            rw, rh = max(int(want_h * w / h), W), want_h
        return (-round((rw - W) / 2), rw), (-round((rh - H) / 2), rh)
    if w / h > W / H:
        rw, rh = W, max(round(h / w * W), 1)
    else:
        rw, rh = max(round(w / h * H), 1), H
    return (round((W - rw) / 2), rw), (round((H - rh) / 2), rh)


def fitted(values, fit, how, H, W, ratio, fill):
    h, w = values.shape[:2]
    (x, rw), (y, rh) = extents(fit, w, h, W, H, ratio)
    out = place(values, H, W, (x, y, rw, rh), how)
    seen = (covered(H, y, rh)[:, None] * covered(W, x, rw)[None])[:, :, None]
    assert ((seen == 0) | (seen == 1)).all()
    out = np.where(seen == 1, out, fill)
    view = (-x * w / rw, -y * h / rh, W * w / rw, H * h / rh)
    return out, view


def torchvision_says(values, fit, how, H, W, ratio):
    """None where its transforms cannot say it. Its nearest is not PIL's, which the engine follows."""
    if how == 'nearest' or fit == 'pad' or (fit == 'crop' and H != W):
        return None
    t = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))[None]
    size = [H, W] if fit == 'stretch' else round(H / ratio)
    t = F.resize(t, size, MODES[how], antialias=False)
    if fit == 'crop':
        t = F.center_crop(t, [H, W])
    return t[0].numpy().transpose(1, 2, 0)


def pil_says(values, fit, how, H, W, ratio, fill):
    """Nearest, on bytes."""
    if how != 'nearest':
        return None
    image = Image.fromarray(values.astype(np.uint8), {3: 'RGB', 4: 'RGBA'}[values.shape[2]])
    if fit == 'pad':
        if np.any(np.asarray(fill) % 1):
            return None
        image = ImageOps.pad(image, (W, H), Image.NEAREST, tuple(int(v) for v in np.broadcast_to(fill, values.shape[2])))
    elif fit == 'crop':
        if H != W:
            return None
        image = F.center_crop(F.resize(image, round(H / ratio), MODES[how]), [H, W])
    else:
        image = image.resize((W, H), Image.NEAREST)
    return np.array(image).astype(np.float64)


def load(name):
    rgba = np.array(Image.open(IMAGES / name).convert('RGBA')).astype(np.float64)
    alpha = rgba[:, :, 3:] / 255
    return rgba, rgba[:, :, :3] * alpha + 255 * (1 - alpha)


def inputs():
    torch_mode = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    plain, white, red = ([0] * 3, [1] * 3), (255, 255, 255), (200, 40, 10)
    cases = [  # picture, fit, how, order, H, W, ratio, fill, mean and std
        ('plain.png', 'crop', 'bilinear', 'rgb', 14, 14, 0.875, None, torch_mode),
        ('plain.png', 'crop', 'bicubic', 'rgb', 14, 14, 0.875, None, torch_mode),
        ('plain.png', 'crop', 'bilinear', 'rgb', 28, 28, 0.875, None, plain),
        ('plain.png', 'crop', 'bilinear', 'bgr', 12, 12, 1, None, plain),
        ('plain.png', 'crop', 'nearest', 'rgb', 12, 12, 1, None, plain),
        ('plain.png', 'crop', 'nearest', 'rgb', 28, 28, 0.875, None, plain),
        ('exif6.png', 'crop', 'bilinear', 'rgb', 21, 21, 0.875, None, plain),
        ('restarts.jpg', 'crop', 'bilinear', 'grey', 9, 9, 0.9, None, ([127.5], [127.5])),
        ('plain.png', 'crop', 'bilinear', 'rgb', 10, 23, 0.8, None, plain),
        ('plain.png', 'crop', 'bicubic', 'rgb', 31, 10, 0.95, None, plain),
        ('plain.png', 'crop', 'nearest', 'rgb', 7, 30, 0.875, None, plain),
        ('plain.png', 'pad', 'nearest', 'rgb', 24, 24, 0, red, plain),
        ('plain.png', 'pad', 'nearest', 'bgr', 9, 31, 0, white, plain),
        ('plain.png', 'pad', 'bilinear', 'rgb', 24, 24, 0, None, torch_mode),
        ('plain.png', 'pad', 'bicubic', 'rgb', 13, 40, 0, red, torch_mode),
        ('plain.png', 'pad', 'bilinear', 'grey', 40, 13, 0, red, ([0], [255])),
        ('alpha.png', 'pad', 'bilinear', 'rgb', 24, 20, 0, None, plain),
        ('plain.png', 'stretch', 'bilinear', 'rgb', 13, 40, 0, None, torch_mode),
        ('plain.png', 'stretch', 'nearest', 'rgba', 13, 40, 0, None, ([0] * 4, [1] * 4)),
        ('alpha.png', 'stretch', 'nearest', 'rgba', 19, 25, 0, None, ([0] * 4, [255] * 4)),
        ('alpha.png', 'crop', 'nearest', 'bgra', 12, 12, 0.8, None, ([0] * 4, [1] * 4)),
        ('alpha.png', 'pad', 'nearest', 'rgba', 30, 30, 0, red, ([0] * 4, [1] * 4)),
        ('alpha.png', 'pad', 'bilinear', 'bgra', 16, 30, 0, None, ([10, 20, 30, 40], [2, 3, 4, 5])),
    ]
    lines, data = [], []
    for name, fit, how, order, H, W, ratio, fill, (mean, std) in cases:
        rgba, white_rgb = load(name)
        if name == 'exif6.png':  # turned upright
            white_rgb = np.rot90(white_rgb, 3)
            rgba = np.rot90(rgba, 3)
        four = order in ('rgba', 'bgra')
        values = np.ascontiguousarray(rgba if four else white_rgb)
        if four and how != 'nearest':  # colours weighted by their opacity
            values = np.dstack([values[:, :, :3] * values[:, :, 3:], values[:, :, 3]])
        color = np.array([*(fill or (0, 0, 0)), 255])[:4 if four else 3]
        out, view = fitted(values, fit, how, H, W, ratio or 1, np.nan)
        for other in [torchvision_says(values, fit, how, H, W, ratio or 1), pil_says(values, fit, how, H, W, ratio or 1, color)]:
            if other is not None:
                filled = np.where(np.isnan(out), color, out)
                assert np.abs(filled - other).max() < 1e-4, (name, fit, how, order, H, W, np.abs(filled - other).max())
        if four and how != 'nearest':
            out[:, :, :3] /= np.where(out[:, :, 3:] > 0, out[:, :, 3:], 1)
            hidden = fitted(np.ascontiguousarray(rgba), fit, how, H, W, ratio or 1, np.nan)[0]
            out = np.where(out[:, :, 3:] > 0, out, hidden)
        around = np.isnan(out).all(-1, keepdims=True)
        out = np.where(around, color, out)
        if order == 'grey':
            out = out @ np.array([[0.299], [0.587], [0.114]])
        elif order[0] == 'b':
            out = out[:, :, [2, 1, 0, 3][:out.shape[2]]]
        if fill is None:
            out = np.where(around, np.array(mean, float), out)
        data.append(((out - mean) / std).ravel())
        pad = lambda v: ','.join(str(x) for x in v)  # noqa: E731
        lines.append(' '.join([name, fit, how, order, str(H), str(W), repr(float(ratio)), pad(fill) if fill else 'mean',
                               pad((list(mean) + [0] * 4)[:4]), pad((list(std) + [1] * 4)[:4]), *(repr(float(v)) for v in view)]))
    (OUT / 'inputs.txt').write_text('\n'.join(lines) + '\n')
    (OUT / 'inputs.f32').write_bytes(np.concatenate(data).astype('<f4').tobytes())


def test_map(h, w):
    return np.array([i * 37 % 101 / 100 for i in range(h * w)]).reshape(h, w)


def places():
    # No sample lies on the border of two: which one is nearest would be a matter of rounding.
    views = [(0, 0, 25, 19), (4.25, 2.5, 13.5, 11.75), (-6.5, -3.25, 38, 25.75), (3, 0, 19, 19), (20.5, -4, 9, 8), (0, 18.75, 25, 0.5)]
    lines, data = [], []
    for how in MODES:
        for mw, mh in [(5, 4), (1, 1), (37, 3)]:
            for view in views:
                x, y, w, h = view
                data.append(place(test_map(mh, mw)[:, :, None], 19, 25, view, how).ravel())
                data.append((covered(19, y, h)[:, None] * covered(25, x, w)[None]).ravel())
                lines.append(' '.join(str(v) for v in [how, mw, mh, 25, 19, *view]))
    (OUT / 'places.txt').write_text('\n'.join(lines) + '\n')
    (OUT / 'places.f32').write_bytes(np.concatenate(data).astype('<f4').tobytes())


def overlay():
    import matplotlib.cm
    jet = matplotlib.cm.get_cmap('jet')(np.arange(256))[:, :3] * 255
    seen = load('plain.png')[1]
    view = (4.25, 2.5, 13.5, 11.75)
    heat = place(test_map(4, 5)[:, :, None], 19, 25, view, 'bilinear')[:, :, 0].clip(0, 1)
    hot = 0.4 * jet[(heat * 255).round().astype(int)] + 0.6 * seen
    dim = 0.4 * (seen @ np.array([0.299, 0.587, 0.114]))[:, :, None]
    part = (covered(19, view[1], view[3])[:, None] * covered(25, view[0], view[2])[None])[:, :, None]
    (OUT / 'overlay.rgb').write_bytes((part * hot + (1 - part) * dim).round().astype(np.uint8).tobytes())


OUT.mkdir(exist_ok=True)
inputs()
places()
overlay()
