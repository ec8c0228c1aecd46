"""Writes teachable.json: what PyTorch makes of Teachable Machine's Keras files of the shared data.

  python3 make_teachable.py ../../../shared/data/wild/teachable

The layers are make_keras.py's; here only the nesting (a model in a Sequential in a Sequential) and the flat
lists of weights of such files, found by layer name. The input is noise in -1..1. Needs torch, numpy, h5py.
"""
import json
import os
import sys

import h5py
import torch

import make_keras
import noise

ORDER = ["gamma", "beta", "moving_mean", "moving_variance", "depthwise_kernel", "kernel", "bias"]


def weights_of(h5):
    found = {}
    for group in h5["model_weights"].values():
        for path in group.attrs["weight_names"]:
            path = path.decode() if isinstance(path, bytes) else path
            layer, kind = path.split("/")[-2:]
            found.setdefault(layer, []).append((ORDER.index(kind.split(":")[0]), torch.from_numpy(group[path][()]).double()))
    return {layer: [w for _, w in sorted(parts, key=lambda p: p[0])] for layer, parts in found.items()}


def run(model, x, weights):
    return make_keras.walk(model, x, lambda l, xs: run(l, xs[0], weights) if "layers" in l["config"] else make_keras.layer(
        l["class_name"], l["config"], xs, weights.get(l["config"]["name"], []), 2))


out = {}
for name in ("water", "waste"):
    h5 = h5py.File(os.path.join(sys.argv[1], name, "keras_model.h5"))
    x = torch.from_numpy(noise.uniform(f"teachable/{name}", (1, 3, 224, 224), 1)).double().permute(0, 2, 3, 1)
    out[name] = [float(f"{v:.8g}") for v in run(json.loads(h5.attrs["model_config"]), x, weights_of(h5))[0].tolist()]
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "teachable.json")
open(path, "w").write(json.dumps(out) + "\n")
print(out)
