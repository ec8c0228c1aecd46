"""Draws the sample pictures of page, README and tests: nobody's photo, so no licence question.

    python3 make_samples.py [-o samples]

Golf ball: a sphere shaded with Lambert and Phong, 360 dimples on a Fibonacci lattice. Sunflower: petals as
polygons, seeds on Vogel's spiral. Parachute: gores between ellipses. Church: flat shapes, one light.
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
    sunflower(im, w * 0.48, h * 0.43, h * 0.36, rng, (w * 0.5, h * 1.02))
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
    """A golf ball on the left, a sunflower on the right: switching the class must move the heatmap."""
    rng = np.random.default_rng(13)
    im = meadow_behind(h, w, rng)
    grass(im, h * 0.62, rng)
    sunflower(im, w * 0.74, h * 0.36, h * 0.29, rng, (w * 0.76, h * 0.98))
    golf_ball(im, w * 0.27, h * 0.66, h * 0.23, rng)
    front_grass(im, w * 0.27, h * 0.66, h * 0.23, rng)
    return im


SCENES = {"golf_ball": scene_golf_ball, "parachute": scene_parachute, "flower": scene_flower, "church": scene_church,
          "golf_ball_and_flower": scene_two}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("-o", "--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "samples"))
    ap.add_argument("--size", default="480x360")
    a = ap.parse_args()
    w, h = map(int, a.size.split("x"))
    os.makedirs(a.out, exist_ok=True)
    for name, scene in SCENES.items():
        im = scene(h * SS, w * SS).resize((w, h), Image.LANCZOS)
        path = os.path.join(a.out, name + ".jpg")
        im.save(path, quality=88, optimize=True)
        print(name, os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
