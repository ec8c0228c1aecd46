"""Writes keras.json: what PyTorch makes of the Keras files of tests/models/fixtures.mjs.

  node ../models/fixtures.mjs DIR && python3 make_keras.py DIR

An interpreter of Keras configurations, written from Keras's documentation and TensorFlow's padding
rules, and sharing nothing with the converter: tensors stay N, H, W, C as in Keras, float64, weights are
found by layer name (h5) or by class and number (.keras). For each file: every output, in ONNX's axes
(N, C, H, W), and the input's name. Needs torch, numpy, h5py.
"""
import io
import json
import os
import re
import sys
import zipfile

import h5py
import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import noise  # noqa: E402

torch.set_default_dtype(torch.float64)


def nchw(f, x):
    return f(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def pads(n, k, s, d, padding):
    """(before, after) along one axis."""
    if padding == "valid":
        return 0, 0
    total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
    return total // 2, total - total // 2


def pad_image(x, size, strides, dilation, padding, value=0.0):
    (t, b), (l, r) = [pads(x.shape[1 + i], size[i], strides[i], dilation[i], padding) for i in (0, 1)]
    return F.pad(x, (0, 0, l, r, t, b), value=value)


def conv(x, kernel, c, groups=1):
    """kernel: [H, W, in / groups, out]"""
    x = pad_image(x, kernel.shape[:2], c["strides"], c["dilation_rate"], c["padding"])
    return nchw(lambda t: F.conv2d(t, kernel.permute(3, 2, 0, 1), None, c["strides"], 0, c["dilation_rate"],
                                   groups), x)


def depthwise(x, kernel, c):
    """kernel: [H, W, C, M]; output channel c * M + m."""
    h, w, channels, m = kernel.shape
    return conv(x, kernel.reshape(h, w, 1, channels * m), c, channels)


def transpose_conv(x, kernel, c):
    """The gradient of a convolution with respect to its input; kernel: [H, W, out, in]."""
    out = []
    for i in (0, 1):
        n, k, s = x.shape[1 + i], kernel.shape[i], c["strides"][i]
        extra = c["output_padding"]
        if extra is None:
            size = n * s if c["padding"] == "same" else n * s + max(k - s, 0)
            before = pads(size, k, s, 1, c["padding"])[0]
        else:
            before = k // 2 if c["padding"] == "same" else 0
            size = (n - 1) * s + k - 2 * before + extra[i]
        out.append((size, before))
    (H, top), (W, left) = out
    y = torch.zeros(x.shape[0], H, W, kernel.shape[2])
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            for a in range(kernel.shape[0]):
                for b in range(kernel.shape[1]):
                    r, s = i * c["strides"][0] + a - top, j * c["strides"][1] + b - left
                    if 0 <= r < H and 0 <= s < W:
                        y[:, r, s] += x[:, i, j] @ kernel[a, b].T
    return y


def pool(x, c, kind):
    size, strides = c["pool_size"], c["strides"]
    window = lambda t, f: nchw(lambda u: f(u, size, strides), t)
    if kind == "max":
        return window(pad_image(x, size, strides, (1, 1), c["padding"], -np.inf), F.max_pool2d)
    padded = lambda t: window(pad_image(t, size, strides, (1, 1), c["padding"]), F.avg_pool2d)
    return padded(x) / padded(torch.ones_like(x))


def act(x, spec, major):
    if isinstance(spec, dict):
        spec = spec["config"]
    return {
        "linear": lambda: x,
        "relu": lambda: x.clamp(min=0),
        "relu6": lambda: x.clamp(0, 6),
        "elu": lambda: torch.where(x > 0, x, torch.exp(x) - 1),
        "selu": lambda: 1.0507009873554805 * torch.where(x > 0, x, 1.6732632423543772 * (torch.exp(x) - 1)),
        "sigmoid": lambda: 1 / (1 + torch.exp(-x)),
        "swish": lambda: x / (1 + torch.exp(-x)),
        "silu": lambda: x / (1 + torch.exp(-x)),
        "tanh": lambda: torch.tanh(x),
        "softmax": lambda: torch.softmax(x, -1),
        "leaky_relu": lambda: torch.where(x > 0, x, 0.2 * x),
        "hard_sigmoid": lambda: (x + 3).clamp(0, 6) / 6 if major >= 3 else (0.2 * x + 0.5).clamp(0, 1),
        "hard_silu": lambda: x * (x + 3).clamp(0, 6) / 6,
        "hard_tanh": lambda: x.clamp(-1, 1),
        "softplus": lambda: torch.log1p(torch.exp(x)),
        "softsign": lambda: x / (1 + x.abs()),
        "mish": lambda: x * torch.tanh(torch.log1p(torch.exp(x))),
        "exponential": lambda: torch.exp(x),
    }[spec]()


def batch_norm(x, c, w):
    w = list(w)
    n = x.shape[-1]
    gamma = w.pop(0) if c.get("scale", True) else torch.ones(n)
    beta = w.pop(0) if c.get("center", True) else torch.zeros(n)
    mean, var = w
    return (x - mean) / torch.sqrt(var + c["epsilon"]) * gamma + beta


def resize(x, c):
    size = [x.shape[1] * c["size"][0], x.shape[2] * c["size"][1]]
    if c["interpolation"] == "nearest":
        return x.repeat_interleave(c["size"][0], 1).repeat_interleave(c["size"][1], 2)
    return nchw(lambda t: F.interpolate(t, size=size, mode="bilinear", align_corners=False), x)


def prelu(x, alpha):
    return torch.where(x > 0, x, alpha * x)


def layer(kind, c, xs, w, major):
    x = xs[0]
    fold = lambda f: __import__("functools").reduce(f, xs)
    with_bias = lambda y, b: act(y + b[0] if b else y, c.get("activation", "linear"), major)
    (pt, pb), (pl, pr) = c.get("padding") if kind == "ZeroPadding2D" else ((0, 0), (0, 0))
    (ct, cb), (cl, cr) = c.get("cropping", ((0, 0), (0, 0)))
    return {
        "Conv2D": lambda: with_bias(conv(x, w[0], c, c.get("groups", 1)), w[1:]),
        "DepthwiseConv2D": lambda: with_bias(depthwise(x, w[0], c), w[1:]),
        "SeparableConv2D": lambda: with_bias(depthwise(x, w[0], c) @ w[1][0, 0], w[2:]),
        "Conv2DTranspose": lambda: with_bias(transpose_conv(x, w[0], c), w[1:]),
        "Dense": lambda: with_bias(x @ w[0], w[1:]),
        "BatchNormalization": lambda: batch_norm(x, c, w),
        "Activation": lambda: act(x, c["activation"], major),
        "ReLU": lambda: torch.where(x < 0, c["negative_slope"] * x, x).clamp(max=c["max_value"]),
        "LeakyReLU": lambda: torch.where(x < 0, c.get("alpha", c.get("negative_slope")) * x, x),
        "ELU": lambda: torch.where(x > 0, x, c["alpha"] * (torch.exp(x) - 1)),
        "PReLU": lambda: prelu(x, w[0]),
        "Softmax": lambda: torch.softmax(x, c["axis"]),
        "MaxPooling2D": lambda: pool(x, c, "max"),
        "AveragePooling2D": lambda: pool(x, c, "average"),
        "GlobalMaxPooling2D": lambda: x.amax((1, 2), keepdim=c.get("keepdims", False)),
        "GlobalAveragePooling2D": lambda: x.mean((1, 2), keepdim=c.get("keepdims", False)),
        "ZeroPadding2D": lambda: F.pad(x, (0, 0, pl, pr, pt, pb)),
        "Cropping2D": lambda: x[:, ct:x.shape[1] - cb, cl:x.shape[2] - cr],
        "UpSampling2D": lambda: resize(x, c),
        "Flatten": lambda: x.flatten(1),
        "Reshape": lambda: x.reshape(x.shape[0], *c["target_shape"]),
        "Dropout": lambda: x,
        "Add": lambda: fold(torch.add),
        "Multiply": lambda: fold(torch.mul),
        "Subtract": lambda: fold(torch.sub),
        "Average": lambda: fold(torch.add) / len(xs),
        "Maximum": lambda: fold(torch.maximum),
        "Minimum": lambda: fold(torch.minimum),
        "Concatenate": lambda: torch.cat(xs, c["axis"]),
        "Rescaling": lambda: x * numbers(c["scale"]) + numbers(c["offset"]),
        "Normalization": lambda: (x - (numbers(c["mean"]) if c["mean"] else w[0])) / torch.sqrt(
            numbers(c["variance"]) if c["variance"] else w[1]),
        "Resizing": lambda: to_size(x, c),
        "CenterCrop": lambda: crop(x, c),
        "RandomCrop": lambda: to_size(x, dict(c, crop_to_aspect_ratio=True)),
    }.get(kind, lambda: {True: x}[kind.startswith("Random")])()


def numbers(v):
    """A setting that is a number, a list or an array in one of Keras's wrappings."""
    if isinstance(v, dict):
        v = v["config"]["value"] if "config" in v else v["value"]
    return torch.tensor(v, dtype=torch.float64)


def centred(x, h, w):
    top, left = (x.shape[1] - h) // 2, (x.shape[2] - w) // 2
    return x[:, top:top + h, left:left + w]


def to_size(x, c):
    """tf.image.resize, half-pixel centres; smart_resize where the ratio is kept."""
    h, w = c["height"], c["width"]
    if c.get("crop_to_aspect_ratio"):
        x = centred(x, max(min(x.shape[1], int(x.shape[2] * h / w)), 1), max(min(x.shape[2], int(x.shape[1] * w / h)), 1))
    if c.get("interpolation", "bilinear") == "nearest":
        rows = torch.floor((torch.arange(h) + 0.5) * x.shape[1] / h).long()
        cols = torch.floor((torch.arange(w) + 0.5) * x.shape[2] / w).long()
        return x[:, rows][:, :, cols]
    return nchw(lambda t: F.interpolate(t, size=[h, w], mode="bilinear", align_corners=False,
                                        antialias=bool(c.get("antialias"))), x)


def crop(x, c):
    if x.shape[1] >= c["height"] and x.shape[2] >= c["width"]:
        return centred(x, c["height"], c["width"])
    return to_size(x, dict(c, crop_to_aspect_ratio=True))


def operator(kind, c, args, kw):
    """args: tensors and numbers in order. kind: Keras 3's class, a function of tf, or a node of TensorFlow."""
    if kind == "TensorFlowOpLayer":
        for i, v in c["constants"].items():
            args.insert(int(i), numbers(v))
        kind = c["node_def"]["op"]
    elif kind in ("TFOpLambda", "SlicingOpLambda"):
        kind = c["function"].split(".")[-1]
    args = args + [kw[k] for k in ("y", "bias") if k in kw]
    x, y = args[0], args[1] if len(args) > 1 else None
    get = lambda *keys: next(v for d in (kw, c) for k in keys if (v := d.get(k)) is not None)
    return {
        "add": lambda: x + y, "addv2": lambda: x + y, "bias_add": lambda: x + y,
        "subtract": lambda: x - y, "sub": lambda: x - y,
        "multiply": lambda: x * y, "mul": lambda: x * y,
        "truediv": lambda: x / y, "truedivide": lambda: x / y, "divide": lambda: x / y,
        "maximum": lambda: torch.maximum(x, y), "minimum": lambda: torch.minimum(x, y),
        "power": lambda: x ** y, "negative": lambda: -x, "square": lambda: x * x, "abs": lambda: x.abs(),
        "clip": lambda: x.clamp(get("x_min"), get("x_max")),
        "clip_by_value": lambda: x.clamp(get("clip_value_min"), get("clip_value_max")),
        "relu6": lambda: x.clamp(0, 6), "cast": lambda: x,
        "mean": lambda: x.mean((1, 2), keepdim=get("keepdims")),
        "reduce_mean": lambda: x.mean((1, 2), keepdim=get("keepdims")),
        "getitem": lambda: x[..., y[-1]] if y and isinstance(y[-1], int) else x.flip(-1),
        "stack": lambda: torch.stack(x, c["axis"]),
    }[kind.lower()]()


ORDERED = {"Conv2D", "MaxPooling2D", "ZeroPadding2D", "DepthwiseConv2D", "GlobalAveragePooling2D"}


def first(kind, c, xs, w, major):
    """Channels first: tensors are N, C, H, W; what has an order works on N, H, W, C in between."""
    last = lambda t: t.permute(0, 2, 3, 1)
    x = xs[0]
    if kind in ORDERED:
        return layer(kind, c, [last(x)], w, major).permute(0, 3, 1, 2)
    if kind == "BatchNormalization":
        assert c["axis"] == [1]
        return layer(kind, c, [last(x)], w, major).permute(0, 3, 1, 2)
    if kind == "Flatten":
        return last(x).flatten(1) if c["data_format"] == "channels_first" else x.flatten(1)
    if kind == "Permute":
        return x.permute(0, *c["dims"])
    return layer(kind, c, xs, w, major)


def refs(node):
    if isinstance(node, dict):
        found = []

        def visit(v):
            if isinstance(v, dict):
                if v.get("class_name") == "__keras_tensor__":
                    found.append(v["config"]["keras_history"])
                else:
                    [visit(u) for u in v.values()]
            elif isinstance(v, list):
                [visit(u) for u in v]
        visit(node["args"])
        return found
    return [r[:3] for r in node]


LAMBDAS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")


def arguments(node, values):
    """(positional arguments, keywords), tensors looked up."""
    if isinstance(node, dict):
        def value(v):
            if isinstance(v, dict) and v.get("class_name") == "__keras_tensor__":
                return values[tuple(v["config"]["keras_history"])]
            if isinstance(v, list):
                return [value(u) if isinstance(u, dict) and u.get("class_name") == "__keras_tensor__" else u for u in v]
            return numbers(v)
        return [value(v) for v in node["args"]], node["kwargs"]
    node = [node] if isinstance(node[0], str) else node
    args = [numbers(r[2]) if r[0] == "_CONSTANT_VALUE" else values[tuple(r[:3])] for r in node]
    kw = dict(node[0][3])
    for key in ("y", "bias"):
        if key in kw:
            tensor = isinstance(kw[key], list) and isinstance(kw[key][0], str)
            kw[key] = values[tuple(kw[key][:3])] if tensor else numbers(kw[key])
    return args, kw


def flat_refs(r):
    return [r] if isinstance(r[0], str) else r


def run(model, x, weights, path, major):
    """model: {class_name, config}; weights(path of names, class, ordinal in its model) -> tensors"""
    c = model["config"]
    if model["class_name"] == "Sequential":
        counts = {}
        for l in c["layers"]:
            kind = l["class_name"]
            n = counts[kind] = counts.get(kind, -1) + 1
            if kind in ("Functional", "Sequential"):
                x = run(l, x, weights, path + [(l["config"]["name"], kind, n)], major)[0]
            elif kind != "InputLayer":
                x = layer(kind, l["config"], [x], weights(path, l["config"]["name"], kind, n), major)
        return [x]
    channels_first = any(l["config"].get("data_format") == "channels_first" for l in c["layers"])
    turned = set()  # behind a Permute, channels are last
    values = {tuple(flat_refs(c["input_layers"])[0]): x.permute(0, 3, 1, 2) if channels_first else x}
    counts = {}
    for l in c["layers"]:
        kind, name = l["class_name"], l["name"]
        n = counts[kind] = counts.get(kind, -1) + 1
        for call, node in enumerate(l["inbound_nodes"]):
            if kind in LAMBDAS or ".ops." in l.get("module", ""):
                values[name, call, 0] = operator(kind, l["config"], *arguments(node, values))
                continue
            xs = [values[tuple(r)] for r in refs(node)]
            if kind in ("Functional", "Sequential"):
                inside = path + [(name, kind, n)]
                y = run(l, xs[0], weights, inside, major)[0]
                values[name, call + 1, 0] = y  # a nested model's first call is its own making
            else:
                before = {r[0] for r in refs(node)}
                turned |= {name} if kind == "Permute" or before & turned else set()
                run_layer = first if channels_first and not before & turned else layer
                values[name, call, 0] = run_layer(kind, l["config"], xs, weights(path, name, kind, n), major)
    if channels_first:  # onnx_axes takes channels last
        values = {k: v.permute(0, 2, 3, 1) if v.dim() == 4 and k[0] not in turned else v for k, v in values.items()}
    return [values[tuple(r)] for r in flat_refs(c["output_layers"])]


def walk(model, x, layer):
    """A model as Keras 2 stores one, without calls of a layer for a second time; layer(l, inputs) runs one of its
    layers, which may be a model. A Sequential's config may be the bare list."""
    config = model["config"]
    layers = config if isinstance(config, list) else config["layers"]
    layers = [l for l in layers if l["class_name"] != "InputLayer"]
    if model["class_name"] == "Sequential":
        for l in layers:
            x = layer(l, [x])
        return x
    values = {config["input_layers"][0][0]: x}
    for l in layers:
        values[l["name"]] = layer(l, [values[r[0]] for r in l["inbound_nodes"][0]])
    return values[config["output_layers"][0][0]]


def from_h5(h):
    g = h["model_weights"]

    def weights(path, name, kind, n):
        group = g[path[0][0] if path else name]
        names = [w.decode() if isinstance(w, bytes) else w for w in group.attrs["weight_names"]]
        if path:
            names = [w for w in names if w.split("/")[0] == name]
        return [torch.from_numpy(group[w][()]).double() for w in names]
    return weights


def snake(name):
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def from_store(h):
    groups = [k for k in h if k.startswith("_layer_checkpoint_dependencies\\")]

    def weights(path, name, kind, n):
        if groups:  # Windows: the n-th group of the class that holds weights
            mine = sorted((k for k in groups if re.fullmatch(re.escape(snake(kind)) + r"(_\d+)?", k.split("\\")[1])),
                          key=lambda k: (len(k), k))
            group = h[mine[n]]["vars"] if mine else {}
            return [torch.from_numpy(group[str(i)][()]).double() for i in range(len(group))]
        place = "".join(f"layers/{snake(k)}{'_%d' % i if i else ''}/" for _, k, i in path + [(name, kind, n)])
        group = h.get(place + "vars", {})
        return [torch.from_numpy(group[str(i)][()]).double() for i in range(len(group))]
    return weights


def onnx_axes(t):
    t = t.permute(0, 3, 1, 2) if t.dim() == 4 else t
    return dict(dims=list(t.shape), data=[float(f"{v:.8g}") for v in t.flatten().tolist()])


def main(folder):
    out = {}
    for file in sorted(os.listdir(folder)):
        path = os.path.join(folder, file)
        name = file.split(".")[0]
        if file.endswith(".keras"):
            z = zipfile.ZipFile(path)
            config, major = json.loads(z.read("config.json")), 3
            weights = from_store(h5py.File(io.BytesIO(z.read("model.weights.h5"))))
        elif file.endswith(".h5"):
            h = h5py.File(path)
            config, major = json.loads(h.attrs["model_config"]), int(h.attrs["keras_version"].split(".")[0])
            weights = from_h5(h)
        else:
            continue
        start = config["config"]["layers"][0]["config"]
        H, W, C = (start.get("batch_input_shape") or start["batch_shape"])[1:]
        if name == "channels_first":
            C, H, W = H, W, C
        x = torch.from_numpy(noise.uniform(f"{name}/input", (1, C, H, W), 1)).double().permute(0, 2, 3, 1)
        ends = config["config"].get("output_layers")
        outputs = [r[0] for r in flat_refs(ends)] if ends else [config["config"]["layers"][-1]["config"]["name"]]
        values = run(config, x, weights, [], major)
        out[name] = [dict(layer=l, **onnx_axes(v)) for l, v in zip(outputs, values)]
    text = json.dumps(out, separators=(",", ":"))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keras.json")
    open(path, "w").write(text + "\n")
    print(len(text), {k: len(v) for k, v in out.items()})


if __name__ == "__main__":
    main(sys.argv[1])
