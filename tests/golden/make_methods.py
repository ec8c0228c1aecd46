"""Golden values of the explanation methods: methods.json and methods.f32 beside this script.

  nice python3 tests/golden/make_methods.py [--shared ../shared] [--models NAME,NAME]

--models: only these; what the files hold of the others stays.

Every method by its published formula, written anew in PyTorch (float64, but for the methods that run
the network hundreds of times) on the networks and photos of shared/data. Nothing of the engine is
used. Of large maps a grid of samples is kept.

Where a gradient jumps, kinks.py finds the units nearer to their kink than float32 rounds, and decides
them one way, the other, and twice by chance. What a sample changes by, at most, is kept beside it: the
value is certain where that is nothing, and known to about that where it is not.

methods.json: {"entries": [{model, photo, layer, method, score, weights, options, H, W, step, first,
at, largest, moves_at}]}; weights: {class: weight}; at: index into methods.f32; samples lie at rows and
columns first, first + step, ...; step 1: the whole map. largest: of the whole map, absolute. moves_at:
index of as many numbers: the change of each sample as above, as a part of `largest`; missing: no
sample changes by more than 1e-5.
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

from kinks import gates

HERE = os.path.dirname(os.path.abspath(__file__))
PHOTOS = ["pier", "dock", "elephant", "goldfish", "both", "doberman"]
FER_MIDDLE = {"separable_conv2d_4": "/separable_conv2d_4/pointwise/Conv_output_0"}
EARLY = {"features.3": "/features/features.3/Concat_output_0", "conv2_reduce": "/conv2_reduce/Conv_output_0",
         "conv_pw_1_relu": "/conv_pw_1_relu/Clip_output_0"}  # as in shared/data/onnx
gates.install()
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


class Network:
    """twin: the same in float32, whose rounding says what is near a kink."""

    def __init__(self, spec, G, data, dtype, twin=None):
        self.spec, self.dtype, self.twin = spec, dtype, twin
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

    def once(self, x, layer=None):
        """run(), remembered: many methods ask about one photo and layer; no layer: the input."""
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
        if self.twin:
            gates.recorded = []
            with torch.no_grad():
                self.twin.net(x.float())
            gates.twins, gates.recorded = iter(gates.recorded), None
        handle = self.modules[layer].register_forward_hook(hook) if layer else None
        if not layer:
            kept["a"] = x = x.detach().requires_grad_(True)
        logits = self.net(x)
        if handle:
            handle.remove()
        gates.twins = None
        return logits, kept["a"]

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


def layer_maps(net, x, layer, method, weights, score, options):
    """The map, and what else it might be: a list, one for each of gates.gradients."""
    logits, A = net.once(x, layer)
    z = logits[0].detach()
    if method == "finercam":
        (c, _), = weights.items()
        order = [int(j) for j in torch.argsort((z - z[c]).abs(), stable=True) if int(j) != c][:3]
        weights = {c: 1.0, **{d: -0.6 / len(order) for d in order}}
    gradients = gates.gradients(score_of(logits, weights, score).sum(), A)
    return [layer_map(net, A[0].detach(), g, method, weights, options) for g in gradients]


def layer_map(net, A, g, method, weights, options):
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


def input_gradients(net, x, weights, score, guided=False):
    logits, x = net.once(x)
    return gates.gradients(score_of(logits, weights, score).sum(), x, guided)


def together(lists):
    """Sums of lists side by side; a list of one counts for every side."""
    n = max(len(one) for one in lists)
    return [sum(one[i] if len(one) > 1 else one[0] for one in lists) for i in range(n)]


def input_terms(net, x, layer, method, weights, score, options):
    if method == "integrated":
        n = options["steps"]
        total = together([input_gradients(net, x * ((i + 0.5) / n), weights, score) for i in range(n)])
        return [x[0] * g / n for g in total]
    found = input_gradients(net, x, weights, score, method.startswith("guided"))
    if method == "gradientxinput":
        return [g * x[0] for g in found]
    if method == "guidedgradcam":
        coarse = F.relu(layer_maps(net, x, layer, "gradcam", weights, score, {})[0])
        return [g * F.interpolate(coarse[None, None], size=x.shape[2:], mode="bilinear", align_corners=False)[0]
                for g in found]
    return found  # gradient, guided, smoothgrad


TO_INPUT = ("gradient", "gradientxinput", "guided", "guidedgradcam", "integrated", "smoothgrad")


def variants(x, options, copies):
    """Noisy copies, and with `augment` of each six: plain and mirrored at three contrasts."""
    C, H, W = x.shape[1:]
    sigma = 0.15 * (x.max() - x.min()).item()
    for s in range(max(1, copies)):
        for mirror in (False, True) if options.get("augment") else (False,):
            for contrast in (1, 0.9, 1.1) if options.get("augment") else (1,):
                y = (x.flip(3) if mirror else x) * contrast
                if copies:
                    e = normal(1, s * C * H * W + np.arange(C * H * W)).reshape(H, W, C).transpose(2, 0, 1)
                    y = y + sigma * torch.from_numpy(e.copy())
                yield y, mirror


def gradient_maps(net, x, layer, method, weights, score, options):
    """Any method by gradients, at a layer or to the input, averaged over the variants of the input."""
    copies = options.get("smooth", 0)
    single = not copies and not options.get("augment")
    lists = []
    for y, mirror in [(x, False)] if single else variants(x, options, copies):
        make = input_terms if method in TO_INPUT else layer_maps
        found = make(net, y, layer, method, weights, score, options)
        lists.append([t.flip(-1) if mirror else t for t in found])
    found = [t / len(lists) for t in together(lists)]
    if method not in TO_INPUT:
        return found
    if options.get("eigen"):
        return [project(t.flatten(1).T, options.get("centre")).view(t.shape[1:]) for t in found]
    largest = method not in ("gradientxinput", "integrated")
    return [t.abs().amax(0) if largest else t.sum(0) for t in found]


def fused_maps(net, x, layers, *args):
    """The mean of the layers' maps after ReLU, each over its maximum, at the size of the largest."""
    lists = []
    for layer in layers:
        maps = [F.relu(m) for m in layer_maps(net, x, layer, *args)]
        lists.append([m / m.max() if m.max() > 0 else m for m in maps])
    size = max((one[0].shape for one in lists), key=lambda s: s[0] * s[1])
    return [m / len(layers) for m in together([
        [F.interpolate(m[None, None], size=size, mode="bilinear", align_corners=False)[0, 0] for m in one]
        for one in lists])]


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
    terms = alpha.view(K, 1, 1) * A.double()
    return project(terms.flatten(1).T, False).view(A.shape[1:]) if options.get("eigen") else terms.sum(0)


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
            for key in [key for key in ("at", "moves_at") if key in e]:
                place, e[key] = e[key], self.at
                self.keep(values[place:place + count])
            self.entries.append(e)

    def keep(self, values):
        self.values.append(values.astype("<f4").ravel())
        self.at += values.size

    def add(self, spec, photo, layer, method, weights, maps, score="logit", **options):
        H, W = maps[0].shape
        step = 1 if H * W <= 300 else max(2, H // 12)
        first = step // 2
        samples = lambda t: t[first::step, first::step].double().numpy()
        largest = maps[0].abs().max().item()
        e = dict(model=spec["id"], photo=photo, layer=layer, method=method, score=score,
                 weights={str(c): w for c, w in weights.items()}, options=options,
                 H=H, W=W, step=step, first=first, at=self.at, largest=largest)
        self.keep(samples(maps[0]))
        moves = sum(([np.abs(samples(m - maps[0])) / largest] for m in maps[1:]), [])
        if moves and np.max(moves) > 1e-5:
            e["moves_at"] = self.at
            self.keep(np.max(moves, 0))
        self.entries.append(e)

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
        net32 = Network(spec, G, data, torch.float32)
        net = Network(spec, G, data, torch.float64, net32)
        tensors = {**{l[1]: l[2] for l in spec["layers"]}, **EARLY, **FER_MIDDLE}
        last = spec["layers"][0][1]
        middle = next(iter(FER_MIDDLE)) if fer else spec["layers"][-1][1]
        before = "features.12" if spec["id"] == "squeezenet1_1" else last  # what a head of layers reads
        early = last if fer else next(name for name in EARLY if name in net.modules)
        for number, photo in enumerate(PHOTOS):
            x = G.preprocess(G.decode(photo_path(data, photo)), spec, torch.float64)
            x32 = x.float()
            order = [int(c) for c in net.once(x)[0][0].argsort(descending=True)]
            one, two = {order[0]: 1.0}, {order[1]: 1.0}

            def add(layer, method, weights, maps, score="logit", **options):
                out.add(spec, photo, ",".join(tensors[l] for l in layer.split(",")), method, weights, maps, score,
                        **options)

            def by_gradient(layer, method, weights, score="logit", **options):
                add(layer, method, weights, gradient_maps(net, x, layer, method, weights, score, options), score,
                    **options)

            def by_forwards(layer, method, score="logit", **options):
                add(layer, method, one, [forwards_map(net32, x32, layer, method, one, score, options)], score,
                    **options)
            for method in ("gradcam", "gradcam++", "hirescam", "layercam", "xgradcam", "eigencam", "eigengradcam",
                           "finercam", "counterfactual", "cam"):
                by_gradient(last, method, one)
                if method != "cam":
                    by_gradient(middle, method, one)
                if method not in ("eigencam", "cam") and number % 2:
                    by_gradient(last, method, two)
            by_gradient(last, "gradcam++", one, "softmax")
            by_gradient(last, "gradcam", {order[0]: 1.0, order[1]: -1.0})
            by_gradient(last, "gradcam", {order[0]: 1.0, order[1]: 1.0, order[2]: 1.0}, "softmax")
            by_gradient(last, "gradcam", {order[3]: -1.0})
            by_gradient(last, "eigencam", one, centre=1)
            by_gradient(last, "gradcam", one, eigen=1)
            by_gradient(last, "gradcam", one, smooth=2)
            by_gradient(middle, "layercam", one, augment=1)
            add(f"{last},{middle}", "layercam", one, fused_maps(net, x, [last, middle], "layercam", one, "logit", {}))

            for method, options in (("gradient", {}), ("gradientxinput", {}), ("guided", {}), ("guidedgradcam", {}),
                                    ("integrated", {"steps": 4}), ("smoothgrad", {"smooth": 2})):
                by_gradient(last, method, one, **options)
            if number == 0:
                by_gradient(last, "gradientxinput", one, augment=1)
                by_gradient(last, "gradientxinput", one, eigen=1)
                by_gradient(last, "guided", one, eigen=1, centre=1)
                by_forwards(before, "ablationcam", eigen=1)
            side = x.shape[2] // 4
            by_forwards(last, "occlusion", window=side, stride=side // 2)
            by_forwards(last, "rise", "softmax", samples=12)
            by_forwards(before, "ablationcam")
            by_forwards(early, "scorecam")  # a forward pass a channel: early layers have few
            print(spec["id"], photo, f"{time.process_time():.0f} s", flush=True)
            out.write()


if __name__ == "__main__":
    main()
