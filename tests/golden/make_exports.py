#!/usr/bin/env python3
"""Writes tests/golden/exports: tiny networks of today's kinds with random weights, as torch.onnx
writes them, and exports.json with what PyTorch says in float64 for one picture: the logits, and
Grad-CAM (arXiv 1610.02391, before the ReLU) of the best class at a convolution.

    python3 tests/golden/make_exports.py

needs torch, torchvision, onnx and numpy (Debian: python3-torch, python3-torchvision, python3-onnx).
The picture: pixel (y, x) of channel c is (71 y + 37 x + 101 c + 13 x y) mod 256, as the test makes it.
"""
import copy
import io
import json
import pathlib
import warnings

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from functools import partial
from torchvision.models import convnext, maxvit, swin_transformer, vision_transformer

FOLDER = pathlib.Path(__file__).resolve().parent / 'exports'
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Cbam(nn.Module):
    """Convolutional block attention, arXiv 1807.06521, in front of a GeM pooling, arXiv 1711.02512."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.mlp = nn.Sequential(nn.Conv2d(8, 4, 1), nn.Mish(), nn.Conv2d(4, 8, 1))
        self.spatial = nn.Conv2d(2, 1, 3, padding=1)
        self.last = nn.Conv2d(8, 10, 3, 2, 1)
        self.head = nn.Linear(10, 5)

    def forward(self, x):
        x = F.relu(self.stem(x[:, [2, 1, 0]]))
        x = x * torch.sigmoid(self.mlp(F.adaptive_avg_pool2d(x, 1)) + self.mlp(x.amax((2, 3), True)))
        both = torch.cat([x.mean(1, True), x.max(1, True)[0]], 1)
        x = self.last(x * torch.sigmoid(self.spatial(both)))
        x = x.clamp(min=1e-3).pow(3).mean((2, 3)).pow(1 / 3)
        return self.head(F.normalize(x))


class Crnn(nn.Module):
    """Columns of a convolution as the steps of a recurrent layer, arXiv 1507.05717."""

    def __init__(self, layer):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, 2, 1)
        self.steps = layer(48, 5, bidirectional=True)
        self.head = nn.Linear(10, 5)

    def forward(self, x):
        x = F.softplus(self.conv(x))
        y, _ = self.steps(x.permute(3, 0, 1, 2).flatten(2))
        return self.head(y.mean(0))


class Groups(nn.Module):
    """Group and instance normalisation, a pixel shuffle, and other activations."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.GroupNorm(2, 8)
        self.second = nn.Conv2d(2, 6, 3, 2, 1)
        self.own = nn.InstanceNorm2d(6, affine=True)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        x = F.celu(self.norm(self.first(x)), 0.7)
        x = self.second(F.pixel_shuffle(x, 2))
        x = F.softsign(self.own(F.gelu(x, approximate='tanh')) + 0.3 * torch.sin(x))
        return self.head(torch.logsumexp(x, (2, 3)))


class Block(nn.Module):
    """Pre-norm, with attention spelled out and a scale for each branch."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.layer_scale = nn.Parameter(torch.ones(width))

    def forward(self, x):
        N, T, K = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(N, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        self.attention = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1)
        x = x + self.layer_scale * self.out((self.attention @ v).transpose(1, 2).reshape(N, T, K))
        return x + self.mlp(self.norm2(x))


class Tokens(nn.Module):
    """before: 0, and the mean of the tokens is read; 1, a class token; 2, DeiT's (arXiv 2012.12877) with
    its distillation token, each with its own head; more: registers (arXiv 2309.16588) behind the class token."""

    def __init__(self, before):
        super().__init__()
        self.before = before
        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, max(1, before), 16))
        self.pos_embedding = nn.Parameter(torch.zeros(1, 20 + before, 16))
        self.blocks = nn.Sequential(*(Block(16, 2) for _ in range(3)))
        self.norm, self.head, self.second = nn.LayerNorm(16), nn.Linear(16, 5), nn.Linear(16, 5)

    def read(self, x):
        x = self.norm(x)
        if self.before == 0:
            return self.head(x.mean(1))
        return (self.head(x[:, 0]) + self.second(x[:, 1])) / 2 if self.before == 2 else self.head(x[:, 0])

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        if self.before:
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        return self.read(self.blocks(x + self.pos_embedding))


class Clip(nn.Module):
    """CLIP's way: torch's own attention, tokens first, batch second."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, 4, bias=False)
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.pos_embedding = nn.Parameter(torch.zeros(1, 21, 16))
        self.pre, self.post = nn.LayerNorm(16), nn.LayerNorm(16)
        self.blocks = nn.ModuleList(nn.MultiheadAttention(16, 4) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(16) for _ in range(4))
        self.mlps = nn.ModuleList(nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16)) for _ in range(2))
        self.head = nn.Linear(16, 5)

    def read(self, x):
        return self.head(self.post(x.permute(1, 0, 2)[:, 0]))

    def forward(self, x):
        x = self.patch(x).flatten(2).permute(0, 2, 1)
        x = self.pre(torch.cat([self.token, x], 1) + self.pos_embedding).permute(1, 0, 2)
        self.streams = []
        for i, block in enumerate(self.blocks):
            y = self.norms[2 * i](x)
            x = x + block(y, y, y, need_weights=False)[0]
            x = x + self.mlps[i](self.norms[2 * i + 1](x))
            self.streams.append(x)
        return self.read(x)


def attend(self, query, key, value, need_weights=False, **_others):
    """torch's MultiheadAttention for one picture, by its formula, its attention kept."""
    x = query if self.batch_first else query.transpose(0, 1)
    N, T, K = x.shape
    q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).reshape(N, T, 3, self.num_heads, -1) \
        .permute(2, 0, 3, 1, 4)
    self.attention = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)
    y = self.out_proj((self.attention @ v).transpose(1, 2).reshape(N, T, K))
    return (y if self.batch_first else y.transpose(0, 1)), None


def attention_maps(net, x, grid):
    """LeGrad and rollout of the best class in float64, by the papers' equations."""
    for m in net.modules():  # of the trace
        m.__dict__.pop('attention', None)
        m.__dict__.pop('streams', None)
    net, own = copy.deepcopy(net).double(), nn.MultiheadAttention.forward
    nn.MultiheadAttention.forward = attend
    streams = []
    blocks = net.blocks if not hasattr(net, 'encoder') else net.encoder.layers
    handles = [block.register_forward_hook(lambda _m, _a, out: streams.append(out)) for block in blocks]
    logits = net(x.double())
    nn.MultiheadAttention.forward = own
    for handle in handles:
        handle.remove()
    streams = getattr(net, 'streams', streams)
    read = net.read if hasattr(net, 'read') else lambda z: net.heads(net.encoder.ln(z)[:, 0])
    best = int(logits.argmax())
    attention = [m.attention for m in net.modules() if hasattr(m, 'attention')]
    tokens = attention[0].shape[-1]
    before = tokens - grid[0] * grid[1]
    legrad = sum(torch.autograd.grad(read(z)[0, best], a, retain_graph=True)[0].clamp(min=0).mean((0, 1, 2))
                 for z, a in zip(streams, attention)) / len(attention)
    rolled = torch.eye(tokens, dtype=torch.float64)
    for a in attention:
        rolled = (a[0].mean(0) + torch.eye(tokens)) / 2 @ rolled
    readers = slice(None) if before == 0 else slice(0, 2) if before == 2 else slice(0, 1)
    rollout = rolled[readers].mean(0)
    return {name: [float(f'{v:.7g}') for v in m[before:].tolist()]
            for name, m in (('legrad', legrad), ('rollout', rollout))}


def networks():
    """name, module, side of the picture (or its height and width), module whose output is explained, opset"""
    norm = partial(nn.LayerNorm, eps=1e-6)
    vit = partial(vision_transformer.VisionTransformer, 16, 4, 2, 2, 16, 32, num_classes=5)
    yield 'vit', vit(), 16, 'conv_proj', 13
    yield 'vit_17', vit(), 16, 'conv_proj', 17
    setting = [convnext.CNBlockConfig(8, 12, 1), convnext.CNBlockConfig(12, None, 1)]
    yield 'convnext', convnext.ConvNeXt(setting, layer_scale=0.5, num_classes=5), 32, \
        'features.3.0.block.0', 13
    yield 'convnext_17', convnext.ConvNeXt(setting, layer_scale=0.5, num_classes=5), 32, \
        'features.3.0.block.0', 17
    yield 'swin', swin_transformer.SwinTransformer([2, 2], 8, [2, 2], [2, 2], [2, 2], num_classes=5,
                                                   norm_layer=norm), 16, 'features.0.0', 13
    yield 'maxvit', maxvit.MaxVit((32, 32), 8, 2, [8, 8], [1, 1], 4, 0, num_classes=5), 32, \
        'blocks.1.layers.0.layers.MBconv.layers.conv_c', 13
    yield 'cbam', Cbam(), 16, 'last', 13
    yield 'crnn_lstm', Crnn(nn.LSTM), 16, 'conv', 13
    yield 'crnn_gru', Crnn(nn.GRU), 16, 'conv', 13
    yield 'groups', Groups(), 16, 'second', 13
    for before, name in enumerate(('pooled', 'class_token', 'deit', 'registers')):
        yield name, Tokens(before if before < 3 else 5), (16, 20), 'patch', 13 if before % 2 else 17
    yield 'clip', Clip(), (16, 20), 'patch', 14


def picture(side):
    height, width = side if isinstance(side, tuple) else (side, side)
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    pixels = (71 * y + 37 * x + 101 * c + 13 * x * y) % 256
    return torch.tensor(((pixels / 255 - MEAN) / STD).astype(np.float32)).permute(2, 0, 1)[None]


def wake(net):
    """Random weights that keep activations alive: norms that do something, biases that are not 0."""
    with torch.no_grad():
        for name, p in net.named_parameters():
            if isinstance(net, (Tokens, Clip)) and ('token' in name or 'pos_embedding' in name):
                p.normal_(0, 0.5)
            elif p.ndim <= 1 or 'layer_scale' in name:
                p.add_(0.2 * torch.randn_like(p))
            elif p.ndim >= 2:
                p.copy_(torch.randn_like(p) / max(1, p[0].numel()) ** 0.5)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)


def explained(net, x, layer):
    """The logits, the best class and its Grad-CAM at the layer, in float64."""
    net, kept = copy.deepcopy(net).double(), {}

    def keep(_, __, output):
        output.retain_grad()
        kept['a'] = output

    handle = dict(net.named_modules())[layer].register_forward_hook(keep)
    logits = net(x.double())
    handle.remove()
    best = int(logits.argmax())
    logits[0, best].backward()
    a, g = kept['a'][0], kept['a'].grad[0]
    return logits[0].tolist(), best, (g.mean((1, 2))[:, None, None] * a).sum(0)


def shorten(model, keep):
    """The exporter's names fill half of a file: all but `keep` become short ones."""
    names = {n: n for n in keep}

    def short(name):
        return names.setdefault(name, f'{len(names):x}') if name else ''

    for tensor in model.graph.initializer:
        tensor.name = short(tensor.name)
    for node in model.graph.node:
        node.name = ''
        for field in (node.input, node.output):
            values = [short(v) for v in field]
            del field[:]
            field.extend(values)
    del model.graph.value_info[:]
    return model.SerializeToString()


def main():
    FOLDER.mkdir(exist_ok=True)
    found, total = [], 0
    for seed, (name, net, side, layer, opset) in enumerate(networks()):
        torch.manual_seed(seed)
        wake(net)
        net.eval()
        x = picture(side)
        logits, best, cam = explained(net, x, layer)
        raw = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            torch.onnx.export(net, x, raw, opset_version=opset, input_names=['input'],
                              output_names=['logits'])
        model = onnx.load_from_string(raw.getvalue())
        path = '/' + layer.replace('.', '/') + '/'
        nodes = [n for n in model.graph.node if n.op_type == 'Conv' and
                 ('/' + n.name.strip('/').replace('.', '/') + '/').find(path) >= 0]
        if len(nodes) != 1:  # the exporter's names repeat parts: "/features/features.3/..."
            tail = layer.split('.')[-1]
            nodes = [n for n in model.graph.node if n.op_type == 'Conv' and
                     n.name.split('/')[-2].endswith(tail) and
                     all(part in n.name for part in layer.split('.'))]
        assert len(nodes) == 1, (name, [n.name for n in model.graph.node if n.op_type == 'Conv'])
        tensor = nodes[0].output[0]
        data = shorten(model, ('input', 'logits', tensor))
        (FOLDER / f'{name}.onnx').write_bytes(data)
        total += len(data)
        attention = {}
        if name.startswith('vit') or isinstance(net, (Tokens, Clip)):
            attention['attention'] = attention_maps(net, x, cam.shape)
        found.append({'name': name, 'side': side, 'layer': tensor, 'class': best,
                      'logits': [round(v, 9) for v in logits], 'shape': list(cam.shape),
                      'map': [float(f'{v:.7g}') for v in cam.flatten().tolist()], **attention})
        print(f'{name:12} {len(data):8,} bytes  logits {min(logits):.3f} to '
              f'{max(logits):.3f}  map {cam.min():.3g} to {cam.max():.3g}  {tensor}')
    (FOLDER / 'exports.json').write_text('[\n' + ',\n'.join(json.dumps(f) for f in found) + '\n]\n')
    print(f'{total:,} bytes')


if __name__ == '__main__':
    main()
