"""Writes photos.json: the best class of ImageNet models of TensorFlow Lite and its probability, by PyTorch in float64.

  node ../photos/photos.mjs --golden      runs it: make_photos.py FOLDER_OF_MODELS FOLDER_OF_PPM MODEL...

The forward is make_formats.py's, which shares nothing with the engine; pictures come decoded (PPM) and are stretched here.
"""
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

import make_formats


def read_ppm(path):
    raw = open(path, "rb").read()
    parts = raw.split(b"\n", 3)
    w, h = map(int, parts[1].split())
    return np.frombuffer(parts[3], np.uint8, w * h * 3).reshape(h, w, 3)


def main(models, folder, names):
    pictures = sorted(f for f in os.listdir(folder) if f.endswith(".ppm"))
    found = {}
    for name in names:
        model = open(os.path.join(models, f"{name}.tflite"), "rb").read()
        found[name] = {}
        for file in pictures:
            t = torch.from_numpy(read_ppm(os.path.join(folder, file)).astype(np.float64)).permute(2, 0, 1)[None]
            scaled = lambda size: F.interpolate(t, size=(size, size), mode="bilinear", align_corners=False)[0].permute(1, 2, 0).numpy()
            y = make_formats.run_tflite(model, scaled).reshape(-1)
            if abs(float(y.sum()) - 1) > 1e-3 or float(y.min()) < 0:  # logits
                y = torch.softmax(y, 0)
            best = int(y.argmax())
            found[name][file[:-4]] = [best, float(f"{float(y[best]):.7g}")]
    make_formats.write("photos.json", found)


main(sys.argv[1], sys.argv[2], sys.argv[3:])
