"""Trains `pocket`. Data directory, seed and schedule are arguments; two CPU cores are enough.

    python3 train.py DATA_DIR -o RUN_DIR --init mobilenet_0.75_224.h5 --schedule 128:16,160:6

DATA_DIR holds pocket/train.tar and pocket/val.tar. RUN_DIR gets curve.csv, last.pt (resumes when it is
there) and best.pt (averaged weights of the best epoch). N pictures, S canvas side, K classes, H,W map.

A batch takes one of four forms, drawn at random:
  plain   one picture a canvas
  mixup   two pictures blended, labels blended
  mosaic  four whole pictures in the quarters of a canvas (the split point moves)
  paste   a whole picture pasted small into another
In mosaic and paste the class scores are averaged over each picture's own cells of the logit map and each
gets its own loss: the network learns *where*, which the heatmaps then show. Some canvases of a batch are
outliers (`data.outliers`) whose target is the uniform distribution.
"""
import argparse
import copy
import csv
import math
import os
import random
import time

import numpy as np
import torch
import torch.nn.functional as F

import data
from net import PocketNet

CELL = 16  # stride of the last layer


def soft(y, k, eps):
    return F.one_hot(y, k).float() * (1 - eps) + eps / k


def cross_entropy(logits, target, weight=None):
    l = -(target * F.log_softmax(logits, 1)).sum(1)
    return l.mean() if weight is None else (l * weight).sum() / weight.sum()


def prepare(x, s, strength):
    """Float canvases -> augmented canvases."""
    return data.erase(data.quality(data.colour(x))) if strength else x


class Batches:
    """Draws pictures with probability ~ class size ^ -power, so that small classes are seen more."""

    def __init__(self, x, y, power=0.5):
        self.x, self.y = x, y
        n = torch.bincount(y).float()
        self.p = (n ** -power)[y]
        self.k = len(n)

    def draw(self, n):
        i = torch.multinomial(self.p, n, replacement=False)
        return self.x[i].float(), self.y[i]


def make_batch(src, n, s, form, eps):
    """-> canvases n,3,s,s; list of (mask h,w or None, target n,K)."""
    g = s // CELL
    if form in ("plain", "mixup"):
        x, y = src.draw(n)
        x, t = data.crop(x, s, s), soft(y, src.k, eps)
        if form == "mixup":
            lam = float(np.random.beta(0.4, 0.4))
            j = torch.randperm(n)
            x, t = lam * x + (1 - lam) * x[j], lam * t + (1 - lam) * t[j]
        return x, [(None, t)]
    x = torch.empty(n, 3, s, s)
    parts = []
    if form == "mosaic":
        cy, cx = random.randint(g // 3, g - g // 3), random.randint(g // 3, g - g // 3)
        boxes = [(0, 0, cy, cx), (0, cx, cy, g), (cy, 0, g, cx), (cy, cx, g, g)]
        for t, l, b, r in boxes:
            p, y = src.draw(n)
            x[:, :, t * CELL:b * CELL, l * CELL:r * CELL] = data.crop(p, (b - t) * CELL, (r - l) * CELL, (0.5, 1.1))
            m = torch.zeros(g, g)
            m[t:b, l:r] = 1
            parts.append((m, soft(y, src.k, eps)))
    else:  # paste
        h, w = random.randint(g // 4, (2 * g) // 3), random.randint(g // 4, (2 * g) // 3)
        t, l = random.randint(0, g - h), random.randint(0, g - w)
        a, ya = src.draw(n)
        b, yb = src.draw(n)
        x = data.crop(a, s, s, (0.5, 1.1))
        x[:, :, t * CELL:(t + h) * CELL, l * CELL:(l + w) * CELL] = data.crop(b, h * CELL, w * CELL, (0.6, 1.1))
        m = torch.zeros(g, g)
        m[t:t + h, l:l + w] = 1
        parts = [(1 - m, soft(ya, src.k, eps)), (m, soft(yb, src.k, eps))]
    return x, parts


def batch_loss(logit_map, parts, n, out_weight):
    loss = 0.0
    lm = logit_map[:n]
    for m, t in parts:
        z = lm.mean((2, 3)) if m is None else (lm * m).sum((2, 3)) / m.sum()
        w = 1.0 if m is None else float(m.sum() / m.numel()) ** 0.5
        loss = loss + w * cross_entropy(z, t)
    loss = loss / (1.0 if len(parts) == 1 else 1.3)
    if logit_map.shape[0] > n:
        z = logit_map[n:].mean((2, 3))
        loss = loss + out_weight * (-F.log_softmax(z, 1).mean(1) - math.log(z.shape[1])).mean()
    return loss


@torch.no_grad()
def validate(net, x, y, s, batch=64):
    net.eval()
    z = torch.cat([net(F.interpolate(x[i:i + batch].float(), size=(s, s), mode="bilinear", align_corners=False))
                   for i in range(0, len(x), batch)])
    hit = (z.argmax(1) == y).float()
    per = torch.stack([hit[y == c].mean() for c in range(int(y.max()) + 1)])
    return float(hit.mean()), per, float(F.cross_entropy(z, y))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data_dir")
    ap.add_argument("-o", "--out", required=True)
    ap.add_argument("--init", help="Keras MobileNet 0.75 weights (.h5) or a .pt of an earlier run")
    ap.add_argument("--design", default="b11")
    ap.add_argument("--schedule", default="128:16,160:6", help="canvas side : epochs, ...")
    ap.add_argument("--forms", default="plain:4,mixup:1,mosaic:3,paste:2")
    ap.add_argument("--lr", type=float, default=1.2e-3)
    ap.add_argument("--wd", type=float, default=0.02)
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--smooth", type=float, default=0.08)
    ap.add_argument("--outliers", type=int, default=6, help="outlier canvases a batch")
    ap.add_argument("--out-weight", type=float, default=0.1)
    ap.add_argument("--ema", type=float, default=0.997)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--val-side", type=int, default=160)
    ap.add_argument("--limit", type=int, default=0, help="batches an epoch, 0 = all: for a quick try")
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    np.random.seed(a.seed)
    random.seed(a.seed)
    os.makedirs(a.out, exist_ok=True)
    pocket = os.path.join(a.data_dir, "pocket")
    x, y, names, _ = data.load(pocket, "train", a.out + "/../cache")
    vx, vy, vnames, _ = data.load(pocket, "val", a.out + "/../cache")
    assert names == vnames
    src = Batches(x, y)
    net = PocketNet(len(names), a.design)
    if a.init and a.init.endswith(".pt"):
        net.load_state_dict(torch.load(a.init)["net"])
    elif a.init:
        net.load_keras(a.init)
    net = net.to(memory_format=torch.channels_last)
    ema = copy.deepcopy(net)
    decay = [p for p in net.parameters() if p.ndim > 1 and not (p.ndim == 4 and p.shape[1] == 1)]
    ids = {id(p) for p in decay}
    rest = [p for p in net.parameters() if id(p) not in ids]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": a.wd}, {"params": rest, "weight_decay": 0.0}], lr=a.lr)
    plan = [int(s) for part in a.schedule.split(",") for s, e in [part.split(":")] for _ in range(int(e))]
    steps = a.limit or len(x) // a.batch
    total = steps * len(plan)
    forms, fw = zip(*[(f.split(":")[0], float(f.split(":")[1])) for f in a.forms.split(",")])
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
    print("parameters", sum(p.numel() for p in net.parameters()), "epochs", len(plan), "steps", steps, flush=True)
    for epoch in range(epoch0, len(plan)):
        net.train()
        s, t0, acc = plan[epoch], time.time(), 0.0
        for i in range(steps):
            it = epoch * steps + i
            warm = min(1.0, (it + 1) / (0.5 * steps))
            lr = a.lr * warm * (0.5 + 0.5 * math.cos(math.pi * it / total))
            for gr in opt.param_groups:
                gr["lr"] = lr
            form = random.choices(forms, fw)[0]
            xb, parts = make_batch(src, a.batch, s, form, a.smooth)
            xb = prepare(xb, s, True)
            if a.outliers:
                xo, _ = src.draw(a.outliers)
                xb = torch.cat([xb, data.outliers(xo, s)])
            lm = net.logit_map(xb.contiguous(memory_format=torch.channels_last))
            loss = batch_loss(lm, parts, a.batch, a.out_weight)
            opt.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
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
                print(f"  {epoch} {i}/{steps} {form} loss {float(loss):.3f} {time.time() - t0:.0f} s", flush=True)
        top1, per, nll = validate(ema, vx, vy, a.val_side)
        w = int(per.argmin())
        curve.writerow([epoch, s, f"{acc / steps:.4f}", f"{top1:.4f}", f"{float(per.min()):.4f}", f"{nll:.4f}",
                        f"{time.time() - t0:.0f}"])
        log.flush()
        print(f"epoch {epoch} side {s} loss {acc / steps:.4f} top1 {top1:.4f} worst {names[w]} {float(per[w]):.3f} "
              f"nll {nll:.4f} {time.time() - t0:.0f} s", flush=True)
        state = {"net": ema.state_dict(), "design": a.design, "names": names, "top1": top1, "args": vars(a)}
        if top1 >= best:
            best = top1
            torch.save(state, os.path.join(a.out, "best.pt"))
        torch.save({"net": net.state_dict(), "ema": ema.state_dict(), "opt": opt.state_dict(), "epoch": epoch + 1,
                    "best": best, "rng": (torch.get_rng_state(), np.random.get_state(), random.getstate()),
                    "design": a.design, "names": names}, last)
    torch.save(state, os.path.join(a.out, "final.pt"))


if __name__ == "__main__":
    main()
