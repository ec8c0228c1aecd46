"""The network `pocket`: a slice of MobileNet v1 (alpha 0.75) and one linear layer.

    picture N,3,S,S -> stem 3x3/2 -> blocks 1..12 (depthwise 3x3, pointwise 1x1) -> N,768,S/16,S/16
                    -> global average pool -> linear, 18 logits

Block 12 has stride 2 in MobileNet and 1 here: the same filters at every cell instead of every fourth, so the map is
twice as fine. Block 13 is left out, its weights would double the file.

Pool and linear commute, so the logits are the mean of a *map* of logits (N,18,S/16,S/16): Grad-CAM on
the last convolution is that map without its bias ("Learning Deep Features for Discriminative
Localization", Zhou et al. 2016, eq. 2). Training uses it, see `train.py`.

Keras's batch-norms are folded into the convolutions before training: their averages stay ImageNet's, whatever mosaics
and noise a batch holds. Stride-2 layers pad at the bottom and right only, as TensorFlow's "same" does for an even size.
"""
import h5py
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

MEAN, STD = 127.5, 127.5  # of a 0..255 picture: Keras's "tf" preprocessing, x / 127.5 - 1
STEM = 24
# Keras block number -> (output channels, stride)
BLOCKS = {1: (48, 1), 2: (96, 2), 3: (96, 1), 4: (192, 2), 5: (192, 1), 6: (384, 2),
          7: (384, 1), 8: (384, 1), 9: (384, 1), 10: (384, 1), 11: (384, 1), 12: (768, 1)}


class Relu6(torch.autograd.Function):
    """torch's own has no gradient in bfloat16, and that of clamp takes as long as the convolutions."""

    @staticmethod
    def forward(ctx, x):
        y = x.clamp(0, 6)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        y, = ctx.saved_tensors
        where_above = torch.ops.aten.threshold_backward  # g where its second argument is above the third, else 0
        return where_above(where_above(g, y, 0), 6 - y, 0)


class ConvRelu6(nn.Module):
    def __init__(self, cin, cout, k, stride=1, groups=1):
        super().__init__()
        self.same = stride == 2
        self.conv = nn.Conv2d(cin, cout, k, stride, 0 if self.same else k // 2, groups=groups)

    def forward(self, x):
        return Relu6.apply(self.conv(F.pad(x, (0, 1, 0, 1)) if self.same else x))


class PocketNet(nn.Module):
    def __init__(self, classes=18):
        super().__init__()
        self.stem = ConvRelu6(3, STEM, 3, 2)
        self.blocks = nn.ModuleDict()
        cin = STEM
        for i, (cout, stride) in BLOCKS.items():
            self.blocks[str(i)] = nn.Sequential(ConvRelu6(cin, cin, 3, stride, cin), ConvRelu6(cin, cout, 1))
            cin = cout
        self.fc = nn.Linear(cin, classes)
        nn.init.normal_(self.fc.weight, std=0.01)
        nn.init.zeros_(self.fc.bias)

    def lower(self, x, last):
        """x: 0..255 -> what stem and blocks 1..last make of it."""
        x = self.stem((x - MEAN) / STD)
        for i in range(1, last + 1):
            x = self.blocks[str(i)](x)
        return x

    def upper(self, x, last):
        """lower(x) -> N,768,H,W after the last activation."""
        for i in range(last + 1, len(BLOCKS) + 1):
            x = self.blocks[str(i)](x)
        return x

    def score(self, f):
        """N,768,H,W -> N,18,H,W, whose mean over H,W are the logits."""
        return F.conv2d(f, self.fc.weight[:, :, None, None], self.fc.bias)

    def forward(self, x):
        return self.score(self.upper(self.lower(x, 0), 0)).mean((2, 3))

    def load_keras(self, h5_path):
        """Start values: ImageNet weights of Keras MobileNet 0.75. The linear layer stays random."""
        with h5py.File(h5_path, "r") as f:
            def get(layer, what):
                return torch.from_numpy(np.array(f[layer][layer][what + ":0"], np.float32))

            def fill(conv, name, depthwise):
                k = get(name, "depthwise_kernel").permute(2, 3, 0, 1) if depthwise \
                    else get(name, "kernel").permute(3, 2, 0, 1)
                assert k.shape == conv.weight.shape, (name, k.shape, conv.weight.shape)
                bn = {v: get(name + "_bn", v) for v in ("gamma", "beta", "moving_mean", "moving_variance")}
                s = bn["gamma"] / torch.sqrt(bn["moving_variance"] + 1e-3)
                conv.weight.data.copy_(k * s[:, None, None, None])
                conv.bias.data.copy_(bn["beta"] - bn["moving_mean"] * s)
            fill(self.stem.conv, "conv1", False)
            for i, b in self.blocks.items():
                fill(b[0].conv, f"conv_dw_{i}", True)
                fill(b[1].conv, f"conv_pw_{i}", False)


def mixed(spec):
    """'a.pt:0.6,b.pt:0.4' or 'a.pt' -> weighted mean of the weights, names. Between what ImageNet taught and what
    training made of it lie networks better than either ("Robust fine-tuning of zero-shot models", Wortsman et al. 2022)."""
    parts = [(c, float(w or 1)) for c, _, w in (s.partition(":") for s in spec.split(","))]
    loaded = [(torch.load(c), w) for c, w in parts]
    return {k: sum(w * c["net"][k] for c, w in loaded) for k in loaded[0][0]["net"]}, loaded[0][0]["names"]
