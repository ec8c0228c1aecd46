"""Writes synthetic_vgg16.json and synthetic_xception.json: what PyTorch makes of the synthetic weights.

  python3 make_synthetic.py vgg16|xception

The networks are written here once more, as plain torch modules, and their weights come from noise.py,
not from the .h5 file: a mistake in the topology, the file layout or the converter shows as a difference.
Everything in float64. Needs torch and numpy; VGG16 takes about 3 GB.

Grad-CAM for class c on the activations A of a layer (K channels): map = sum_k mean(dz_c/dA_k) A_k,
before ReLU, z_c the logit. Kept: all logits, and for the two best classes the maps of the default and a
middle layer: `max` = the largest value after ReLU, `data` = every `stride`-th value, `float32_error` how
far plain float32 torch is off, relative to max.
"""
import json
import os
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import noise  # noqa: E402

he = lambda fan_in: (6 / fan_in) ** 0.5
plain = lambda fan_in: (3 / fan_in) ** 0.5


def put(parameter, array):
    parameter.data = torch.from_numpy(np.ascontiguousarray(array)).to(torch.float64)


def conv(layer, cin, cout, size, spread, bias=False, **options):
    m = nn.Conv2d(cin, cout, size, bias=bias, **options)
    put(m.weight, noise.uniform(layer + "_W", (size, size, cin, cout), spread).transpose(3, 2, 0, 1))
    if bias:
        put(m.bias, noise.uniform(layer + "_b", (cout,), 0.05))
    return m


def linear(layer, cin, cout, spread):
    m = nn.Linear(1, 1)
    put(m.weight, noise.uniform(layer + "_W", (cin, cout), spread).T)
    put(m.bias, noise.uniform(layer + "_b", (cout,), 0.05))
    return m


class Vgg16(nn.Module):
    layers = ("block5_conv3", "block3_conv3")
    size = 224

    def __init__(self):
        super().__init__()
        self.plan = []
        cin = 3
        for block, (count, width) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], 1):
            for i in range(1, count + 1):
                name = f"block{block}_conv{i}"
                spread = he(9 * cin) * (1 / 64 if cin == 3 else 1)
                setattr(self, name, conv(name, cin, width, 3, spread, bias=True, padding=1))
                self.plan.append(name)
                cin = width
            self.plan.append("pool")
        self.fc1 = linear("fc1", 25088, 4096, he(25088))
        self.fc2 = linear("fc2", 4096, 4096, he(4096))
        self.predictions = linear("predictions", 4096, 1000, plain(4096))

    @staticmethod
    def preprocess(rgb):
        return rgb[:, [2, 1, 0]] - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)

    def forward(self, x, watch):
        for name in self.plan:
            x = F.max_pool2d(x, 2) if name == "pool" else F.relu(getattr(self, name)(x))
            watch(name, x)
        x = x.permute(0, 2, 3, 1).flatten(1)  # Keras flattens height, width, channels
        x = F.relu(self.fc2(F.relu(self.fc1(x))))
        return self.predictions(x)


def norm(layer, width):
    m = nn.BatchNorm2d(width, eps=1e-3)
    put(m.weight, noise.uniform(layer + "_gamma", (width,), 0.2, 1))
    put(m.bias, noise.uniform(layer + "_beta", (width,), 0.1))
    m.running_mean = torch.from_numpy(noise.uniform(layer + "_running_mean", (width,), 0.1)).double()
    m.running_var = torch.from_numpy(noise.uniform(layer + "_running_std", (width,), 0.2, 1)).double()
    return m


class Separable(nn.Module):
    def __init__(self, layer, cin, cout):
        super().__init__()
        self.depth = nn.Conv2d(cin, cin, 3, padding=1, groups=cin, bias=False)
        put(self.depth.weight, noise.uniform(layer + "_depthwise_kernel", (3, 3, cin, 1), plain(9))
            .transpose(2, 3, 0, 1))
        self.point = nn.Conv2d(cin, cout, 1, bias=False)
        put(self.point.weight, noise.uniform(layer + "_pointwise_kernel", (1, 1, cin, cout), he(cin))
            .transpose(3, 2, 0, 1))
        self.bn = norm(layer + "_bn", cout)

    def forward(self, x):
        return self.bn(self.point(self.depth(x)))


def same_pool(x):
    """3x3, stride 2, TensorFlow's "same": an even size is padded at the end only."""
    pads = []
    for n in (x.shape[3], x.shape[2]):
        total = max((-(-n // 2) - 1) * 2 + 3 - n, 0)
        pads += [total // 2, total - total // 2]
    return F.max_pool2d(F.pad(x, pads, value=float("-inf")), 3, 2)


class Xception(nn.Module):
    layers = ("block14_sepconv2_act", "block4_sepconv2_act")
    size = 299
    DOWN = {2: (64, 128, 128), 3: (128, 256, 256), 4: (256, 728, 728), 13: (728, 728, 1024)}

    def __init__(self):
        super().__init__()
        self.conv1 = conv("block1_conv1", 3, 32, 3, he(27), stride=2)
        self.bn1 = norm("block1_conv1_bn", 32)
        self.conv2 = conv("block1_conv2", 32, 64, 3, he(288))
        self.bn2 = norm("block1_conv2_bn", 64)
        sep = {}
        for number, (block, (cin, mid, cout)) in enumerate(self.DOWN.items(), 1):
            sep[f"block{block}_sepconv1"] = (cin, mid)
            sep[f"block{block}_sepconv2"] = (mid, cout)
            shortcut = conv(f"convolution2d_{number}", cin, cout, 1, plain(cin), stride=2)
            setattr(self, f"beside{block}", nn.Sequential(shortcut, norm(f"batchnormalization_{number}", cout)))
        for block in range(5, 13):
            for i in (1, 2, 3):
                sep[f"block{block}_sepconv{i}"] = (728, 728)
        sep["block14_sepconv1"] = (1024, 1536)
        sep["block14_sepconv2"] = (1536, 2048)
        self.sep = nn.ModuleDict({name: Separable(name, *io) for name, io in sep.items()})
        self.predictions = linear("predictions", 2048, 1000, plain(2048) / 32)

    @staticmethod
    def preprocess(rgb):
        return rgb / 127.5 - 1

    def forward(self, x, watch):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        for block in range(2, 14):
            beside = getattr(self, f"beside{block}")(x) if block in self.DOWN else x
            count = 2 if block in self.DOWN else 3
            y = x
            for i in range(1, count + 1):
                if not (block == 2 and i == 1):
                    y = F.relu(y)
                    watch(f"block{block}_sepconv{i}_act", y)
                y = self.sep[f"block{block}_sepconv{i}"](y)
            x = (same_pool(y) if block in self.DOWN else y) + beside
        for i in (1, 2):
            x = F.relu(self.sep[f"block14_sepconv{i}"](x))
            watch(f"block14_sepconv{i}_act", x)
        return self.predictions(x.mean((2, 3)))


def run(net, x, classes):
    """Logits, and for each layer and class the map and the share of the layer above zero."""
    seen = {}

    def watch(name, tensor):
        if name in net.layers:
            seen[name] = tensor

    x = x.clone().requires_grad_(True)
    logits = net(x, watch)
    cams = {}
    for c in classes or ():
        grads = torch.autograd.grad(logits[0, c], [seen[name] for name in net.layers], retain_graph=True)
        for name, g in zip(net.layers, grads):
            a = seen[name].detach()
            cam = (g.mean((2, 3), keepdim=True) * a).sum(1)[0]
            cams[name, c] = cam, float((a > 0).double().mean())
    return logits[0].detach(), cams


def main(arch):
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    net = {"vgg16": Vgg16, "xception": Xception}[arch]().double().eval()
    rgb = torch.from_numpy(noise.picture(net.size).astype(np.float64).transpose(2, 0, 1)[None])
    x = net.preprocess(rgb)
    scores, cams = run(net, x, None)
    order = torch.argsort(scores, descending=True).tolist()
    p = torch.softmax(scores, 0)
    classes = order[:2]
    cams = run(net, x, classes)[1]
    plain32 = run(net.float(), x.float(), classes)[1]
    maps = []
    for (name, c), (cam, alive) in cams.items():
        best = float(cam.clamp(min=0).max())
        flat = cam.flatten()
        stride = 1 if flat.numel() <= 400 else 13
        error = float((plain32[name, c][0].double() - cam).abs().max()) / best
        maps.append(dict(layer=name, **{"class": c}, width=cam.shape[1], height=cam.shape[0], alive=round(alive, 3),
                         max=best, float32_error=float(f"{error:.2g}"), stride=stride,
                         data=[float(f"{v:.7g}") for v in flat[::stride].tolist()]))
    out = dict(made_by="tests/golden/make_synthetic.py " + arch, torch=torch.__version__,
               input_mean=float(x.mean()), input_std=float(x.std()),
               top=[[c, float(f"{scores[c]:.9g}"), float(f"{p[c]:.9g}")] for c in order[:8]],
               logits=[float(f"{v:.8g}") for v in scores.tolist()], maps=maps)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"synthetic_{arch}.json")
    json.dump(out, open(path, "w"), indent=None, separators=(",", ":"))
    print(arch, out["top"][:3], [(m["layer"], m["class"], m["max"], m["float32_error"]) for m in maps])


if __name__ == "__main__":
    main(sys.argv[1])
