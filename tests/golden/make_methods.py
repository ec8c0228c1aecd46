"""Golden values of the explanation methods: methods.json and methods.f32 beside this script.

  nice python3 tests/golden/make_methods.py [--shared ../shared] [--models NAME,NAME]

--models: only these; what the files hold of the others stays.

Every method by its published formula, written anew in PyTorch (float64, but for the methods that run
the network hundreds of times) on the networks and photos of shared/data. Nothing of the engine is
used. Maps to the input are large: of those a grid of samples is kept.

methods.json: {"entries": [{model, photo, layer, method, score, weights, options, H, W, step, first,
at, largest, moves}]}; weights: {class: weight}; at: index into methods.f32; samples lie at rows and
columns first, first + step, ...; step 1: the whole map. largest: of the whole map, absolute. moves: how
far float32 PyTorch's map is from it when the input is changed at random by 1e-5 of its largest value, as
a part of `largest`: a gradient jumps where a unit is that near to its kink, whoever computes it.
"""
import argparse
import json
import math
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
PHOTOS = ["pier", "dock", "elephant", "goldfish", "both", "doberman"]
MODELS = ["fer2013_big_XCEPTION", "squeezenet1_1", "bvlc_googlenet", "mobilenet_0.75_224"]


# ---- Random numbers: splitmix64 of (seed, index), as src/cam/random.h describes them
def uniform(seed, index):
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + (np.asarray(index, np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0 ** -53


def normal(seed, index):
    index = np.asarray(index, np.uint64)
    two = np.uint64(2)
    return np.sqrt(-2 * np.log(1 - uniform(seed, two * index))) * \
        np.cos(2 * np.pi * uniform(seed, two * index + np.uint64(1)))


# ---- Guided backpropagation: a ReLU that lets only positive gradients back
class GuidedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, top):
        y = x.clamp(0, top)
        ctx.save_for_backward(x)
        ctx.top = top
        return y

    @staticmethod
    def backward(ctx, dy):
        x, = ctx.saved_tensors
        return dy * (dy > 0) * (x > 0) * (x < ctx.top), None


class guided:
    """Within it every ReLU and ReLU6 of torch is a guided one."""

    def __enter__(self):
        self.kept = F.relu, F.hardtanh
        F.relu = lambda x, inplace=False: GuidedReLU.apply(x, math.inf)
        F.hardtanh = lambda x, lo, hi, inplace=False: GuidedReLU.apply(x, hi)

    def __exit__(self, *_):
        F.relu, F.hardtanh = self.kept


class Network:
    def __init__(self, spec, G, data, dtype):
        self.spec, self.dtype = spec, dtype
        if spec["id"].startswith("fer"):
            M = G.M
            self.net = M.BigXception(M.KerasFile(os.path.join(data, spec["weights"]), dtype)).to(dtype).eval()
        else:
            self.net = G.Runner(spec, data, dtype).net
        for module in self.net.modules():
            module._forward_hooks.clear()
            if hasattr(module, "inplace"):
                module.inplace = False
        for p in self.net.parameters():
            p.requires_grad_(False)
        self.modules = dict(self.net.named_modules())
        self.last = None, None, None

    def once(self, x, layer):
        """run(), remembered: many methods ask about one photo and layer."""
        if self.last[0] is not x or self.last[1] != layer:
            self.last = x, layer, self.run(x, layer)
        return self.last[2]

    def head(self, A):
        """Logits from the activation of the last layer."""
        if self.spec["id"] == "bvlc_googlenet":
            return self.net.classifier(torch.flatten(self.net.gap(A), 1))
        if self.spec["id"].startswith("mobilenet"):
            return torch.flatten(self.net.conv_preds(self.net.gap(A)), 1)
        if self.spec["id"].startswith("squeezenet"):
            return self.net.classifier(A).flatten(1)
        return A.mean((2, 3))

    def run(self, x, layer=None):
        """(logits, activation at the layer)."""
        kept = {}

        def hook(module, args, out):
            if not out.requires_grad:
                out = out.detach().requires_grad_(True)
            kept["a"] = out
            return out
        handle = self.modules[layer].register_forward_hook(hook) if layer else None
        logits = self.net(x)
        if handle:
            handle.remove()
        return logits, kept.get("a")

    def class_weights(self, c, layer_channels):
        """The row of the linear layer behind the average; none there: the channel of the class."""
        if self.spec["id"] == "bvlc_googlenet":
            return self.net.classifier.weight[c]
        if self.spec["id"].startswith("mobilenet"):
            return self.net.conv_preds.weight[c, :, 0, 0]
        return F.one_hot(torch.tensor(c), layer_channels).to(self.dtype)


def score_of(logits, weights, score):
    s = logits if score == "logit" else torch.softmax(logits, 1)
    return sum(w * s[:, c] for c, w in weights.items())


def project(X, centre):
    """X [HW, K] on its first right singular vector, signed to agree with the plain sum."""
    plain = X.sum(1)
    if centre:
        X = X - X.mean(0)
    U, S, V = torch.linalg.svd(X, full_matrices=False)
    p = X @ V[0]
    return -p if (p * plain).sum() < 0 else p


def layer_map(net, x, layer, method, weights, score, options):
    logits, A = net.once(x, layer)
    z = logits[0].detach()
    if method == "finercam":
        (c, _), = weights.items()
        order = [int(j) for j in torch.argsort((z - z[c]).abs(), stable=True) if int(j) != c][:3]
        weights = {c: 1.0, **{d: -0.6 / len(order) for d in order}}
    g, = torch.autograd.grad(score_of(logits, weights, score).sum(), A, retain_graph=True)
    A, g = A[0].detach(), g[0]
    K, H, W = A.shape
    rows = lambda t: t.permute(1, 2, 0).reshape(H * W, K)
    alpha = None
    if method in ("gradcam", "finercam"):
        alpha = g.mean((1, 2))
    elif method == "counterfactual":
        alpha = (-g).mean((1, 2))
    elif method == "gradcam++":
        # Y = exp(score): derivatives are Y g, Y g^2, Y g^3; the factor Y is left out of the weights
        below = 2 * g ** 2 + (A.sum((1, 2), keepdim=True)) * g ** 3
        a = torch.where(below != 0, g ** 2 / torch.where(below != 0, below, torch.ones_like(below)), torch.zeros_like(g))
        alpha = (a * F.relu(g)).sum((1, 2))
    elif method == "xgradcam":
        area = A.sum((1, 2))
        alpha = torch.where(area != 0, (g * A).sum((1, 2)) / torch.where(area != 0, area, torch.ones_like(area)), torch.zeros_like(area))
    elif method == "cam":
        (c, _), = weights.items()
        alpha = net.class_weights(c, K)
    if alpha is not None:
        terms = alpha.view(K, 1, 1) * A
    elif method == "layercam":
        terms = F.relu(g) * A
    elif method == "eigencam":
        terms = A
    else:  # hirescam, eigengradcam
        terms = g * A
    if method.startswith("eigen") or options.get("eigen"):
        return project(rows(terms), options.get("centre")).view(H, W)
    return terms.sum(0)


def input_gradient(net, x, weights, score):
    x = x.detach().requires_grad_(True)
    return torch.autograd.grad(score_of(net.run(x)[0], weights, score).sum(), x)[0][0]


def input_map(net, x, layer, method, weights, score, options):
    if method == "gradient":
        return input_gradient(net, x, weights, score).abs().amax(0)
    if method == "gradientxinput":
        return (input_gradient(net, x, weights, score) * x[0]).sum(0)
    if method in ("guided", "guidedgradcam"):
        with guided():
            g = input_gradient(net, x, weights, score)
        if method == "guidedgradcam":
            coarse = F.relu(layer_map(net, x, layer, "gradcam", weights, score, {}))
            g = g * F.interpolate(coarse[None, None], size=x.shape[2:], mode="bilinear", align_corners=False)[0]
        return g.abs().amax(0)
    if method == "integrated":
        n = options["steps"]
        total = sum(input_gradient(net, x * ((i + 0.5) / n), weights, score) for i in range(n))
        return (x[0] * total / n).sum(0)
    assert method == "smoothgrad"
    C, H, W = x.shape[1:]
    sigma = 0.15 * (x.max() - x.min()).item()
    total = 0
    for s in range(options["smooth"]):
        e = normal(1, s * C * H * W + np.arange(C * H * W)).reshape(H, W, C).transpose(2, 0, 1)
        noisy = (x.double() + sigma * torch.from_numpy(e.copy())).to(x.dtype)
        total = total + input_gradient(net, noisy, weights, score)
    return (total / options["smooth"]).abs().amax(0)


@torch.no_grad()
def forwards_map(net, x, layer, method, weights, score, options):
    value = lambda inputs: score_of(net.run(inputs)[0], weights, score).double()
    size = x.shape[2:]
    y = value(x)[0]
    if method == "occlusion":
        w, s = options["window"], options["stride"]
        total, count = torch.zeros(size).double(), torch.zeros(size).double()
        starts = lambda n: [min(i * s, n - w) for i in range(math.ceil((n - w) / s) + 1)]
        for top in starts(size[0]):
            for left in starts(size[1]):
                covered = x.clone()
                covered[:, :, top:top + w, left:left + w] = 0
                total[top:top + w, left:left + w] += y - value(covered)[0]
                count[top:top + w, left:left + w] += 1
        return total / count
    if method == "rise":
        n, g, p = options["samples"], 7, 0.5
        cell = [math.ceil(s / g) for s in size]
        total = torch.zeros(size).double()
        for i in range(n):
            u = uniform(1, i * (g * g + 2) + np.arange(g * g + 2))
            grid = torch.from_numpy((u[:g * g] < p).reshape(g, g).astype(np.float64))
            large = F.interpolate(grid[None, None], size=[(g + 1) * c for c in cell], mode="bilinear",
                                  align_corners=False)[0, 0]
            dy, dx = int(u[g * g] * cell[0]), int(u[g * g + 1] * cell[1])
            mask = large[dy:dy + size[0], dx:dx + size[1]]
            total += value(x * mask.to(x.dtype))[0] * mask
        return total / (n * p)
    A = net.run(x, layer)[1][0].detach()
    K = A.shape[0]
    scores = torch.zeros(K).double()
    if method == "ablationcam":
        for k in range(K):
            ablated = A.clone()
            ablated[k] = 0
            if (A[k] == 0).all():
                scores[k] = y
            else:
                scores[k] = score_of(net.head(ablated[None]), weights, score).double()[0]
        alpha = (y - scores) / y.abs()
    else:  # scorecam
        masks = F.interpolate(A[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
        lo, hi = masks.amin((1, 2), keepdim=True), masks.amax((1, 2), keepdim=True)
        masks = torch.where(hi > lo, (masks - lo) / torch.where(hi > lo, hi - lo, torch.ones_like(hi)), torch.zeros_like(masks))
        for k in range(0, K, 8):
            scores[k:k + 8] = value(x * masks[k:k + 8, None])
        alpha = torch.softmax(scores, 0)
    return (alpha.view(K, 1, 1) * A.double()).sum(0)


class Writer:
    def __init__(self, keep):
        self.entries, self.values = [], []
        self.at = 0
        if not keep:
            return
        with open(os.path.join(HERE, "methods.json")) as f:
            old = [e for e in json.load(f)["entries"] if e["model"] in keep]
        values = np.fromfile(os.path.join(HERE, "methods.f32"), "<f4")
        for e in old:
            count = len(range(e["first"], e["H"], e["step"])) * len(range(e["first"], e["W"], e["step"]))
            self.values.append(values[e["at"]:e["at"] + count])
            self.entries.append({**e, "at": self.at})
            self.at += count

    def add(self, spec, photo, layer, method, weights, result, again=(), score="logit", **options):
        H, W = result.shape
        step = 1 if H * W <= 1000 else H // 12
        first = step // 2
        kept = result[first::step, first::step].double().numpy()
        e = dict(model=spec["id"], photo=photo, layer=dict((l[1], l[2]) for l in spec["layers"])[layer],
                 method=method, score=score, weights={str(c): w for c, w in weights.items()}, options=options,
                 H=H, W=W, step=step, first=first, at=self.at, largest=float(result.abs().max()))
        if again:
            moves = max((a.double() - result).abs().max() / result.abs().max() for a in again)
            e["moves"] = float(f"{moves.item():.2g}")
        self.entries.append(e)
        self.values.append(kept.astype("<f4").ravel())
        self.at += kept.size

    def write(self):
        lines = ",\n".join(json.dumps(e) for e in self.entries)
        with open(os.path.join(HERE, "methods.json"), "w") as f:
            f.write('{"entries": [\n' + lines + "\n]}\n")
        np.concatenate(self.values).tofile(os.path.join(HERE, "methods.f32"))


def photo_path(data, photo):
    path = os.path.join(data, "golden/decoded", photo + ".png")
    return path if os.path.exists(path) else os.path.join(data, "photos", photo + ".png")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", default=os.path.join(HERE, "../../../shared"))
    parser.add_argument("--models", default=",".join(MODELS))
    arguments = parser.parse_args()
    data = os.path.join(arguments.shared, "data")
    wanted = arguments.models.split(",")
    sys.path.insert(0, os.path.join(data, "golden"))
    import make_golden as G
    torch.set_num_threads(1)
    out = Writer([name for name in MODELS if name not in wanted])
    for spec in [m for name in wanted for m in G.MODELS if m["id"] == name]:
        fer = spec["id"].startswith("fer")
        net, net32 = Network(spec, G, data, torch.float64), Network(spec, G, data, torch.float32)
        last = spec["layers"][0][1]
        middle = None if fer else spec["layers"][-1][1]
        for number, photo in enumerate(PHOTOS):
            x = G.preprocess(G.decode(photo_path(data, photo)), spec, torch.float64)
            x32 = x.float()
            shake = lambda seed: torch.from_numpy(normal(seed, np.arange(x.numel())).reshape(x.shape)).clamp(-2, 2)
            near = [(x + 1e-5 * x.abs().max() * shake(seed)).float() for seed in (11, 12)]
            order = [int(c) for c in net.run(x)[0][0].argsort(descending=True)]
            one, two = {order[0]: 1.0}, {order[1]: 1.0}
            add = lambda *a, **k: out.add(spec, photo, *a, **k)

            def layer_entry(layer, method, weights, score="logit", **options):
                add(layer, method, weights, layer_map(net, x, layer, method, weights, score, options), (), score,
                    **options)
            for method in ("gradcam", "gradcam++", "hirescam", "layercam", "xgradcam", "eigencam", "eigengradcam",
                           "finercam", "counterfactual", "cam"):
                layer_entry(last, method, one)
                if middle and method != "cam":
                    if number < 2:
                        layer_entry(middle, method, one)
                if method not in ("eigencam", "cam") and number % 2:
                    layer_entry(last, method, two)
            layer_entry(last, "gradcam++", one, "softmax")
            layer_entry(last, "gradcam", {order[0]: 1.0, order[1]: -1.0})
            layer_entry(last, "gradcam", {order[0]: 1.0, order[1]: 1.0, order[2]: 1.0}, "softmax")
            layer_entry(last, "gradcam", {order[3]: -1.0})
            layer_entry(last, "eigencam", one, centre=1)
            layer_entry(last, "gradcam", one, eigen=1)

            for method, options in (("gradient", {}), ("gradientxinput", {}), ("guided", {}), ("guidedgradcam", {}),
                                    ("integrated", {"steps": 8}), ("smoothgrad", {"smooth": 3})):
                args = (last, method, one, "logit", options)
                add(last, method, one, input_map(net, x, *args), [input_map(net32, y, *args) for y in near], **options)
            side = x.shape[2] // 4
            for method, options in (("occlusion", {"window": side, "stride": side // 2}), ("rise", {"samples": 12}),
                                    ("ablationcam", {}), ("scorecam", {})):
                if method == "scorecam" and not fer and (number > 0 or spec["id"] != "squeezenet1_1"):
                    continue  # a thousand forward passes each
                layer = "features.12" if spec["id"] == "squeezenet1_1" else last
                softmax = "softmax" if method == "rise" else "logit"
                args = (layer, method, one, softmax, options)
                add(layer, method, one, forwards_map(net32, x32, *args), (), softmax, **options)
            print(spec["id"], photo, f"{time.process_time():.0f} s", flush=True)
            out.write()


if __name__ == "__main__":
    main()
