"""Writes `pocket` as ONNX: weights int8 with one scale for each output channel, raw logits; and its card.

    python3 export.py RUN_DIR DATA_DIR -o .

RUN_DIR: of train.py. -> pocket.onnx, model.json (without figures: evaluate.py --write). The linear layer is the mean of
MobileNet's and the fitted one: between what ImageNet taught and what the few pictures here made of it lie networks better
than either (Wortsman et al. 2022). Before the pool, `smooth` takes the mean of 5x5 cells, 0 beyond the border: MobileNet's
maps have spikes, and a map's peak is then where many cells agree.

One vector is added to the linear layer's row of every class: no probability changes, but every map is lowered alike where
much is active, so that it falls below 0 where nothing speaks for the class more than for the others, and ReLU has something
to cut. The temperature that calibrates the probabilities (Guo et al. 2017) is divided into the last layer. It and the threshold
below which a picture is unfamiliar come from training pictures that the fit did not see. Node and tensor names: `stem`,
`block3_dw`, `block3_pw`, their `..._relu` (the activation), `smooth`, `gap`, `features`, `logits`.
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
from make_samples import SCENES
from net import CLASSES, MEAN, SIDE, STD, load, scales_of
from onnxnet import OnnxNet

HERE = os.path.dirname(os.path.abspath(__file__))
WINDOW = 5
KEPT = float(F.avg_pool2d(torch.ones(1, 1, SIDE // 16, SIDE // 16), WINDOW, 1, WINDOW // 2).mean())  # within the border
COMMON = 5.0  # what all logits of an average picture are lowered by
UNFAMILIAR_RATE = 0.05  # of the pictures of known things that may be called unfamiliar

SOURCE = ("MobileNet v1 (alpha 0.75, Keras's ImageNet weights), its last map made twice as fine and smoothed, weights int8; "
          "linear layer distilled here by train.py from MobileNet and BVLC GoogLeNet.")
LICENCE = "Apache-2.0 (as the MobileNet weights it starts from)"
NOTES = [
    "Start values: Google's MobileNet weights as Keras distributes them, Apache-2.0. Second teacher: BVLC GoogLeNet, "
    "released for unrestricted use.",
    "Pictures for the distillation: Imagenette (fast.ai, a subset of ImageNet; photos under ImageNet's terms for research), "
    "Cats and Dogs (Asirra, Microsoft, for research), Caltech-101 (Fei-Fei, Fergus, Perona; CC BY 4.0), Pascal VOC 2007 "
    "(flickr photos). The file holds no picture.",
    "evaluate.py prints every figure in `accuracy`. The 300 photos of imagenet_sample and the pointing game also chose the "
    "share of the fitted layer and the size of the smoothing window.",
]
LIMITS = [
    "Knows ImageNet's 1,000 classes, 118 of them dogs, and always names one: there is no person, no giraffe, no flower but "
    "the daisy and an orchid among them.",
    "A photo of nothing it knows often has no logit that stands out: then the warning `unfamiliar` says so; it misses some.",
    "The sample photos of `accuracy.imagenet_sample` are probably ImageNet training pictures, which MobileNet has seen: on "
    "new photos, expect its published 68 % instead.",
    "One thing, fairly large, per picture; small things in a crowded street are missed.",
    "Ten of the classes (Imagenette's) had labelled pictures here and are named a little too readily.",
    "For teaching and trying out. Not for decisions about people.",
]


def build(net, temperature, labels=CLASSES):
    """-> onnx model, name of the last map."""
    nodes, init = [], []

    def weight(name, w):
        s = scales_of(w)
        init.append(numpy_helper.from_array((w / s).round().numpy().astype(np.int8), name + ".int8"))
        init.append(numpy_helper.from_array(s.flatten().numpy(), name + ".scale"))
        nodes.append(helper.make_node("DequantizeLinear", [name + ".int8", name + ".scale"], [name], name + "_dequantize",
                                      axis=0))

    def conv(name, m, x):
        w = m.conv.weight.detach()
        weight(name + ".weight", w)
        init.append(numpy_helper.from_array(m.conv.bias.detach().numpy(), name + ".bias"))
        k, s, d = w.shape[2], m.conv.stride[0], m.conv.dilation[0]
        pads = [0, 0, 1, 1] if m.same else [d * (k // 2)] * 4
        nodes.append(helper.make_node("Conv", [x, name + ".weight", name + ".bias"], [name], name, kernel_shape=[k, k],
                                      strides=[s, s], dilations=[d, d], pads=pads, group=m.conv.groups))
        nodes.append(helper.make_node("Clip", [name, "zero", "six"], [name + "_relu"], name + "_relu"))
        return name + "_relu"

    init += [numpy_helper.from_array(np.array(v, np.float32), k) for k, v in (("zero", 0), ("six", 6))]
    x = conv("stem", net.stem, "input")
    for i, (dw, pw) in net.blocks.items():
        x = conv(f"block{i}_dw", dw, x)
        x = conv(f"block{i}_pw", pw, x)
    nodes.append(helper.make_node("AveragePool", [x], ["smooth"], "smooth", kernel_shape=[WINDOW] * 2, strides=[1, 1],
                                  pads=[WINDOW // 2] * 4, count_include_pad=1))
    nodes.append(helper.make_node("GlobalAveragePool", ["smooth"], ["gap"], "gap"))
    nodes.append(helper.make_node("Flatten", ["gap"], ["features"], "features", axis=1))
    weight("logits.weight", net.fc.weight.detach() / (temperature * KEPT))
    init.append(numpy_helper.from_array((net.fc.bias.detach() / temperature).numpy(), "logits.bias"))
    nodes.append(helper.make_node("Gemm", ["features", "logits.weight", "logits.bias"], ["logits"], "logits", transB=1))
    g = helper.make_graph(nodes, "pocket",
                          [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
                          [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, labels])], init)
    model = helper.make_model(g, producer_name="gradcam-wasm models/pocket/export.py",
                              opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    onnx.checker.check_model(model, full_check=True)
    return model, "smooth"


def mixed(run, name, share):
    net = load(os.path.join(run, "start.pt"))
    fitted = torch.load(os.path.join(run, name + ".pt"), map_location="cpu")["fc"]
    with torch.no_grad():
        net.fc.weight.lerp_(fitted["weight"].float(), share)
        net.fc.bias.lerp_(fitted["bias"].float(), share)
    return net


def fit_temperature(z, y):
    """The T that minimises the cross-entropy of z / T (Guo et al. 2017, section 4.2), by golden section."""
    lo, hi, g = np.log(0.2), np.log(5.0), (np.sqrt(5) - 1) / 2
    f = lambda t: float(F.cross_entropy(z / np.exp(t), y))
    for _ in range(60):
        a, b = hi - g * (hi - lo), lo + g * (hi - lo)
        lo, hi = (lo, b) if f(a) < f(b) else (a, hi)
    return float(np.exp((lo + hi) / 2))


def write_card(card, path):
    """As JSON; the thousand labels ten on a line, each group on one."""
    rows = [", ".join(map(json.dumps, card["labels"][i:i + 10])) for i in range(0, len(card["labels"]), 10)]
    text = json.dumps({**card, "labels": [], "groups": {}}, indent=1).replace('"labels": []', '"labels": [\n' + ",\n".join(rows) + "\n ]")
    groups = ",\n".join(f"  {json.dumps(name)}: {json.dumps(ids, separators=(',', ':'))}" for name, ids in card["groups"].items())
    text = text.replace('"groups": {}', '"groups": {\n' + groups + "\n }")
    with open(path, "w") as f:
        f.write(text + "\n")


def standing_out(z):
    """Highest logit less the mean of all, N: low where nothing is recognised (after Hendrycks et al. 2022, who take the
    highest logit; less the mean, so that what is added to every class alike does not count)."""
    return z.max(1).values - z.mean(1)


def held_out(data_dir):
    """Pictures that train.py did not see, of folders that name one class: 0..255 N,3,S,S, class N."""
    x, names = data.load(data_dir)
    known = data.known(names)
    told = (torch.arange(len(x)) % 25 == 0) & (known.sum(1) == 1)
    return F.interpolate(x[told].float(), size=(SIDE, SIDE), mode="bilinear", align_corners=False), known[told].argmax(1)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("run", help="folder that train.py wrote")
    ap.add_argument("data_dir")
    ap.add_argument("-o", "--out", default=".")
    ap.add_argument("--fit", default="final", help="which of train.py's --fits")
    ap.add_argument("--share", type=float, default=0.55, help="of the fitted linear layer in the mean with MobileNet's")
    a = ap.parse_args()
    net = mixed(a.run, a.fit, a.share)
    path = os.path.join(a.out, "pocket.onnx")
    onnx.save(build(net, 1.0)[0], path)
    x, y = held_out(a.data_dir)
    run = lambda: map(torch.cat, zip(*(OnnxNet(path).run((p - MEAN) / STD, tensors=("features",)) for p in x.split(32))))
    _, features = run()
    average = features.mean(0) / KEPT
    with torch.no_grad():
        net.fc.weight -= COMMON * average / average.square().sum()
    onnx.save(build(net, 1.0)[0], path)
    z, _ = run()
    temperature = fit_temperature(z, y)
    threshold = float(standing_out(z / temperature).quantile(UNFAMILIAR_RATE))
    model, layer = build(net, temperature)
    blob = model.SerializeToString()
    with open(path, "wb") as f:
        f.write(blob)
    with open(os.path.join(HERE, "../labels/everyday.json")) as f:
        classes = json.load(f)
    labels, groups = [row["name"] for row in classes], {}
    for row in classes:
        groups.setdefault(row["group"], []).append(row["id"])
    n = sum(p.numel() for p in net.parameters())
    out = {"name": "pocket", "title": "pocket: ImageNet's 1,000 classes", "file": "pocket.onnx",
           "sha256": hashlib.sha256(blob).hexdigest(), "bytes": len(blob), "source": SOURCE, "licence": LICENCE,
           "notes": NOTES + [f"{n} parameters; weights int8 with a scale for each output channel, biases f32; temperature "
                             f"{temperature:.3f} is divided into the last layer."],
           "input": {"width": SIDE, "height": SIDE, "channels": 3, "order": "rgb", "mean": [MEAN] * 3,
                     "std": [STD] * 3, "resize": "bilinear"},
           "output": "logits", "layer": layer, "weights": "int8",
           "unfamiliar": {"score": "highest logit less the mean of all", "below": round(threshold, 3)},
           "samples": [{"file": f"samples/{name}.jpg", "class": first, "caption": caption}
                       for name, (_, first, caption) in SCENES.items()],
           "labels": labels, "groups": groups, "accuracy": {}, "limits": LIMITS}
    write_card(out, os.path.join(a.out, "model.json"))
    print(f"pocket.onnx {len(blob)} bytes, {n} numbers, temperature {temperature:.3f}, layer {layer}, "
          f"unfamiliar below {threshold:.3f}; {len(y)} held-out pictures, {float((z.argmax(1) == y).float().mean()):.4f} right")


if __name__ == "__main__":
    main()
