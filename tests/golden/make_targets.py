"""Golden values of layers, heads and targets: targets.json and targets/*.onnx beside this script.

  python3 tests/golden/make_targets.py

Small networks, each written twice: as an ONNX file and in PyTorch (float64), whose maps follow the
methods' published formulas. Nothing of the engine is used.

targets.json: {network: {"input": [...], "outputs": {name: [...]}, "maps": [{method, layer (missing:
the default one), score, weights | (output, cotangent), H, W, map: [...]}], "layers": [...]}}.
Lists are in ONNX's order of axes.
"""
import json
import os

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import helper as h, numpy_helper as nh

HERE = os.path.dirname(os.path.abspath(__file__))
golden = {}


class Net:
    """Nodes and weights of one ONNX file; weights are given to both sides as float32."""

    def __init__(self, name, shape, seed):
        self.name, self.shape = name, shape
        self.rng = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def weight(self, name, *dims, scale=1.0, value=None):
        w = self.rng.standard_normal(dims) * scale if value is None else np.array(value)
        w = w.astype(np.int64 if w.dtype == np.int64 else np.float32)
        self.weights.append(nh.from_array(w, name))
        return torch.from_numpy(w.astype(np.float64))

    def node(self, op, inputs, outputs, **attributes):
        self.nodes.append(h.make_node(op, inputs.split(), outputs.split(), name=outputs.split()[0] + ".node",
                                      **attributes))

    def save(self, outputs, opset=13):
        graph = h.make_graph(self.nodes, "g", [h.make_tensor_value_info("x", 1, self.shape)],
                             [h.make_tensor_value_info(n, 1, s) for n, s in outputs.items()], self.weights)
        model = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=7)
        if opset <= onnx.defs.onnx_opset_version():  # newer ones than the package's it cannot check
            onnx.checker.check_model(model)
        onnx.save(model, os.path.join(HERE, "targets", self.name + ".onnx"))

    def picture(self):
        x = self.rng.standard_normal(self.shape).astype(np.float32)
        return x, torch.from_numpy(x.astype(np.float64))


def flat(t):
    return [float(f"{v:.9g}") for v in np.asarray(t.detach()).ravel()]


# ---- Methods, from activations and gradients as [K, H, W]
def by_gradient(method, A, g):
    K = A.shape[0]
    if method == "gradcam":
        return (g.mean((1, 2)).view(K, 1, 1) * A).sum(0)
    if method == "hirescam":
        return (g * A).sum(0)
    if method == "layercam":
        return (F.relu(g) * A).sum(0)
    if method == "xgradcam":
        return (((g * A).sum((1, 2)) / A.sum((1, 2))).view(K, 1, 1) * A).sum(0)
    if method == "gradcam++":
        below = 2 * g ** 2 + A.sum((1, 2), keepdim=True) * g ** 3
        return ((g ** 2 / below * F.relu(g)).sum((1, 2)).view(K, 1, 1) * A).sum(0)
    if method == "eigencam":
        rows = A.reshape(K, -1).T
        p = rows @ torch.linalg.svd(rows, full_matrices=False)[2][0]
        return (-p if (p * rows.sum(1)).sum() < 0 else p).view(A.shape[1:])
    raise KeyError(method)


def ablation(A, y, run):
    """run(A without channel k) -> score."""
    alpha = []
    for k in range(A.shape[0]):
        B = A.clone()
        B[k] = 0
        alpha.append((y - run(B)) / abs(y))
    return (torch.stack(alpha).view(-1, 1, 1) * A).sum(0)


def score_cam(A, x, run):
    """run(masked input) -> score."""
    masks = F.interpolate(A[:, None], size=x.shape[2:], mode="bilinear", align_corners=False)
    lo, hi = masks.amin((2, 3), keepdim=True), masks.amax((2, 3), keepdim=True)
    scores = torch.stack([run(x * m[None]) for m in (masks - lo) / (hi - lo)])
    return (torch.softmax(scores, 0).view(-1, 1, 1) * A).sum(0)


def entry(method, the_map, **what):
    H, W = the_map.shape
    return {"method": method, **what, "H": H, "W": W, "map": flat(the_map)}


# ---- A small vision transformer: class token, two blocks of one head, normalisations written out.
# whole: by the operators of opset 23, Attention and LayerNormalization
def transformer(name, pooled, whole=False):
    n = Net(name, [1, 3, 8, 12], 7)
    T, K, H, W, classes = 6, 5, 2, 3, 4
    Wp, bp = n.weight("wp", K, 3, 4, 4, scale=0.3), n.weight("bp", K)
    skip = 0 if pooled else 1
    n.node("Conv", "x wp bp", "patch", kernel_shape=[4, 4], strides=[4, 4])
    n.weight("to3", value=np.int64([1, K, T]))
    n.node("Reshape", "patch to3", "patch3")
    n.node("Transpose", "patch3", "tokens", perm=[0, 2, 1])
    cls = n.weight("cls", 1, 1, K)
    if not pooled:
        n.node("Concat", "cls tokens", "all", axis=1)
    pos = n.weight("pos", 1, T + skip, K)
    n.node("Add", "tokens pos" if pooled else "all pos", "x0")
    weights = {}

    def norm(read, made):
        weights[made] = n.weight(made + ".g", K), n.weight(made + ".b", K)
        if whole:
            n.node("LayerNormalization", f"{read} {made}.g {made}.b", made, epsilon=1e-5)
            return
        n.node("ReduceMean", read, made + ".m", axes=[-1], keepdims=1)
        n.node("Sub", f"{read} {made}.m", made + ".d")
        n.node("Mul", f"{made}.d {made}.d", made + ".s")
        n.node("ReduceMean", made + ".s", made + ".v", axes=[-1], keepdims=1)
        n.node("Add", f"{made}.v eps", made + ".e")
        n.node("Sqrt", made + ".e", made + ".r")
        n.node("Div", f"{made}.d {made}.r", made + ".n")
        n.node("Mul", f"{made}.n {made}.g", made + ".w")
        n.node("Add", f"{made}.w {made}.b", made)

    def linear(read, made, dims):
        weights[made] = n.weight(made + ".k", *dims, scale=0.6), n.weight(made + ".c", dims[1], scale=0.3)
        n.node("MatMul", f"{read} {made}.k", made + ".p")
        n.node("Add", f"{made}.p {made}.c", made)

    n.weight("eps", value=np.float32(1e-5))
    n.weight("root", value=np.float32(K ** -0.5))
    for b in (1, 2):
        norm(f"x{b - 1}", f"norm{b}")
        for part in "qkv":
            linear(f"norm{b}", f"{part}{b}", (K, K))
        if whole:
            n.node("Attention", f"q{b} k{b} v{b}", f"mixed{b}", q_num_heads=1, kv_num_heads=1)
        else:
            n.node("Transpose", f"k{b}", f"kt{b}", perm=[0, 2, 1])
            n.node("MatMul", f"q{b} kt{b}", f"qk{b}")
            n.node("Mul", f"qk{b} root", f"logit{b}")
            n.node("Softmax", f"logit{b}", f"attention{b}", axis=-1)
            n.node("MatMul", f"attention{b} v{b}", f"mixed{b}")
        linear(f"mixed{b}", f"out{b}", (K, K))
        n.node("Add", f"x{b - 1} out{b}", f"mid{b}")
        linear(f"mid{b}", f"up{b}", (K, 7))
        n.node("Relu", f"up{b}", f"relu{b}")
        linear(f"relu{b}", f"down{b}", (7, K))
        n.node("Add", f"mid{b} down{b}", f"x{b}")
    norm("x2", "final")
    if pooled:
        n.node("ReduceMean", "final", "class", axes=[1], keepdims=0)
    else:
        for i, v in (("s0", 0), ("s1", 1)):
            n.weight(i, value=np.int64([v]))
        n.weight("axis", value=np.int64([1]))
        n.node("Slice", "final s0 s1 axis", "class3")
        n.weight("to2", value=np.int64([1, K]))
        n.node("Reshape", "class3 to2", "class")
    Wh, bh = n.weight("wh", classes, K), n.weight("bh", classes)
    n.node("Gemm", "class wh bh", "y", transB=1)
    n.save({"y": [1, classes]}, 23 if whole else 13)
    x, X = n.picture()

    def read(z):
        z = F.layer_norm(z, [K], *weights["final"], 1e-5)
        return F.linear(z.mean(1) if pooled else z[:, 0], Wh, bh)

    def run(X, at=None, change=None):
        """Logits, and every tensor by name; tensor `at` is replaced by change(tensor)."""
        t = {}

        def put(key, v):
            if key == at:
                v = change(v)
            t[key] = v
            return v
        z = put("tokens", F.conv2d(X, Wp, bp, 4).flatten(2).transpose(1, 2))
        z = put("x0", (z if pooled else torch.cat([cls, z], 1)) + pos)
        lin = lambda made, v: put(made, v @ weights[made][0] + weights[made][1])
        ln = lambda made, v: put(made, F.layer_norm(v, [K], *weights[made], 1e-5))
        for b in (1, 2):
            u = ln(f"norm{b}", z)
            q, k, v = (lin(f"{part}{b}", u) for part in "qkv")
            mixed = put(f"attention{b}", torch.softmax(q @ k.transpose(1, 2) * K ** -0.5, -1)) @ v
            z = put(f"mid{b}", z + lin(f"out{b}", mixed))
            z = put(f"x{b}", z + lin(f"down{b}", put(f"relu{b}", F.relu(lin(f"up{b}", z)))))
        z = ln("final", z)
        return F.linear(z.mean(1) if pooled else z[:, 0], Wh, bh), t

    standard = "final" if pooled else "norm2"
    maps = []
    on_grid = lambda t: t[0, skip:].T.reshape(-1, H, W)
    for layer in (standard, "x1", "relu1"):
        hold = lambda v: v.detach().requires_grad_(True)
        y, t = run(X, layer, hold)
        A = on_grid(t[layer]).detach()
        for c in (1, 3):
            g = on_grid(torch.autograd.grad(y[0, c], t[layer], retain_graph=True)[0])
            for method in ("gradcam", "hirescam", "layercam", "xgradcam", "gradcam++", "eigencam"):
                where = {} if layer == standard else {"layer": layer}
                if method == "hirescam" and layer == "x1" and not pooled:
                    continue  # nothing but a normalisation reads these tokens: g A sums to 0
                maps.append(entry(method, by_gradient(method, A, g), weights={str(c): 1.0}, score="logit", **where))

            def without(B):
                whole = t[layer].detach().clone()
                whole[0, skip:] = B.reshape(B.shape[0], -1).T
                return run(X, layer, lambda v: whole)[0][0, c]
            maps.append(entry("ablationcam", ablation(A, y[0, c].detach(), without), layer=layer, score="logit",
                              weights={str(c): 1.0}))
            if layer != "relu1":  # of which channels are constant
                maps.append(entry("scorecam", score_cam(A, X, lambda m: run(m)[0][0, c].detach()), layer=layer,
                                  score="logit", weights={str(c): 1.0}))
    Xg = X.clone().requires_grad_(True)
    g = torch.autograd.grad(run(Xg)[0][0, 1], Xg)[0][0]
    maps.append(entry("gradient", g.abs().amax(0), weights={"1": 1.0}, score="logit"))
    if not pooled:  # LeGrad (arXiv 2404.03214) and attention rollout (2005.00928), by their equations
        t = run(X.clone().requires_grad_(True))[1]
        pairs = [(t[f"x{b}"], t[f"attention{b}"]) for b in (1, 2)]
        grid = lambda v: v.detach()[skip:].reshape(H, W)
        for c in (1, 3):
            legrad = sum(torch.autograd.grad(read(z)[0, c], a, retain_graph=True)[0].clamp(min=0).mean((0, 1))
                         for z, a in pairs) / len(pairs)
            maps.append(entry("legrad", grid(legrad), weights={str(c): 1.0}, score="logit"))
        rolled = torch.eye(T + skip, dtype=torch.float64)
        for _, a in pairs:
            rolled = (a[0] + torch.eye(T + skip)) / 2 @ rolled
        maps.append(entry("rollout", grid(rolled[0]), weights={"1": 1.0}, score="logit"))
    if pooled:  # CAM: the rows of the linear layer
        A = on_grid(run(X)[1]["final"])
        maps.append(entry("cam", (Wh[2].view(-1, 1, 1) * A).sum(0), weights={"2": 1.0}, score="logit"))
    golden[name] = {"input": flat(X), "outputs": {"y": flat(run(X)[0])}, "maps": maps,
                    "layers": [{"name": standard, "standard": 1}, {"name": "x1"}, {"name": "relu1"}],
                    "grid": [H, W, skip]}


# ---- Pictures of channels, and what stands behind the average
def convolutional(name, seed, classes, tail, outputs, size=6):
    """x -> Conv, Relu "layer" -> tail(net, A) -> {output: tensor}; A -> outputs in PyTorch."""
    n = Net(name, [1, 3, size, size], seed)
    w, b = n.weight("w", 4, 3, 3, 3, scale=0.4), n.weight("b", 4, scale=0.2)
    n.node("Conv", "x w b", "c", pads=[1, 1, 1, 1], kernel_shape=[3, 3])
    n.node("Relu", "c", "layer")
    rest = tail(n)
    n.save(outputs)
    x, X = n.picture()
    A = F.relu(F.conv2d(X, w, b, padding=1)).detach().requires_grad_(True)
    made = rest(A)
    maps = []

    def explain(method, y, **what):
        g = torch.autograd.grad(y, A, retain_graph=True)[0][0]
        maps.append(entry(method, by_gradient(method, A[0].detach(), g), **what))
    golden[name] = {"input": flat(X), "outputs": {k: flat(v) for k, v in made.items()}, "maps": maps}
    return made, explain, golden[name]


def average_and_linear(n, classes, made="z"):
    w, b = n.weight("wl", classes, 4), n.weight("bl", classes, scale=0.3)
    n.node("GlobalAveragePool", "layer", "p")
    n.node("Flatten", "p", "f")
    n.node("Gemm", "f wl bl", made, transB=1)
    return lambda A: F.linear(A.mean((2, 3)), w, b)


def one_sigmoid():
    def tail(n):
        z = average_and_linear(n, 1)
        n.node("Sigmoid", "z", "y")
        return lambda A: {"y": torch.sigmoid(z(A)), "z": z(A)}
    made, explain, _ = convolutional("one_sigmoid", 11, 1, tail, {"y": [1, 1]})
    z = made["z"][0, 0]
    for method in ("gradcam", "hirescam", "layercam"):
        explain(method, -z, weights={"0": 1.0}, score="logit")
        explain(method, z, weights={"1": 1.0}, score="logit")
        explain(method, 1 - torch.sigmoid(z), weights={"0": 1.0}, score="softmax")
        explain(method, torch.sigmoid(z), weights={"1": 1.0}, score="softmax")
    explain("gradcam", 2 * z, weights={"0": -1.0, "1": 1.0}, score="logit")


def several_labels():
    def tail(n):
        z = average_and_linear(n, 5, "y")
        return lambda A: {"y": z(A)}
    made, explain, _ = convolutional("labels", 12, 5, tail, {"y": [1, 5]})
    p = torch.sigmoid(made["y"])[0]
    golden["labels"]["sigmoid"] = flat(p)
    golden["labels"]["softmax"] = flat(torch.softmax(made["y"], 1))
    for c in (0, 3):
        explain("layercam", p[c], weights={str(c): 1.0}, score="softmax")
    explain("layercam", p[0] - 2 * p[3] + p[4], weights={"0": 1.0, "3": -2.0, "4": 1.0}, score="softmax")


def segmentation():
    def tail(n):
        w, b = n.weight("ws", 3, 4, 1, 1), n.weight("bs", 3)
        n.node("Conv", "layer ws bs", "y", kernel_shape=[1, 1])
        return lambda A: {"y": F.conv2d(A, w, b)}
    made, explain, _ = convolutional("segmentation", 13, 0, tail, {"y": [1, 3, 6, 6]})
    ct = np.zeros((1, 3, 6, 6))
    ct[0, 2, 1:4, 2:6] = 1  # pixels of one class
    for cotangent in (ct, np.random.default_rng(3).standard_normal(ct.shape).astype(np.float32).astype(np.float64)):
        for method in ("gradcam", "layercam"):
            explain(method, (made["y"] * torch.from_numpy(cotangent)).sum(), output="y",
                    cotangent=[float(v) for v in cotangent.ravel()])


def features_first():
    def tail(n):
        w = n.weight("wf", 6, 4)
        n.node("GlobalAveragePool", "layer", "p")
        n.node("Flatten", "p", "f")
        n.node("Gemm", "f wf", "features", transB=1)
        w2 = n.weight("wz", 3, 6)
        n.node("Gemm", "features wz", "logits", transB=1)
        return lambda A: (lambda f: {"features": f, "logits": F.linear(f, w2)})(F.linear(A.mean((2, 3)), w))
    made, explain, _ = convolutional("features_first", 14, 3, tail, {"features": [1, 6], "logits": [1, 3]})
    explain("layercam", made["logits"][0, 2], weights={"2": 1.0}, score="logit")
    explain("layercam", made["features"][0, 4], output="features", cotangent=[0, 0, 0, 0, 1, 0])
    explain("layercam", torch.softmax(made["logits"], 1)[0, 1], weights={"1": 1.0}, score="softmax")


def constants_first():
    """The constant is input 0 of Add, Mul and Sub: still linear."""
    def tail(n):
        z = average_and_linear(n, 4)
        c = n.weight("c1", value=np.float32([0.5, 1.5, -0.5, 2.0])), n.weight("c2", value=np.float32([3, 1, 2, -1])), \
            n.weight("c3", value=np.float32([1, 1, 1, 1]))
        n.node("Mul", "c1 z", "m")
        n.node("Add", "c2 m", "a")
        n.node("Sub", "c3 a", "y")
        return lambda A: {"y": c[2] - (c[1] + c[0] * z(A))}
    made, explain, entry_ = convolutional("constants_first", 15, 4, tail, {"y": [1, 4]})
    explain("gradcam", made["y"][0, 1], weights={"1": 1.0}, score="logit")
    m = dict(entry_["maps"][0])
    m["method"] = "cam"
    m["map"] = [v * 36 for v in m["map"]]  # CAM's weights are those of the average, H W times the gradient's
    entry_["maps"].append(m)


def turned():
    """A Transpose that moves elements stands between softmax and output: the file's order is the output's."""
    def tail(n):
        w = n.weight("wt", 2, 4, 1, 1)
        n.node("Conv", "layer wt", "s", kernel_shape=[1, 1])
        n.node("Softmax", "s", "q", axis=1)
        n.node("Transpose", "q", "y", perm=[0, 2, 3, 1])
        return lambda A: {"y": torch.softmax(F.conv2d(A, w), 1).permute(0, 2, 3, 1)}
    made, explain, _ = convolutional("turned", 16, 0, tail, {"y": [1, 6, 6, 2]})
    ct = np.random.default_rng(4).standard_normal((1, 6, 6, 2)).astype(np.float32).astype(np.float64)
    explain("layercam", (made["y"] * torch.from_numpy(ct)).sum(), output="y",
            cotangent=[float(v) for v in ct.ravel()])


def gem():
    """Generalised mean pooling: clip, power, mean, root. The layer is what stands before the powers."""
    def tail(n):
        n.weight("tiny", value=np.float32(1e-6)), n.weight("three", value=np.float32(3)), n.weight(
            "third", value=np.float32(1 / 3))
        n.node("Clip", "layer tiny", "clipped")
        n.node("Pow", "clipped three", "cubes")
        n.node("GlobalAveragePool", "cubes", "mean")
        n.node("Pow", "mean third", "root")
        n.node("Flatten", "root", "f")
        w = n.weight("wl", 3, 4)
        n.node("Gemm", "f wl", "y", transB=1)
        third = float(np.float32(1 / 3))
        return lambda A: {"y": F.linear((A.clamp(min=float(np.float32(1e-6))) ** 3).mean((2, 3)) ** third, w)}
    made, explain, entry_ = convolutional("gem", 17, 3, tail, {"y": [1, 3]})
    entry_["layers"] = [{"name": "layer", "standard": 1}]
    for method in ("gradcam", "layercam"):
        explain(method, made["y"][0, 1], weights={"1": 1.0}, score="logit")


def value():
    def tail(n):
        z = average_and_linear(n, 1, "y")
        return lambda A: {"y": z(A)}
    made, explain, _ = convolutional("value", 18, 1, tail, {"y": [1, 1]})
    explain("gradcam", made["y"][0, 0], weights={"0": 1.0}, score="logit")


def silu():
    n = Net("silu", [1, 3, 6, 6], 19)
    w, w2 = n.weight("w", 4, 3, 3, 3, scale=0.4), n.weight("wl", 3, 4)
    n.node("Conv", "x w", "c", pads=[1, 1, 1, 1], kernel_shape=[3, 3])
    n.node("Sigmoid", "c", "s")
    n.node("Mul", "c s", "layer")
    n.node("GlobalAveragePool", "layer", "p")
    n.node("Flatten", "p", "f")
    n.node("Gemm", "f wl", "y", transB=1)
    n.save({"y": [1, 3]})
    x, X = n.picture()
    X.requires_grad_(True)
    y = F.linear(F.silu(F.conv2d(X, w, padding=1)).mean((2, 3)), w2)
    g = torch.autograd.grad(y[0, 2], X)[0][0]
    golden["silu"] = {"input": flat(X), "outputs": {"y": flat(y)},
                      "maps": [entry("guided", g.abs().amax(0), weights={"2": 1.0}, score="logit")]}


transformer("transformer", False)
transformer("transformer_pooled", True)
transformer("transformer_attention", False, whole=True)
for make in (one_sigmoid, several_labels, segmentation, features_first, constants_first, turned, gem, value, silu):
    make()
with open(os.path.join(HERE, "targets.json"), "w") as f:
    f.write("{" + ",\n".join(f'"{k}": ' + json.dumps(v) for k, v in golden.items()) + "}\n")
