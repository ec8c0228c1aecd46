"""Trains `pocket` by distillation. One GPU and two minutes; `--limit`, `--plain` and `--canvases` for a try.

    python3 train.py DATA_DIR -o RUN_DIR

DATA_DIR holds pocket/train.tar, unlabelled/unlabelled.tar (training pictures), weights/mobilenet_0.75_224.h5 (start and
teacher) and onnx/bvlc_googlenet.onnx (teacher). RUN_DIR gets start.pt (nothing trained) and NAME.pt for every setting
of --fits. N canvases, S canvas side, K classes, C channels, L cells of a map, P parts of a canvas.

Everything below the linear layer stays MobileNet's, on its int8 grid: trained on these few pictures, it lost more than it
gained (README). The linear layer learns
  - the answers of the teachers, MobileNet as published and GoogLeNet (their mean log-probabilities), to whole pictures;
    where the folder of a picture says what it shows, those classes gain `nats`;
  - their answers to the parts of a canvas, seen alone and large, by the mean of its own logit map over the part's
    cells: "mosaic", whole pictures in 2x2 fields, and "paste", one pasted small into another;
  - *where*: a map's softmax over the cells has its mass within the part of its class, and as GoogLeNet's own maps have it.
    What is added to every class's row alike changes no probability, but every map.
Features are computed once and kept; the fits are then quick. The linear layer is rounded to int8 in the loop.
"""
import argparse
import os
import random
import time

import torch
import torch.nn.functional as F

import data
from net import PocketNet, SIDE, rounded, without_dead
from onnxnet import OnnxNet

G = SIDE // 16  # cells a side
LAST = "/inception_5b/Concat_output_0"  # of GoogLeNet


class Teachers:
    """Averages of log-probabilities of MobileNet as published and GoogLeNet, each with its own preprocessing."""

    def __init__(self, data_dir, share, device):
        self.mobilenet = PocketNet(fine=False).load_keras(os.path.join(data_dir, "weights/mobilenet_0.75_224.h5"))
        self.mobilenet = self.mobilenet.to(device, memory_format=torch.channels_last).eval()
        self.googlenet = OnnxNet(os.path.join(data_dir, "onnx/bvlc_googlenet.onnx"), device)
        self.mean = torch.tensor([104.0, 117.0, 123.0], device=device)[:, None, None]
        self.share = share

    @torch.no_grad()
    def heat(self, x, k, batch=64):
        """Where GoogLeNet sees class k: its Grad-CAM map before the pool, at the picture's size and at twice that, after
        ReLU, squared and summing to 1. x: N,3,S,S; k: N -> N,H*W"""
        weight = self.googlenet.w[self.googlenet.nodes[-1][1][1]]
        out = []
        for p, c in zip(x.split(batch), k.split(batch)):
            total = 0
            for side in (SIDE, 2 * SIDE):
                with autocast(p):
                    f = self.googlenet.run(resized(p.flip(1) - self.mean, side, side), tensors=(LAST,))[1].float()
                m = torch.einsum("nchw,nc->nhw", f, weight[c]).relu()
                m = F.interpolate(m[:, None], size=(G, G), mode="bilinear", align_corners=False)[:, 0]
                total = total + m / m.sum((1, 2), keepdim=True).clamp(min=1e-6)
            out.append((total ** 2).flatten(1))
        out = torch.cat(out)
        return out / out.sum(1, keepdim=True).clamp(min=1e-9)

    @torch.no_grad()
    def __call__(self, x, batch=512):
        """x: 0..255 RGB N,3,224,224 -> log-probabilities N,K."""
        out = []
        for p in x.split(batch):
            p = p.contiguous(memory_format=torch.channels_last)
            with autocast(p):
                a = self.mobilenet(p).float()
                b = self.googlenet.run(p.flip(1) - self.mean)[0].float()
            out.append((1 - self.share) * a.log_softmax(1) + self.share * b.log_softmax(1))
        return torch.cat(out).log_softmax(1)


def autocast(x):
    return torch.autocast(x.device.type, torch.bfloat16)


class Source:
    def __init__(self, x, known, device):
        """Half of the pictures drawn are of folders that say nothing: the others show few classes."""
        self.x, self.known, self.n = x.to(device), known.to(device), len(x)
        says = self.known.any(1)
        self.p = torch.where(says, 0.5 / says.sum(), 0.5 / (~says).sum())

    def draw(self, n, scale):
        """-> pictures 0..255 N,3,224,224 augmented, their indices."""
        i = torch.multinomial(self.p, n, replacement=True)
        return data.colour(data.crop(self.x[i].float(), SIDE, scale)), i


def resized(x, h, w):
    return F.interpolate(x, size=(h, w), mode="bilinear", align_corners=False, antialias=True)


PARTS = 4


def paint(src, n, form):
    """-> canvases n,3,S,S; [(mask G,G; picture as the teachers see it; index of it)] of its parts."""
    d = src.x.device

    def mask(t, l, b, r):
        m = torch.zeros(G, G, device=d)
        m[t:b, l:r] = 1
        return m

    if form == "plain":
        x, i = src.draw(n, (0.5, 1.0))
        return data.quality(x), [(mask(0, 0, G, G), x, i)]
    if form == "mosaic":
        x, parts = torch.empty(n, 3, SIDE, SIDE, device=d), []
        rows, cols = ([0, random.randint(5, G - 5), G] for _ in range(2))
        for t, b in zip(rows, rows[1:]):
            for l, r in zip(cols, cols[1:]):
                p, i = src.draw(n, (0.5, 1.1))
                x[:, :, t * 16:b * 16, l * 16:r * 16] = resized(p, (b - t) * 16, (r - l) * 16)
                parts.append((mask(t, l, b, r), p, i))
        return data.quality(x), parts
    x, i = src.draw(n, (0.5, 1.1))
    p, j = src.draw(n, (0.6, 1.1))
    h, w = random.randint(3, 8), random.randint(3, 8)
    t, l = random.randint(0, G - h), random.randint(0, G - w)
    parts = [(1 - mask(t, l, t + h, l + w), x.clone(), i), (mask(t, l, t + h, l + w), p, j)]
    x[:, :, t * 16:(t + h) * 16, l * 16:(l + w) * 16] = resized(p, h * 16, w * 16)
    return data.quality(x), parts


@torch.no_grad()
def features(net, x):
    return net.upper(net.lower(x.contiguous(memory_format=torch.channels_last), 0, True), 0, True)


@torch.no_grad()
def collect(net, src, teachers, a):
    """Features of --plain pictures, pooled, and of --canvases, cell by cell; with the teachers' answers."""
    plain = {k: [] for k in ("f", "logp", "i")}
    for _ in range(a.plain // a.batch):
        x, ((_, seen, i),) = paint(src, a.batch, "plain")
        plain["f"].append(features(net, x).mean((2, 3)).half())
        plain["logp"].append(teachers(seen).half())
        plain["i"].append(i)
    cells = {k: [] for k in ("f", "mask", "logp", "i", "heat", "there")}
    n = min(a.batch, 96)
    for step in range(a.canvases // n):
        x, parts = paint(src, n, ("plain", "paste", "mosaic", "paste")[step % 4])
        cells["f"].append(features(net, x).flatten(2).half())
        d = x.device
        mask, there = torch.zeros(n, PARTS, G * G, device=d), torch.zeros(n, PARTS, device=d)
        logp = torch.full((n, PARTS, data.CLASSES), -10.0, device=d)
        index, heat = torch.zeros(n, PARTS, dtype=torch.long, device=d), torch.zeros(n, PARTS, G * G, device=d)
        for k, ((m, _, i), z) in enumerate(zip(parts, teachers(torch.cat([p[1] for p in parts])).chunk(len(parts)))):
            mask[:, k], there[:, k], logp[:, k], index[:, k] = m.flatten(), 1, z, i
            if len(parts) == 1 or (len(parts) == 2 and k == 1):
                best = (z + 4 * src.known[i]).argmax(1)
                h = teachers.heat(x, best) * m.flatten()
                heat[:, k] = h / h.sum(1, keepdim=True).clamp(min=1e-6)
        for key, v in (("mask", mask), ("there", there), ("logp", logp), ("i", index), ("heat", heat)):
            cells[key].append(v if key == "i" else v.half())
    return {k: torch.cat(v) for k, v in plain.items()}, {k: torch.cat(v) for k, v in cells.items()}


def fit(weight0, bias0, plain, cells, src, a, nats, place, heat, stay):
    """-> the linear layer, W K,C and b K. nats: what a folder's word is worth; place, heat: weights of the two losses over
    the cells; stay: of the squared change, relative to what the weights are like."""
    size = float(weight0.square().mean().sqrt())
    w, b = weight0.clone().requires_grad_(True), bias0.clone().requires_grad_(True)
    opt = torch.optim.Adam([{"params": [w], "of": size}, {"params": [b], "of": float(bias0.std())}], betas=(0.9, 0.98))
    t, dev = a.temperature, weight0.device
    generator = torch.Generator(dev).manual_seed(a.seed)

    def divergence(f, logp, known):
        p = ((logp + nats * known) / t).softmax(-1)
        return t * t * (p * ((p + 1e-9).log() - (F.linear(f, rounded(w), b) / t).log_softmax(-1))).sum(-1)

    for step in range(a.steps):
        for g in opt.param_groups:
            g["lr"] = a.lr * g["of"] * min(1.0, (step + 1) / 50) * (1 - step / a.steps)
        i = torch.randint(len(plain["f"]), (1024,), device=dev, generator=generator)
        loss = divergence(plain["f"][i].float(), plain["logp"][i].float(), src.known[plain["i"][i]]).mean()
        i = torch.randint(len(cells["f"]), (96,), device=dev, generator=generator)
        f, mask, logp, h, there = (cells[k][i].float() for k in ("f", "mask", "logp", "heat", "there"))
        known = src.known[cells["i"][i]]
        pooled = torch.einsum("ncl,npl->npc", f, mask) / mask.sum(2, keepdim=True).clamp(min=1)
        share = there / there.sum(1, keepdim=True)
        part = (divergence(pooled, logp, known) * share).sum(1).mean()
        sure, k = (logp + nats * known).softmax(2).max(2)
        maps = (rounded(w)[k] @ f) / a.place_temperature
        within = maps.masked_fill(mask == 0, -1e4).logsumexp(2) - maps.logsumexp(2)
        like = -(h * maps.log_softmax(2)).sum(2)
        loss = loss + a.part * part + place * -(within * sure * share).sum(1).mean() \
            + heat * (like * sure * share).sum(1).mean() + stay * ((w - weight0) / size).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    return w.detach(), b.detach(), [float(v) for v in (loss, part, (within * sure * share).sum(1).mean(),
                                                       (like * sure * share).sum(1).mean())]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data_dir")
    ap.add_argument("-o", "--out", required=True)
    ap.add_argument("--fits", default="final:4:1:1:3", help="NAME:NATS:PLACE:HEAT:STAY, comma, ...")
    ap.add_argument("--plain", type=int, default=40000)
    ap.add_argument("--canvases", type=int, default=9600)
    ap.add_argument("--batch", type=int, default=256)
    ap.add_argument("--steps", type=int, default=1500)
    ap.add_argument("--lr", type=float, default=2e-3, help="of a tensor's root mean square")
    ap.add_argument("--share", type=float, default=0.45, help="GoogLeNet's share of the teachers' answer")
    ap.add_argument("--temperature", type=float, default=2.0, help="of the distillation")
    ap.add_argument("--place-temperature", type=float, default=4.0)
    ap.add_argument("--part", type=float, default=0.2, help="weight of the parts' answers")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--limit", type=int, default=0, help="pictures of each archive, 0 = all")
    a = ap.parse_args()
    began = time.time()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(a.seed)
    random.seed(a.seed)
    os.makedirs(a.out, exist_ok=True)
    x, names = data.load(a.data_dir, a.limit)
    known = data.known(names)
    held = torch.arange(len(x)) % 25 == 0
    src = Source(x[~held], known[~held], device)
    teachers = Teachers(a.data_dir, a.share, device)
    net = PocketNet().load_keras(os.path.join(a.data_dir, "weights/mobilenet_0.75_224.h5"))
    look = F.interpolate(x[::max(1, len(x) // 60)].float(), size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    net = without_dead(net, torch.cat([look, torch.rand(16, 3, SIDE, SIDE) * 255])).requires_grad_(False)
    torch.save({"net": net.state_dict(), "widths": net.widths, "args": vars(a)}, os.path.join(a.out, "start.pt"))
    net = net.to(device, memory_format=torch.channels_last)
    told = held & (known.sum(1) == 1)
    y = known[told].argmax(1).to(device)
    hx = F.interpolate(x[told].to(device).float(), size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    hf = torch.cat([features(net, p).mean((2, 3)) for p in hx.split(64)])
    print(f"{device}; {src.n} pictures, {len(y)} held out with a class; widths {net.widths}; "
          f"{time.time() - began:.0f} s to load", flush=True)
    plain, cells = collect(net, src, teachers, a)
    print(f"features of {len(plain['f'])} pictures and {len(cells['f'])} canvases; {time.time() - began:.0f} s", flush=True)
    weight, bias = net.fc.weight.detach(), net.fc.bias.detach()
    right = lambda w, b: float((F.linear(hf, rounded(w), b).argmax(1) == y).float().mean())
    print(f"start: {right(weight, bias):.4f} of the held-out pictures", flush=True)
    for setting in a.fits.split(","):
        name, *numbers = setting.split(":")
        w, b, parts = fit(weight, bias, plain, cells, src, a, *map(float, numbers))
        print(f"{setting}: {right(w, b):.4f} of the held-out pictures; loss, parts, place, heat "
              + " ".join(f"{v:.3f}" for v in parts) + f"; {time.time() - began:.0f} s", flush=True)
        torch.save({"fc": {"weight": w.half().cpu(), "bias": b.cpu()}}, os.path.join(a.out, f"{name}.pt"))


if __name__ == "__main__":
    main()
