"""Runs an ONNX file of this project's converter in PyTorch.

An independent reading of what the converter wrote: only the operators it emits, each as one torch
call. Used to check the converter where the engine is not at hand.

  run(path, x) -> {tensor name: torch tensor}      x: [N, C, H, W]
  last(path)   -> name of the first output

Weights may stand in shards; model.json beside the file lists them, and they are joined in order.
"""
import json
import os

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

DTYPES = {1: np.float32, 3: np.int8, 7: np.int64, 10: np.float16}


def load(path):
    model = onnx.load(path, load_external_data=False)
    folder = os.path.dirname(path)
    blob = b""
    card = os.path.join(folder, "model.json")
    if os.path.exists(card):
        for shard in json.load(open(card))["shards"]:
            blob += open(os.path.join(folder, shard["file"]), "rb").read()
    values = {}
    for t in model.graph.initializer:
        if t.data_location == onnx.TensorProto.EXTERNAL:
            e = {p.key: p.value for p in t.external_data}
            assert e["location"] == "weights.bin", e
            start, length = int(e["offset"]), int(e["length"])
            a = np.frombuffer(blob, DTYPES[t.data_type], length // np.dtype(DTYPES[t.data_type]).itemsize, start)
            a = a.reshape(tuple(t.dims))
        else:
            a = numpy_helper.to_array(t)
        values[t.name] = torch.from_numpy(a.copy())
    return model, values


def last(path):
    return onnx.load(path, load_external_data=False).graph.output[0].name


def padded(x, pads, value=0.0):
    top, left, bottom, right = pads
    return F.pad(x, (left, right, top, bottom), value=value)


def average(x, kernel, strides, pads):
    # Mean over the cells inside the picture.
    ones = torch.ones_like(x[:, :1])
    window = lambda t: F.avg_pool2d(padded(t, pads), kernel, strides)
    return window(x) / window(ones)


def step(op, a, x):
    """x: inputs (None for an absent one), a: attributes."""
    pads = a.get("pads", [0, 0, 0, 0])
    strides, dilations = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    bias = x[2] if len(x) > 2 else None
    if op == "Conv":
        return F.conv2d(padded(x[0], pads), x[1], bias, strides, 0, dilations, a.get("group", 1))
    if op == "ConvTranspose":
        y = F.conv_transpose2d(x[0], x[1], None, strides, 0, 0, a.get("group", 1), dilations)
        gh, gw = a.get("output_padding", [0, 0])
        y = F.pad(y, (0, gw, 0, gh))
        y = y[:, :, pads[0]:y.shape[2] - pads[2], pads[1]:y.shape[3] - pads[3]]
        return y if bias is None else y + bias.view(1, -1, 1, 1)
    if op == "Gemm":
        assert a.get("transB") == 1
        y = x[0] @ x[1].t()
        return y if bias is None else y + bias
    if op == "BatchNormalization":
        return F.batch_norm(x[0], x[3], x[4], x[1], x[2], False, 0.0, a["epsilon"])
    if op == "MaxPool":
        return F.max_pool2d(padded(x[0], pads, float("-inf")), a["kernel_shape"], strides)
    if op == "AveragePool":
        assert a["count_include_pad"] == 0
        return average(x[0], a["kernel_shape"], strides, pads)
    if op == "Pad":
        p = x[1].tolist()
        return padded(x[0], (p[2], p[3], p[6], p[7]))
    if op == "Slice":
        (t, l), (b, r) = x[1].tolist(), x[2].tolist()
        assert x[3].tolist() == [2, 3]
        return x[0][:, :, t:b, l:r]
    if op == "Resize":
        scale = x[2].tolist()[2:]
        size = [int(x[0].shape[2] * scale[0]), int(x[0].shape[3] * scale[1])]
        if a["mode"] == "nearest":
            assert a["coordinate_transformation_mode"] == "asymmetric" and a["nearest_mode"] == "floor"
            return F.interpolate(x[0], size=size, mode="nearest")
        assert a["coordinate_transformation_mode"] == "half_pixel"
        return F.interpolate(x[0], size=size, mode="bilinear", align_corners=False)
    if op == "Clip":
        low = x[1] if len(x) > 1 and x[1] is not None else float("-inf")
        high = x[2] if len(x) > 2 and x[2] is not None else float("inf")
        return torch.clamp(x[0], float(low), float(high))
    if op == "PRelu":
        return torch.where(x[0] < 0, x[0] * x[1], x[0])
    if op == "DequantizeLinear":
        assert a["axis"] == 0
        return x[0].float() * x[1].view(-1, *[1] * (x[0].dim() - 1))
    return {
        "GlobalAveragePool": lambda: x[0].mean((2, 3), keepdim=True),
        "GlobalMaxPool": lambda: x[0].amax((2, 3), keepdim=True),
        "Reshape": lambda: x[0].reshape(x[1].tolist()),
        "Transpose": lambda: x[0].permute(a["perm"]),
        "Concat": lambda: torch.cat(x, a["axis"]),
        "Softmax": lambda: torch.softmax(x[0], a["axis"]),
        "Add": lambda: x[0] + x[1],
        "Sub": lambda: x[0] - x[1],
        "Mul": lambda: x[0] * x[1],
        "Max": lambda: torch.maximum(x[0], x[1]),
        "Relu": lambda: F.relu(x[0]),
        "LeakyRelu": lambda: F.leaky_relu(x[0], a["alpha"]),
        "Elu": lambda: F.elu(x[0], a["alpha"]),
        "Selu": lambda: a["gamma"] * torch.where(x[0] > 0, x[0], a["alpha"] * (torch.exp(x[0]) - 1)),
        "Sigmoid": lambda: torch.sigmoid(x[0]),
        "HardSigmoid": lambda: torch.clamp(a["alpha"] * x[0] + a["beta"], 0, 1),
        "Tanh": lambda: torch.tanh(x[0]),
        "Cast": lambda: x[0].float(),
    }[op]()


def run(path, x):
    model, values = load(path)
    declared = {o.name: [d.dim_value for d in o.type.tensor_type.shape.dim]
                for o in list(model.graph.output) + list(model.graph.input)}
    values[model.graph.input[0].name] = x
    assert list(x.shape) == declared[model.graph.input[0].name], (x.shape, declared)
    for node in model.graph.node:
        attributes = {p.name: onnx.helper.get_attribute_value(p) for p in node.attribute}
        attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in attributes.items()}
        inputs = [values[name] if name else None for name in node.input]
        assert node.name == node.output[0]
        values[node.output[0]] = step(node.op_type, attributes, inputs)
    for output in model.graph.output:
        assert list(values[output.name].shape) == declared[output.name], output.name
    return values
