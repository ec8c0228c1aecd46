"""The network `pocket`: a slice of MobileNet v1 (alpha 0.75) ending at stride 16, and one linear layer.

    picture N,3,S,S -> stem 3x3/2 -> blocks 1..11 (depthwise 3x3, pointwise 1x1) -> N,384,S/16,S/16
                    -> global average pool -> linear, 18 logits

Pool and linear commute, so the logits are the mean of a *map* of logits (N,18,S/16,S/16): Grad-CAM on
the last convolution is that map without its bias ("Learning Deep Features for Discriminative
Localization", Zhou et al. 2016, eq. 2). Training uses it, see `train.py`.

Stride-2 layers pad at the bottom and right only, as TensorFlow's "same" does for an even size: the
start values come from the Keras weights. Activations are ReLU6, as there; early designs had plain ReLU.
"""
import math

import h5py
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

MEAN, STD = 127.5, 127.5  # of a 0..255 picture: Keras's "tf" preprocessing, x / 127.5 - 1
STEM = 24
# Keras block number -> (output channels, stride); what a design leaves out is not copied.
BLOCKS = {1: (48, 1), 2: (96, 2), 3: (96, 1), 4: (192, 2), 5: (192, 1), 6: (384, 2),
          7: (384, 1), 8: (384, 1), 9: (384, 1), 10: (384, 1), 11: (384, 1), 12: (768, 2), 13: (768, 1)}
# name -> (blocks, upper end of the activation)
DESIGNS = {
    "b11": (range(1, 12), math.inf),
    "b11r6": (range(1, 12), 6.0),
    "full": (range(1, 14), 6.0),  # all of MobileNet 0.75, its stride of 32 included: the teacher
}


class ConvBnRelu(nn.Module):
    def __init__(self, cin, cout, k, stride=1, groups=1, top=6.0):
        super().__init__()
        self.same, self.top = k == 3 and stride == 2, top
        self.conv = nn.Conv2d(cin, cout, k, stride, k // 2 if not self.same else 0, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(cout, eps=1e-3, momentum=0.03)

    def forward(self, x):
        if self.same:
            x = F.pad(x, (0, 1, 0, 1))
        x = self.bn(self.conv(x))
        return F.relu6(x) if self.top == 6 else F.relu(x)


def fold(m):
    """convolution, batch-norm -> weight, bias of one convolution."""
    s = m.bn.weight / torch.sqrt(m.bn.running_var + m.bn.eps)
    return (m.conv.weight * s[:, None, None, None]).detach(), (m.bn.bias - m.bn.running_mean * s).detach()


class PocketNet(nn.Module):
    def __init__(self, classes=18, design="b11r6"):
        super().__init__()
        self.design = design
        self.trunk, self.frozen = [], 0  # see freeze()
        blocks, top = DESIGNS[design]
        self.stem = ConvBnRelu(3, STEM, 3, 2, top=top)
        self.blocks = nn.ModuleDict()
        cin = STEM
        for i in blocks:
            cout, stride = BLOCKS[i]
            self.blocks[str(i)] = nn.Sequential(ConvBnRelu(cin, cin, 3, stride, cin, top),
                                                ConvBnRelu(cin, cout, 1, top=top))
            cin = cout
        self.fc = nn.Linear(cin, classes)
        nn.init.normal_(self.fc.weight, std=0.01)
        nn.init.zeros_(self.fc.bias)

    def lower(self, x, start=0):
        """x: 0..255 -> what the frozen layers make of it (x itself when nothing is frozen). With start = n, x is
        what block n gave."""
        if not self.frozen:
            return x
        with torch.no_grad():
            x = x if start else (x - MEAN) / STD
            for w, b, stride, groups, same, top in self.trunk[1 + 2 * start if start else 0:]:
                x = F.pad(x, (0, 1, 0, 1)) if same else x
                x = F.conv2d(x, w, b, stride, 0 if same else w.shape[2] // 2, groups=groups).clamp_(0, top)
        return x

    def features(self, x):
        """lower(x) -> N,C,H,W after the last activation."""
        if not self.frozen:
            x = self.stem((x - MEAN) / STD)
        for i, b in self.blocks.items():
            if int(i) > self.frozen:
                x = b(x)
        return x

    def score(self, f):
        """N,C,H,W -> N,18,H,W, whose mean over H,W are the logits."""
        return F.conv2d(f, self.fc.weight[:, :, None, None], self.fc.bias)

    def upper(self, x):
        return self.score(self.features(x))

    def forward(self, x):
        return self.upper(self.lower(x)).mean((2, 3))

    def freeze(self, last):
        """Stem and blocks up to `last` stay as they are, folded and without gradient: few of the weights, most of a
        training step's time, as their maps are the largest. Their output can be kept and used again."""
        self.frozen = last
        ms = [self.stem] + [m for i, b in self.blocks.items() if int(i) <= last for m in b]
        for m in ms:
            for p in m.parameters():
                p.requires_grad_(False)
            w, b = fold(m)
            self.trunk.append((w.contiguous(memory_format=torch.channels_last), b, m.conv.stride[0], m.conv.groups,
                               m.same, m.top))

    def load_keras(self, h5_path):
        """Start values: ImageNet weights of Keras MobileNet 0.75. The linear layer stays random."""
        with h5py.File(h5_path, "r") as f:
            def get(layer, what):
                return torch.from_numpy(np.array(f[layer][layer][what + ":0"], np.float32))

            def fill(m, name, depthwise):
                k = get(name, "depthwise_kernel").permute(2, 3, 0, 1) if depthwise \
                    else get(name, "kernel").permute(3, 2, 0, 1)
                assert k.shape == m.conv.weight.shape, (name, k.shape, m.conv.weight.shape)
                m.conv.weight.data.copy_(k)
                for kind, dst in (("gamma", m.bn.weight), ("beta", m.bn.bias),
                                  ("moving_mean", m.bn.running_mean), ("moving_variance", m.bn.running_var)):
                    dst.data.copy_(get(name + "_bn", kind))
            fill(self.stem, "conv1", False)
            for i, b in self.blocks.items():
                fill(b[0], f"conv_dw_{i}", True)
                fill(b[1], f"conv_pw_{i}", False)
