"""Writes a trained `pocket` as ONNX: weights f16 behind a Cast, raw logits.

    python3 export.py RUN_DIR/final.pt DATA_DIR -o .

-> pocket.onnx, labels.txt, model.json. The temperature that calibrates the probabilities is divided into
the last Gemm, so softmax(logits) is the probability to show. Node and tensor names: `stem`, `block3_dw`,
`block3_pw`, their `..._relu` (the activation), `gap`, `features`, `logits`.
"""
import argparse
import hashlib
import json
import os

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

import data
from net import MEAN, STD, PocketNet, mixed


SOURCE = ("Trained here by train.py from the first 12 blocks of Keras MobileNet v1 (alpha 0.75, ImageNet weights). "
          "Pictures: Imagenette, Cats and Dogs, Caltech-101, Pascal VOC 2007.")
LICENCE = "Apache-2.0 (as the MobileNet weights it starts from)"
NOTES = [
    "Start values: Google's MobileNet weights as Keras distributes them, Apache-2.0.",
    "Training pictures: Imagenette (fast.ai, a subset of ImageNet; photos under ImageNet's terms for research), Cats and "
    "Dogs (Asirra, Microsoft, for research), Caltech-101 (Fei-Fei, Fergus, Perona; CC BY 4.0), Pascal VOC 2007 (flickr "
    "photos). The file holds no picture.",
    "evaluate.py prints every figure in `accuracy`; the validation pictures also chose the temperature, the "
    "design and which weights were averaged.",
]
LIMITS = [
    "Knows 18 things and always names one of them: it has no answer for anything else. `accuracy` says how often it is "
    "sure of itself on photos of other things.",
    "fish is the tench, often in an angler's hands; truck the garbage truck; flower sunflower, lotus and water lily; "
    "person mostly a frontal face.",
    "Several classes come from one source (airplane, motorbike, flower: Caltech-101; bus, car, train: VOC 2007), so the "
    "validation figures flatter them.",
    "One thing, fairly large, per picture; small things in a crowded street are missed.",
    "Maps of train do not point better than the image's centre does, maps of person hardly (see pointing_game).",
    "For teaching and trying out. Not for decisions about people.",
]


# Output channels taken out, of stem and block 2: they bring the time below half of MobileNet's.
FEWER = {0: 12, 2: 8}


def build(net, side, temperature):
    """-> onnx model. The linear layer's rows are centred: softmax does not change when every class gets the
    same added, and the score of a class then counts what speaks for it more than for the others."""
    nodes, init = [], []

    def weight(name, w):
        init.append(numpy_helper.from_array(w.astype(np.float16), name + ".f16"))
        nodes.append(helper.make_node("Cast", [name + ".f16"], [name], name + "_cast", to=TensorProto.FLOAT))

    def conv(name, m, x):
        w, b = m.conv.weight.detach().numpy(), m.conv.bias.detach().numpy()
        weight(name + ".weight", w)
        init.append(numpy_helper.from_array(b, name + ".bias"))
        k, s = w.shape[2], m.conv.stride[0]
        pads = [0, 0, 1, 1] if m.same else [k // 2] * 4
        nodes.append(helper.make_node("Conv", [x, name + ".weight", name + ".bias"], [name], name, kernel_shape=[k, k],
                                      strides=[s, s], pads=pads, group=m.conv.groups))
        nodes.append(helper.make_node("Clip", [name, "zero", "six"], [name + "_relu"], name + "_relu"))
        return name + "_relu"

    init += [numpy_helper.from_array(np.array(v, np.float32), k) for k, v in (("zero", 0), ("six", 6))]
    x = conv("stem", net.stem, "input")
    for i, b in net.blocks.items():
        x = conv(f"block{i}_dw", b[0], x)
        x = conv(f"block{i}_pw", b[1], x)
    w, b = net.fc.weight.detach().double(), net.fc.bias.detach().double()
    w, b = (w - w.mean(0)) / temperature, (b - b.mean()) / temperature
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["gap"], "gap"))
    nodes.append(helper.make_node("Flatten", ["gap"], ["features"], "features", axis=1))
    weight("logits.weight", w.numpy())
    init.append(numpy_helper.from_array(b.numpy().astype(np.float32), "logits.bias"))
    nodes.append(helper.make_node("Gemm", ["features", "logits.weight", "logits.bias"], ["logits"], "logits", transB=1))
    g = helper.make_graph(nodes, "pocket",
                          [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])],
                          [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(b)])], init)
    model = helper.make_model(g, producer_name="gradcam-wasm models/pocket/export.py",
                              opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    onnx.checker.check_model(model, full_check=True)
    return model, x


@torch.no_grad()
def prune(net, x, fewer):
    """Takes output channels out of blocks, {block: how many}, 0 the stem: those that matter least, because what the
    depthwise convolution after makes of them varies little or is hardly read. Its mean over the pictures x takes their
    place in the bias of the layer that reads it. Ten of the stem's 24 are 0 whatever the picture: without them nothing
    changes."""
    for block, count in fewer.items():
        made = (net.blocks[str(block)][1] if block else net.stem).conv
        dw, pw = (m.conv for m in net.blocks[str(block + 1)])
        y = torch.cat([net.blocks[str(block + 1)][0](net.lower(x[i:i + 64], block)) for i in range(0, len(x), 64)])
        mean, deviation = y.mean((0, 2, 3)), y.std((0, 2, 3))
        keep = (deviation * pw.weight[:, :, 0, 0].norm(dim=0)).argsort()[count:].sort().values
        gone = torch.ones(len(mean), dtype=torch.bool)
        gone[keep] = False
        pw.bias += pw.weight[:, gone, 0, 0] @ mean[gone]
        for conv, name in ((made, "weight"), (made, "bias"), (dw, "weight"), (dw, "bias")):
            setattr(conv, name, torch.nn.Parameter(getattr(conv, name)[keep]))
        pw.weight = torch.nn.Parameter(pw.weight[:, keep])
        dw.groups = len(keep)


@torch.no_grad()
def logits_of(net, x, side):
    return torch.cat([net(F.interpolate(x[i:i + 64].float(), size=(side, side), mode="bilinear", align_corners=False))
                      for i in range(0, len(x), 64)])


def fit_temperature(z, y):
    """The T that minimises the cross-entropy of z / T (Guo et al. 2017, section 4.2), by golden section."""
    lo, hi, g = np.log(0.2), np.log(5.0), (np.sqrt(5) - 1) / 2
    f = lambda t: float(F.cross_entropy(z / np.exp(t), y))
    for _ in range(60):
        a, b = hi - g * (hi - lo), lo + g * (hi - lo)
        lo, hi = (lo, b) if f(a) < f(b) else (a, hi)
    return float(np.exp((lo + hi) / 2))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("checkpoint", help="a.pt, or several with their weights: a.pt:0.6,b.pt:0.4")
    ap.add_argument("data_dir")
    ap.add_argument("-o", "--out", default=".")
    ap.add_argument("--side", type=int, default=160)
    ap.add_argument("--cache")
    a = ap.parse_args()
    torch.set_num_threads(1)
    weights, names = mixed(a.checkpoint)
    net = PocketNet(len(names))
    net.load_state_dict(weights)
    x, y, names, _ = data.load(os.path.join(a.data_dir, "pocket"), "val", a.cache)
    train = data.load(os.path.join(a.data_dir, "pocket"), "train", a.cache)[0][::20].float()
    prune(net, F.interpolate(train, size=(a.side, a.side), mode="bilinear", align_corners=False), FEWER)
    t = fit_temperature(logits_of(net, x, a.side), y)
    model, layer = build(net, a.side, t)
    blob = model.SerializeToString()
    with open(os.path.join(a.out, "pocket.onnx"), "wb") as f:
        f.write(blob)
    with open(os.path.join(a.out, "labels.txt"), "w") as f:
        f.write("\n".join(names) + "\n")
    n = sum(p.numel() for b in [net.stem, net.blocks, net.fc] for k, p in b.named_parameters())
    out = {"name": "pocket", "title": "pocket: 18 everyday things", "file": "pocket.onnx",
           "sha256": hashlib.sha256(blob).hexdigest(), "bytes": len(blob), "source": SOURCE, "licence": LICENCE,
           "notes": NOTES + [f"{n} parameters; weights f16, biases f32; temperature {t:.3f} is divided into the "
                             "last layer: softmax of the logits is the calibrated probability."],
           "input": {"width": a.side, "height": a.side, "channels": 3, "order": "rgb", "mean": [MEAN] * 3,
                     "std": [STD] * 3, "resize": "bilinear"},
           "output": "logits", "layer": layer, "labels": names, "accuracy": {}, "limits": LIMITS}
    with open(os.path.join(a.out, "model.json"), "w") as f:
        json.dump(out, f, indent=1)
        f.write("\n")
    print(f"pocket.onnx {len(blob)} bytes, {n} numbers, temperature {t:.3f}, layer {layer}")


if __name__ == "__main__":
    main()
