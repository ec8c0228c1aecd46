"""Writes formats.json and formats_rounded.json: what PyTorch makes, in float64, of the TensorFlow Lite and TensorFlow.js files of the
shared data, weights dequantised, activations as floats; in the second, every activation that the file keeps as
integers is rounded to them.

  python3 make_formats.py ../../../shared/data/wild

Readers and operators are written here once more, from TensorFlow's own descriptions, and share nothing with
models/ but the formats. The input is noise.picture's, scaled as stated. Needs torch, numpy, h5py (for make_keras).
"""
import base64
import json
import os
import struct
import sys
import zipfile

import numpy as np
import torch
import torch.nn.functional as F

import make_keras
import noise


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def same(x, kernel, strides, dilations, value=0.0):
    pads = []
    for n, k, s, d in reversed(list(zip(x.shape[2:], kernel, strides, dilations))):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)


def conv(x, w, bias, strides, dilations, padding, groups):
    """w: O, I, H, W"""
    x = nchw(x)
    if padding == "SAME":
        x = same(x, w.shape[2:], strides, dilations)
    return nhwc(F.conv2d(x, w, bias, stride=strides, dilation=dilations, groups=groups))


def pool(x, kernel, strides, padding, kind):
    x = nchw(x)
    if kind == "max":
        if padding == "SAME":
            x = same(x, kernel, strides, (1, 1), -1e300)
        return nhwc(F.max_pool2d(x, kernel, strides))
    ones = torch.ones_like(x)
    if padding == "SAME":
        x, ones = same(x, kernel, strides, (1, 1)), same(ones, kernel, strides, (1, 1))
    return nhwc(F.avg_pool2d(x, kernel, strides) / F.avg_pool2d(ones, kernel, strides))


def activate(x, name):
    return {None: lambda v: v, "Relu": F.relu, "Relu6": lambda v: v.clamp(0, 6), "ReluN1": lambda v: v.clamp(-1, 1), "Tanh": torch.tanh}[name](x)


def resize_bilinear(x, size, align, half):
    if half or align:
        return nhwc(F.interpolate(nchw(x), size=tuple(size), mode="bilinear", align_corners=bool(align)))
    for axis, n in ((1, size[0]), (2, size[1])):
        at = torch.arange(n, dtype=torch.float64) * (x.shape[axis] / n)
        low = at.floor().long()
        high = (low + 1).clamp(max=x.shape[axis] - 1)
        shape = [1, 1, 1, 1]
        shape[axis] = n
        f = (at - low).reshape(shape)
        x = x.index_select(axis, low) * (1 - f) + x.index_select(axis, high) * f
    return x


# ---- TensorFlow Lite ---------------------------------------------------------------------------


class Table:
    def __init__(self, data, at):
        self.data, self.at = data, at
        self.v = at - struct.unpack_from("<i", data, at)[0]
        self.n = (struct.unpack_from("<H", data, self.v)[0] - 4) // 2

    def where(self, i):
        offset = struct.unpack_from("<H", self.data, self.v + 4 + 2 * i)[0] if i < self.n else 0
        return self.at + offset if offset else None

    def get(self, i, form, default=0):
        at = self.where(i)
        return default if at is None else struct.unpack_from("<" + form, self.data, at)[0]

    def list(self, i, form):
        at = self.where(i)
        if at is None:
            return []
        at += struct.unpack_from("<I", self.data, at)[0]
        n = struct.unpack_from("<I", self.data, at)[0]
        if form == "table":
            places = [at + 4 + 4 * k for k in range(n)]
            return [Table(self.data, p + struct.unpack_from("<I", self.data, p)[0]) for p in places]
        return list(np.frombuffer(self.data, dtype="<" + form, count=n, offset=at + 4))

    def table(self, i):
        at = self.where(i)
        return None if at is None else Table(self.data, at + struct.unpack_from("<I", self.data, at)[0])


FUSED = [None, "Relu", "ReluN1", "Relu6", "Tanh"]
DTYPE = {0: "f4", 1: "f2", 2: "i4", 3: "u1", 4: "i8", 9: "i1"}


def rounded(y, info):
    """The value of the integers that the tensor is kept as."""
    q = info.table(4)
    scales = q.list(2, "f4") if q else []
    if len(scales) != 1 or info.get(1, "b") not in (3, 9):
        return y
    low, zero, scale = (-128 if info.get(1, "b") == 9 else 0), float(q.list(3, "i8")[0]), float(scales[0])
    return scale * ((torch.round(y / scale) + zero).clamp(low, low + 255) - zero)


def run_tflite(data, picture, rounds=False):
    model = Table(data, struct.unpack_from("<I", data, 0)[0])
    graph = model.list(2, "table")[0]
    buffers = model.list(4, "table")
    codes = [max(c.get(0, "b"), c.get(3, "i")) for c in model.list(1, "table")]
    tensors = graph.list(0, "table")
    shape = lambda i: [int(d) for d in tensors[i].list(0, "i4")]
    values = {}

    def value(i):
        if i in values:
            return values[i]
        raw = bytes(np.array(buffers[tensors[i].get(2, "I")].list(0, "u1"), dtype=np.uint8))
        a = np.frombuffer(raw, dtype="<" + DTYPE[tensors[i].get(1, "b")]).reshape(shape(i)).astype(np.float64)
        q = tensors[i].table(4)
        scales = q.list(2, "f4") if q else []
        if len(scales):
            axis = q.get(6, "i") if a.ndim > 1 else 0
            side = [1] * a.ndim
            if len(scales) > 1:
                side[axis] = len(scales)
            zeros = np.array(q.list(3, "i8"), dtype=np.float64)
            a = (a - zeros.reshape(side if len(zeros) > 1 else [1] * a.ndim)) * np.array(scales, np.float64).reshape(side)
        values[i] = torch.from_numpy(np.array(a))
        return values[i]

    first = int(graph.list(1, "i4")[0])
    info = tensors[first]
    kind, q = info.get(1, "b"), info.table(4)
    h, w, c = shape(first)[1:]
    x = np.array(picture(h)[:, :, :c], dtype=np.float64)
    if kind in (3, 9):
        x = (x - (128 if kind == 9 else 0) - float(q.list(3, "i8")[0])) * float(q.list(2, "f4")[0])
    else:
        x = x / 255
    values[first] = torch.from_numpy(x)[None]
    for op in graph.list(3, "table"):
        code, o = codes[op.get(0, "I")], op.table(4)
        xs = [value(int(i)) if i >= 0 else None for i in op.list(1, "i4")]
        out = int(op.list(2, "i4")[0])
        g = lambda i, form="i", d=0: o.get(i, form, d) if o else d
        pad = lambda: ["SAME", "VALID"][g(0, "b")]
        if code in (3, 4):
            k = 3 if code == 3 else 4
            weight = xs[1].permute(0, 3, 1, 2) if code == 3 else xs[1].permute(3, 0, 1, 2)
            y = conv(xs[0], weight, xs[2], (g(2), g(1)), (g(k + 2, "i", 1), g(k + 1, "i", 1)), pad(), 1 if code == 3 else xs[0].shape[3])
            y = activate(y, FUSED[g(k, "b")])
        elif code in (1, 17):
            y = pool(xs[0], (g(4), g(3)), (g(2), g(1)), pad(), "max" if code == 17 else "avg")
        elif code in (0, 18):
            y = activate(xs[0] + xs[1] if code == 0 else xs[0] * xs[1], FUSED[g(0, "b")])
        elif code == 9:
            y = activate(xs[0].reshape(-1, xs[1].shape[1]) @ xs[1].T + (xs[2] if len(xs) > 2 and xs[2] is not None else 0), FUSED[g(0, "b")])
        elif code == 22:
            y = xs[0].reshape(shape(out))
        elif code == 25:
            y = torch.softmax(xs[0] * g(0, "f", 1.0), -1)
        elif code == 34:
            y = F.pad(xs[0], [int(v) for row in reversed(xs[1].tolist()) for v in row])
        elif code == 39:
            y = xs[0].permute([int(v) for v in xs[1]])
        elif code == 40:
            y = xs[0].mean([int(v) for v in xs[1].reshape(-1)], keepdim=bool(g(0, "b")))
        elif code == 2:
            y = torch.cat(xs, g(0))
        elif code == 23:
            y = resize_bilinear(xs[0], [int(v) for v in xs[1]], g(2, "b"), g(3, "b"))
        elif code in (6, 114, 56):
            y = xs[0]
        else:
            raise SystemExit(f"operator {code}")
        values[out] = rounded(y, tensors[out]) if rounds else y
    return values[int(graph.list(2, "i4")[0])]


# ---- TensorFlow.js -------------------------------------------------------------------------------


def manifest(model, read):
    found = {}
    for group in model["weightsManifest"]:
        data, at = b"".join(read(p) for p in group["paths"]), 0
        for w in group["weights"]:
            q = w.get("quantization")
            dtype = {"float32": "f4", "int32": "i4", "uint8": "u1", "uint16": "u2", "float16": "f2"}[q["dtype"] if q else w["dtype"]]
            n = int(np.prod(w["shape"])) if w["shape"] else 1
            a = np.frombuffer(data, "<" + dtype, n, at).astype(np.float64)
            at += n * np.dtype(dtype).itemsize
            if q and q["dtype"] != "float16":
                a = a * q["scale"] + q["min"]
            found[w["name"]] = torch.from_numpy(a.reshape(w["shape"]))
    return found


ORDER = ["gamma", "beta", "moving_mean", "moving_variance", "depthwise_kernel", "kernel", "bias"]


def run_layers(model, x, weights):
    def layer(l, xs):
        if l["class_name"] in ("Sequential", "Model", "Functional"):
            return run_layers(l, xs[0], weights)
        own = sorted((ORDER.index(n.split("/")[-1]), n) for n in weights if n.split("/")[-2] == l["config"]["name"])
        settings = {"negative_slope": 0, "max_value": None, "threshold": 0, **l["config"]} if l["class_name"] == "ReLU" else l["config"]
        return make_keras.layer(l["class_name"], settings, xs, [weights[n] for _, n in own], 2)

    return make_keras.walk(model, x, layer)


def run_graph(model, x, weights):
    values = dict(weights)
    text = lambda s: base64.b64decode(s).decode()
    todo = list(model["modelTopology"]["node"])
    while todo:
        node = todo.pop(0)
        refs = node.get("input", [])
        if node["op"] == "Const":
            continue
        if any(r not in values for r in refs):
            todo.append(node)
            continue
        xs, attr, op = [values[r] for r in refs], node.get("attr", {}), node["op"]
        ints = lambda key: [int(v) for v in attr[key]["list"]["i"]]
        fused = [text(s) for s in attr.get("fused_ops", {}).get("list", {}).get("s", [])]
        if op == "Placeholder":
            y = x
        elif op in ("_FusedConv2D", "DepthwiseConv2dNative"):
            w = xs[1].permute(3, 2, 0, 1) if op == "_FusedConv2D" else xs[1].permute(2, 3, 0, 1).reshape(-1, 1, *xs[1].shape[:2])
            y = conv(xs[0], w, xs[2] if fused else None, ints("strides")[1:3], ints("dilations")[1:3], text(attr["padding"]["s"]),
                     1 if op == "_FusedConv2D" else xs[0].shape[3])
            y = F.relu(y) if "Relu" in fused else y
        elif op == "_FusedMatMul":
            y = xs[0] @ xs[1] + xs[2]
            y = F.relu(y) if "Relu" in fused else y
        elif op == "MaxPool":
            y = pool(xs[0], ints("ksize")[1:3], ints("strides")[1:3], text(attr["padding"]["s"]), "max")
        else:
            y = {"AddV2": lambda: xs[0] + xs[1], "Relu": lambda: F.relu(xs[0]), "Mean": lambda: xs[0].mean([int(v) for v in xs[1]]),
                 "Softmax": lambda: torch.softmax(xs[0], -1), "Sigmoid": lambda: torch.sigmoid(xs[0]), "Identity": lambda: xs[0],
                 "Reshape": lambda: xs[0].reshape([int(v) for v in xs[1]])}[op]()
        values[node["name"]] = y
    return values["Identity"]


def write(name, found):
    out = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    open(out, "w").write("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in sorted(found.items())) + "\n}\n")


def main(wild):
    found = {}

    def keep(name, y):
        y = y.reshape(-1)
        # Of a whole picture, every 997th value.
        found[name] = [float(f"{v:.7g}") for v in (y if len(y) < 2000 else y[::997]).tolist()]

    picture = lambda size, c, mean, std: torch.from_numpy((noise.picture(size)[:, :, :c].astype(np.float64) - mean) / std)[None]
    for file in sorted(os.listdir(os.path.join(wild, "tflite"))):
        if file.endswith(".tflite"):
            keep(f"tflite/{file}", run_tflite(open(os.path.join(wild, "tflite", file), "rb").read(), noise.picture))
    for path, size, c in (("tfjs/tiny-vgg/model.json", 64, 3), ("tfjs/emotion/emotion.json", 64, 1), ("tfjs/antispoof/antispoof.json", 128, 3)):
        model = json.load(open(os.path.join(wild, path)))
        weights = manifest(model, lambda p: open(os.path.join(wild, os.path.dirname(path), p), "rb").read())
        if model["format"] == "graph-model":
            keep(path, run_graph(model, picture(size, c, 0, 255), weights))
        else:
            keep(path, run_layers(model["modelTopology"]["model_config"], picture(size, c, 0, 255), weights))
    for path, size, c in (("teachable/google/image-model.zip", 224, 3), ("teachable/google/tiny-image-model.zip", 96, 1)):
        archive = zipfile.ZipFile(os.path.join(wild, path))
        model = json.loads(archive.read("model.json"))
        keep(path, run_layers(model["modelTopology"], picture(size, c, 127, 127), manifest(model, archive.read)))
    write("formats.json", found)
    names = ["person_detect", "mobilenet_v1_0.25_128_quant"]
    whole = {f"tflite/{n}.tflite": run_tflite(open(os.path.join(wild, "tflite", f"{n}.tflite"), "rb").read(), noise.picture, True) for n in names}
    write("formats_rounded.json", {k: [float(f"{v:.7g}") for v in y.reshape(-1).tolist()] for k, y in whole.items()})
    for name, y in sorted(found.items()):
        print(name, len(y), "largest", max(y))


if __name__ == "__main__":
    main(sys.argv[1])
