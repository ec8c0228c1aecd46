"""Prints every number that the card and the README of `pocket` state, measured on pocket.onnx.

    python3 evaluate.py DATA_DIR [--only accuracy,calibration,...] [--write] [--confusion FILE.png]

DATA_DIR holds pocket/, voc_boxes/, photos/ and imagenet_sample/. --write puts the summary into model.json.
Parts: accuracy, calibration, outside, pointing, deletion, sanity, samples, photos.
Pictures are resized to the input size as the engine does by default: bilinear, half-pixel centres, no filter.
N pictures, K classes, S input side.
"""
import argparse
import csv
import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import data
from onnxnet import OnnxNet

HERE = os.path.dirname(os.path.abspath(__file__))
VOC = ["bus", "car", "cat", "person", "train"]

# ImageNet classes that are one of the 18, are close enough to argue about, or name a person: not "outside".
# Fish and rays, dogs with wolves and foxes, cats with wild cats, vehicles, church-like buildings, horns and
# cassette machines, balls, flowers, people.
NEAR = (set(range(0, 7)) | set(range(389, 398)) | set(range(151, 294)) |
        {403, 404, 405, 407, 408, 417, 436, 442, 444, 466, 468, 479, 481, 482, 483, 485, 491, 497, 511, 513, 517, 532,
         538, 547, 555, 561, 565, 566, 569, 570, 571, 573, 574, 575, 581, 586, 595, 603, 609, 612, 627, 632, 654, 656,
         660, 661, 663, 665, 668, 670, 671, 675, 680, 683, 698, 701, 705, 717, 734, 751, 754, 757, 776, 779, 802, 803,
         812, 817, 820, 829, 832, 847, 848, 856, 864, 866, 867, 868, 874, 875, 890, 895, 908, 981, 982, 983, 985, 986})


def resize(im, s):
    """PIL picture -> float 3,s,s 0..255: bilinear at half-pixel centres without a filter, as the engine does it."""
    a = torch.from_numpy(np.asarray(im.convert("RGB")).copy()).permute(2, 0, 1).float()[None]
    return F.interpolate(a, size=(s, s), mode="bilinear", align_corners=False)[0]


def val_set(a, net):
    x, y, names, files = data.load(os.path.join(a.data_dir, "pocket"), "val", a.cache)
    x = torch.cat([F.interpolate(x[i:i + 256].float(), size=(net.side, net.side), mode="bilinear",
                                 align_corners=False).round().byte() for i in range(0, len(x), 256)])
    return x, y, names, files


def run_all(net, x):
    return torch.cat([net.run(x[i:i + 64].float())[0] for i in range(0, len(x), 64)])


def accuracy(a, net, out):
    x, y, names, _ = val_set(a, net)
    z = run_all(net, x)
    pred = z.argmax(1)
    conf = torch.zeros(len(names), len(names), dtype=torch.long)
    for t, p in zip(y.tolist(), pred.tolist()):
        conf[t, p] += 1
    per = conf.diag() / conf.sum(1)
    print(f"accuracy: top-1 {float((pred == y).float().mean()) * 100:.2f} %, "
          f"top-3 {float((z.topk(3, 1).indices == y[:, None]).any(1).float().mean()) * 100:.2f} %, "
          f"mean of classes {float(per.mean()) * 100:.2f} %, {len(y)} pictures, input {net.side}, "
          f"{net.madds() / 1e6:.0f} M multiply-adds")
    for i, n in enumerate(names):
        top = [(names[j], int(conf[i, j])) for j in conf[i].argsort(descending=True).tolist() if j != i][:2]
        print(f"  {n:16s} {float(per[i]) * 100:6.1f} % of {int(conf[i].sum()):3d}   "
              + ", ".join(f"{c} as {m}" for m, c in top if c))
    out.update(val_top1=round(float((pred == y).float().mean()), 4), worst_class=names[int(per.argmin())],
               worst_class_top1=round(float(per.min()), 4),
               per_class={n: round(float(p), 4) for n, p in zip(names, per)})
    if a.confusion:
        draw_confusion(conf, names, a.confusion)


def draw_confusion(conf, names, path):
    """Rows truth, columns answer; every cell says its count."""
    from PIL import ImageDraw
    k, cell, left, top = len(names), 30, 118, 118
    im = Image.new("RGB", (left + k * cell + 12, top + k * cell + 12), "white")
    d = ImageDraw.Draw(im)
    for i, n in enumerate(names):
        d.text((left - 8 - d.textlength(n), top + i * cell + 9), n, fill="black")
        t = Image.new("RGB", (110, 14), "white")
        ImageDraw.Draw(t).text((2, 1), n, fill="black")
        im.paste(t.rotate(90, expand=True), (left + i * cell + 8, top - 114))
        for j in range(k):
            f = int(conf[i, j]) / int(conf[i].sum())
            c = tuple(int(255 - (255 - b) * f ** 0.5) for b in ((30, 110, 60) if i == j else (190, 40, 30)))
            x, y = left + j * cell, top + i * cell
            d.rectangle([x, y, x + cell - 2, y + cell - 2], fill=c if conf[i, j] else (246, 246, 246))
            if conf[i, j]:
                s = str(int(conf[i, j]))
                d.text((x + (cell - 1 - d.textlength(s)) / 2, y + 9), s, fill="white" if f > 0.4 else "black")
    d.text((4, 4), "rows: truth\ncolumns: answer", fill="black")
    im.save(path, optimize=True)
    print("  confusion matrix drawn")


def ece(p, y, bins=15):
    conf, pred = p.max(1)
    e = 0.0
    for lo in range(bins):
        m = (conf > lo / bins) & (conf <= (lo + 1) / bins)
        if m.any():
            e += float(m.float().mean()) * abs(float(conf[m].mean()) - float((pred[m] == y[m]).float().mean()))
    return e


def calibration(a, net, out):
    from export import fit_temperature
    x, y, names, _ = val_set(a, net)
    z = run_all(net, x)
    p = z.softmax(1)
    print(f"calibration: expected calibration error {ece(p, y) * 100:.2f} % (15 bins), negative log-likelihood "
          f"{float(F.cross_entropy(z, y)):.4f}, mean confidence {float(p.max(1).values.mean()) * 100:.1f} %")
    # the temperature was fitted on these pictures; fitting it on every other one and judging on the rest shows
    # what that flatters
    g = torch.Generator().manual_seed(0)
    half = torch.randperm(len(y), generator=g)
    e = []
    for fit, judge in ((half[::2], half[1::2]), (half[1::2], half[::2])):
        t = fit_temperature(z[fit], y[fit])
        e.append(ece((z[judge] / t).softmax(1), y[judge]))
    print(f"  temperature refitted on one half, judged on the other: {e[0] * 100:.2f} %, {e[1] * 100:.2f} %")
    out.update(ece=round(ece(p, y), 4), ece_held_out=round(sum(e) / 2, 4))


def outside(a, net, out):
    folder = os.path.join(a.data_dir, "imagenet_sample")
    rows = [r for r in csv.DictReader(open(os.path.join(folder, "labels.csv"))) if int(r["class_id"]) not in NEAR]
    names = a.labels
    x = torch.stack([resize(Image.open(os.path.join(folder, r["file"])), net.side) for r in rows])
    c, k = net.run(x)[0].softmax(1).max(1)
    g = torch.Generator().manual_seed(0)
    s = net.side
    noise = torch.cat([torch.rand(50, 3, s, s, generator=g) * 255, torch.rand(50, 3, 1, 1, generator=g).expand(50, 3, s, s) * 255,
                       F.interpolate(torch.rand(50, 3, 8, 8, generator=g) * 255, size=(s, s), mode="bicubic",
                                     align_corners=False).clamp(0, 255)])
    cn = net.run(noise)[0].softmax(1).max(1).values
    rate = lambda v, t: float((v >= t).float().mean())
    print(f"outside the classes: {len(rows)} ImageNet photos of other things: confidence median {float(c.median()):.2f}, "
          f">= 0.5 {rate(c, .5) * 100:.1f} %, >= 0.9 {rate(c, .9) * 100:.1f} %, >= 0.99 {rate(c, .99) * 100:.1f} %")
    for i in c.argsort(descending=True)[:8].tolist():
        print(f"  {rows[i]['file'][10:-4]:28s} {names[int(k[i])]:16s} {float(c[i]):.3f}")
    print(f"  noise, flat colour, blobs (150): median {float(cn.median()):.2f}, highest {float(cn.max()):.2f}, "
          f">= 0.9 {rate(cn, .9) * 100:.1f} %")
    out.update(outside_at_least_0_9=round(rate(c, .9), 4), outside_at_least_0_99=round(rate(c, .99), 4),
               noise_highest=round(float(cn.max()), 4))


def voc(a):
    folder = os.path.join(a.data_dir, "voc_boxes")
    boxes = {}
    for r in csv.DictReader(open(os.path.join(folder, "boxes.csv"))):
        v = boxes.setdefault(r["file"], {"size": (int(r["width"]), int(r["height"])), "boxes": {}})
        v["boxes"].setdefault(r["class"], []).append([int(r[k]) - 1 for k in ("xmin", "ymin", "xmax", "ymax")])
    return folder, boxes


def on_box(px, py, boxes, tol=15):
    return any(x0 - tol <= px <= x1 + tol and y0 - tol <= py <= y1 + tol for x0, y0, x1, y1 in boxes)


def pointing(a, net, out):
    """Zhang et al. 2018: hit = the map's maximum lies in a box of the class, 15 pixels allowed."""
    folder, photos = voc(a)
    rows = []
    for f, v in sorted(photos.items()):
        w, h = v["size"]
        im = Image.open(os.path.join(folder, "photos", f))
        assert im.size == (w, h), f
        z, act = net.run(resize(im, net.side)[None])
        cams = net.cam(act)[0]
        for c, bs in v["boxes"].items():
            m = F.interpolate(cams[a.labels.index(c)].relu()[None, None], size=(h, w), mode="bilinear",
                              align_corners=False)[0, 0]
            py, px = divmod(int(m.argmax()), w)
            big = max((b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in bs) / (w * h)
            rows.append((c, on_box(px, py, bs), on_box(w / 2, h / 2, bs), big, len(v["boxes"]) > 1, float(m.max()) == 0))
    print("pointing game on voc_boxes: every class present in every photo, all boxes under 40 % of the photo")
    print("  group                    n   hits  centre  gain")

    def line(name, sel):
        r = [q for q in rows if sel(q)]
        hit, cen = (100 * sum(q[i] for q in r) / len(r) for i in (1, 2))
        print(f"  {name:20s} {len(r):5d}  {hit:5.1f}  {cen:6.1f}  {hit - cen:+5.1f}")
        return [len(r), round(hit / 100, 4), round(cen / 100, 4)]

    o = {}
    for c in VOC:
        o[c] = line(c, lambda q: q[0] == c)
    o["all"] = line("all", lambda q: True)
    means = [sum(o[c][i] for c in VOC) / len(VOC) for i in (1, 2)]
    print(f"  mean of the classes         {means[0] * 100:5.1f}  {means[1] * 100:6.1f}  {(means[0] - means[1]) * 100:+5.1f}")
    o["two classes or more"] = line("two classes or more", lambda q: q[4])
    o["largest box < 10 %"] = line("largest box < 10 %", lambda q: q[3] < 0.10)
    for c in VOC:
        line(f"  {c}", lambda q: q[0] == c and q[3] < 0.10)
    o["largest box < 3 %"] = line("largest box < 3 %", lambda q: q[3] < 0.03)
    print(f"  maps without any positive value: {sum(q[5] for q in rows)} of {len(rows)}")
    out["pointing_game"] = {"columns": ["n", "hits", "image centre"], **o}


def deletion(a, net, out):
    """Petsiuk et al. 2018 (RISE): probability of the class while its pixels are blurred away in the map's order
    (deletion, low is good) or brought back into a blurred picture (insertion, high is good)."""
    x, y, names, _ = val_set(a, net)
    g = torch.Generator().manual_seed(0)
    pick = torch.cat([(y == c).nonzero().flatten()[torch.randperm(int((y == c).sum()), generator=g)[:10]]
                      for c in range(len(names))])
    s, steps = net.side, 20
    res = {k: [] for k in ("map", "random map", "random pixels")}
    ax = torch.arange(-24, 25).float()
    k1 = (-(ax / 10) ** 2 / 2).exp()
    k1 = (k1 / k1.sum()).view(1, 1, 1, -1)
    for i in pick.tolist():
        p = x[i:i + 1].float()
        q = F.pad(p.transpose(0, 1), (24,) * 4, mode="reflect")
        blur = F.conv2d(F.conv2d(q, k1), k1.transpose(2, 3)).transpose(0, 1)
        z, act = net.run(p)
        c = int(z.argmax())
        hw = act.shape[2:]
        up = lambda m: F.interpolate(m, size=(s, s), mode="bilinear", align_corners=False)
        orders = {"map": up(net.cam(act)[:, c:c + 1]), "random map": up(torch.rand(1, 1, *hw, generator=g)),
                  "random pixels": torch.rand(1, 1, s, s, generator=g)}
        for name, m in orders.items():
            rank = m.flatten().argsort(descending=True).argsort().view(1, 1, s, s).float() / (s * s)
            f = torch.arange(steps + 1).view(-1, 1, 1, 1) / steps
            gone = (rank < f).float()
            xs = torch.cat([blur * gone + p * (1 - gone), p * gone + blur * (1 - gone)])
            pr = net.run(xs)[0].softmax(1)[:, c]
            area = lambda v: float((v[1:] + v[:-1]).mean() / 2)
            res[name].append((area(pr[:steps + 1]), area(pr[steps + 1:])))
    print(f"deletion and insertion, {len(pick)} validation pictures, {steps} steps, area under the curve")
    o = {}
    for name, v in res.items():
        d, i = np.mean(v, 0)
        print(f"  {name:14s} deletion {d:.3f}   insertion {i:.3f}")
        o[name] = [round(float(d), 4), round(float(i), 4)]
    out["deletion_insertion"] = o


def spearman(u, v):
    r = lambda t: t.flatten().argsort().argsort().double()
    a, b = r(u), r(v)
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / (a.norm() * b.norm()))


def sanity(a, net, out):
    """Adebayo et al. 2018: weights are made random from the top down, layer after layer; the map must go."""
    x, y, names, _ = val_set(a, net)
    g = torch.Generator().manual_seed(0)
    pick = torch.cat([(y == c).nonzero().flatten()[:3] for c in range(len(names))])
    p = x[pick].float()
    z, act = net.run(p)
    c = z.argmax(1)
    take = lambda m: m[torch.arange(len(c)), c]
    ref = take(net.cam(act)).relu()
    w = dict(net.w)
    print(f"sanity: layers made random from the top down, rank correlation with the map before ({len(pick)} pictures)")
    o = {}
    layers = net.layers()[::-1]
    for i, layer in enumerate(layers):
        v = w[layer + ".weight"]
        w[layer + ".weight"] = torch.randn(v.shape, generator=g) * v.std() + v.mean()
        m = take(net.cam(net.run(p, w)[1], w)).relu()
        s = [spearman(r, q) if float(q.max()) > 0 else 0.0 for r, q in zip(ref, m)]
        if i in (0, 1, 2, 4, 8, len(layers) - 1):
            print(f"  down to {layer:12s} {np.mean(s):+.3f} (mean), {np.mean(np.abs(s)):.3f} (mean of the size)")
            o[layer] = round(float(np.mean(s)), 4)
    out["sanity_rank_correlation"] = o


def photos(a, net, out):
    folder = os.path.join(a.data_dir, "photos")
    print("photos: the first two answers, for reading (most show things outside of the classes)")
    for f in sorted(os.listdir(folder)):
        if f.endswith(".md"):
            continue
        p = net.run(resize(Image.open(os.path.join(folder, f)), net.side)[None])[0].softmax(1)[0]
        t = p.topk(2)
        print(f"  {f:24s} " + ", ".join(f"{a.labels[int(i)]} {float(v):.2f}" for v, i in zip(t.values, t.indices)))


def samples(a, net, out):
    folder = os.path.join(HERE, "samples")
    print("samples: drawn by make_samples.py")
    for f in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        z, act = net.run(resize(Image.open(os.path.join(folder, f)), net.side)[None])
        p, cam = z.softmax(1)[0], net.cam(act)[0]
        t = p.topk(3)
        h, w = cam.shape[1:]
        where = lambda i: "peak at {:.2f}, {:.2f}".format(*[(q + 0.5) / d for q, d in zip(divmod(int(cam[i].argmax()), w)[::-1], (w, h))])
        print(f"  {f:24s} " + ", ".join(f"{a.labels[int(i)]} {float(v):.3f} ({where(int(i))})"
                                        for v, i in zip(t.values, t.indices)))


PARTS = [accuracy, calibration, outside, pointing, deletion, sanity, samples, photos]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data_dir")
    ap.add_argument("--model", default=os.path.join(HERE, "pocket.onnx"))
    ap.add_argument("--only", default=",".join(p.__name__ for p in PARTS))
    ap.add_argument("--confusion")
    ap.add_argument("--cache")
    ap.add_argument("--write", action="store_true")
    ap.add_argument("--threads", type=int, default=1)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    net = OnnxNet(a.model)
    card = os.path.join(os.path.dirname(os.path.abspath(a.model)), "model.json")
    d = json.load(open(card))
    a.labels = d["labels"]
    only = a.only.split(",")
    for p in PARTS:
        if p.__name__ in only:
            p(a, net, d["accuracy"])
    if a.write:
        with open(card, "w") as f:
            json.dump(d, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
