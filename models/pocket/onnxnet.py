"""Runs an ONNX classifier in torch: the teachers, and pocket.onnx as it ships rather than the checkpoint it came from.

Knows the operators of those files and nothing else. N,C,H,W throughout.
"""
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper


def padded(x, pads, value=0.0):
    return F.pad(x, (pads[1], pads[3], pads[0], pads[2]), value=value) if any(pads) else x


class OnnxNet:
    def __init__(self, path, device="cpu"):
        g = onnx.load(path).graph
        self.nodes = [(n.op_type, list(n.input), n.output[0],
                       {a.name: helper.get_attribute_value(a) for a in n.attribute}) for n in g.node]
        self.w = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()).to(device) for i in g.initializer}
        self.w = {k: w.float() if w.dtype == torch.float16 else w for k, w in self.w.items()}
        for op, ins, out, at in self.nodes:
            if op == "DequantizeLinear":
                w, scale = self.w[ins[0]], self.w[ins[1]]
                self.w[out] = w.float() * scale.view([-1] + [1] * (w.ndim - 1))
        self.input = next(i.name for i in g.input if i.name not in self.w)
        self.output = g.output[0].name

    def layers(self):
        """Names of the layers with weights, first to last."""
        return [out for op, _, out, _ in self.nodes if op in ("Conv", "Gemm")]

    @torch.no_grad()
    def run(self, x, weights=None, tensors=()):
        """x: what the network reads -> its output, and the named tensors."""
        w = weights or self.w
        t = {self.input: x}
        for op, ins, out, at in self.nodes:
            if op == "Conv":
                t[out] = F.conv2d(padded(t[ins[0]], at.get("pads", [0] * 4)), w[ins[1]], w[ins[2]],
                                  at.get("strides", [1, 1]), 0, at.get("dilations", [1, 1]), at.get("group", 1))
            elif op == "Clip":
                t[out] = t[ins[0]].clamp(0, 6)
            elif op == "Relu":
                t[out] = F.relu(t[ins[0]])
            elif op == "LRN":
                t[out] = F.local_response_norm(t[ins[0]], at["size"], at["alpha"], at["beta"], at["bias"])
            elif op == "MaxPool":
                t[out] = F.max_pool2d(padded(t[ins[0]], at.get("pads", [0] * 4), -np.inf), at["kernel_shape"],
                                      at["strides"], ceil_mode=bool(at.get("ceil_mode", 0)))
            elif op == "AveragePool":  # counting the border's zeros
                t[out] = F.avg_pool2d(padded(t[ins[0]], at["pads"]), at["kernel_shape"], at["strides"])
            elif op == "Concat":
                t[out] = torch.cat([t[i] for i in ins], at["axis"])
            elif op == "GlobalAveragePool":
                t[out] = t[ins[0]].mean((2, 3), keepdim=True)
            elif op in ("Flatten", "Reshape"):
                t[out] = t[ins[0]].flatten(1)
            elif op == "Gemm":
                t[out] = F.linear(t[ins[0]], w[ins[1]], w[ins[2]])
            elif op in ("Dropout", "Identity"):
                t[out] = t[ins[0]]
            elif op not in ("DequantizeLinear", "Constant"):
                raise NotImplementedError(op)
        return (t[self.output], *(t[n] for n in tensors))
