"""Fits the linear layer of `pocket` anew on trained weights: it says what the heatmaps show.

    python3 head.py RUN1.pt:0.45,RUN2.pt:0.55 DATA_DIR -o head.pt

Everything below stays as it is, so the fit is convex, exact and takes minutes. It weighs three kinds of features:
  plain     whole training pictures: what the network is asked
  parts     single pictures within mosaics and pasted canvases (train.py), pooled over their own cells: teaches the map where
  outliers  canvases of nothing, whose target is the uniform distribution
N pictures, K classes, C channels.
"""
import argparse
import os
import random

import torch
import torch.nn.functional as F

import data
from net import PocketNet, mixed
from train import Source, by_part, fit_linear, make_batch


@torch.no_grad()
def plain_features(net, x, side):
    """-> N,C"""
    return torch.cat([net.upper(net.lower(F.interpolate(x[i:i + 64].float(), size=(side, side), mode="bilinear",
                                                        align_corners=False), 0), 0).mean((2, 3))
                      for i in range(0, len(x), 64)])


@torch.no_grad()
def canvas_features(net, src, a):
    """-> (features n,C; targets n,K; weights n) of the parts, features of the outliers."""
    parts, targets, weights, outliers = [], [], [], []
    for i in range(a.batches):
        x, mask, target, weight = make_batch(src, a.batch, a.side, ("mosaic", "paste")[i % 2], a)
        f = net.upper(net.lower(x, 0), 0)
        outliers.append(f[a.batch:].mean((2, 3)))
        f, mask, target, weight = f[:a.batch], mask[:a.batch], target[:a.batch], weight[:a.batch]
        there = weight > 0
        parts.append(by_part(f, mask)[there]), targets.append(target[there]), weights.append(weight[there])
        if i % 10 == 9:
            print(f"  canvases {i + 1}/{a.batches}", flush=True)
    return torch.cat(parts), torch.cat(targets), torch.cat(weights), torch.cat(outliers)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("checkpoint", help="a.pt, or several with their weights: a.pt:0.6,b.pt:0.4")
    ap.add_argument("data_dir")
    ap.add_argument("-o", "--out", required=True)
    ap.add_argument("--side", type=int, default=160)
    ap.add_argument("--power", type=float, default=2.0, help="0: pictures count as they are, 1: every class equally")
    ap.add_argument("--parts", type=float, default=0.12, help="weight of the parts, plain pictures having 1")
    ap.add_argument("--out-weight", type=float, default=0.25, help="weight of the outliers")
    ap.add_argument("--l2", type=float, default=4e-3)
    ap.add_argument("--keep", type=float, default=0, help="weight of the linear layer that was there, in the mean with the new one")
    ap.add_argument("--batches", type=int, default=100)
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--outliers", type=int, default=9, help="outlier canvases a batch")
    ap.add_argument("--seed", type=int, default=5)
    ap.add_argument("--cache", help="folder for the decoded pictures")
    a = ap.parse_args()
    a.smooth, a.scale, a.mild = 0.0, 0.45, 0.0
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    random.seed(a.seed)
    x, y, names, files = data.load(os.path.join(a.data_dir, "pocket"), "train", a.cache)
    weights, order = mixed(a.checkpoint)
    assert order == names
    net = PocketNet(len(names)).to(memory_format=torch.channels_last)
    net.load_state_dict(weights)
    plain = plain_features(net, x, a.side)
    print(f"  {len(plain)} plain pictures", flush=True)
    f, t, w, o = canvas_features(net, Source(x, y, files, 0.8), a)
    p = Source(x, y, files, a.power).p
    uniform = torch.full((len(o), len(names)), 1 / len(names))
    w, b = fit_linear([(plain, F.one_hot(y, len(names)).float(), p / p.sum()), (f, t, a.parts * w / w.sum()),
                       (o, uniform, torch.full((len(o),), a.out_weight / len(o)))], a.l2, 100, "strong_wolfe")
    for name, new in (("fc.weight", w), ("fc.bias", b)):
        weights[name] = torch.lerp(new, weights[name], a.keep)
    torch.save({"net": weights, "names": names}, a.out)
    print(f"{a.out}: fitted on {len(plain)} pictures, {len(f)} parts and {len(o)} outliers")


if __name__ == "__main__":
    main()
