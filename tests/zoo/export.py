"""Exports of torchvision's classifiers with random weights, and their golden values.

  /usr/bin/python3 tests/zoo/export.py FOLDER [NETWORK ...]
  /usr/bin/python3 tests/zoo/export.py --list        all of them, small ones first
  /usr/bin/python3 tests/zoo/export.py FOLDER --bench [NETWORK ...]
      NETWORK-13.onnx alone, without golden values: for `npm run bench -- --folder FOLDER`; by default
      the twenty of BENCH

Needs Debian's python3-torchvision and python3-onnx. Into FOLDER go NETWORK-11.onnx, -13, -17 (the
opset) and -dynamic (opset 13, open batch, height and width; the batch alone where torch cannot), and
NETWORK.json:

  {network, parameters, side, class, bits, logits, single, variants: {variant: file or why not},
   layers: [{name, tensors: {variant: tensor}, default, H, W, largest, map, moves}]}

Weights are random, and so that activations live: He's size, batch normalisation calibrated by a
forward pass, residual branches at 0.3, logits of a standard deviation of 2. Golden values are PyTorch's, of its own modules
(float64; networks above a gigabyte of weights, by `bits`, float32): logits and, for the best class,
Grad-CAM as pytorch-grad-cam has it (the mean of the gradient over the positions weighs the channels,
sum, before ReLU) at the layer where the engine's default is to be, and at one in the middle. single:
what PyTorch's own float32 logits are off by. moves: what each number of the map changes by, as a part
of `largest`, when the units nearer to their kink than float32 rounds are decided otherwise
(tests/golden/kinks.py); null where it is nothing.
"""
import gc
import json
import math
import pathlib
import re
import sys
import types
import warnings

import numpy as np
import onnx
import torch
import torch.nn as nn
import torchvision
from torchvision import models

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'golden'))
from kinks import SIDES, gates  # noqa: E402

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
VARIANTS = {'11': 11, '13': 13, '17': 17, 'dynamic': 13}
LARGE = 2 ** 28  # parameters: a gigabyte
# Few draws find positions that move by chance alone hardly at all, where one weight of a channel moves
# the whole map.
DRAWS = SIDES + [3, 4, 5, 6, 7, 8, 9, 10]
RESIDUAL = {'BasicBlock', 'Bottleneck', 'ResBottleneckBlock', 'InvertedResidual', '_InvertedResidual', 'MBConv',
            'FusedMBConv'}
BENCH = ('resnet18 resnet50 resnext50_32x4d regnet_x_400mf regnet_y_400mf densenet121 mobilenet_v2 '
         'mobilenet_v3_small mobilenet_v3_large mnasnet1_0 shufflenet_v2_x1_0 efficientnet_b0 squeezenet1_1 '
         'googlenet inception_v3 convnext_tiny vit_b_16 swin_t alexnet vgg11').split()
FAMILIES = [  # names, the layer before the head, one in the middle: modules
    (r'alexnet', 'features.11', 'features.5'),
    (r'vgg.*', 'features.-2', 'features.relu'),
    (r'squeezenet.*', 'classifier.2', 'features.5'),
    (r'googlenet', 'inception5b', 'inception4a'),
    (r'inception_v3', 'Mixed_7c', 'Mixed_6a'),
    (r'densenet.*', 'relu', 'features.denseblock3'),
    (r'shufflenet.*', 'conv5', 'stage3'),
    (r'mnasnet.*', 'layers', 'layers.9'),
    (r'mobilenet.*', 'features', 'features.half'),
    (r'efficientnet.*|convnext.*', 'features', 'features.half'),
    (r'regnet.*', 'trunk_output', 'trunk_output.block2'),
    (r'(wide_)?res.*', 'layer4', 'layer2'),
    (r'swin.*', 'norm', 'features.3'),
    (r'maxvit.*', 'blocks.3', 'blocks.1.layers.1.layers.MBconv'),
    (r'vit.*', 'encoder.layers.encoder_layer_last.ln_1', 'encoder.layers.encoder_layer_half'),
]


def sizes():
    """Every classifier's number of parameters, as its published weights say."""
    names = models.list_models(module=models)
    return {name: models.get_model_weights(name).DEFAULT.meta['num_params'] for name in names}


def side_of(name):
    return 299 if name == 'inception_v3' else 256 if name.startswith('swin_v2') else 224


def picture(side):
    """The picture of zoo.mjs: rings and slopes."""
    y, x, c = np.mgrid[0:side, 0:side, 0:3]
    pixels = (x * (2 + c) + y * (4 - c) + (x * y) // 32 + (x * x) // 64) % 256
    return torch.tensor(((pixels / 255 - MEAN) / STD).astype(np.float32)).permute(2, 0, 1)[None]


def last_layer(net):
    return [m for m in net.modules() if isinstance(m, (nn.Linear, nn.Conv2d))][-1]


@torch.no_grad()
def wake(net, x):
    norms = [m for m in net.modules() if isinstance(m, (nn.BatchNorm2d, nn.LayerNorm))]
    gain = 1 if norms else 2 ** 0.5
    for name, p in net.named_parameters():
        if 'logit_scale' in name:
            continue
        if 'token' in name or 'pos_embedding' in name:
            p.normal_(0, 0.5)
        elif 'layer_scale' in name:
            p.normal_(0.5, 0.1)
        elif p.ndim <= 1:
            p.add_(0.2 * torch.randn_like(p))
        else:
            p.normal_(0, gain / max(1, p[0].numel()) ** 0.5)
        if name.endswith('qkv.bias') and any('logit_scale' in other for other, _ in net.named_parameters()):
            p[len(p) // 3:2 * len(p) // 3] = 0  # of the keys: swin_v2 does it at every call
    for block in net.modules():  # as in networks that have learned: a block changes its input a little,
        if type(block).__name__ in RESIDUAL:  # else rounding grows with every block
            last = [m for n, m in block.named_modules() if isinstance(m, nn.BatchNorm2d) and
                    not n.startswith(('downsample', 'proj'))][-1]
            last.weight.mul_(0.3)
    for m in norms:
        if isinstance(m, nn.BatchNorm2d):
            m.bias.add_(0.5)  # more of the units after it are open than closed
            m.momentum = None
            m.reset_running_stats()
            m.train()
    if any(isinstance(m, nn.BatchNorm2d) for m in norms):
        net(torch.cat([x, x.flip(3), x + 0.3 * torch.randn_like(x), x.flip(2) * 0.7]))
        net.eval()
    last_layer(net).weight.mul_(2 / net(x).std())


def layers_of(name, net):
    """The two layers' modules, by name."""
    before, middle = next((b, m) for names, b, m in FAMILIES if re.fullmatch(names, name))
    for path in (before, middle):
        head, _, tail = path.partition('.')
        if tail in ('-2', 'half', 'relu'):
            length = len(getattr(net, head))
            at = length - 2 if tail == '-2' else length // 2
            # A convolution before a batch normalisation is no tensor of the export: both are one there.
            while tail == 'relu' and not isinstance(getattr(net, head)[at], nn.ReLU):
                at -= 1
            path = f'{head}.{at}'
        blocks = len(net.encoder.layers) if 'encoder' in path else 0
        yield path.replace('_last', f'_{blocks - 1}').replace('_half', f'_{blocks // 2 - 1}')


def scope(net, path):
    """How the exporter's names of a module's nodes begin."""
    if path == 'relu':
        return '/Relu'
    scopes, segment, module = [], '', net
    for part in path.split('.'):
        segment = f'{segment}.{part}' if part.isdigit() else part
        module = module[int(part)] if part.isdigit() else getattr(module, part)
        if not isinstance(module, nn.ModuleList):
            scopes.append(segment)
    return '/' + '/'.join(scopes) + '/'


def tensor_of(model, begin):
    nodes = [n for n in model.graph.node if n.name.startswith(begin) and
             n.op_type not in ('Constant', 'Identity')]
    return nodes[-1].output[0] if nodes else None


def export(net, x, folder, name, variants=VARIANTS):
    """{variant: its file, or why torch cannot}, {variant: the graph}"""
    files, graphs = {}, {}
    zero = torch.Tensor.zero_
    torch.Tensor.zero_ = lambda self: self  # swin_v2's, which torch cannot write, of what is 0 already
    for variant, opset in variants.items():
        file = folder / f'{name}-{variant}.onnx'
        if sum(p.numel() for p in net.parameters()) > 2 * LARGE:
            # Above two gigabytes torch writes each weight into a file of its own beside the graph, under
            # names that are other weights in the next opset's export.
            file = folder / f'{name}-{variant}' / file.name
            file.parent.mkdir(exist_ok=True)
        tries = [None]
        if variant == 'dynamic':
            tries = [{'input': {0: 'batch', 2: 'height', 3: 'width'}}, {'input': {0: 'batch'}}]
        for axes in tries:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter('ignore')
                    torch.onnx.export(net, x, str(file), opset_version=opset, input_names=['input'],
                                      output_names=['logits'], dynamic_axes=axes)
                files[variant] = str(file.relative_to(folder))
                graphs[variant] = onnx.load(str(file), load_external_data=False)
                for tensor in graphs[variant].graph.initializer:
                    tensor.ClearField('raw_data')
                break
            except Exception as error:  # what torch cannot export is a line of the table
                files[variant] = ''
                reason = str(error).strip().split('\n')[0][:200]
                graphs[variant] = None
                files[variant + ' refused'] = reason
        gc.collect()
    torch.Tensor.zero_ = zero
    return files, graphs


def rows(t, grid):
    """[1] K H W, [1] H W K or [1] tokens K as [K][H][W]."""
    t = t[0]
    if t.ndim == 2:
        t = t[t.shape[0] - grid * grid:].reshape(grid, grid, -1)
        return t.permute(2, 0, 1)
    return t.permute(2, 0, 1) if t.shape[0] == t.shape[1] != t.shape[2] else t


def run(net, x, paths):
    """Logits, and the layers' activations, from which gradients can be asked."""
    kept, handles = {}, []

    def tap(path):
        def hook(_module, _args, out):
            out = out if out.requires_grad else out.detach().requires_grad_(True)
            kept[path] = out
            return out
        return hook
    modules = dict(net.named_modules())
    for path in paths:
        if path != 'relu':
            handles.append(modules[path].register_forward_hook(tap(path)))
    space = models.densenet.F
    if 'relu' in paths:
        relu = tap('relu')
        models.densenet.F = types.SimpleNamespace(
            **{**vars(space), 'relu': lambda t, inplace=False: relu(None, None, space.relu(t))})
    logits = net(x)
    models.densenet.F = space
    for handle in handles:
        handle.remove()
    return logits, kept


def golden(net, x, paths, side):
    """The best class, logits in float64, what float32 is off by, and the maps of the layers."""
    gates.install()
    for p in net.parameters():
        p.requires_grad_(False)
    for m in net.modules():
        if hasattr(m, 'inplace'):
            m.inplace = False
    gates.recorded = []
    with torch.no_grad():
        single = net(x)
    large = sum(p.numel() for p in net.parameters()) > LARGE
    if not large:
        net.double()
        x = x.double()
    gates.twins, gates.recorded = iter(gates.recorded), None
    logits, kept = run(net, x, paths)
    gates.twins = None
    gates.remove()
    best = int(logits[0].argmax())
    maps = []
    for path in paths:
        activation = kept[path]
        grid = math.isqrt(activation.shape[1]) if activation.ndim == 3 else 0
        found = []
        for gradient in gates.gradients(logits[0, best], activation, sides=DRAWS):
            g, a = rows(gradient[None], grid), rows(activation.detach(), grid)
            found.append((g.mean((1, 2))[:, None, None] * a).sum(0))
        largest = found[0].abs().max().item()
        moves = None
        if len(found) > 1:
            moves = torch.stack([(m - found[0]).abs() for m in found[1:]]).amax(0) / largest
            moves = [float(f'{v:.3g}') for v in moves.flatten().tolist()]
        H, W = found[0].shape
        maps.append({'name': path, 'H': H, 'W': W, 'largest': largest, 'moves': moves,
                     'map': [float(f'{v:.8g}') for v in found[0].flatten().tolist()]})
    return {'class': best, 'bits': 32 if large else 64, 'maps': maps,
            'logits': [float(f'{v:.9g}') for v in logits[0].tolist()],
            'single': (single.double() - logits.double()).abs().max().item()}


def main():
    if sys.argv[1] == '--list':
        print('\n'.join(sorted(sizes(), key=sizes().get)))
        return
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    bench = '--bench' in sys.argv
    named = [word for word in sys.argv[2:] if word != '--bench']
    for name in named or (BENCH if bench else sorted(sizes(), key=sizes().get)):
        torch.manual_seed(sum(map(ord, name)))
        others = {'transform_input': True} if name == 'inception_v3' else {}
        if name in ('inception_v3', 'googlenet'):
            others = {**others, 'init_weights': False, 'aux_logits': False}
        net, side = models.get_model(name, **others).eval(), side_of(name)
        x = picture(side)
        wake(net, x)
        if bench:
            print(export(net, x, folder, name, {'13': VARIANTS['13']})[0], flush=True)
            continue
        paths = list(layers_of(name, net))
        files, graphs = export(net, x, folder, name)
        found = golden(net, x, paths, side)
        layers = [{**found['maps'][i], 'default': i == 0,
                   'tensors': {v: tensor_of(g, scope(net, paths[i])) for v, g in graphs.items() if g}}
                  for i in range(2)]
        del found['maps']
        text = json.dumps({'network': name, 'torchvision': torchvision.__version__, 'side': side,
                           'parameters': sum(p.numel() for p in net.parameters()), **found,
                           'variants': files, 'layers': layers})
        (folder / f'{name}.json').write_text(text + '\n')
        print(f'{name:22} logits {min(found["logits"]):.2f} to {max(found["logits"]):.2f}, float32 off by '
              f'{found["single"]:.1e}', *(f'{l["name"]} {l["H"]}x{l["W"]} {l["tensors"].get("13")} '
                                          f'{"moves" if l["moves"] else ""}' for l in layers), flush=True)


if __name__ == '__main__':
    main()
