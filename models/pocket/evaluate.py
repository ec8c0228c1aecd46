"""Prints every number that the card and the README of `pocket` state.

    python3 evaluate.py DATA_DIR [--only imagenet,imagenette,...] [--write]

DATA_DIR holds imagenet_sample/, pocket/val.tar, voc_boxes/, fewshot/, photos/, onnx/ and weights/. --write puts the
summary into model.json. Parts: imagenet (and calibration), starts, imagenette, unfamiliar, pointing, fewshot, deletion, sanity,
samples, photos. Answers, maps and the figures of the other networks are this engine's (tests/pocket/engine.mjs, Node); deletion,
randomisation and the features for few pictures are computed from the same files in torch.
N pictures, K classes, S input side, C features.
"""
import argparse
import csv
import json
import os
import subprocess
import tarfile
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from export import write_card
from net import MEAN, STD, PocketNet
from onnxnet import OnnxNet

HERE = os.path.dirname(os.path.abspath(__file__))
SIDE = 224

# The other networks, as they are fed; layer: where their maps are taken.
OTHERS = {
    "MobileNet-0.75": ("mobilenet_0.75_224.onnx", {"preprocess": "tf"}),
    "GoogLeNet": ("bvlc_googlenet.onnx", {"preprocess": "bgr,mean=104/117/123,std=1/1/1"}),
    "SqueezeNet": ("squeezenet1_1.onnx", {"preprocess": "torch"}),
}
# Networks to start from: file, and how many classes stand before ImageNet's first.
STARTS = [("MobileNet v1 0.75", "onnx/mobilenet_0.75_224.onnx", 0),
          ("MobileNet v2 1.0, int8", "wild/tflite/tf2_mobilenet_v2_1.0_224_ptq.tflite", 1),
          ("MCUNet v2, int8", "wild/tflite/mcunetv2_large.tflite", 0)]
# Pascal VOC's classes and those of ImageNet that are one; a group's map is that of its highest class.
VOC = {"bus": [654, 779, 874], "car": [817, 751, 511, 436, 656, 627, 468, 609, 717], "cat": [281, 282, 283, 284, 285],
       "train": [466, 547, 820, 705, 829]}
# Imagenette's folders in pocket/val.tar
IMAGENETTE = {"fish": 0, "dog": 217, "cassette_player": 482, "chain_saw": 491, "church": 497, "french_horn": 566,
              "truck": 569, "gas_pump": 571, "golf_ball": 574, "parachute": 701}
# What the 32 photos show, by any of ImageNet's names for it; [] where it has none. A right answer among the first five
# is one of these.
PHOTOS = {
    "bear.jpg": [294, 295, 296, 297], "bird_chickadee.bmp": [19], "boat_2.jpg": [484, 554, 625, 628, 814, 871, 914],
    "both.png": list(range(151, 269)) + [281, 282, 285], "camera.jpg": [759, 732, 622], "car_toy.jpg": [817, 751, 511, 479],
    "cat_dog.jpg": list(range(151, 269)) + [281, 282, 285], "cat_grey_white.jpg": [281, 282, 283, 284, 285],
    "cat_tabby.jpg": [281, 282, 285], "chicken.jpg": [7, 8], "doberman.png": [236], "dock.jpg": [449, 536, 718, 576, 914],
    "dog_bicycle_truck.jpg": list(range(151, 269)) + [444, 671, 717], "dog_hound.jpg": list(range(159, 178)),
    "dogs.png": list(range(151, 269)), "eagle.jpg": [21, 22, 23], "elephant.jpg": [385, 386, 101],
    "elephants_large.jpg": [385, 386, 101], "giraffe_zebra.jpg": [340], "goldfish.jpg": [1], "horses.jpg": [339],
    "hot_dog.jpg": [934], "kites_beach.jpg": [978, 977], "newyork.jpg": [468, 829, 874, 779, 654, 919, 920],
    "owl.jpg": [24], "person_dog_horse.jpg": list(range(151, 269)) + [339], "pier.jpg": [718],
    "puppy_kitten.jfif": list(range(151, 269)) + [281, 282, 283, 284, 285], "red_panda.jpg": [387],
    "siamese.jpg": [284], "swan.jpg": [99, 100], "zebra.jpg": [340],
}


def engine(model, options, pictures):
    """[(file, {group: ids})] -> what engine.mjs says of each."""
    job = {"model": model, "options": options, "pictures": [{"file": f, "groups": g} for f, g in pictures]}
    r = subprocess.run(["node", os.path.join(HERE, "../../tests/pocket/engine.mjs")], input=json.dumps(job), text=True, check=True,
                       stdout=subprocess.PIPE)
    return [json.loads(line) for line in r.stdout.splitlines()]


def networks(a, others=True):
    yield "pocket", a.card, {}
    for name, (file, options) in OTHERS.items() if others else ():
        yield name, os.path.join(a.data_dir, "onnx", file), options


def rates(rows, truth):
    top1 = np.mean([r["top"][0] == t for r, t in zip(rows, truth)])
    top5 = np.mean([t in r["top"] for r, t in zip(rows, truth)])
    return round(float(top1), 4), round(float(top5), 4)


def ece(rows, truth, bins=15):
    """Expected calibration error (Guo et al. 2017, eq. 3)."""
    sure, right = np.array([r["sure"] for r in rows]), np.array([r["top"][0] == t for r, t in zip(rows, truth)])
    which = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    return float(sum(np.mean(which == b) * abs(sure[which == b].mean() - right[which == b].mean())
                     for b in range(bins) if (which == b).any()))


def sample_photos(a):
    folder = os.path.join(a.data_dir, "imagenet_sample")
    rows = list(csv.DictReader(open(os.path.join(folder, "labels.csv"))))
    return [os.path.join(folder, r["file"]) for r in rows], [int(r["class_id"]) for r in rows]


def imagenet(a, out):
    files, truth = sample_photos(a)
    print(f"imagenet_sample: {len(files)} photos of as many classes, among 1,000")
    out["imagenet_sample"] = {}
    for name, model, options in networks(a):
        rows = engine(model, options, [(f, {}) for f in files])
        top1, top5 = rates(rows, truth)
        error = ece(rows, truth)
        print(f"  {name:16s} top-1 {top1 * 100:5.1f} %  top-5 {top5 * 100:5.1f} %  calibration error {error * 100:4.1f} %")
        out["imagenet_sample"][name] = [top1, top5]
        if name == "pocket":
            out["calibration"] = {"ece": round(error, 4),
                                  "mean_confidence": round(float(np.mean([r["sure"] for r in rows])), 4)}


def starts(a, _):
    """The networks that could have been the start, as published, beside the one that was: answers, and how they point."""
    files, truth = sample_photos(a)
    print("start networks: imagenet_sample; time of a forward pass beside MobileNet-0.75's")
    for name, file, background in STARTS:
        model = os.path.join(a.data_dir, file)
        rows = engine(model, {}, [(f, {}) for f in files])
        top1, top5 = rates([{**r, "top": [t - background for t in r["top"]]} for r in rows], truth)
        r = subprocess.run(["node", os.path.join(HERE, "../../tests/pocket/speed.mjs"), os.path.join(a.data_dir, STARTS[0][1]), model],
                           text=True, check=True, stdout=subprocess.PIPE)
        ratio = float(r.stdout.split()[-1])
        print(f"  {name:24s} top-1 {top1 * 100:5.1f} %  top-5 {top5 * 100:5.1f} %  {ratio:.2f}")


def val_pictures(a, keep):
    """Files of pocket/val.tar of the folders in keep, unpacked: [(file, folder)]."""
    with tarfile.open(os.path.join(a.data_dir, "pocket/val.tar")) as tar:
        members = sorted((m for m in tar if m.isfile() and keep(m.name)), key=lambda m: m.name)
        tar.extractall(a.temporary, members)
    return [(os.path.join(a.temporary, m.name), m.name.split("/")[1]) for m in members]


def imagenette(a, out):
    pictures = val_pictures(a, lambda n: "/imagenette_" in n and n.split("/")[1] in IMAGENETTE)
    truth = [IMAGENETTE[c] for _, c in pictures]
    print(f"Imagenette: {len(truth)} validation pictures of ten classes (128x128), among 1,000")
    out["imagenette"] = {}
    for name, model, options in networks(a):
        rows = engine(model, options, [(f, {}) for f, _ in pictures])
        top1, top5 = rates(rows, truth)
        print(f"  {name:16s} top-1 {top1 * 100:5.1f} %  top-5 {top5 * 100:5.1f} %")
        out["imagenette"][name] = [top1, top5]
        if name == "pocket":
            for c, t in IMAGENETTE.items():
                per = [r["top"][0] == t for r, u in zip(rows, truth) if u == t]
                print(f"    {c:16s} {100 * np.mean(per):5.1f} % of {len(per)}")


def unfamiliar(a, out):
    """Rates of the warning: below the card's threshold."""
    files, _ = sample_photos(a)
    nette = val_pictures(a, lambda n: "/imagenette_" in n and n.split("/")[1] in IMAGENETTE)[::4]
    faces = val_pictures(a, lambda n: "/person/caltech" in n)
    rng = np.random.default_rng(0)
    noise = []
    for i in range(60):
        s = [SIDE, 8, 1][i % 3]
        im = Image.fromarray(rng.integers(0, 256, (s, s, 3), np.uint8)).resize((SIDE, SIDE), Image.BICUBIC)
        noise.append(os.path.join(a.temporary, f"noise{i}.png"))
        im.save(noise[-1])
    print(f"unfamiliar: highest logit less the mean of all below {a.below}")
    out["unfamiliar"] = {}
    for name, pictures in (("imagenet_sample (known)", files), ("Imagenette (known)", [f for f, _ in nette]),
                           ("faces (not among the classes)", [f for f, _ in faces]),
                           ("noise, blobs, flat colour", noise)):
        rows = engine(a.card, {}, [(f, {}) for f in pictures])
        rate = float(np.mean([r["score"] < a.below for r in rows]))
        sure = float(np.mean([r["sure"] >= 0.9 for r in rows]))
        print(f"  {name:32s} {len(rows):4d}  unfamiliar {rate * 100:5.1f} %  sure of itself (0.9) {sure * 100:5.1f} %")
        out["unfamiliar"][name] = [len(rows), round(rate, 4), round(sure, 4)]


def voc(a):
    folder = os.path.join(a.data_dir, "voc_boxes")
    boxes = {}
    for r in csv.DictReader(open(os.path.join(folder, "boxes.csv"))):
        if r["class"] in VOC:
            v = boxes.setdefault(r["file"], {"size": (int(r["width"]), int(r["height"])), "boxes": {}})
            v["boxes"].setdefault(r["class"], []).append([int(r[k]) - 1 for k in ("xmin", "ymin", "xmax", "ymax")])
    return folder, sorted(boxes.items())


def on_box(px, py, boxes, tol=15):
    return any(x0 - tol <= px <= x1 + tol and y0 - tol <= py <= y1 + tol for x0, y0, x1, y1 in boxes)


def pointing(a, out):
    """Zhang et al. 2018: hit = the map's maximum lies in a box of the class, 15 pixels allowed."""
    folder, photos = voc(a)
    out["pointing_game"] = {"columns": ["n", "hits", "image centre"]}
    print("pointing game on voc_boxes: every class present in every photo, all boxes under 40 % of the photo")
    for name, model, options in networks(a):
        if name == "SqueezeNet":
            continue
        rows = engine(model, options, [(os.path.join(folder, "photos", f), {c: VOC[c] for c in v["boxes"]})
                                       for f, v in photos])
        hits = []
        for (f, v), r in zip(photos, rows):
            w, h = v["size"]
            for c, bs in v["boxes"].items():
                m = r["maps"][c]
                grid = torch.tensor(m["data"], dtype=torch.float32).view(1, 1, m["height"], m["width"])
                py, px = divmod(int(F.interpolate(grid, size=(h, w), mode="bilinear", align_corners=False).argmax()), w)
                big = max((b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in bs) / (w * h)
                hits.append((c, on_box(px, py, bs), on_box(w / 2, h / 2, bs), len(v["boxes"]) > 1, big))

        def line(group, sel):
            q = [x for x in hits if sel(x)]
            hit, centre = (float(np.mean([x[i] for x in q])) for i in (1, 2))
            print(f"  {name:16s} {group:20s} {len(q):4d}  {hit * 100:5.1f}  centre {centre * 100:5.1f}  {(hit - centre) * 100:+5.1f}")
            return [len(q), round(hit, 4), round(centre, 4)]

        o = {c: line(c, lambda x: x[0] == c) for c in VOC}
        o["all"] = line("all", lambda x: True)
        o["two classes or more"] = line("two classes or more", lambda x: x[3])
        o["largest box < 10 %"] = line("largest box < 10 %", lambda x: x[4] < 0.10)
        out["pointing_game"][name] = o


def prepared(path):
    """-> 1,3,S,S as the engine makes it: bilinear at half-pixel centres without a filter, then MobileNet's scale."""
    x = torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy()).permute(2, 0, 1).float()[None]
    return (F.interpolate(x, size=(SIDE, SIDE), mode="bilinear", align_corners=False) - MEAN) / STD


def head_accuracy(f, y, ways, shots, rng, episodes=60, judged=15):
    """Mean accuracy of a linear softmax layer on standardised features, L2 0.01, fitted on `shots` pictures a class."""
    hit = []
    for _ in range(episodes):
        fit, test = [], []
        for label, c in enumerate(rng.permutation(int(y.max()) + 1)[:ways]):
            i = rng.permutation(np.flatnonzero(y.numpy() == c))
            fit += [(j, label) for j in i[:shots]]
            test += [(j, label) for j in i[shots:shots + judged]]
        (i, t), (j, u) = (map(torch.tensor, map(list, zip(*s))) for s in (fit, test))
        mean, std = f[i].mean(0), f[i].std(0) + 1e-3
        w, b = torch.zeros(ways, f.shape[1], requires_grad=True), torch.zeros(ways, requires_grad=True)
        opt = torch.optim.LBFGS([w, b], max_iter=40)

        def loss():
            opt.zero_grad()
            e = F.cross_entropy(F.linear((f[i] - mean) / std, w, b), t) + 0.01 * w.square().sum()
            e.backward()
            return e

        opt.step(loss)
        hit.append(float((F.linear((f[j] - mean) / std, w, b).argmax(1) == u).float().mean()))
    return float(np.mean(hit))


def fewshot(a, out):
    with tarfile.open(os.path.join(a.data_dir, "fewshot/fewshot.tar")) as tar:
        tar.extractall(a.temporary)
    folder = os.path.join(a.temporary, "fewshot")
    classes = sorted(os.listdir(folder))
    files = [(os.path.join(folder, c, f), i) for i, c in enumerate(classes) for f in sorted(os.listdir(os.path.join(folder, c)))]
    y = torch.tensor([i for _, i in files])
    net = OnnxNet(a.model)
    keras = PocketNet(fine=False).load_keras(os.path.join(a.data_dir, "weights/mobilenet_0.75_224.h5"))
    features = {"pocket": [], "MobileNet-0.75": []}
    with torch.no_grad():
        for s in range(0, len(files), 16):
            x = torch.cat([prepared(f) for f, _ in files[s:s + 16]])
            features["pocket"].append(net.run(x, tensors=("features",))[1])
            features["MobileNet-0.75"].append(keras.upper(keras.lower(x * STD + MEAN, 0), 0).mean((2, 3)))
    print(f"few-shot: {len(classes)} classes of fewshot, {len(files)} pictures, 60 episodes; 5, 10, 20 pictures a class")
    out["few_shot"] = {"columns": ["2-way 5", "2-way 10", "2-way 20", "5-way 5", "5-way 10", "5-way 20"]}
    for name, f in features.items():
        rng = np.random.default_rng(0)
        r = [head_accuracy(torch.cat(f), y, ways, shots, rng) for ways in (2, 5) for shots in (5, 10, 20)]
        print(f"  {name:16s} " + " ".join(f"{100 * v:5.1f}" for v in r))
        out["few_shot"][name] = [round(v, 4) for v in r]


def deletion(a, out):
    """Petsiuk et al. 2018 (RISE): probability of the class while its pixels are blurred away in the map's order
    (deletion, low is good) or brought back into a blurred picture (insertion, high is good)."""
    files, _ = sample_photos(a)
    net, g, steps = OnnxNet(a.model), torch.Generator().manual_seed(0), 14
    ax = torch.arange(-24, 25).float()
    k1 = (-(ax / 10) ** 2 / 2).exp()
    k1 = (k1 / k1.sum()).view(1, 1, 1, -1)
    res = {k: [] for k in ("map", "random map", "random pixels")}
    up = lambda m: F.interpolate(m, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    for f in files[::8]:
        p = prepared(f)
        q = F.pad(p.transpose(0, 1), (24,) * 4, mode="reflect")
        blur = F.conv2d(F.conv2d(q, k1), k1.transpose(2, 3)).transpose(0, 1)
        z, act = net.run(p, tensors=(a.layer,))
        c = int(z.argmax())
        orders = {"map": up(cam(net, act)[:, c:c + 1]), "random map": up(torch.rand(1, 1, *act.shape[2:], generator=g)),
                  "random pixels": torch.rand(1, 1, SIDE, SIDE, generator=g)}
        for name, m in orders.items():
            rank = m.flatten().argsort(descending=True).argsort().view(1, 1, SIDE, SIDE).float() / SIDE ** 2
            gone = (rank < torch.arange(steps + 1).view(-1, 1, 1, 1) / steps).float()
            xs = torch.cat([blur * gone + p * (1 - gone), p * gone + blur * (1 - gone)])
            pr = net.run(xs)[0].softmax(1)[:, c]
            area = lambda v: float((v[1:] + v[:-1]).mean() / 2)
            res[name].append((area(pr[:steps + 1]), area(pr[steps + 1:])))
    print(f"deletion and insertion, {len(files[::8])} photos of imagenet_sample, {steps} steps, area under the curve")
    out["deletion_insertion"] = {}
    for name, v in res.items():
        d, i = np.mean(v, 0)
        print(f"  {name:14s} deletion {d:.3f}   insertion {i:.3f}")
        out["deletion_insertion"][name] = [round(float(d), 4), round(float(i), 4)]


def cam(net, act, weights=None):
    """Grad-CAM of every class before ReLU: the gradient of logit c at every cell is W[c] / (H W) (Selvaraju et al. 2017)."""
    return torch.einsum("kc,nchw->nkhw", (weights or net.w)["logits.weight"] / act[0, 0].numel(), act)


def spearman(u, v):
    a, b = (t.flatten().argsort().argsort().double() for t in (u, v))
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / (a.norm() * b.norm()))


def sanity(a, out):
    """Adebayo et al. 2018: weights are made random from the top down, layer after layer; the map must go."""
    files, _ = sample_photos(a)
    net, g = OnnxNet(a.model), torch.Generator().manual_seed(0)
    p = torch.cat([prepared(f) for f in files[::8]])
    z, act = net.run(p, tensors=(a.layer,))
    c = z.argmax(1)
    take = lambda m: m[torch.arange(len(c)), c].relu()
    ref, w = take(cam(net, act)), dict(net.w)
    print(f"sanity: layers made random from the top down, rank correlation with the map before ({len(p)} photos)")
    out["sanity_rank_correlation"] = {}
    layers = net.layers()[::-1]
    for i, layer in enumerate(layers):
        v = w[layer + ".weight"]
        w[layer + ".weight"] = torch.randn(v.shape, generator=g) * v.std() + v.mean()
        if i not in (0, 1, 2, 4, 8, len(layers) - 1):
            continue
        m = take(cam(net, net.run(p, w, tensors=(a.layer,))[1], w))
        s = [spearman(r, q) if float(q.max()) > 0 else 0.0 for r, q in zip(ref, m)]
        print(f"  down to {layer:12s} {np.mean(s):+.3f} (mean), {np.mean(np.abs(s)):.3f} (mean of the size)")
        out["sanity_rank_correlation"][layer] = round(float(np.mean(s)), 4)


def named(a, r):
    return ", ".join(a.labels[i] for i in r["top"])


def photos(a, out):
    folder = os.path.join(a.data_dir, "photos")
    rows = engine(a.card, {}, [(os.path.join(folder, f), {}) for f in PHOTOS])
    right = 0
    print("photos: the first five answers (* right, ? unfamiliar)")
    for (f, truth), r in zip(PHOTOS.items(), rows):
        ok = any(i in truth for i in r["top"])
        right += ok
        print(f"  {'*' if ok else ' '}{'?' if r['score'] < a.below else ' '} {f:24s} {r['sure']:.2f} {named(a, r)}")
    print(f"  right among the first five: {right} of {len(PHOTOS)}")
    out["photos_top5"] = [right, len(PHOTOS)]


def samples(a, out):
    folder = os.path.join(HERE, "samples")
    files = sorted(os.listdir(folder))
    print("samples: drawn by make_samples.py")
    for f, r in zip(files, engine(a.card, {}, [(os.path.join(folder, f), {}) for f in files])):
        print(f"  {f:24s} {r['sure']:.3f} {'?' if r['score'] < a.below else ' '} {named(a, r)}")


PARTS = [imagenet, starts, imagenette, unfamiliar, pointing, fewshot, deletion, sanity, samples, photos]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data_dir")
    ap.add_argument("--only", default=",".join(p.__name__ for p in PARTS))
    ap.add_argument("--write", action="store_true")
    a = ap.parse_args()
    a.card, a.model = os.path.join(HERE, "model.json"), os.path.join(HERE, "pocket.onnx")
    d = json.load(open(a.card))
    a.labels, a.below, a.layer = d["labels"], d["unfamiliar"]["below"], d["layer"]
    only = a.only.split(",")
    with tempfile.TemporaryDirectory() as a.temporary:
        for p in PARTS:
            if p.__name__ in only:
                p(a, d["accuracy"])
                if a.write:  # after each, so that a long run that is broken off keeps what it has
                    write_card(d, a.card)


if __name__ == "__main__":
    main()
