"""Runs pocket.onnx in torch: what is measured is the file that ships, not the checkpoint it came from.

Knows the operators of that file and nothing else. N,C,H,W throughout.
"""
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper


class OnnxNet:
    def __init__(self, path):
        g = onnx.load(path).graph
        self.nodes = [(n.op_type, list(n.input), n.output[0],
                       {a.name: helper.get_attribute_value(a) for a in n.attribute}) for n in g.node]
        self.w = {i.name: torch.from_numpy(numpy_helper.to_array(i).astype(np.float32)) for i in g.initializer}
        for op, ins, out, _ in self.nodes:
            if op == "Cast":
                self.w[out] = self.w[ins[0]]
        self.side = g.input[0].type.tensor_type.shape.dim[2].dim_value
        self.layer = [o for op, _, o, _ in self.nodes if op == "Clip"][-1]

    def layers(self):
        """Names of the layers with weights, first to last."""
        return [out for op, _, out, _ in self.nodes if op in ("Conv", "Gemm")]

    def madds(self):
        n, h = 0, self.side
        for op, ins, _, at in self.nodes:
            if op == "Conv":
                h = h // at["strides"][0]
                n += self.w[ins[1]].numel() * h * h
            elif op == "Gemm":
                n += self.w[ins[1]].numel()
        return n

    @torch.no_grad()
    def run(self, x, weights=None):
        """x 0..255 N,3,S,S, already at the input size -> logits N,K, activations of the last layer N,C,H,W."""
        w = weights or self.w
        t = {"input": (x - 127.5) / 127.5}
        for op, ins, out, at in self.nodes:
            if op == "Conv":
                p = at["pads"]
                t[out] = F.conv2d(F.pad(t[ins[0]], (p[1], p[3], p[0], p[2])), w[ins[1]], w[ins[2]], at["strides"],
                                  groups=at["group"])
            elif op == "Clip":
                t[out] = F.relu6(t[ins[0]])
            elif op == "GlobalAveragePool":
                t[out] = t[ins[0]].mean((2, 3), keepdim=True)
            elif op == "Flatten":
                t[out] = t[ins[0]].flatten(1)
            elif op == "Gemm":
                t[out] = t[ins[0]] @ w[ins[1]].T + w[ins[2]]
            elif op != "Cast":
                raise NotImplementedError(op)
        return t["logits"], t[self.layer]

    def cam(self, act, weights=None):
        """Grad-CAM of every class before ReLU: the gradient of logit c at every cell is W[c] / (H W), so its mean
        over the map is the channel weight (Selvaraju et al. 2017, eq. 1 and appendix A). -> N,K,H,W"""
        w = (weights or self.w)["logits.weight"]
        h, v = act.shape[2:]
        return torch.einsum("kc,nchw->nkhw", w / (h * v), act)
