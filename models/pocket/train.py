"""Trains `pocket`. Data directory, seed and schedule are arguments; two CPU cores are enough.

    python3 train.py DATA_DIR -o RUN_DIR --init mobilenet_0.75_224.h5 --schedule 128:16,160:6

DATA_DIR holds pocket/train.tar and pocket/val.tar. RUN_DIR gets curve.csv, last.pt (resumes when it is
there), best.pt (averaged weights of the best epoch) and final.pt. N canvases, S canvas side, K classes,
H,W map, P parts of a canvas (at most 4).

A batch takes one of four forms, drawn at random:
  plain   one picture a canvas
  mixup   two pictures blended, labels blended
  mosaic  four whole pictures in the quarters of a canvas (the split point moves)
  paste   a whole picture pasted small into another
In mosaic and paste the class scores are averaged over each picture's own cells of the logit map and each
gets its own loss: the network learns *where*, which the heatmaps then show. Some canvases of a batch are
outliers (`data.outliers`) whose target is the uniform distribution.

A thread draws, augments and runs the frozen layers; what comes out goes into a pool, from which the steps
draw, --echo steps for each batch that enters ("Faster Neural Network Training with Data Echoing", Choi et
al. 2019): augmenting and the frozen layers cost as much as the rest.

With --hint the whole of MobileNet runs on every canvas as well, and a linear layer (not exported) has to
predict its last map, N,768,H/2,W/2, from pocket's features ("FitNets: Hints for Thin Deep Nets", Romero et al.
2015): what 1.2 million pictures taught the last two blocks, which pocket lacks, is not lost.
"""
import argparse
import copy
import csv
import math
import os
import queue
import random
import threading
import time

import numpy as np
import torch
import torch.nn.functional as F

import data
from net import PocketNet

CELL = 16  # stride of the last layer
PARTS = 4


def soft(y, k, eps):
    return F.one_hot(y, k).float() * (1 - eps) + eps / k


class Source:
    """Draws pictures with probability ~ class size ^ -power, so that small classes are seen more."""

    def __init__(self, x, y, power):
        self.x, self.y = x, y
        n = torch.bincount(y).float()
        self.p = (n ** -power)[y]
        self.k = len(n)

    def draw(self, n):
        i = torch.multinomial(self.p, n, replacement=False)
        return self.x[i].float(), self.y[i]


def make_batch(src, n, s, form, a):
    """-> canvases n,3,s,s; masks n,P,H,W (which cells a part owns); targets n,P,K; weights n,P of the parts."""
    g = s // CELL
    mask, target, weight = torch.zeros(n, PARTS, g, g), torch.zeros(n, PARTS, src.k), torch.zeros(n, PARTS)

    def part(i, box, y):
        t, l, b, r = box
        mask[:, i, t:b, l:r] = 1
        target[:, i] = soft(y, src.k, a.smooth)

    x, y = src.draw(n)
    if form in ("plain", "mixup"):
        x = data.crop(x, s, s, (a.scale, 1.0))
        part(0, (0, 0, g, g), y)
        if form == "mixup":
            lam, j = float(np.random.beta(0.4, 0.4)), torch.randperm(n)
            x = lam * x + (1 - lam) * x[j]
            target[:, 0] = lam * target[:, 0] + (1 - lam) * target[j, 0]
    elif form == "mosaic":
        cy, cx = random.randint(g // 3, g - g // 3), random.randint(g // 3, g - g // 3)
        out = torch.empty(n, 3, s, s)
        for i, (t, l, b, r) in enumerate([(0, 0, cy, cx), (0, cx, cy, g), (cy, 0, g, cx), (cy, cx, g, g)]):
            if i:
                x, y = src.draw(n)
            out[:, :, t * CELL:b * CELL, l * CELL:r * CELL] = data.crop(x, (b - t) * CELL, (r - l) * CELL, (0.5, 1.1))
            part(i, (t, l, b, r), y)
        x = out
    else:  # paste
        h, w = random.randint(g // 4, (2 * g) // 3), random.randint(g // 4, (2 * g) // 3)
        t, l = random.randint(0, g - h), random.randint(0, g - w)
        x = data.crop(x, s, s, (0.5, 1.1))
        part(0, (0, 0, g, g), y)
        small, y = src.draw(n)
        x[:, :, t * CELL:(t + h) * CELL, l * CELL:(l + w) * CELL] = data.crop(small, h * CELL, w * CELL, (0.6, 1.1))
        part(1, (t, l, t + h, l + w), y)
        mask[:, 0] -= mask[:, 1]
    # a small part weighs less, but more than its area
    weight[:] = mask.mean((2, 3)).sqrt()
    weight /= 1.0 if form in ("plain", "mixup") else 1.3
    x = data.erase(data.quality(data.colour(x)))
    if a.outliers:
        x = torch.cat([x, data.outliers(src.draw(a.outliers)[0], s)])
        grow = lambda t, v: torch.cat([t, v.expand(a.outliers, *t.shape[1:])])
        mask, target = grow(mask, torch.ones(g, g)), grow(target, torch.full((), 1 / src.k))
        weight = grow(weight, torch.tensor([a.out_weight * n / a.outliers] + [0.0] * (PARTS - 1)))
    return x, mask, target, weight


def loss_of(logit_map, mask, target, weight, batch):
    area = mask.sum((2, 3)).clamp(min=1)
    z = torch.einsum("nkhw,nphw->npk", logit_map, mask) / area[:, :, None]
    return -((target * F.log_softmax(z, 2)).sum(2) * weight).sum() / batch


def loader(net, teacher, src, a, plan, steps, first, q):
    """Fills q in a thread of its own. The only user of the global random generators from here on, so that a seed
    repeats a run whatever the timing."""
    torch.set_num_threads(a.threads)
    forms, weights = zip(*[(f.split(":")[0], float(f.split(":")[1])) for f in a.forms.split(",")])
    for epoch in range(first, len(plan)):
        for i in range(0, steps, a.echo):
            x, *rest = make_batch(src, a.batch, plan[epoch], random.choices(forms, weights)[0], a)
            x = net.lower(x.contiguous(memory_format=torch.channels_last))
            if teacher:
                rest.append(teacher.lower(x, a.freeze).bfloat16())
            rng = (torch.get_rng_state(), np.random.get_state(), random.getstate())
            q.put((x.bfloat16() if a.freeze else x, *rest, rng))


class Pool:
    """The last `size` canvases that were loaded; a new batch takes the place of the oldest."""

    def __init__(self, size):
        self.size, self.rows, self.at = size, None, 0

    def add(self, *tensors):
        n = len(tensors[0])
        if self.rows is None or self.rows[0].shape[1:] != tensors[0].shape[1:]:
            cap = max(1, self.size // n) * n
            self.rows = [torch.empty((cap, *t.shape[1:]), dtype=t.dtype).contiguous(
                memory_format=torch.channels_last if t.ndim == 4 else torch.contiguous_format) for t in tensors]
            self.at = self.filled = 0
        for r, t in zip(self.rows, tensors):
            r[self.at:self.at + n] = t
        self.at = (self.at + n) % len(self.rows[0])
        self.filled = max(self.filled, self.at or len(self.rows[0]))

    def draw(self, n, g):
        i = torch.randperm(self.filled, generator=g)[:n]
        return [r[i] for r in self.rows]


@torch.no_grad()
def lower_all(net, x, s, batch=64):
    return torch.cat([net.lower(F.interpolate(x[i:i + batch].float(), size=(s, s), mode="bilinear", align_corners=False)
                                .contiguous(memory_format=torch.channels_last)).bfloat16()
                      for i in range(0, len(x), batch)])


@torch.no_grad()
def validate(net, feats, y, batch=64):
    net.eval()
    z = torch.cat([net.upper(feats[i:i + batch].float()).mean((2, 3)) for i in range(0, len(feats), batch)])
    hit = (z.argmax(1) == y).float()
    per = torch.stack([hit[y == c].mean() for c in range(int(y.max()) + 1)])
    return float(hit.mean()), per, float(F.cross_entropy(z, y))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data_dir")
    ap.add_argument("-o", "--out", required=True)
    ap.add_argument("--init", help="Keras MobileNet 0.75 weights (.h5) or a .pt of an earlier run")
    ap.add_argument("--design", default="b11r6")
    ap.add_argument("--freeze", type=int, default=0, help="keep stem and the blocks up to this one as they start")
    ap.add_argument("--schedule", default="128:16,160:6", help="canvas side : epochs, ...")
    ap.add_argument("--forms", default="plain:5,mixup:1,mosaic:3,paste:2")
    ap.add_argument("--scale", type=float, default=0.35, help="smallest part of a picture that a plain crop shows")
    ap.add_argument("--lr", type=float, default=1.2e-3)
    ap.add_argument("--wd", type=float, default=0.02)
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--echo", type=int, default=1, help="steps for each batch that is loaded")
    ap.add_argument("--pool", type=int, default=0, help="canvases kept to draw from; 0: the batch just loaded")
    ap.add_argument("--hint", type=float, default=0.0, help="weight of the teacher's map; needs --freeze and a .h5")
    ap.add_argument("--head-lr", type=float, default=1.0, help="times --lr for the new layers")
    ap.add_argument("--keep-stats", action="store_true", help="batch-norms use the averages they start with")
    ap.add_argument("--smooth", type=float, default=0.08)
    ap.add_argument("--outliers", type=int, default=6, help="outlier canvases a batch")
    ap.add_argument("--out-weight", type=float, default=0.1)
    ap.add_argument("--power", type=float, default=0.7, help="0: draw as the data is, 1: every class equally often")
    ap.add_argument("--ema", type=float, default=0.997)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--threads", type=int, default=1, help="of the steps, and as many of the loader")
    ap.add_argument("--val-side", type=int, default=160)
    ap.add_argument("--val-every", type=int, default=1)
    ap.add_argument("--limit", type=int, default=0, help="batches an epoch, 0 = all: for a quick try")
    ap.add_argument("--cache", help="folder for the decoded pictures")
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    np.random.seed(a.seed)
    random.seed(a.seed)
    os.makedirs(a.out, exist_ok=True)
    x, y, names, _ = data.load(os.path.join(a.data_dir, "pocket"), "train", a.cache)
    vx, vy, vnames, _ = data.load(os.path.join(a.data_dir, "pocket"), "val", a.cache)
    assert names == vnames
    src = Source(x, y, a.power)
    net = PocketNet(len(names), a.design)
    if a.init and a.init.endswith(".pt"):
        net.load_state_dict(torch.load(a.init)["net"])
    elif a.init:
        net.load_keras(a.init)
    net = net.to(memory_format=torch.channels_last)
    if a.freeze:
        net.freeze(a.freeze)
    ema = copy.deepcopy(net)
    teacher = hint = None
    if a.hint:
        teacher = PocketNet(1, "full")
        teacher.load_keras(a.init)
        teacher.freeze(13)
        hint = torch.nn.Conv2d(net.fc.in_features, 768, 1)
    free = [p for p in net.parameters() if p.requires_grad] + (list(hint.parameters()) if hint else [])
    new = {id(p) for p in net.fc.parameters()} | ({id(p) for p in hint.parameters()} if hint else set())
    groups = []
    for p in free:
        matrix = p.ndim > 1 and not (p.ndim == 4 and p.shape[1] == 1)  # neither biases, batch-norms nor depthwise
        groups.append({"params": [p], "weight_decay": a.wd if matrix else 0.0,
                       "scale": a.head_lr if id(p) in new else 1.0})
    opt = torch.optim.AdamW(groups, lr=a.lr)
    plan = [int(s) for part in a.schedule.split(",") for s, e in [part.split(":")] for _ in range(int(e))]
    steps = a.limit or len(x) // a.batch
    total = steps * len(plan)
    epoch0, best = 0, 0.0
    last = os.path.join(a.out, "last.pt")
    if os.path.exists(last):
        c = torch.load(last)
        net.load_state_dict(c["net"]), ema.load_state_dict(c["ema"]), opt.load_state_dict(c["opt"])
        epoch0, best = c["epoch"], c["best"]
        torch.set_rng_state(c["rng"][0]), np.random.set_state(c["rng"][1]), random.setstate(c["rng"][2])
    log = open(os.path.join(a.out, "curve.csv"), "a", newline="")
    curve = csv.writer(log)
    if epoch0 == 0:
        curve.writerow(["epoch", "side", "loss", "val_top1", "val_worst_class", "val_nll", "seconds"])
    print("parameters", sum(p.numel() for p in net.parameters()), "trained", sum(p.numel() for p in free),
          "epochs", len(plan), "steps", steps, flush=True)
    if a.freeze:
        vf = lower_all(net, vx, a.val_side)
    pool = Pool(a.pool or a.batch + a.outliers)
    pick = torch.Generator().manual_seed(a.seed + epoch0)
    q = queue.Queue(3)
    threading.Thread(target=loader, args=(net, teacher, src, a, plan, steps, epoch0, q), daemon=True).start()
    for epoch in range(epoch0, len(plan)):
        net.train(not a.keep_stats)
        t0, acc = time.time(), 0.0
        for i in range(steps):
            it = epoch * steps + i
            lr = a.lr * min(1.0, (it + 1) / (0.5 * steps)) * (0.5 + 0.5 * math.cos(math.pi * it / total))
            for gr in opt.param_groups:
                gr["lr"] = lr * gr["scale"]
            if i % a.echo == 0:
                *tensors, rng = q.get()
                pool.add(*tensors)
            x0, mask, target, weight, *ht = pool.draw(a.batch + a.outliers, pick)
            f = net.features(x0.float())
            loss = loss_of(net.score(f), mask, target, weight, a.batch)
            if hint:
                loss = loss + a.hint * F.mse_loss(hint(F.avg_pool2d(f, 2)), ht[0].float())
            opt.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(free, 5.0)
            opt.step()
            with torch.no_grad():
                d = min(a.ema, (it + 1) / (it + 10))
                for pe, p in zip(ema.state_dict().values(), net.state_dict().values()):
                    if pe.dtype.is_floating_point:
                        pe.mul_(d).add_(p, alpha=1 - d)
                    else:
                        pe.copy_(p)
            acc += float(loss)
            if i % 25 == 0:
                print(f"  {epoch} {i}/{steps} loss {float(loss):.3f} {time.time() - t0:.0f} s", flush=True)
        state = {"net": ema.state_dict(), "design": a.design, "names": names, "args": vars(a)}
        if (epoch + 1) % a.val_every == 0 or epoch + 1 == len(plan):
            top1, per, nll = validate(ema, vf if a.freeze else lower_all(ema, vx, a.val_side), vy)
            w = int(per.argmin())
            curve.writerow([epoch, plan[epoch], f"{acc / steps:.4f}", f"{top1:.4f}", f"{float(per.min()):.4f}",
                            f"{nll:.4f}", f"{time.time() - t0:.0f}"])
            log.flush()
            print(f"epoch {epoch} side {plan[epoch]} loss {acc / steps:.4f} top1 {top1:.4f} worst {names[w]} "
                  f"{float(per[w]):.3f} nll {nll:.4f} {time.time() - t0:.0f} s", flush=True)
            state["top1"] = top1
            if top1 >= best:
                best = top1
                torch.save(state, os.path.join(a.out, "best.pt"))
        torch.save({"net": net.state_dict(), "ema": ema.state_dict(), "opt": opt.state_dict(), "epoch": epoch + 1,
                    "best": best, "rng": rng, "design": a.design, "names": names}, last)
        if epoch + 1 == len(plan):
            torch.save(state, os.path.join(a.out, "final.pt"))


if __name__ == "__main__":
    main()
