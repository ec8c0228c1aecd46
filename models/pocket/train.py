"""Trains `pocket`. Data directory, seed and schedule are arguments; two CPU cores are enough.

    python3 train.py DATA_DIR -o RUN_DIR --init mobilenet_0.75_224.h5

DATA_DIR holds pocket/train.tar and pocket/val.tar. RUN_DIR gets curve.csv, last.pt (a run goes on from there), start.pt
(the linear layer fitted, nothing trained) and final.pt (averaged weights). N canvases, S canvas side, K classes, H,W map,
P parts of a canvas.

A batch takes one of three forms, drawn at random:
  plain   one picture a canvas
  mosaic  whole pictures in 2x2 or 3x3 fields of a canvas (the 2x2 split point moves)
  paste   a whole picture pasted small into another, or into a picture of nothing
In mosaic and paste the class scores are averaged over each picture's own cells of the logit map and each
gets its own loss: the network learns *where*, which the heatmaps then show. Some canvases of a batch, and the
pictures of nothing, are `data.outliers`, whose target is the uniform distribution.

A thread draws, augments and runs the frozen layers; what comes out goes into a pool, from which the steps
draw, --echo steps for each batch that enters ("Faster Neural Network Training with Data Echoing", Choi et
al. 2019): augmenting and the frozen layers cost as much as the rest. Convolutions run in bfloat16, weights are
kept in float32.

The linear layer starts as the one that fits the training pictures best while everything below is ImageNet's (L-BFGS):
from a random one, the layers below lose in the first epochs what they knew. The rate rises over the first epoch,
then falls to 0 in a straight line.
"""
import argparse
import collections
import copy
import csv
import os
import queue
import random
import threading
import time

import torch
import torch.nn.functional as F

import data
from net import PocketNet, mixed

CELL = 16  # stride of the last layer
PARTS = 9


def soft(y, k, eps):
    return F.one_hot(y, k).float() * (1 - eps) + eps / k


class Source:
    """Draws pictures with probability ~ class size ^ -power, so that small classes are seen more, and within a class
    ~ 1 / sqrt(share of its source), so that a class is not one source's idea of it."""

    def __init__(self, x, y, files, power):
        self.x, self.y = x, y
        self.k = int(y.max()) + 1
        group = [(int(c), os.path.basename(f).split("_")[0]) for c, f in zip(y, files)]
        size = collections.Counter(group)
        n, m = torch.bincount(y).float()[y], torch.tensor([float(size[g]) for g in group])
        self.p = n ** -power * (m / n) ** -0.5

    def draw(self, n):
        i = torch.multinomial(self.p, n, replacement=False)
        return self.x[i].float(), self.y[i]


def make_batch(src, n, s, form, a):
    """-> canvases n,3,s,s; masks n,P,H,W (which cells a part owns); targets n,P,K; weights n,P of the parts."""
    g = s // CELL
    mask, target, weight = torch.zeros(n, PARTS, g, g), torch.zeros(n, PARTS, src.k), torch.zeros(n, PARTS)
    nothing = torch.full((src.k,), 1 / src.k)

    def part(i, box, t):
        top, l, b, r = box
        mask[:, i, top:b, l:r] = 1
        target[:, i] = t

    def fill(canvas, i, box, scale):
        top, l, b, r = box
        x, y = src.draw(n)
        canvas[:, :, top * CELL:b * CELL, l * CELL:r * CELL] = data.crop(x, (b - top) * CELL, (r - l) * CELL, scale)
        part(i, box, soft(y, src.k, a.smooth))

    x = torch.empty(n, 3, s, s)
    if form == "plain":
        fill(x, 0, (0, 0, g, g), (a.scale, 1.0))
    elif form == "mosaic":
        if data.chance(0.6):
            rows, cols = ([0, random.randint(g // 3, g - g // 3), g] for _ in range(2))
        else:
            rows = cols = [0, g // 3, g - g // 3, g]
        boxes = [(t, l, b, r) for t, b in zip(rows, rows[1:]) for l, r in zip(cols, cols[1:])]
        for i, box in enumerate(boxes):
            fill(x, i, box, (0.5, 1.1))
    else:  # paste
        h, w = random.randint(g // 4, (2 * g) // 3), random.randint(g // 4, (2 * g) // 3)
        t, l = random.randint(0, g - h), random.randint(0, g - w)
        if data.chance(0.6):
            fill(x, 0, (0, 0, g, g), (0.5, 1.1))
        else:
            x = data.outliers(src.draw(n)[0], s)
            part(0, (0, 0, g, g), nothing)
        fill(x, 1, (t, l, t + h, l + w), (0.6, 1.1))
        mask[:, 0] -= mask[:, 1]
    # a small part weighs less, but more than its area
    weight[:] = mask.mean((2, 3)).sqrt()
    weight /= 1.0 if form == "plain" else 1.3
    if not (a.mild and data.chance(a.mild)):
        x = data.erase(data.quality(data.colour(x)))
    x = torch.cat([x, data.outliers(src.draw(a.outliers)[0], s)])
    grow = lambda t, v: torch.cat([t, v.expand(a.outliers, *t.shape[1:])])
    mask, target = grow(mask, torch.ones(g, g)), grow(target, nothing)
    weight = grow(weight, torch.tensor([a.out_weight * n / a.outliers] + [0.0] * (PARTS - 1)))
    return x, mask, target, weight


def by_part(maps, mask):
    """maps n,K,H,W -> n,P,K: their mean over each part's own cells."""
    return torch.einsum("nkhw,nphw->npk", maps, mask) / mask.sum((2, 3)).clamp(min=1)[:, :, None]


def loss_of(logit_map, mask, target, weight, batch):
    z = by_part(logit_map, mask)
    return -((target * F.log_softmax(z, 2)).sum(2) * weight).sum() / batch


def cast():
    return torch.autocast("cpu", torch.bfloat16)


@torch.no_grad()
def lower(net, x, last):
    with cast():
        return net.lower(x.contiguous(memory_format=torch.channels_last), last)


def loader(net, src, a, epochs, steps, q):
    """Fills q in a thread of its own. The only user of the global random generators, each epoch from a seed of its own,
    so that a seed repeats a run whatever the timing and wherever it was interrupted."""
    torch.set_num_threads(1)
    forms, weights = zip(*[(f.split(":")[0], float(f.split(":")[1])) for f in a.forms.split(",")])
    for epoch in epochs:
        torch.manual_seed(a.seed * 1000 + epoch)
        random.seed(a.seed * 1000 + epoch)
        for i in range(0, steps, a.echo):
            x, *rest = make_batch(src, a.batch, a.side, random.choices(forms, weights)[0], a)
            q.put((lower(net, x, a.freeze), *rest))


class Pool:
    """The last `size` canvases that were loaded; a new batch takes the place of the oldest."""

    def __init__(self, size):
        self.size, self.batches = size, []

    def add(self, batch):
        self.batches = (self.batches + [batch])[-self.size:]

    def draw(self, n, g):
        rows = len(self.batches[0][0])
        i = torch.randperm(rows * len(self.batches), generator=g)[:n].tolist()
        return [torch.cat([self.batches[j // rows][t][j % rows:j % rows + 1] for j in i])
                for t in range(len(self.batches[0]))]


@torch.no_grad()
def lower_all(net, x, s, last, batch=64):
    return torch.cat([lower(net, F.interpolate(x[i:i + batch].float(), size=(s, s), mode="bilinear",
                                               align_corners=False), last) for i in range(0, len(x), batch)])


@torch.no_grad()
def pooled(net, feats, last, batch=64):
    """lower(x) -> N,768,1,1: what the linear layer sees of a whole picture."""
    with cast():
        return torch.cat([net.upper(feats[i:i + batch], last).float().mean((2, 3), keepdim=True)
                          for i in range(0, len(feats), batch)])


def fit_linear(groups, l2, iterations, line_search=None):
    """Logistic regression: the W,b that minimise the weighted cross-entropy of all groups and l2 |W|^2, features scaled
    to variance 1. groups: (features n,C; targets n,K; weights n); the first sets the scale."""
    first = groups[0][0]
    mean, std = first.mean(0), first.std(0) + 1e-3
    groups = [((f - mean) / std, t, p) for f, t, p in groups]
    w = torch.zeros(groups[0][1].shape[1], first.shape[1], requires_grad=True)
    b = torch.zeros(len(w), requires_grad=True)
    opt = torch.optim.LBFGS([w, b], max_iter=iterations, line_search_fn=line_search)

    def closure():
        opt.zero_grad()
        loss = l2 * (w ** 2).sum()
        for f, t, p in groups:
            loss = loss - ((t * F.log_softmax(F.linear(f, w, b), 1)).sum(1) * p).sum()
        loss.backward()
        return loss

    opt.step(closure)
    with torch.no_grad():
        w = w / std
        return w, b - w @ mean


def fit_head(net, src, a):
    """On the features of the plain training pictures, classes weighted as they are drawn."""
    f = torch.cat([pooled(net, lower_all(net, src.x[i:i + 512], a.side, a.freeze), a.freeze)
                   for i in range(0, len(src.x), 512)])
    w, b = fit_linear([(f[:, :, 0, 0], F.one_hot(src.y, src.k).float(), src.p / src.p.sum())], 2e-3, 60)
    with torch.no_grad():
        net.fc.weight.copy_(w)
        net.fc.bias.copy_(b)


@torch.no_grad()
def validate(net, feats, y, last):
    z = net.score(pooled(net, feats, last))[:, :, 0, 0]
    hit = (z.argmax(1) == y).float()
    per = torch.stack([hit[y == c].mean() for c in range(int(y.max()) + 1)])
    return float(hit.mean()), per, float(F.cross_entropy(z, y))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data_dir")
    ap.add_argument("-o", "--out", required=True)
    ap.add_argument("--init", required=True, help="Keras MobileNet 0.75 weights (.h5), or the .pt of earlier runs with their weights: a.pt:0.6,b.pt:0.4")
    ap.add_argument("--side", type=int, default=160)
    ap.add_argument("--freeze", type=int, default=7, help="keep stem and the blocks up to this one as they start")
    ap.add_argument("--epochs", type=int, default=6)
    ap.add_argument("--forms", default="plain:7,mosaic:2,paste:1")
    ap.add_argument("--scale", type=float, default=0.45, help="smallest part of a picture that a plain crop shows")
    ap.add_argument("--mild", type=float, default=0, help="share of the batches whose colours stay as they are")
    ap.add_argument("--lr", type=float, default=1.5e-4)
    ap.add_argument("--head-lr", type=float, default=3.0, help="times --lr for the linear layer")
    ap.add_argument("--wd", type=float, default=0.02)
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--echo", type=int, default=3, help="steps for each batch that is loaded")
    ap.add_argument("--pool", type=int, default=12, help="loaded batches to draw from")
    ap.add_argument("--smooth", type=float, default=0.05)
    ap.add_argument("--outliers", type=int, default=6, help="outlier canvases a batch")
    ap.add_argument("--out-weight", type=float, default=0.15)
    ap.add_argument("--power", type=float, default=0.8, help="0: draw as the data is, 1: every class equally often")
    ap.add_argument("--ema", type=float, default=0.99)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--limit", type=int, default=0, help="batches an epoch, 0 = all: for a quick try")
    ap.add_argument("--cache", help="folder for the decoded pictures")
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    os.makedirs(a.out, exist_ok=True)
    x, y, names, files = data.load(os.path.join(a.data_dir, "pocket"), "train", a.cache)
    vx, vy, vnames, _ = data.load(os.path.join(a.data_dir, "pocket"), "val", a.cache)
    assert names == vnames
    src = Source(x, y, files, a.power)
    net = PocketNet(len(names))
    keras = a.init.endswith(".h5")
    if keras:
        net.load_keras(a.init)
    else:
        net.load_state_dict(mixed(a.init)[0])
    net = net.to(memory_format=torch.channels_last)
    for m in [net.stem] + [net.blocks[str(i)] for i in range(1, a.freeze + 1)]:
        m.requires_grad_(False)
    last = os.path.join(a.out, "last.pt")
    if keras and not os.path.exists(last):
        fit_head(net, src, a)
        torch.save({"net": net.state_dict(), "names": names}, os.path.join(a.out, "start.pt"))
    ema = copy.deepcopy(net)
    free = [p for p in net.parameters() if p.requires_grad]
    averaged = [p for p, q in zip(ema.parameters(), net.parameters()) if q.requires_grad]
    head = {id(p) for p in net.fc.parameters()}
    groups = []
    for p in free:
        matrix = p.ndim > 1 and not (p.ndim == 4 and p.shape[1] == 1)  # neither biases nor depthwise
        groups.append({"params": [p], "weight_decay": a.wd if matrix else 0.0,
                       "scale": a.head_lr if id(p) in head else 1.0})
    opt = torch.optim.AdamW(groups, lr=a.lr)
    steps = a.limit or len(x) // a.batch
    epoch0 = 0
    if os.path.exists(last):
        c = torch.load(last)
        net.load_state_dict(c["net"]), ema.load_state_dict(c["ema"]), opt.load_state_dict(c["opt"])
        epoch0 = c["epoch"]
    log = open(os.path.join(a.out, "curve.csv"), "a", newline="")
    curve = csv.writer(log)
    if epoch0 == 0:
        curve.writerow(["epoch", "loss", "val_top1", "val_worst_class", "val_nll", "seconds"])
    print("parameters", sum(p.numel() for p in net.parameters()), "trained", sum(p.numel() for p in free),
          "epochs", a.epochs, "steps", steps, flush=True)
    vf = lower_all(net, vx, a.side, a.freeze)

    def record(epoch, loss, seconds):
        top1, per, nll = validate(ema, vf, vy, a.freeze)
        worst = int(per.argmin())
        curve.writerow([epoch, loss, f"{top1:.4f}", f"{float(per.min()):.4f}", f"{nll:.4f}", f"{seconds:.0f}"])
        log.flush()
        print(f"epoch {epoch} loss {loss} top1 {top1:.4f} worst {names[worst]} {float(per[worst]):.3f} "
              f"nll {nll:.4f} {seconds:.0f} s; " + " ".join(f"{n} {float(v):.3f}" for n, v in zip(names, per)), flush=True)

    if epoch0 == 0:
        record("start", "", 0)
    q = queue.Queue(3)
    threading.Thread(target=loader, args=(net, src, a, range(epoch0, a.epochs), steps, q), daemon=True).start()
    for epoch in range(epoch0, a.epochs):
        t0, acc = time.time(), 0.0
        pool, pick = Pool(a.pool), torch.Generator().manual_seed(a.seed * 1000 + epoch)
        for i in range(steps):
            it = epoch * steps + i
            lr = a.lr * min(1.0, (it + 1) / steps, (a.epochs * steps - it) / max(1, (a.epochs - 1) * steps))
            for gr in opt.param_groups:
                gr["lr"] = lr * gr["scale"]
            if i % a.echo == 0:
                pool.add(q.get())
            x0, mask, target, weight = pool.draw(a.batch + a.outliers, pick)
            with cast():
                f = net.upper(x0, a.freeze)
            loss = loss_of(net.score(f.float()), mask, target, weight, a.batch)
            opt.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(free, 5.0)
            opt.step()
            with torch.no_grad():
                d = min(a.ema, (it + 1) / (it + 10))
                for pe, p in zip(averaged, free):
                    pe.lerp_(p, 1 - d)
            acc += float(loss)
            if i % 25 == 0:
                print(f"  {epoch} {i}/{steps} loss {float(loss):.3f} {time.time() - t0:.0f} s "
                      f"({time.process_time():.0f} s of processor)", flush=True)
        record(epoch, f"{acc / steps:.4f}", time.time() - t0)
        torch.save({"net": net.state_dict(), "ema": ema.state_dict(), "opt": opt.state_dict(), "epoch": epoch + 1}, last)
    torch.save({"net": ema.state_dict(), "names": names, "args": vars(a)}, os.path.join(a.out, "final.pt"))


if __name__ == "__main__":
    main()
