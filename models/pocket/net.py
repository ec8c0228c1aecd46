"""The network `pocket`: MobileNet v1 (alpha 0.75) for ImageNet's 1,000 classes, its last map twice as fine.

    picture N,3,S,S -> stem 3x3/2 -> blocks 1..13 (depthwise 3x3, pointwise 1x1) -> N,768,S/16,S/16
                    -> global average pool -> linear, 1000 logits

Block 12 has stride 2 in MobileNet and 1 here, and block 13's filter is dilated to see what it saw: the same filters at
every cell instead of every fourth, so the map has 14x14 cells for 224 pixels instead of 7x7. No weight is added.

Pool and linear commute, so the logits are the mean of a *map* of logits (N,1000,S/16,S/16): Grad-CAM on the last
convolution is that map without its bias ("Learning Deep Features for Discriminative Localization", Zhou et al. 2016,
eq. 2). Training uses it, see `train.py`.

Keras's batch-norms are folded into the convolutions before training: their averages stay ImageNet's, whatever mosaics
a batch holds. Stride-2 layers pad at the bottom and right only, as TensorFlow's "same" does for an even size.
Widths: channels out of the stem and of each block. Training starts without those that are 0 whatever the picture
(`without_dead`).
"""
import h5py
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SIDE = 224
MEAN, STD = 127.5, 127.5  # of a 0..255 picture: Keras's "tf" preprocessing, x / 127.5 - 1
CLASSES = 1000
WIDTHS = (24, 48, 96, 96, 192, 192, 384, 384, 384, 384, 384, 384, 768, 768)
STRIDES = (2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


class Relu6(torch.autograd.Function):
    """torch's own has no gradient in bfloat16 on every machine, and that of clamp takes as long as the convolutions."""

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


def scales_of(w):
    """Per output channel, the step of an int8 that reaches the largest weight. w: out,... -> out,1,..."""
    return (w.detach().abs().amax(tuple(range(1, w.ndim)), keepdim=True) / 127).clamp(min=1e-12)


def rounded(w):
    """w on its int8 grid; the gradient passes as if nothing had been rounded (straight-through, Bengio et al. 2013)."""
    s = scales_of(w)
    return w + ((w.detach() / s).round() * s - w.detach())


class ConvRelu6(nn.Module):
    def __init__(self, cin, cout, k, stride=1, groups=1, dilation=1):
        super().__init__()
        self.same = stride == 2
        self.conv = nn.Conv2d(cin, cout, k, stride, 0 if self.same else dilation * (k // 2), dilation, groups)

    def forward(self, x, quantised=False):
        c = self.conv
        w = rounded(c.weight) if quantised else c.weight
        x = F.pad(x, (0, 1, 0, 1)) if self.same else x
        return Relu6.apply(F.conv2d(x, w, c.bias, c.stride, c.padding, c.dilation, c.groups))


class PocketNet(nn.Module):
    def __init__(self, widths=WIDTHS, fine=True):
        """fine: 14x14 cells; otherwise MobileNet as it was published."""
        super().__init__()
        self.widths = tuple(widths)
        self.stem = ConvRelu6(3, widths[0], 3, 2)
        self.blocks = nn.ModuleDict()
        dilation = 1
        for i in range(1, len(widths)):
            stride = STRIDES[i]
            if fine and i == 12:
                stride = 1
            self.blocks[str(i)] = nn.ModuleList([
                ConvRelu6(widths[i - 1], widths[i - 1], 3, stride, widths[i - 1], 2 if fine and i == 13 else dilation),
                ConvRelu6(widths[i - 1], widths[i], 1)])
        self.fc = nn.Linear(widths[-1], CLASSES)

    def lower(self, x, last, quantised=False):
        """x: 0..255 -> what stem and blocks 1..last make of it."""
        x = self.stem((x - MEAN) / STD, quantised)
        return self.between(x, 0, last, quantised)

    def between(self, x, after, last, quantised=False):
        for i in range(after + 1, last + 1):
            for layer in self.blocks[str(i)]:
                x = layer(x, quantised)
        return x

    def upper(self, x, after, quantised=False):
        """lower(x, after) -> N,768,H,W after the last activation."""
        return self.between(x, after, len(self.blocks), quantised)

    def score(self, f, quantised=False):
        """N,768,H,W -> N,1000,H,W, whose mean over H,W are the logits."""
        w = rounded(self.fc.weight) if quantised else self.fc.weight
        return F.conv2d(f, w[:, :, None, None], self.fc.bias)

    def forward(self, x, quantised=False):
        f = self.upper(self.lower(x, 0, quantised), 0, quantised).mean((2, 3), keepdim=True)
        return self.score(f, quantised)[:, :, 0, 0]

    def load_keras(self, h5_path):
        """Start values: ImageNet weights of Keras MobileNet 0.75."""
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
            self.fc.weight.data.copy_(get("conv_preds", "kernel")[0, 0].T)
            self.fc.bias.data.copy_(get("conv_preds", "bias"))
        return self


@torch.no_grad()
def without_dead(net, x):
    """The same network without the channels that are constant whatever the picture (ten of the stem's 24 are): what
    the layer after makes of the constant moves into its bias. x: pictures 0..255 N,3,S,S to look at."""
    lowest, highest = [None] * len(net.blocks), [None] * len(net.blocks)
    for p in x.split(32):
        f = net.lower(p, 0)
        for i in range(len(net.blocks)):
            dw, pw = net.blocks[str(i + 1)]
            f = dw(f)  # at the border a constant channel is not constant after it, unless it is 0
            lo, hi = f.amin((0, 2, 3)), f.amax((0, 2, 3))
            lowest[i] = lo if lowest[i] is None else torch.minimum(lowest[i], lo)
            highest[i] = hi if highest[i] is None else torch.maximum(highest[i], hi)
            f = pw(f)
    constant = highest
    keep = [(hi - lo > 1e-6).nonzero().flatten() for lo, hi in zip(lowest, highest)]
    small = PocketNet([len(k) for k in keep] + [net.widths[-1]])

    def take(to, frm, rows, columns):
        w = frm.weight.detach()
        w = w if rows is None else w[rows]
        to.weight.copy_(w if columns is None else w[:, columns])
        to.bias.copy_(frm.bias if rows is None else frm.bias[rows])

    take(small.stem.conv, net.stem.conv, keep[0], None)
    for i in range(1, len(net.blocks) + 1):
        (dw, pw), (dw0, pw0) = ([m.conv for m in n.blocks[str(i)]] for n in (small, net))
        take(dw, dw0, keep[i - 1], None)
        take(pw, pw0, keep[i] if i < len(keep) else None, keep[i - 1])
        gone = torch.ones(len(constant[i - 1]), dtype=torch.bool)
        gone[keep[i - 1]] = False
        shift = pw0.weight[:, gone, 0, 0] @ constant[i - 1][gone]
        pw.bias += shift if i >= len(keep) else shift[keep[i]]
    small.fc.load_state_dict(net.fc.state_dict())
    return small


def load(path):
    """A checkpoint of train.py -> network."""
    c = torch.load(path, map_location="cpu")
    net = PocketNet(c["widths"])
    net.load_state_dict({k: v.float() for k, v in c["net"].items()})
    return net
