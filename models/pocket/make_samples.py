"""Draws the sample pictures of page, README and tests: nobody's photo, so no licence question.

    python3 make_samples.py [-o samples]

Golf ball: a sphere shaded with Lambert and Phong, 360 dimples on a Fibonacci lattice. Daisy and sunflower: petals as
polygons, florets and seeds on Vogel's spiral. Parachute: gores between ellipses. Church: flat shapes, one light.
Everything is drawn at twice the size and reduced, which smooths the edges. H,W picture size; colours 0..1.
"""
import argparse
import math
import os

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SS = 2  # drawn this many times larger


def noise(h, w, cell, rng, octaves=4):
    """Smooth noise in 0..1: octaves of random grids, each half as strong as the one before."""
    out, amp = np.zeros((h, w)), 0.0
    for o in range(octaves):
        c = max(2, int(cell / 2 ** o))
        g = rng.random((h // c + 2, w // c + 2)).astype(np.float32)
        im = Image.fromarray(g).resize(((w // c + 2) * c, (h // c + 2) * c), Image.BICUBIC)
        out += np.asarray(im)[:h, :w] * 0.5 ** o
        amp += 0.5 ** o
    return np.clip(out / amp, 0, 1)


def mix(a, b, m):
    return a * (1 - m[..., None]) + np.asarray(b) * m[..., None]


def sky(h, w, rng, top=(0.22, 0.45, 0.80), low=(0.70, 0.84, 0.95), clouds=0.75):
    v = np.linspace(0, 1, h)[:, None] * np.ones((1, w))
    im = mix(np.ones((h, w, 3)) * top, low, v)
    c = noise(h, w, h // 2, rng, 6)
    return mix(im, (0.97, 0.97, 0.98), np.clip((c - 0.52) * 4, 0, 1) * clouds)


def to_pil(a):
    return Image.fromarray((np.clip(a, 0, 1) * 255 + 0.5).astype(np.uint8))


def to_array(im):
    return np.asarray(im, np.float32) / 255


def grass(im, y0, rng, count=9000, base=(0.20, 0.42, 0.10)):
    """Blades from the horizon y0 to the lower edge, larger towards the viewer. im: PIL, drawn into."""
    w, h = im.size
    d = ImageDraw.Draw(im)
    a = to_array(im)
    n = noise(h, w, h // 6, rng)
    ground = np.asarray(base) * (0.75 + 0.5 * n[..., None])
    a[int(y0):] = ground[int(y0):]
    im.paste(to_pil(a))
    for t in np.sort(rng.random(count)):
        y = y0 + (h - y0) * t ** 0.8 * 1.08
        s = (0.12 + 0.88 * t) * h * 0.05
        x = rng.random() * w
        lean, g = rng.normal() * s * 0.35, rng.normal() * 0.08 + 0.1 * t
        c = tuple(int(255 * min(1, max(0, b + g * k))) for b, k in zip(base, (0.9, 1.3, 0.5)))
        d.polygon([(x - s * 0.06, y), (x + s * 0.06, y), (x + lean, y - s * (0.6 + 0.6 * rng.random()))], fill=c)


def golf_ball(im, cx, cy, r, rng, light=(-0.5, -0.7, 0.6)):
    w, h = im.size
    a = to_array(im).copy()
    yy, xx = np.mgrid[0:h, 0:w]
    # contact shadow
    d = ((xx - cx - r * 0.35) / (1.25 * r)) ** 2 + ((yy - cy - r * 0.93) / (0.3 * r)) ** 2
    a = mix(a, a * 0.35, np.clip(1.35 - d, 0, 1) * 0.9)
    x, y = (xx - cx) / r, (yy - cy) / r
    inside = x * x + y * y < 1
    n = np.stack([x[inside], y[inside], np.sqrt(1 - x[inside] ** 2 - y[inside] ** 2)], 1)
    k = 360
    i = np.arange(k) + 0.5
    z, phi = 1 - 2 * i / k, i * math.pi * (1 + 5 ** 0.5)
    c = np.stack([np.sqrt(1 - z * z) * np.cos(phi), np.sqrt(1 - z * z) * np.sin(phi), z], 1)
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))  # turned, so that the lattice's pole is not in front
    c = c @ q
    near = np.empty(len(n), np.int64)
    for s in range(0, len(n), 50000):
        near[s:s + 50000] = (n[s:s + 50000] @ c.T).argmax(1)
    c = c[near]
    cosang = np.clip((n * c).sum(1), -1, 1)
    rad = 0.082
    depth = np.clip(np.arccos(cosang) / rad, 0, 1)
    t = n - c * cosang[:, None]
    t /= np.linalg.norm(t, axis=1, keepdims=True) + 1e-9
    slope = np.where(depth < 1, np.sin(depth * math.pi) * 0.75, 0)
    m = n - t * slope[:, None]
    m /= np.linalg.norm(m, axis=1, keepdims=True)
    l = np.asarray(light) / np.linalg.norm(light)
    diff = np.clip(m @ l, 0, 1)
    hv = l + np.array([0, 0, 1.0])
    spec = np.clip(m @ (hv / np.linalg.norm(hv)), 0, 1) ** 40
    bounce = np.clip(n[:, 1], 0, 1)
    col = (0.30 + 0.68 * diff)[:, None] * np.array([0.98, 0.98, 0.96]) + 0.35 * spec[:, None] \
        + bounce[:, None] * np.array([-0.06, 0.02, -0.10])
    a[inside] = np.clip(col, 0, 1)
    im.paste(to_pil(a))


def front_grass(im, cx, cy, r, rng, count=260, base=(0.24, 0.48, 0.12)):
    d = ImageDraw.Draw(im)
    for _ in range(count):
        x = cx + rng.normal() * r * 0.7
        y = cy + r * (1.0 + 0.16 * rng.random())
        s = r * (0.14 + 0.22 * rng.random())
        g = rng.normal() * 0.09
        c = tuple(int(255 * min(1, max(0, b + g * k))) for b, k in zip(base, (0.9, 1.3, 0.5)))
        d.polygon([(x - s * 0.05, y), (x + s * 0.05, y), (x + rng.normal() * s * 0.4, y - s)], fill=c)


def leaf(d, x, y, length, angle, fill, vein):
    c, s = math.cos(angle), math.sin(angle)
    pts = []
    for t in list(np.linspace(0, 1, 20)) + list(np.linspace(1, 0, 20))[1:]:
        side = 1 if len(pts) < 20 else -1
        wdt = side * 0.32 * length * math.sin(math.pi * t ** 0.7) * (1 - 0.3 * t)
        pts.append((x + c * t * length - s * wdt, y + s * t * length + c * wdt))
    d.polygon(pts, fill=fill)
    d.line([(x, y), (x + c * length * 0.95, y + s * length * 0.95)], fill=vein, width=max(1, int(length / 40)))


def daisy(im, cx, cy, r, rng, stem_to=None):
    """White rays around a yellow disc of florets on Vogel's spiral."""
    d = ImageDraw.Draw(im)
    if stem_to:
        sx, sy = stem_to
        d.line([(cx, cy), ((cx + sx) / 2 + r * 0.05, (cy + sy) / 2), (sx, sy)], fill=(62, 110, 38), width=int(r * 0.1))
        leaf(d, (cx + sx) / 2, (cy + sy) / 2 + r * 0.45, r * 0.7, -0.45, (66, 124, 42), (120, 165, 80))
        leaf(d, (cx + sx) / 2, (cy + sy) / 2 + r * 0.6, r * 0.7, math.pi + 0.45, (54, 108, 36), (110, 150, 70))
    for ring, (count, length, shade) in enumerate([(17, 1.0, 0.80), (16, 0.97, 0.93), (15, 0.90, 1.0)]):
        for k in range(count):
            a = 2 * math.pi * (k + ring / 3) / count + rng.normal() * 0.06
            ln, wd = r * length * (0.93 + 0.1 * rng.random()), r * 0.105 * (0.9 + 0.3 * rng.random())
            g, bend = shade * (0.95 + 0.08 * rng.random()), rng.normal() * 0.06
            left, right, mid = [], [], []
            for t in np.linspace(0.2, 1, 16):
                aa = a + bend * (t - 0.3)
                half = wd * (math.sin(math.pi * min(1, (t - 0.1) / 0.95) ** 1.4) ** 0.55 if t < 1 else 0.1)
                px, py = cx + math.cos(aa) * ln * t, cy + math.sin(aa) * ln * t
                left.append((px - math.sin(aa) * half, py + math.cos(aa) * half))
                right.append((px + math.sin(aa) * half, py - math.cos(aa) * half))
                mid.append((px, py))
            col = tuple(int(min(255, c * g)) for c in (250, 250, 252))
            d.polygon(left + right[::-1], fill=col)
            d.line(left, fill=tuple(int(c * 0.84) for c in col), width=max(1, int(r * 0.012)))
            d.line(mid, fill=tuple(int(c * 0.92) for c in col), width=max(1, int(r * 0.01)))
    rd = r * 0.30
    d.ellipse([cx - rd, cy - rd, cx + rd, cy + rd], fill=(206, 140, 10))
    for i in range(420):
        f = math.sqrt((i + 0.5) / 420)
        rr, a = rd * 0.99 * f, i * 2.39996323  # Vogel's spiral, the golden angle
        x, y, e, b = cx + rr * math.cos(a), cy + rr * math.sin(a), rd * (0.03 + 0.03 * f), 0.8 + 0.3 * rng.random()
        light = 1.08 - 0.25 * (x - cx + y - cy) / rd
        d.ellipse([x - e, y - e, x + e, y + e], fill=tuple(int(max(0, min(255, c * b * light))) for c in (246, 192, 30)))


def sunflower(im, cx, cy, r, rng, stem_to=None):
    d = ImageDraw.Draw(im)
    w, h = im.size
    if stem_to:
        sx, sy = stem_to
        d.line([(cx, cy), ((cx + sx) / 2 + r * 0.05, (cy + sy) / 2), (sx, sy)], fill=(62, 110, 38), width=int(r * 0.13))
        leaf(d, (cx + sx) / 2, (cy + sy) / 2 + r * 0.45, r * 0.95, -0.45, (66, 124, 42), (120, 165, 80))
        leaf(d, (cx + sx) / 2, (cy + sy) / 2 + r * 0.6, r * 0.95, math.pi + 0.45, (54, 108, 36), (110, 150, 70))
    for ring, (count, length, shade) in enumerate([(22, 1.0, 0.82), (21, 0.97, 1.0), (20, 0.86, 1.08)]):
        for k in range(count):
            a = 2 * math.pi * (k + ring / 3) / count + rng.normal() * 0.05
            ln = r * length * (0.93 + 0.1 * rng.random())
            wd = r * 0.125 * (0.9 + 0.3 * rng.random())
            g = shade * (0.93 + 0.12 * rng.random())
            bend = rng.normal() * 0.08
            left, right, mid = [], [], []
            for t in np.linspace(0.3, 1, 14):
                aa = a + bend * (t - 0.3)
                half = wd * math.sin(math.pi * min(1, (t - 0.22) / 0.78) ** 0.9) ** 0.8
                px, py = cx + math.cos(aa) * ln * t, cy + math.sin(aa) * ln * t
                left.append((px - math.sin(aa) * half, py + math.cos(aa) * half))
                right.append((px + math.sin(aa) * half, py - math.cos(aa) * half))
                mid.append((px, py))
            col = tuple(int(min(255, c * g)) for c in (244, 184, 24))
            d.polygon(left + right[::-1], fill=col)
            d.line(left, fill=tuple(int(c * 0.80) for c in col), width=max(1, int(r * 0.012)))
            d.line(mid, fill=tuple(int(c * 0.90) for c in col), width=max(1, int(r * 0.012)))
            d.line(mid[:6], fill=(196, 120, 14), width=max(1, int(r * 0.02)))
    rd = r * 0.43
    d.ellipse([cx - rd, cy - rd, cx + rd, cy + rd], fill=(64, 38, 18))
    for i in range(620):
        f = math.sqrt((i + 0.5) / 620)
        rr, a = rd * 0.99 * f, i * 2.39996323  # Vogel's spiral, the golden angle
        x, y = cx + rr * math.cos(a), cy + rr * math.sin(a)
        s = rd * (0.022 + 0.028 * f)
        b = 0.7 + 0.5 * rng.random()
        base = (98, 62, 26) if f > 0.62 else ((50, 34, 16) if f > 0.33 else (92, 86, 30))
        d.ellipse([x - s, y - s, x + s, y + s], fill=tuple(int(c * b) for c in base))


def parachute(im, cx, cy, r, rng, colours=((208, 44, 40), (246, 240, 230), (240, 170, 40), (246, 240, 230))):
    """Round canopy seen from a little below; gores, scalloped edge, lines, a jumper."""
    d = ImageDraw.Draw(im)
    n = 14
    jx, jy = cx + r * 0.05, cy + r * 1.75
    rim = lambda a, back=1: (cx + r * math.cos(a), cy + back * r * 0.20 * math.sin(a))
    # inside of the far rim
    d.ellipse([cx - r, cy - r * 0.2, cx + r, cy + r * 0.2], fill=(110, 60, 56))
    for k in range(n + 1):
        a = math.pi * k / n
        d.line([rim(a), (jx, jy - r * 0.13)], fill=(70, 70, 80), width=max(1, int(r / 75)))
    gores = 10
    for k in range(gores):
        a0, a1 = math.pi * k / gores, math.pi * (k + 1) / gores
        pts = []
        for t in np.linspace(0, 1, 24):
            ang = t * math.pi / 2
            pts.append((cx + r * math.cos(a0) * math.cos(ang), cy + 0.2 * r * math.sin(a0) * math.cos(ang) - r * 0.92 * math.sin(ang)))
        other = []
        for t in np.linspace(0, 1, 24):
            ang = t * math.pi / 2
            other.append((cx + r * math.cos(a1) * math.cos(ang), cy + 0.2 * r * math.sin(a1) * math.cos(ang) - r * 0.92 * math.sin(ang)))
        am = (a0 + a1) / 2
        bottom = []
        for t in np.linspace(0, 1, 9):
            a = a0 + (a1 - a0) * t
            x, y = rim(a)
            bottom.append((x, y + math.sin(math.pi * t) * -r * 0.035))
        light = 0.62 + 0.42 * max(0, math.cos(am - math.pi * 0.68))
        d.polygon(bottom + other + pts[::-1], fill=tuple(int(min(255, c * light)) for c in colours[k % len(colours)]))
        d.line(other, fill=(80, 50, 50), width=max(1, int(r / 120)))
    s = r * 0.11
    d.ellipse([jx - s * 0.45, jy - s * 1.5, jx + s * 0.45, jy - s * 0.6], fill=(40, 40, 46))
    d.rounded_rectangle([jx - s * 0.6, jy - s * 0.6, jx + s * 0.6, jy + s * 1.1], s * 0.3, fill=(52, 58, 92))
    for q in (-1, 1):
        d.line([(jx + q * s * 0.35, jy + s), (jx + q * s * 0.55, jy + s * 2.5)], fill=(36, 36, 44), width=int(s * 0.5))
        d.line([(jx + q * s * 0.5, jy - s * 0.3), (jx + q * s * 1.0, jy - s * 1.6)], fill=(52, 58, 92), width=int(s * 0.35))


def church(im, cx, base, u, rng):
    """u: width of the tower."""
    d = ImageDraw.Draw(im)
    wall, shade, roof, glass = (226, 216, 196), (188, 176, 156), (122, 66, 52), (58, 66, 84)
    d.rectangle([cx, base - u * 1.75, cx + u * 3.2, base], fill=wall)
    d.polygon([(cx - u * 0.1, base - u * 1.7), (cx + u * 3.35, base - u * 1.7), (cx + u * 2.95, base - u * 2.9),
               (cx, base - u * 2.9)], fill=roof)
    for k in range(9):
        y = base - u * (1.78 + 0.125 * k)
        d.line([(cx, y), (cx + u * (3.3 - 0.04 * k), y)], fill=(104, 54, 42), width=max(1, int(u / 50)))
    for k in range(3):
        x, y, ww = cx + u * (0.95 + 0.75 * k), base - u * 1.35, u * 0.17
        d.rectangle([x - ww, y, x + ww, y + u * 0.85], fill=glass)
        d.ellipse([x - ww, y - ww, x + ww, y + ww], fill=glass)
        d.line([(x, y - ww), (x, y + u * 0.85)], fill=shade, width=max(1, int(u / 40)))
    x0, x1, top = cx - u * 0.5, cx + u * 0.5, base - u * 3.3
    d.rectangle([x0, top, x1, base], fill=wall)
    d.rectangle([cx + u * 0.2, top, x1, base], fill=shade)
    d.rectangle([x0 - u * 0.08, top - u * 0.12, x1 + u * 0.08, top], fill=(206, 196, 176))
    d.polygon([(x0 - u * 0.06, top - u * 0.1), (x1 + u * 0.06, top - u * 0.1), (cx, top - u * 2.4)], fill=(86, 96, 104))
    d.polygon([(cx, top - u * 0.1), (x1 + u * 0.06, top - u * 0.1), (cx, top - u * 2.4)], fill=(66, 74, 84))
    yc = top - u * 2.4
    d.line([(cx, yc + u * 0.1), (cx, yc - u * 0.55)], fill=(60, 54, 40), width=max(2, int(u / 18)))
    d.line([(cx - u * 0.17, yc - u * 0.35), (cx + u * 0.17, yc - u * 0.35)], fill=(60, 54, 40), width=max(2, int(u / 18)))
    r = u * 0.2
    d.ellipse([cx - r - u * 0.08, top + u * 0.3 - r, cx + r - u * 0.08, top + u * 0.3 + r], fill=(244, 240, 228), outline=(70, 60, 50))
    d.line([(cx - u * 0.08, top + u * 0.3), (cx - u * 0.08, top + u * 0.16)], fill=(40, 40, 40), width=max(1, int(u / 40)))
    for dy in (1.0, 1.75):
        ww, y = u * 0.12, top + u * dy
        d.rectangle([cx - u * 0.08 - ww, y, cx - u * 0.08 + ww, y + u * 0.42], fill=glass)
        d.ellipse([cx - u * 0.08 - ww, y - ww, cx - u * 0.08 + ww, y + ww], fill=glass)
    ww, y = u * 0.2, base - u * 0.62
    d.rectangle([cx - u * 0.1 - ww, y, cx - u * 0.1 + ww, base], fill=(92, 58, 34))
    d.ellipse([cx - u * 0.1 - ww, y - ww, cx - u * 0.1 + ww, y + ww], fill=(92, 58, 34))


def tree(im, x, base, s, rng):
    d = ImageDraw.Draw(im)
    d.rectangle([x - s * 0.06, base - s * 0.6, x + s * 0.06, base], fill=(84, 62, 44))
    for _ in range(240):
        a, q = rng.random() * 2 * math.pi, math.sqrt(rng.random())
        px, py = x + math.cos(a) * q * s * 0.45, base - s * 0.95 + math.sin(a) * q * s * 0.5
        b = 0.65 + 0.35 * (0.5 - math.sin(a) * q * 0.5) + rng.normal() * 0.08
        e = s * 0.07
        d.ellipse([px - e, py - e, px + e, py + e], fill=tuple(int(max(0, min(255, c * b))) for c in (70, 122, 52)))


def meadow_behind(h, w, rng):
    """Out of focus: green with light and dark blobs, sky above."""
    a = sky(h, w, rng)
    g = noise(h, w, h // 5, rng, 3)
    field = mix(np.ones((h, w, 3)) * (0.16, 0.34, 0.10), (0.46, 0.62, 0.24), g)
    edge = h * 0.30 + (noise(1, w, w // 6, rng, 3) - 0.5) * h * 0.14
    m = np.clip((np.arange(h)[:, None] - edge) / (0.02 * h), 0, 1)
    return to_pil(a * (1 - m[..., None]) + field * m[..., None]).filter(ImageFilter.GaussianBlur(h * 0.02))


def canvas(a):
    return a if isinstance(a, Image.Image) else to_pil(a)


def scene_golf_ball(h, w):
    rng = np.random.default_rng(3)
    im = meadow_behind(h, w, rng)
    grass(im, h * 0.5, rng)
    golf_ball(im, w * 0.52, h * 0.56, h * 0.25, rng)
    front_grass(im, w * 0.52, h * 0.56, h * 0.25, rng)
    return im


def scene_parachute(h, w):
    rng = np.random.default_rng(5)
    im = canvas(sky(h, w, rng, top=(0.16, 0.40, 0.78), clouds=0.6))
    parachute(im, w * 0.5, h * 0.38, h * 0.27, rng)
    return im


def scene_flower(h, w):
    rng = np.random.default_rng(7)
    im = meadow_behind(h, w, rng)
    daisy(im, w * 0.48, h * 0.43, h * 0.36, rng, (w * 0.5, h * 1.02))
    return im


def scene_church(h, w):
    rng = np.random.default_rng(11)
    im = canvas(sky(h, w, rng))
    grass(im, h * 0.80, rng, 5000, (0.26, 0.46, 0.16))
    for x, s in ((0.08, 0.34), (0.20, 0.26), (0.93, 0.36)):
        tree(im, w * x, h * 0.82, h * s, rng)
    church(im, w * 0.38, h * 0.83, h * 0.125, rng)
    return im


def scene_two(h, w):
    """A golf ball on the left, a daisy on the right: switching the class must move the heatmap."""
    rng = np.random.default_rng(13)
    im = meadow_behind(h, w, rng)
    grass(im, h * 0.62, rng)
    daisy(im, w * 0.72, h * 0.42, h * 0.37, rng, (w * 0.75, h * 1.02))
    golf_ball(im, w * 0.22, h * 0.72, h * 0.15, rng)
    front_grass(im, w * 0.22, h * 0.72, h * 0.15, rng)
    return im


def hot_air_balloon(im, cx, cy, r, colours):
    d = ImageDraw.Draw(im)
    n = len(colours) * 2
    outline = lambda a, f: (cx + r * f * math.sin(a) * (1 if a < 2.1 else max(0.12, 1 - (a - 2.1) * 0.55)), cy - r * math.cos(a) * (1 if a < 2.1 else 1 + (a - 2.1) * 0.42))
    for k in range(n):
        f0, f1 = (math.sin(math.pi * (q / n - 0.5)) for q in (k, k + 1))
        pts = [outline(a, f0) for a in np.linspace(0, 2.85, 30)] + [outline(a, f1) for a in np.linspace(2.85, 0, 30)]
        light = 0.62 + 0.45 * math.cos(math.pi * ((k + 0.5) / n - 0.38))
        d.polygon(pts, fill=tuple(int(min(255, c * light)) for c in colours[k % len(colours)]))
    bx, by, bw = cx, cy + r * 1.62, r * 0.16
    for q in (-1, 1):
        d.line([(bx + q * bw, by - bw), (cx + q * r * 0.2, cy + r * 1.22)], fill=(70, 60, 50), width=max(1, int(r / 40)))
    d.rectangle([bx - bw, by - bw, bx + bw, by + bw * 0.8], fill=(120, 78, 40))


def hills(im, horizon, rng, colours):
    a = to_array(im).copy()
    h, w, _ = a.shape
    for i, c in enumerate(colours):
        edge = h * (horizon + 0.09 * i) + (noise(1, w, w // (3 + i), rng, 3)[0] - 0.5) * h * 0.16
        m = np.clip(np.arange(h)[:, None] - edge[None], 0, 1)
        tex = 0.85 + 0.3 * noise(h, w, h // 12, rng, 4)[..., None]
        a = a * (1 - m[..., None]) + np.asarray(c) * tex * m[..., None]
    im.paste(to_pil(a))


def scene_balloons(h, w):
    """Three hot-air balloons, small, over hills."""
    rng = np.random.default_rng(17)
    im = canvas(sky(h, w, rng, clouds=0.5))
    hills(im, 0.68, rng, [(0.42, 0.52, 0.55), (0.30, 0.44, 0.34), (0.24, 0.40, 0.16)])
    for x, y, r, c in ((0.30, 0.30, 0.115, ((214, 40, 36), (250, 200, 40), (30, 90, 170))),
                       (0.62, 0.20, 0.06, ((240, 130, 30), (250, 244, 230))),
                       (0.80, 0.42, 0.035, ((90, 50, 150), (240, 220, 60)))):
        hot_air_balloon(im, w * x, h * y, h * r, c)
    return im


def scene_traffic_light(h, w):
    rng = np.random.default_rng(19)
    im = canvas(sky(h, w, rng, top=(0.40, 0.52, 0.66), low=(0.80, 0.84, 0.88), clouds=0.9))
    blur = ImageDraw.Draw(im)
    for x0, x1, top, c in ((0, 0.2, 0.35, (128, 104, 92)), (0.2, 0.36, 0.5, (150, 140, 130)), (0.68, 0.84, 0.42, (112, 116, 128)),
                           (0.84, 1, 0.28, (140, 118, 100))):
        blur.rectangle([w * x0, h * top, w * x1, h], fill=c)
        for i in range(3):
            for j in range(8):
                x, y = w * (x0 + (i + 0.3) * (x1 - x0) / 3), h * (top + 0.05 + j * 0.09)
                blur.rectangle([x, y, x + w * 0.02, y + h * 0.045], fill=tuple(int(q * 0.6) for q in c))
    im = im.filter(ImageFilter.GaussianBlur(h * 0.012))
    d = ImageDraw.Draw(im)
    cx, top, u = w * 0.52, h * 0.10, h * 0.125
    d.rectangle([cx - u * 0.16, top + u * 5, cx + u * 0.16, h], fill=(62, 66, 70))
    d.rounded_rectangle([cx - u, top, cx + u, top + u * 5.4], u * 0.35, fill=(30, 33, 34), outline=(14, 15, 16), width=int(u * 0.08))
    for k, (on, col) in enumerate(((True, (250, 46, 36)), (False, (96, 74, 16)), (False, (14, 70, 44)))):
        y = top + u * (0.95 + 1.75 * k)
        if on:
            glow = Image.new("RGBA", im.size)
            ImageDraw.Draw(glow).ellipse([cx - u * 1.5, y - u * 1.5, cx + u * 1.5, y + u * 1.5], fill=(*col, 110))
            im.paste(Image.new("RGB", im.size, col), mask=glow.filter(ImageFilter.GaussianBlur(u * 0.4)).getchannel("A"))
            d = ImageDraw.Draw(im)
        d.ellipse([cx - u * 0.72, y - u * 0.72, cx + u * 0.72, y + u * 0.72], fill=col, outline=(10, 10, 10), width=int(u * 0.06))
        d.ellipse([cx - u * 0.4, y - u * 0.5, cx + u * 0.05, y - u * 0.15], fill=tuple(min(255, q + 50) for q in col))
        d.pieslice([cx - u * 0.85, y - u * 0.98, cx + u * 0.85, y + u * 0.5], 190, 350, fill=(20, 22, 23))
        d.ellipse([cx - u * 0.72, y - u * 0.62, cx + u * 0.72, y + u * 0.72], fill=col)
    return im


def lighthouse(im, cx, base, u):
    d = ImageDraw.Draw(im)
    top = base - u * 5.2
    side = lambda t: u * (0.52 + 0.38 * t)
    for k in range(6):
        t0, t1 = k / 6, (k + 1) / 6
        y0, y1 = top + (base - top) * t0, top + (base - top) * t1
        c = (204, 44, 40) if k % 2 == 0 else (244, 240, 232)
        d.polygon([(cx - side(t0), y0), (cx + side(t0), y0), (cx + side(t1), y1), (cx - side(t1), y1)], fill=c)
        d.polygon([(cx + side(t0) * 0.35, y0), (cx + side(t0), y0), (cx + side(t1), y1), (cx + side(t1) * 0.35, y1)],
                  fill=tuple(int(q * 0.78) for q in c))
    d.rectangle([cx - u * 0.8, top - u * 0.14, cx + u * 0.8, top + u * 0.04], fill=(50, 52, 56))
    for k in range(9):
        x = cx - u * 0.78 + k * u * 0.195
        d.line([(x, top - u * 0.5), (x, top - u * 0.1)], fill=(50, 52, 56), width=max(1, int(u * 0.03)))
    d.line([(cx - u * 0.8, top - u * 0.5), (cx + u * 0.8, top - u * 0.5)], fill=(50, 52, 56), width=max(1, int(u * 0.05)))
    d.rectangle([cx - u * 0.36, top - u * 0.95, cx + u * 0.36, top - u * 0.14], fill=(250, 236, 170))
    for q in (-0.36, -0.12, 0.12, 0.36):
        d.line([(cx + u * q, top - u * 0.95), (cx + u * q, top - u * 0.14)], fill=(60, 60, 62), width=max(1, int(u * 0.04)))
    d.pieslice([cx - u * 0.46, top - u * 1.45, cx + u * 0.46, top - u * 0.5], 180, 360, fill=(176, 36, 34))
    for dy in (1.3, 2.9):
        d.rectangle([cx - u * 0.14, top + u * dy, cx + u * 0.14, top + u * (dy + 0.42)], fill=(54, 60, 72))


def scene_lighthouse(h, w):
    rng = np.random.default_rng(23)
    im = canvas(sky(h, w, rng))
    a = to_array(im).copy()
    sea = np.asarray((0.10, 0.30, 0.46)) * (0.8 + 0.5 * noise(h, w, h // 30, rng, 3)[..., None])
    a[int(h * 0.70):] = sea[int(h * 0.70):]
    im.paste(to_pil(a))
    d = ImageDraw.Draw(im)
    for _ in range(260):
        y = h * (0.71 + 0.29 * rng.random() ** 1.3)
        x, l = rng.random() * w, w * 0.02 * (y / h)
        d.line([(x, y), (x + l, y)], fill=(150, 190, 210), width=2)
    rock = [(w * 0.28, h)] + [(w * (0.30 + 0.05 * k), h * (0.80 - 0.05 * math.sin(k * 0.9) - 0.02 * rng.random())) for k in range(9)] + [(w * 0.80, h)]
    d.polygon(rock, fill=(104, 96, 86))
    for _ in range(140):
        x, y = w * (0.32 + 0.42 * rng.random()), h * (0.82 + 0.16 * rng.random())
        s, b = h * 0.03 * rng.random(), int(80 + 60 * rng.random())
        d.polygon([(x, y), (x + s, y - s * 0.6), (x + 2 * s, y + s * 0.3)], fill=(b, b - 8, b - 18))
    lighthouse(im, w * 0.52, h * 0.82, h * 0.115)
    return im


def wall_clock(im, cx, cy, r):
    d = ImageDraw.Draw(im)
    d.ellipse([cx - r * 1.08 + r * 0.06, cy - r * 1.08 + r * 0.1, cx + r * 1.08 + r * 0.06, cy + r * 1.08 + r * 0.1], fill=(120, 112, 100))
    d.ellipse([cx - r * 1.08, cy - r * 1.08, cx + r * 1.08, cy + r * 1.08], fill=(46, 40, 38))
    d.ellipse([cx - r * 0.96, cy - r * 0.96, cx + r * 0.96, cy + r * 0.96], fill=(250, 248, 240))
    for k in range(60):
        a, big = 2 * math.pi * k / 60, k % 5 == 0
        i = 0.78 if big else 0.86
        d.line([(cx + r * i * math.sin(a), cy - r * i * math.cos(a)), (cx + r * 0.91 * math.sin(a), cy - r * 0.91 * math.cos(a))],
               fill=(20, 20, 20), width=max(1, int(r * (0.05 if big else 0.015))))
    for a, l, wd in ((2 * math.pi * (10 / 12 + 10 / 720), 0.5, 0.065), (2 * math.pi * 10 / 60, 0.74, 0.045), (2 * math.pi * 35 / 60, 0.8, 0.015)):
        d.line([(cx - r * 0.1 * math.sin(a), cy + r * 0.1 * math.cos(a)), (cx + r * l * math.sin(a), cy - r * l * math.cos(a))],
               fill=(170, 30, 30) if wd < 0.02 else (20, 20, 22), width=max(2, int(r * wd)))
    d.ellipse([cx - r * 0.06, cy - r * 0.06, cx + r * 0.06, cy + r * 0.06], fill=(20, 20, 22))


def lemon(im, cx, cy, r, rng, base=(250, 216, 40)):
    a = to_array(im).copy()
    h, w, _ = a.shape
    yy, xx = np.mgrid[0:h, 0:w]
    x, y = (xx - cx) / (r * 1.32), (yy - cy) / r
    tip = np.abs(x) ** 6 * 0.5
    m = x * x + y * y * (1 + tip) < 1
    z = np.sqrt(np.clip(1 - x * x - y * y, 0, 1))
    pores = noise(h, w, max(3, int(r / 9)), rng, 2)
    l = np.clip(-0.5 * x - 0.6 * y + 0.62 * z, 0, 1) * (0.9 + 0.25 * (pores - 0.5))
    shadow = np.clip(1.25 - ((xx - cx - r * 0.3) / (1.5 * r)) ** 2 - ((yy - cy - r * 0.92) / (0.28 * r)) ** 2, 0, 1)
    a = mix(a, a * 0.45, shadow * 0.9)
    a[m] = np.clip((0.42 + 0.66 * l[m])[:, None] * np.asarray(base) / 255 + 0.25 * (l[m] ** 14)[:, None], 0, 1)
    im.paste(to_pil(a))


def mug(im, cx, cy, r, colour):
    """cy: middle of its wall, r: half of its width."""
    d = ImageDraw.Draw(im)
    d.ellipse([cx + r * 0.62, cy - r * 0.62, cx + r * 1.72, cy + r * 0.66], outline=tuple(int(c * 0.82) for c in colour), width=int(r * 0.2))
    for k in range(int(2 * r)):
        t = k / (2 * r)
        light = 0.62 + 0.46 * math.cos(math.pi * (t - 0.3))
        d.line([(cx - r + k, cy - r), (cx - r + k, cy + r + r * 0.2 * math.sin(math.pi * t))], fill=tuple(int(min(255, c * light)) for c in colour))
    d.ellipse([cx - r, cy - r * 1.24, cx + r, cy - r * 0.76], fill=tuple(int(c * 0.7) for c in colour))
    d.ellipse([cx - r * 0.88, cy - r * 1.16, cx + r * 0.88, cy - r * 0.80], fill=(52, 30, 18))


def table(h, w, rng, wall=(0.80, 0.77, 0.70), wood=(0.55, 0.36, 0.20), edge=0.55):
    a = np.ones((h, w, 3)) * wall * (0.92 + 0.1 * noise(h, w, h // 3, rng)[..., None])
    grain = noise(h, w, h // 4, rng, 2) * 0.3 + np.repeat(noise(h, 1, h // 40, rng, 4), w, 1) * 0.5
    m = (np.arange(h)[:, None] > h * edge) * np.ones((1, w))
    return to_pil(a * (1 - m[..., None]) + np.asarray(wood) * (0.65 + 0.6 * grain[..., None]) * m[..., None])


def scene_sunflower(h, w):
    rng = np.random.default_rng(7)
    im = meadow_behind(h, w, rng)
    sunflower(im, w * 0.48, h * 0.43, h * 0.36, rng, (w * 0.5, h * 1.02))
    return im


def scene_clutter(h, w):
    """A table with a mug, lemons and a golf ball, a clock on the wall: five things, one answer."""
    rng = np.random.default_rng(31)
    im = table(h, w, rng, wall=(0.62, 0.70, 0.72))
    wall_clock(im, w * 0.78, h * 0.24, h * 0.16)
    mug(im, w * 0.30, h * 0.55, h * 0.17, (60, 110, 170))
    lemon(im, w * 0.60, h * 0.70, h * 0.10, rng)
    lemon(im, w * 0.72, h * 0.80, h * 0.10, rng)
    golf_ball(im, w * 0.47, h * 0.86, h * 0.055, rng)
    return im


# picture -> (how it is drawn, what pocket says of it first: the class, what to see)
SCENES = {
    "golf_ball": (scene_golf_ball, "golf ball", "Right, and sure of it."),
    "parachute": (scene_parachute, "parachute", "Right; the map lies between canopy and jumper."),
    "flower": (scene_flower, "daisy", "Right: the daisy is one of two flowers among the 1,000 classes."),
    "church": (scene_church, "church", "Right, by the steeple."),
    "golf_ball_and_flower": (scene_two, "golf ball", "Two things: the smaller one wins. Ask for the daisy, and the map moves."),
    "balloons": (scene_balloons, "balloon", "Right, though small; a third of the probability goes to the parachute."),
    "traffic_light": (scene_traffic_light, "traffic light", "Right."),
    "lighthouse": (scene_lighthouse, "lighthouse", "Right."),
    "clutter": (scene_clutter, "golf ball", "A clock, a mug, two lemons, a golf ball: many right answers, none of them sure; the smallest comes first."),
    "sunflower": (scene_sunflower, "daisy", "Wrong, and sure of it: it knows no sunflower, and the daisy is the nearest it has."),
}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("-o", "--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "samples"))
    ap.add_argument("--size", default="480x360")
    a = ap.parse_args()
    w, h = map(int, a.size.split("x"))
    os.makedirs(a.out, exist_ok=True)
    for name, (scene, _, _) in SCENES.items():
        im = scene(h * SS, w * SS).resize((w, h), Image.LANCZOS)
        path = os.path.join(a.out, name + ".jpg")
        im.save(path, quality=88, optimize=True)
        print(name, os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
