#!/usr/bin/env python3
"""Writes tests/golden/ops/<symbol>.bin: for every row of src/ops/op_list.h, small networks of one
operator (now and then two or three), their inputs, and what PyTorch says their outputs and
gradients are. PyTorch computes in float64 from the float32 inputs; results are rounded to float32.
Nothing of the engine is used here, and nothing of ONNX's own reference.

    python3 tests/golden/make_ops.py [symbol...]

needs torch, onnx and numpy (Debian: python3-torch, python3-onnx). Running the tests needs none.

Format, little-endian; `str` is u32 length + bytes, `tensor` is u32 rank, u32 dims, f32 values:
    "GCOP"  u32 version = 1  u32 cases
    case:     str name   str onnx (ModelProto)   f32 step
              u32 inputs,    each: str name, tensor      ONNX's order of axes
              u32 outputs,   each: str name, tensor
              u32 gradients, each: str output, u32 B, f32 cotangents [B][size of output],
                                   u32 inputs, each: str input, f32 gradients [B][size of input]
step: for finite differences of the inputs, small enough to cross no kink; 0: none can be taken
(ties, kinks met on purpose).
"""
import pathlib
import struct
import sys
import zlib

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
OP_LIST = HERE.parent.parent / 'src' / 'ops' / 'op_list.h'
B = 3
CASES = {}  # symbol -> [case bytes]
f32 = np.float32


# ---- Making a case -------------------------------------------------------------------------------

class Numbers:
    """Inputs by name of the case, so that a new case changes no other."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(zlib.crc32(seed.encode()))

    def normal(self, *dims):
        return self.rng.standard_normal(dims).astype(f32)

    def weight(self, *dims):
        fan = max(1, int(np.prod(dims[1:])))
        return (self.rng.standard_normal(dims) / np.sqrt(fan)).astype(f32)

    def positive(self, *dims):
        return self.rng.uniform(0.3, 2, dims).astype(f32)

    def away(self, *dims, from_=(0,), gap=0.05):
        """Normal values that stay `gap` away from each of the kinks."""
        x = self.rng.standard_normal(dims) * 1.5
        for kink in from_:
            near = np.abs(x - kink) < gap
            x = np.where(near, kink + np.where(x < kink, -gap, gap) * 1.5, x)
        return x.astype(f32)

    def distinct(self, *dims):
        """All values differ by at least 4 / size, so that a maximum is one."""
        n = int(np.prod(dims))
        return (4 * self.rng.permutation(n) / n - 2).astype(f32).reshape(dims)


def text(s):
    raw = s.encode() if isinstance(s, str) else s
    return struct.pack('<I', len(raw)) + raw


def floats(t):
    return np.ascontiguousarray(t, dtype='<f4').tobytes()


def tensor(t):
    return struct.pack(f'<I{t.ndim}I', t.ndim, *t.shape) + floats(t)


def model_bytes(nodes, inputs, outputs, consts, opset, infer):
    made = []
    for i, (op, ins, outs, attrs) in enumerate(nodes):
        made.append(helper.make_node(op, ins, outs, name=f'{op}_{i}', **attrs))
    graph = helper.make_graph(
        made, 'case',
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in inputs.items()],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in outputs.items()],
        [numpy_helper.from_array(v, k) for k, v in consts.items()])
    domains = sorted({attrs['domain'] for _, _, _, attrs in nodes if 'domain' in attrs})
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset)] + [
        helper.make_opsetid(domain, 1) for domain in domains])
    model.ir_version = 8
    if opset <= onnx.defs.onnx_opset_version():  # the file itself must be good ONNX
        onnx.checker.check_model(model)
        if infer:
            onnx.shape_inference.infer_shapes(model, strict_mode=True, check_type=True)
    return model.SerializeToString()


def case(symbol, name, nodes, inputs, fn, consts=None, opset=13, step=1e-2, outputs=('y',),
         infer=True):
    """nodes: one (op, inputs, attributes) with output 'y', or a list of (op, inputs, outputs,
    attributes). fn(tensors by name, float64) -> output, or a tuple of them. infer False: the
    onnx package is known to be wrong about the shape, and is not asked."""
    consts = consts or {}
    if isinstance(nodes, tuple):
        nodes = [(nodes[0], nodes[1], list(outputs), nodes[2])]
    leaves = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True)
              for k, v in inputs.items()}
    fixed = {k: torch.tensor(v, dtype=torch.float64) for k, v in consts.items()
             if v.dtype == f32}
    results = fn({**leaves, **fixed})
    results = results if isinstance(results, (tuple, list)) else (results,)
    assert len(results) == len([o for o in outputs if o]), name
    named = dict(zip([o for o in outputs if o], results))
    rng = np.random.default_rng(zlib.crc32(f'{symbol}/{name}/cotangents'.encode()))

    model = model_bytes(nodes, inputs, {k: v.detach().numpy() for k, v in named.items()}, consts,
                        opset, infer)
    out = [text(name), text(model), struct.pack('<f', step)]
    out.append(struct.pack('<I', len(inputs)))
    for k, v in inputs.items():
        out += [text(k), tensor(v)]
    out.append(struct.pack('<I', len(named)))
    for k, v in named.items():
        assert torch.isfinite(v).all(), name
        out += [text(k), tensor(v.detach().numpy())]
    out.append(struct.pack('<I', len(named)))
    for k, v in named.items():
        cotangents = rng.standard_normal((B, *v.shape)).astype(f32)
        reached, gradients = list(leaves), {}
        for target in list(reached):
            rows = [torch.autograd.grad(v, leaves[target], torch.tensor(c, dtype=torch.float64),
                                        retain_graph=True, allow_unused=True)[0]
                    for c in cotangents]
            if rows[0] is None:
                reached.remove(target)  # this output does not depend on that input
            else:
                gradients[target] = np.stack([r.numpy() for r in rows])
        out += [text(k), struct.pack('<I', B), floats(cotangents), struct.pack('<I', len(reached))]
        for target in reached:
            out += [text(target), floats(gradients[target])]
    CASES.setdefault(symbol, []).append(b''.join(out))


def i64(*values):
    return np.array(values, np.int64)


def r32(value):
    """An attribute as the file holds it: float32."""
    return float(f32(value))


def after_conv(n, channels=4, height=5, width=6, batch=1):
    """A 1x1 convolution in front, so that what follows sees a channels-last tensor."""
    x = n.normal(batch, 3, height, width)
    w = n.weight(channels, 3, 1, 1)
    return x, w, ('Conv', ['x', 'w'], ['t'], {})


# ---- Convolutions --------------------------------------------------------------------------------

def same_pads(sizes, kernel, stride, dilation, upper):
    begin, end = [], []
    for size, k, s, d in zip(sizes, kernel, stride, dilation):
        total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
        small = total // 2
        begin.append(small if upper else total - small)
        end.append(total - begin[-1])
    return begin + end


def torch_pad(x, pads, value=0.0):
    """ONNX's begin..., end... of the spatial axes."""
    rank = len(pads) // 2
    flat = []
    for i in reversed(range(rank)):
        flat += [pads[i], pads[rank + i]]
    return F.pad(x, flat, value=value)


def conv(name, x_dims, w_dims, bias=True, dynamic=False, opset=13, **attrs):
    n = Numbers('conv/' + name)
    x, w = n.normal(*x_dims), n.weight(*w_dims)
    rest = {'w': w, **({'b': n.normal(w_dims[0])} if bias else {})}
    rank = len(x_dims) - 2
    stride = attrs.get('strides', [1] * rank)
    dilation = attrs.get('dilations', [1] * rank)
    pads = attrs.get('pads', [0] * 2 * rank)
    auto = attrs.get('auto_pad', 'NOTSET')
    if auto.startswith('SAME'):
        pads = same_pads(x_dims[2:], w_dims[2:], stride, dilation, auto == 'SAME_UPPER')
    function = F.conv1d if rank == 1 else F.conv2d

    def fn(t):
        return function(torch_pad(t['x'], pads), t['w'], t.get('b'), stride, 0, dilation,
                        attrs.get('group', 1))

    case('conv', name, ('Conv', ['x', *rest], attrs), {'x': x, **(rest if dynamic else {})}, fn,
         {} if dynamic else rest, opset)


def make_conv():
    conv('3x3', (1, 3, 6, 7), (5, 3, 3, 3), pads=[1, 1, 1, 1], kernel_shape=[3, 3])
    conv('3x3 no bias, two pictures', (2, 4, 5, 5), (6, 4, 3, 3), bias=False)
    conv('1x1', (1, 9, 4, 5), (8, 9, 1, 1))
    conv('1x1 stride 2', (1, 8, 5, 6), (7, 8, 1, 1), strides=[2, 2])
    conv('3x3 stride 2', (1, 4, 7, 9), (6, 4, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1])
    conv('3x3 stride 2, the end is not read', (1, 4, 8, 8), (4, 4, 3, 3), strides=[2, 2])
    conv('strides 3, 1', (1, 3, 9, 6), (4, 3, 3, 2), strides=[3, 1])
    conv('stride over the kernel', (1, 3, 8, 8), (4, 3, 2, 2), strides=[3, 3])
    conv('asymmetric pads', (1, 3, 5, 6), (4, 3, 3, 3), pads=[0, 1, 2, 3])
    conv('pads wider than the kernel', (1, 2, 4, 4), (3, 2, 2, 2), pads=[3, 3, 3, 3])
    conv('dilations 2', (1, 3, 8, 8), (4, 3, 3, 3), dilations=[2, 2], pads=[2, 2, 2, 2])
    conv('dilations 2, 3 stride 2', (1, 3, 9, 11), (4, 3, 3, 3), dilations=[2, 3], strides=[2, 2],
         pads=[1, 2, 1, 2])
    conv('two groups', (1, 6, 5, 5), (8, 3, 3, 3), group=2, pads=[1, 1, 1, 1])
    conv('depthwise', (1, 8, 6, 6), (8, 1, 3, 3), group=8, pads=[1, 1, 1, 1])
    conv('depthwise stride 2', (1, 6, 7, 7), (6, 1, 3, 3), group=6, strides=[2, 2],
         pads=[0, 0, 1, 1])
    conv('depthwise 5x5 dilations 2', (1, 4, 8, 8), (4, 1, 5, 5), group=4, dilations=[2, 2],
         pads=[4, 4, 4, 4])
    conv('depthwise, two outputs a channel', (1, 5, 5, 5), (10, 1, 3, 3), group=5,
         pads=[1, 1, 1, 1])
    conv('SAME_UPPER stride 2', (1, 3, 6, 7), (4, 3, 3, 3), auto_pad='SAME_UPPER', strides=[2, 2])
    conv('SAME_LOWER even kernel', (1, 3, 5, 6), (4, 3, 2, 4), auto_pad='SAME_LOWER')
    conv('SAME_UPPER dilations 2', (1, 3, 7, 7), (4, 3, 3, 3), auto_pad='SAME_UPPER',
         dilations=[2, 2])
    conv('VALID', (1, 3, 5, 6), (4, 3, 3, 3), auto_pad='VALID')
    conv('1x3 and 3x1 shapes', (1, 4, 5, 6), (5, 4, 1, 3), pads=[0, 1, 0, 1])
    conv('kernel as large as the input', (1, 5, 4, 3), (6, 5, 4, 3))
    conv('one dimension', (1, 4, 11), (5, 4, 3), strides=[2], pads=[1, 1])
    conv('one dimension, groups, dilation', (2, 4, 9), (6, 2, 3), group=2, dilations=[2])
    conv('computed weight and bias', (1, 4, 5, 5), (6, 2, 3, 3), dynamic=True, group=2,
         strides=[2, 2], pads=[1, 1, 1, 1])
    conv('opset 6', (1, 3, 5, 5), (4, 3, 3, 3), opset=6, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    n = Numbers('conv/chain')
    case('conv', 'conv, relu, conv',
         [('Conv', ['x', 'w1', 'b1'], ['s'], {'pads': [1, 1, 1, 1]}), ('Relu', ['s'], ['t'], {}),
          ('Conv', ['t', 'w2'], ['y'], {'strides': [2, 2]})],
         {'x': n.normal(1, 3, 5, 5)},
         lambda t: F.conv2d(F.relu(F.conv2d(t['x'], t['w1'], t['b1'], 1, 1)), t['w2'], None, 2),
         {'w1': n.weight(4, 3, 3, 3), 'b1': n.normal(4), 'w2': n.weight(5, 4, 3, 3)}, step=0)


def conv_transpose(name, x_dims, w_dims, crop=None, extra=None, bias=True, dynamic=False, **attrs):
    """crop, extra: the pads and the growth that output_shape or auto_pad come down to."""
    n = Numbers('conv_transpose/' + name)
    groups = attrs.get('group', 1)
    x, w = n.normal(*x_dims), n.weight(*w_dims)
    rest = {'w': w, **({'b': n.normal(w_dims[1] * groups)} if bias else {})}
    rank = len(x_dims) - 2
    stride = attrs.get('strides', [1] * rank)
    dilation = attrs.get('dilations', [1] * rank)
    output_padding = attrs.get('output_padding', [0] * rank)
    effective = crop or attrs.get('pads', [0] * 2 * rank)
    grow = [o + e for o, e in zip(output_padding, extra or [0] * rank)]
    function = F.conv_transpose1d if rank == 1 else F.conv_transpose2d

    def fn(t):
        full = function(t['x'], t['w'], None, stride, 0, 0, groups, dilation)
        full = torch_pad(full, [0] * rank + grow)
        for i in range(rank):
            size = full.shape[2 + i]
            full = full.narrow(2 + i, effective[i], size - effective[i] - effective[rank + i])
        return full + t['b'].reshape(1, -1, *[1] * rank) if bias else full

    case('conv_transpose', name, ('ConvTranspose', ['x', *rest], attrs),
         {'x': x, **(rest if dynamic else {})}, fn, {} if dynamic else rest)


def make_conv_transpose():
    conv_transpose('3x3', (1, 4, 4, 5), (4, 5, 3, 3))
    conv_transpose('stride 2, pads, output_padding', (1, 4, 3, 4), (4, 5, 3, 3), strides=[2, 2],
                   pads=[1, 1, 1, 1], output_padding=[1, 1])
    conv_transpose('2x2 stride 2', (1, 5, 3, 3), (5, 4, 2, 2), bias=False, strides=[2, 2])
    conv_transpose('stride over the kernel', (1, 3, 3, 3), (3, 4, 2, 2), strides=[3, 3])
    conv_transpose('asymmetric pads', (2, 3, 3, 4), (3, 4, 3, 3), strides=[2, 2], pads=[0, 1, 1, 0])
    conv_transpose('two groups', (1, 4, 4, 4), (4, 3, 3, 3), group=2, pads=[1, 1, 1, 1])
    conv_transpose('depthwise 4x4 stride 2', (1, 4, 4, 4), (4, 1, 4, 4), group=4, bias=False,
                   strides=[2, 2], pads=[1, 1, 1, 1])
    conv_transpose('dilations 2', (1, 3, 4, 4), (3, 4, 3, 3), dilations=[2, 2])
    # ONNX: without SAME_UPPER the larger half of an odd total comes first
    conv_transpose('output_shape takes away', (1, 3, 3, 3), (3, 4, 4, 4), crop=[1, 1, 0, 1],
                   strides=[2, 2], output_shape=[7, 6])
    conv_transpose('output_shape adds', (1, 3, 3, 3), (3, 2, 3, 3), extra=[1, 1], strides=[3, 2],
                   output_shape=[10, 8])
    conv_transpose('SAME_UPPER', (1, 3, 4, 4), (3, 4, 3, 3), crop=[0, 0, 1, 1], strides=[2, 2],
                   auto_pad='SAME_UPPER')
    conv_transpose('SAME_LOWER', (1, 3, 4, 4), (3, 4, 3, 3), crop=[1, 1, 0, 0], strides=[2, 2],
                   auto_pad='SAME_LOWER')
    conv_transpose('output_padding of a whole stride', (1, 3, 4, 4), (3, 4, 3, 3), dilations=[2, 2],
                   output_padding=[1, 1])
    conv_transpose('many channels', (1, 16, 4, 4), (16, 16, 3, 3), pads=[1, 1, 1, 1])
    conv_transpose('one axis strided, groups, dilations', (2, 4, 3, 4), (4, 3, 3, 2), group=2,
                   strides=[1, 3], dilations=[2, 1], pads=[2, 0, 1, 1], output_padding=[0, 1])
    conv_transpose('one dimension', (1, 4, 6), (4, 5, 3), strides=[2], pads=[1, 1])
    conv_transpose('computed weight and bias', (1, 4, 3, 3), (4, 3, 3, 3), dynamic=True, group=2,
                   strides=[2, 2])


# ---- Products ------------------------------------------------------------------------------------

def gemm(name, a, b, c=None, dynamic=(), opset=13, **attrs):
    n = Numbers('gemm/' + name)
    values = {'a': n.normal(*a), 'b': n.weight(*b)}
    if c is not None:
        values['c'] = n.normal(*c)
    inputs = {k: v for k, v in values.items() if k == 'a' or k in dynamic}
    consts = {k: v for k, v in values.items() if k not in inputs}
    alpha, beta = r32(attrs.get('alpha', 1)), r32(attrs.get('beta', 1))

    def fn(t):
        left = t['a'].T if attrs.get('transA') else t['a']
        right = t['b'].T if attrs.get('transB') else t['b']
        y = alpha * (left @ right)
        return y + beta * t['c'] if c is not None else y

    case('gemm', name, ('Gemm', list(values), attrs), inputs, fn, consts, opset)


def make_gemm():
    gemm('fully connected', (1, 12), (10, 12), (10,), transB=1)
    gemm('many rows', (5, 9), (7, 9), (7,), transB=1)
    gemm('no C', (2, 9), (9, 6))
    gemm('alpha, beta', (3, 6), (6, 5), (5,), alpha=0.3, beta=-1.7)
    gemm('transA', (6, 3), (6, 5), (1, 5), transA=1)
    gemm('transA, transB, alpha', (6, 3), (5, 6), (3, 1), transA=1, transB=1, alpha=0.5)
    gemm('scalar C', (3, 6), (6, 5), (), beta=2.0)
    gemm('C of one value', (3, 6), (6, 5), (1,))
    gemm('full C', (3, 6), (6, 5), (3, 5), beta=0.5)
    gemm('all computed', (3, 6), (6, 5), (5,), dynamic='bc', alpha=0.7, beta=1.3)
    gemm('all computed, transposed', (6, 3), (5, 6), (3, 5), dynamic='bc', transA=1, transB=1)
    gemm('C computed, a column', (4, 6), (5, 6), (4, 1), dynamic='c', transB=1)
    gemm('opset 9', (2, 8), (4, 8), (4,), opset=9, transB=1)
    gemm('opset 11, one output', (3, 8), (8, 1), (1,), opset=11)
    gemm('wide', (1, 67), (35, 67), (35,), transB=1)
    gemm('wide, not transposed', (2, 67), (67, 21), (21,))


def make_matmul():
    def matmul(name, a, b, dynamic=True, opset=13):
        n = Numbers('matmul/' + name)
        left, right = n.normal(*a), n.normal(*b)
        case('matmul', name, ('MatMul', ['a', 'b'], {}),
             {'a': left, 'b': right} if dynamic else {'a': left},
             lambda t: t['a'] @ t['b'], {} if dynamic else {'b': right}, opset)

    matmul('matrices', (4, 5), (5, 3))
    matmul('constant right', (1, 33), (33, 18), dynamic=False)
    matmul('constant right, rank 3', (2, 4, 9), (9, 7), dynamic=False)
    matmul('constant right, two rows', (2, 16), (16, 8), dynamic=False, opset=9)
    matmul('vectors', (6,), (6,))
    matmul('vector on the left', (6,), (2, 6, 3))
    matmul('vector on the right', (2, 3, 6), (6,))
    matmul('batches', (2, 3, 4), (2, 4, 5))
    matmul('batches broadcast', (2, 1, 3, 4), (3, 4, 2))
    matmul('batches broadcast both ways', (1, 3, 2, 4), (2, 1, 4, 3))
    matmul('rank 6', (1, 2, 1, 2, 2, 3), (2, 1, 2, 1, 3, 2))


# ---- Normalisation -------------------------------------------------------------------------------

def make_batch_norm():
    def batch_norm(name, dims, opset=13, **attrs):
        n = Numbers('batch_norm/' + name)
        c = dims[1]
        consts = {'scale': n.normal(c), 'shift': n.normal(c), 'mean': n.normal(c),
                  'var': n.positive(c)}
        eps = r32(attrs.get('epsilon', 1e-5))
        case('batch_norm', name,
             ('BatchNormalization', ['x', 'scale', 'shift', 'mean', 'var'], attrs),
             {'x': n.normal(*dims)},
             lambda t: F.batch_norm(t['x'], t['mean'], t['var'], t['scale'], t['shift'], False, 0,
                                    eps), consts, opset)

    batch_norm('pictures', (2, 5, 3, 4))
    batch_norm('epsilon 1e-3', (1, 7, 4, 3), epsilon=1e-3, opset=9)
    batch_norm('rank 2', (3, 6))
    batch_norm('rank 3', (2, 4, 5))
    batch_norm('opset 15', (1, 4, 3, 3), opset=15, epsilon=0.1, momentum=0.99)
    batch_norm('opset 7', (1, 4, 3, 3), opset=7)
    n = Numbers('batch_norm/computed')
    values = {'x': n.normal(2, 3, 2, 3), 'scale': n.normal(3), 'shift': n.normal(3),
              'mean': n.normal(3), 'var': n.positive(3)}

    def explicit(t):  # torch gives no gradient of the running statistics
        at = {k: v.reshape(1, 3, 1, 1) for k, v in t.items() if k != 'x'}
        return (t['x'] - at['mean']) / torch.sqrt(at['var'] + r32(1e-5)) * at['scale'] + at['shift']

    case('batch_norm', 'everything computed', ('BatchNormalization', list(values), {}), values,
         explicit)
    for activation, function in (('Relu', F.relu), (None, None)):
        n = Numbers('batch_norm/after conv')
        consts = {'w': n.weight(5, 3, 3, 3), 'b': n.normal(5), 'scale': n.normal(5),
                  'shift': n.normal(5), 'mean': n.normal(5), 'var': n.positive(5)}
        nodes = [('Conv', ['x', 'w', 'b'], ['s'], {'pads': [1, 1, 1, 1]}),
                 ('BatchNormalization', ['s', 'scale', 'shift', 'mean', 'var'],
                  ['t' if activation else 'y'], {})]
        if activation:
            nodes.append((activation, ['t'], ['y'], {}))
        case('batch_norm', f'after Conv, before {activation}', nodes, {'x': n.normal(1, 3, 5, 4)},
             lambda t, f=function: (f or (lambda v: v))(
                 F.batch_norm(F.conv2d(t['x'], t['w'], t['b'], 1, 1), t['mean'], t['var'],
                              t['scale'], t['shift'], False, 0, r32(1e-5))), consts,
             step=0 if activation else 1e-2)


def make_norm():
    def norm(symbol, op, fn, name, dims, shape, opset, dynamic='', first=False, shift=True, x=None,
             **attrs):
        n = Numbers(f'{symbol}/{name}')
        values = {'s': n.normal(*shape)}
        if shift:
            values['b'] = n.normal(*shape)
        fixed = {k: v for k, v in values.items() if k not in dynamic}
        moving = {k: v for k, v in values.items() if k in dynamic}
        if first:
            x, w, node = after_conv(n, *dims[1:], batch=dims[0])
            case(symbol, name, [node, (op, ['t', *values], ['y'], attrs)], {'x': x, **moving},
                 lambda t: fn(F.conv2d(t['x'], t['w']), t), {'w': w, **fixed}, opset)
        else:
            case(symbol, name, (op, ['x', *values], attrs),
                 {'x': n.normal(*dims) if x is None else x, **moving},
                 lambda t: fn(t['x'], t), fixed, opset)

    eps = r32(1e-5)
    small = r32(1e-3)

    def layer(axis, e=eps):
        return lambda x, t: F.layer_norm(x, x.shape[axis:], t['s'].expand(x.shape[axis:]),
                                         None if 'b' not in t else t['b'].expand(x.shape[axis:]), e)

    kind = ('layer_norm', 'LayerNormalization')
    norm(*kind, layer(-1), 'tokens', (2, 5, 8), (8,), 17)
    norm(*kind, layer(-1), 'no shift', (2, 5, 8), (8,), 17, shift=False)
    norm(*kind, layer(-1, small), 'epsilon', (3, 7), (7,), 17, epsilon=1e-3)
    norm(*kind, layer(1), 'axis 1', (2, 3, 2, 3), (3, 2, 3), 17, axis=1)
    norm(*kind, layer(-2), 'axis -2', (2, 3, 4), (3, 4), 17, axis=-2)
    norm(*kind, layer(0), 'axis 0', (3, 4), (3, 4), 17, axis=0)
    norm(*kind, layer(-1), 'everything computed', (2, 3, 6), (6,), 17, 'sb')
    norm(*kind, layer(-1), 'one scale', (2, 3, 6), (1,), 17, 'sb')
    norm(*kind, layer(-1), 'after Conv, width', (1, 4, 5, 6), (6,), 17, first=True)
    norm(*kind, layer(1), 'after Conv, a picture', (1, 4, 5, 6), (4, 5, 6), 17, first=True, axis=1)
    norm(*kind, layer(-1), 'far from 0', (2, 3, 16), (16,), 17,
         x=Numbers('layer_norm/far').normal(2, 3, 16) + f32(50))
    n = Numbers('layer_norm/convnext')
    case('layer_norm', 'ConvNeXt: Conv, Transpose, LayerNormalization, Transpose, Conv',
         [('Conv', ['x', 'w'], ['t'], {}), ('Transpose', ['t'], ['u'], {'perm': [0, 2, 3, 1]}),
          ('LayerNormalization', ['u', 's', 'b'], ['v'], {'epsilon': 1e-6}),
          ('Transpose', ['v'], ['z'], {'perm': [0, 3, 1, 2]}),
          ('Conv', ['z', 'k'], ['y'], {'group': 6, 'pads': [1, 1, 1, 1]})],
         {'x': n.normal(1, 3, 4, 5)},
         lambda t: F.conv2d(F.layer_norm(F.conv2d(t['x'], t['w']).permute(0, 2, 3, 1), (6,), t['s'],
                                         t['b'], r32(1e-6)).permute(0, 3, 1, 2), t['k'], None, 1, 1,
                            1, 6),
         {'w': n.weight(6, 3, 1, 1), 's': n.normal(6), 'b': n.normal(6), 'k': n.weight(6, 1, 3, 3)},
         17)

    def rms(axes, e=eps):
        return lambda x, t: x / torch.sqrt((x * x).mean(axes, True) + e) * t['s']

    kind = ('rms_norm', 'RMSNormalization')
    norm(*kind, rms((-1,)), 'tokens', (2, 5, 8), (8,), 23, shift=False)
    norm(*kind, rms((-1,), small), 'epsilon', (3, 7), (7,), 23, 's', shift=False, epsilon=1e-3)
    norm(*kind, rms((1, 2, 3)), 'axis 1', (2, 3, 2, 3), (3, 2, 3), 23, shift=False, axis=1)
    norm(*kind, rms((-1,)), 'after Conv', (1, 4, 5, 6), (6,), 23, first=True, shift=False)

    def instance(e=eps):
        return lambda x, t: F.instance_norm(x, None, None, t['s'], t['b'], True, 0, e)

    kind = ('instance_norm', 'InstanceNormalization')
    norm(*kind, instance(), 'pictures', (2, 4, 3, 5), (4,), 13)
    norm(*kind, instance(small), 'epsilon', (1, 3, 4, 4), (3,), 13, epsilon=1e-3)
    norm(*kind, instance(), 'everything computed', (2, 3, 2, 3), (3,), 13, 'sb')
    norm(*kind, instance(), 'rank 3', (2, 3, 7), (3,), 13)
    norm(*kind, instance(), 'rank 5', (1, 2, 2, 3, 2), (2,), 13)
    norm(*kind, instance(), 'opset 6', (1, 3, 4, 3), (3,), 6)
    norm(*kind, instance(), 'after Conv', (2, 4, 5, 6), (4,), 13, first=True)
    n = Numbers('instance_norm/group')
    case('instance_norm', "torch's GroupNorm: Reshape, InstanceNormalization, Reshape, Mul, Add",
         [('Conv', ['x', 'w'], ['t'], {}), ('Reshape', ['t', 'to'], ['u'], {}),
          ('InstanceNormalization', ['u', 'one', 'zero'], ['v'], {}),
          ('Reshape', ['v', 'back'], ['z'], {}), ('Mul', ['z', 's'], ['p'], {}),
          ('Add', ['p', 'b'], ['y'], {})], {'x': n.normal(2, 3, 4, 3)},
         lambda t: F.group_norm(F.conv2d(t['x'], t['w']), 2, t['s'].flatten(), t['b'].flatten(),
                                eps),
         {'w': n.weight(6, 3, 1, 1), 'to': i64(0, 2, -1), 'one': np.ones(2, f32),
          'zero': np.zeros(2, f32), 'back': i64(2, 6, 4, 3), 's': n.normal(6, 1, 1),
          'b': n.normal(6, 1, 1)})

    def group(count, e=eps):
        def fn(x, t):
            each = x.shape[1] // t['s'].shape[0]
            return F.group_norm(x, count, t['s'].repeat_interleave(each),
                                t['b'].repeat_interleave(each), e)
        return fn

    kind = ('group_norm', 'GroupNormalization')
    norm(*kind, group(2), 'pictures', (2, 6, 3, 2), (6,), 21, num_groups=2)
    norm(*kind, group(3, small), 'opset 18', (1, 6, 3, 2), (3,), 18, 'sb', num_groups=3,
         epsilon=1e-3)
    norm(*kind, group(1), 'one group', (2, 4, 2, 2), (4,), 21, 'sb', num_groups=1)
    norm(*kind, group(4), 'a group a channel', (1, 4, 2, 3), (4,), 21, num_groups=4)
    norm(*kind, group(2), 'rank 3', (2, 4, 5), (4,), 21, num_groups=2)
    norm(*kind, group(2), 'after Conv', (2, 4, 5, 6), (4,), 21, first=True, num_groups=2)


def make_lrn():
    def lrn(name, dims, size, **attrs):
        n = Numbers('lrn/' + name)
        alpha, beta = r32(attrs.get('alpha', 1e-4)), r32(attrs.get('beta', 0.75))
        bias = r32(attrs.get('bias', 1))

        def fn(t):  # torch's own differs from ONNX in where an even window lies
            square = (t['x'] ** 2).movedim(1, -1)
            padded = F.pad(square, [(size - 1) // 2, size // 2])
            sums = padded.unfold(-1, size, 1).sum(-1).movedim(-1, 1)
            return t['x'] / (bias + alpha / size * sums) ** beta

        def torch_own(t):
            return F.local_response_norm(t['x'], size, alpha, beta, bias)

        x = n.normal(*dims) * 3
        if size % 2:
            both = {'x': torch.tensor(x, dtype=torch.float64)}
            assert torch.allclose(fn(both), torch_own(both), rtol=1e-12)
        case('lrn', name, ('LRN', ['x'], {'size': size, **attrs}), {'x': x}, fn)

    lrn('AlexNet', (1, 12, 3, 3), 5, alpha=1e-4, beta=0.75, bias=1.0)
    lrn('strong', (2, 8, 3, 2), 5, alpha=0.9, beta=0.75, bias=2.0)
    lrn('size 3, beta 0.5', (1, 7, 3, 4), 3, alpha=0.5, beta=0.5)
    lrn('even size', (1, 9, 2, 3), 4, alpha=0.7)
    lrn('size 1', (1, 5, 2, 2), 1, alpha=0.5)
    lrn('wider than the channels', (1, 3, 3, 3), 9, alpha=0.8, beta=1.25, bias=1.5)


# ---- Element by element --------------------------------------------------------------------------

def unary(symbol, op, fn, values='normal', opset=13, name='pictures', step=1e-2, dims=(2, 3, 4, 3),
          consts=None, inputs=(), **attrs):
    n = Numbers(f'{symbol}/{name}')
    x = values(n, *dims) if callable(values) else getattr(n, values)(*dims)
    case(symbol, name, (op, ['x', *inputs], attrs), {'x': x}, lambda t: fn(t['x'], t), consts,
         opset, step)


def unary_family(symbol, op, fn, values='normal', opset=13, old=6, step=1e-2, **attrs):
    """The same function on pictures, on vectors, behind a convolution, and in an old opset."""
    unary(symbol, op, fn, values, opset, 'pictures', step, **attrs)
    unary(symbol, op, fn, values, opset, 'rank 2', step, dims=(3, 7), **attrs)
    unary(symbol, op, fn, values, opset, 'rank 1', step, dims=(9,), **attrs)
    unary(symbol, op, fn, values, opset, 'rank 5', step, dims=(1, 2, 3, 2, 2), **attrs)
    if old:
        unary(symbol, op, fn, values, old, f'opset {old}', step, dims=(1, 2, 3, 3), **attrs)
    n = Numbers(f'{symbol}/after conv')
    x, w, first = after_conv(n)
    case(symbol, 'after Conv', [first, (op, ['t'], ['y'], attrs)], {'x': x},
         lambda t: fn(F.conv2d(t['x'], t['w']), t), {'w': w}, opset,
         step=0 if step < 1e-2 else step)


def away(*kinks):
    return lambda n, *dims: n.away(*dims, from_=kinks)


def make_pointwise():
    kinked = 9e-3  # a step that stays inside the gap of `away`
    unary_family('relu', 'Relu', lambda x, t: F.relu(x), away(0), step=kinked)
    unary_family('leaky_relu', 'LeakyRelu', lambda x, t: F.leaky_relu(x, r32(0.01)), away(0),
                 step=kinked)
    unary('leaky_relu', 'LeakyRelu', lambda x, t: F.leaky_relu(x, r32(0.2)), away(0),
          name='alpha 0.2', step=kinked, alpha=0.2)
    unary_family('sigmoid', 'Sigmoid', lambda x, t: torch.sigmoid(x))
    unary('sigmoid', 'Sigmoid', lambda x, t: torch.sigmoid(x), name='large values',
          values=lambda n, *d: n.normal(*d) * 30)
    unary_family('hard_sigmoid', 'HardSigmoid',
                 lambda x, t: (r32(0.2) * x + 0.5).clamp(0, 1), away(-2.5, 2.5), step=kinked)
    unary('hard_sigmoid', 'HardSigmoid', lambda x, t: F.hardsigmoid(x), away(-3, 3),
          name='alpha 1/6', step=0, alpha=1 / 6, beta=0.5)
    unary_family('hard_swish', 'HardSwish', lambda x, t: F.hardswish(x), away(-3, 3), opset=14,
                 old=0, step=kinked)
    unary_family('tanh', 'Tanh', lambda x, t: torch.tanh(x))
    unary_family('elu', 'Elu', lambda x, t: F.elu(x), away(0), step=kinked)
    unary('elu', 'Elu', lambda x, t: F.elu(x, r32(0.7)), away(0), name='alpha 0.7', step=kinked,
          alpha=0.7)
    unary_family('selu', 'Selu', lambda x, t: F.selu(x), away(0), step=kinked)
    unary('selu', 'Selu', lambda x, t: r32(1.2) * F.elu(x, r32(2)), away(0), name='alpha and gamma',
          step=kinked, alpha=2.0, gamma=1.2)
    unary_family('softplus', 'Softplus', lambda x, t: F.softplus(x, threshold=1e9))
    unary('softplus', 'Softplus', lambda x, t: F.softplus(x, threshold=1e9), name='large values',
          values=lambda n, *d: n.normal(*d) * 30)
    unary_family('exp', 'Exp', lambda x, t: torch.exp(x))
    unary('sqrt', 'Sqrt', lambda x, t: torch.sqrt(x), 'positive')
    unary('sqrt', 'Sqrt', lambda x, t: torch.sqrt(x), 'positive', name='rank 2', dims=(3, 7))
    unary('sqrt', 'Sqrt', lambda x, t: torch.sqrt(x), 'positive', name='opset 6', opset=6)

    def clip(name, lo, hi, opset=13, **attrs):
        consts = {k: np.array(v, f32) for k, v in (('lo', lo), ('hi', hi))
                  if v is not None and opset >= 11}
        names = ['lo' if lo is not None else '', 'hi' if hi is not None else ''] if consts else []
        while names and not names[-1]:
            names.pop()
        kinks = [v for v in (lo, hi) if v is not None]
        unary('clip', 'Clip', lambda x, t: x.clamp(lo, hi), lambda n, *d: n.away(*d, from_=kinks),
              opset, name, kinked, consts=consts, inputs=names, **attrs)

    clip('relu6', 0.0, 6.0)
    clip('both', -0.5, 0.75)
    clip('only min', -0.25, None)
    clip('only max', None, 0.5)
    unary('clip', 'Clip', lambda x, t: x * 1.0, name='no limits')
    clip('opset 6', -0.5, 0.75, 6, min=-0.5, max=0.75)
    clip('opset 6, only max', None, 0.5, 6, max=0.5)
    clip('opset 11', 0.0, 1.0, 11)
    n = Numbers('clip/after conv')
    x, w, first = after_conv(n)
    case('clip', 'after Conv', [first, ('Clip', ['t', 'lo', 'hi'], ['y'], {})], {'x': x},
         lambda t: F.relu6(F.conv2d(t['x'], t['w'])),
         {'w': w, 'lo': np.array(0, f32), 'hi': np.array(6, f32)}, step=0)

    def prelu(name, dims, slope, opset=13, dynamic=False):
        n = Numbers('prelu/' + name)
        x, s = n.away(*dims), n.normal(*slope)
        case('prelu', name, ('PRelu', ['x', 's'], {}), {'x': x, **({'s': s} if dynamic else {})},
             lambda t: torch.where(t['x'] > 0, t['x'], t['s'] * t['x']),
             {} if dynamic else {'s': s}, opset, kinked)

    prelu('per channel', (2, 4, 3, 3), (4, 1, 1))
    prelu('one slope', (1, 4, 3, 3), (1,))
    prelu('per element', (1, 3, 2, 3), (3, 2, 3))
    prelu('rank 2', (3, 5), (5,))
    prelu('computed slope', (2, 3, 3, 2), (3, 1, 1), dynamic=True)
    prelu('opset 7', (1, 4, 3, 3), (4, 1, 1), opset=7)
    n = Numbers('prelu/after conv')
    x, w, first = after_conv(n)
    case('prelu', 'after Conv', [first, ('PRelu', ['t', 's'], ['y'], {})], {'x': x},
         lambda t: F.prelu(F.conv2d(t['x'], t['w']), t['s'].flatten()),
         {'w': w, 's': n.normal(4, 1, 1)}, step=0)


def make_functions():
    kinked = 9e-3
    unary_family('neg', 'Neg', lambda x, t: -x)
    unary_family('abs', 'Abs', lambda x, t: x.abs(), away(0), step=kinked)
    unary('abs', 'Abs', lambda x, t: x.abs(), lambda n, *d: n.rng.integers(-1, 2, d).astype(f32),
          name='zeros', step=0)
    for symbol, op, fn in (('log', 'Log', torch.log), ('reciprocal', 'Reciprocal', torch.reciprocal)):
        unary(symbol, op, lambda x, t, fn=fn: fn(x), 'positive')
        unary(symbol, op, lambda x, t, fn=fn: fn(x), 'positive', name='rank 2', dims=(3, 7))
        unary(symbol, op, lambda x, t, fn=fn: fn(x), 'positive', name='opset 6', opset=6)
        n = Numbers(f'{symbol}/after conv')
        x, w, first = after_conv(n)
        case(symbol, 'after Conv', [first, ('Exp', ['t'], ['u'], {}), (op, ['u'], ['y'], {})],
             {'x': x}, lambda t, fn=fn: fn(F.conv2d(t['x'], t['w']).exp()), {'w': w}, step=5e-3)
    unary_family('sin', 'Sin', lambda x, t: torch.sin(x), old=7)
    unary_family('cos', 'Cos', lambda x, t: torch.cos(x), old=7)
    halves = lambda n, *d: n.away(*d, from_=tuple(k / 2 for k in range(-12, 13)))
    for symbol, op, fn in (('floor', 'Floor', torch.floor), ('ceil', 'Ceil', torch.ceil),
                           ('round', 'Round', torch.round), ('sign', 'Sign', torch.sign)):
        old = 6 if symbol in ('floor', 'ceil') else 0
        unary_family(symbol, op, lambda x, t, fn=fn: fn(x), halves, old=old, step=kinked)
    unary('round', 'Round', lambda x, t: torch.round(x), step=0, name='halves go to the even',
          values=lambda n, *d: (n.rng.integers(-9, 10, d) / 2).astype(f32))
    unary('sign', 'Sign', lambda x, t: torch.sign(x), step=0, name='zeros',
          values=lambda n, *d: n.rng.integers(-1, 2, d).astype(f32))
    unary_family('erf', 'Erf', lambda x, t: torch.erf(x), old=9)
    unary('erf', 'Erf', lambda x, t: torch.erf(x), lambda n, *d: n.normal(*d) * 5, name='large')
    unary_family('gelu', 'Gelu', lambda x, t: F.gelu(x), opset=20, old=0)
    unary('gelu', 'Gelu', lambda x, t: F.gelu(x), lambda n, *d: n.normal(*d) * 4, 20, 'large',
          approximate='none')
    unary('gelu', 'Gelu', lambda x, t: F.gelu(x, approximate='tanh'), opset=20, name='tanh',
          approximate='tanh')
    unary('gelu', 'Gelu', lambda x, t: F.gelu(x, approximate='tanh'),
          lambda n, *d: n.normal(*d) * 4, 20, 'tanh, large', approximate='tanh')
    unary_family('mish', 'Mish', lambda x, t: F.mish(x), opset=18, old=0)
    unary('mish', 'Mish', lambda x, t: F.mish(x), lambda n, *d: n.normal(*d) * 30, 18, 'large')
    unary_family('swish', 'Swish', lambda x, t: F.silu(x), opset=24, old=0)
    unary('swish', 'Swish', lambda x, t: x * torch.sigmoid(r32(1.7) * x), opset=24, name='alpha',
          alpha=1.7)
    unary_family('softsign', 'Softsign', lambda x, t: F.softsign(x), away(0), old=1, step=kinked)
    unary_family('celu', 'Celu', lambda x, t: F.celu(x), away(0), old=0, step=kinked)
    unary('celu', 'Celu', lambda x, t: F.celu(x, r32(0.6)), away(0), name='alpha', step=kinked,
          alpha=0.6)
    unary_family('thresholded_relu', 'ThresholdedRelu', lambda x, t: F.threshold(x, 1, 0), away(1),
                 old=0, step=kinked)
    unary('thresholded_relu', 'ThresholdedRelu', lambda x, t: F.threshold(x, -0.5, 0), away(-0.5),
          name='alpha', step=kinked, alpha=-0.5)
    gated = [('Less', ['x', 'k'], ['m'], {}), ('Not', ['m'], ['n'], {}),
             ('Where', ['n', 'x', 'z'], ['y'], {})]
    for name, dims in (('a gate', (2, 3, 2, 3)), ('a gate, rank 2', (3, 5))):
        n = Numbers('not/' + name)
        case('not', name, gated, {'x': n.away(*dims, from_=(0.5,))},
             lambda t: torch.where(t['x'] < 0.5, 0 * t['x'] + 2, t['x']),
             {'k': np.array(0.5, f32), 'z': np.array(2, f32)}, step=kinked)


    for name, dims in (('pictures', (2, 3, 2, 3)), ('rank 2', (3, 5))):
        n = Numbers('is_nan/' + name)  # Max hands on what is not finite, and no gradient there
        odd = n.rng.integers(0, 4, dims)
        kinds = {'is_nan': ('IsNaN', {}, [3]), 'is_inf': ('IsInf', {}, [1, 2]),
                 'above': ('IsInf', {'detect_negative': 0}, [1]),
                 'below': ('IsInf', {'detect_positive': 0}, [2])}
        for kind, (op, attrs, found) in kinds.items():
            if op == 'IsInf':  # -infinity: Min of Max
                odd = np.where(odd == 3, 0, odd)
            consts = {'high': np.choose(odd, [-9, np.inf, -9, np.nan]).astype(f32),
                      'low': np.choose(odd, [9, np.inf, -np.inf, 9]).astype(f32),
                      'z': np.array(2, f32)}
            mask = torch.tensor(np.isin(odd, found))
            case('is_nan' if op == 'IsNaN' else 'is_inf', f'{kind}, {name}',
                 [('Max', ['x', 'high'], ['p'], {}), ('Min', ['p', 'low'], ['d'], {}),
                  (op, ['d'], ['m'], attrs), ('Where', ['m', 'z', 'x'], ['y'], {})],
                 {'x': n.normal(*dims)},
                 lambda t, mask=mask: torch.where(mask, 0 * t['x'] + 2, t['x']), consts)


def make_nary():
    def constant_mask(name, dims, mask, a, b, dynamic='ab', opset=13, first=False):
        n = Numbers('where/' + name)
        consts = {'m': n.rng.integers(0, 2, mask).astype(bool)}
        values = {'a': n.normal(*a), 'b': n.normal(*b)}
        fixed = {k: v for k, v in values.items() if k not in dynamic}
        m = torch.tensor(consts['m'])
        if first:
            x, w, node = after_conv(n)
            case('where', name, [node, ('Where', ['m', 't', 'b'], ['y'], {})],
                 {'x': x}, lambda t: torch.where(m, F.conv2d(t['x'], t['w']), t['b']),
                 {'w': w, 'b': values['b'], **consts}, opset)
        else:
            case('where', name, ('Where', ['m', 'a', 'b'], {}), {k: values[k] for k in dynamic},
                 lambda t: torch.where(m, t['a'], t['b']), {**fixed, **consts}, opset)

    constant_mask('a constant mask', None, (2, 3, 2, 3), (2, 3, 2, 3), (2, 3, 2, 3))
    constant_mask('a mask per channel', None, (3, 1, 1), (2, 3, 2, 3), (1,), 'a')
    constant_mask('everything is stretched', None, (2, 1, 3), (4, 1), (1, 4, 3), opset=9)
    constant_mask('a masked score', None, (1, 1, 4, 4), (2, 3, 4, 4), (), 'a')
    constant_mask('after Conv', None, (5, 6), (1,), (4, 1, 1), first=True)
    kinked = 9e-3
    pairs = (('less', 'Less', torch.lt), ('less_or_equal', 'LessOrEqual', torch.le),
             ('greater', 'Greater', torch.gt), ('greater_or_equal', 'GreaterOrEqual', torch.ge))
    for symbol, op, fn in pairs:
        opset = 16 if 'Or' in op else 9
        for name, dims, other, dynamic in (('a threshold', (2, 3, 2, 3), (), 'a'),
                                           ('two values', (1, 3, 2, 2), (3, 1, 1), 'ab'),
                                           ('rank 2', (3, 4), (4,), 'ab')):
            n = Numbers(f'{symbol}/{name}')
            grid = {'a': (n.rng.integers(-20, 20, dims) / 10 + 0.03).astype(f32),
                    'b': (n.rng.integers(-20, 20, other) / 10).astype(f32)}
            case(symbol, name, [(op, ['a', 'b'], ['m'], {}), ('Where', ['m', 'a', 'b'], ['y'], {})],
                 {k: grid[k] for k in dynamic},
                 lambda t, fn=fn: torch.where(fn(t['a'], t['b']), t['a'], t['b']),
                 {k: v for k, v in grid.items() if k not in dynamic}, opset, kinked / 2)
        n = Numbers(f'{symbol}/ties')
        case(symbol, 'ties', [(op, ['a', 'b'], ['m'], {}), ('Where', ['m', 'a', 'c'], ['y'], {})],
             {'a': n.rng.integers(-1, 2, (2, 3, 3)).astype(f32)},
             lambda t, fn=fn: torch.where(fn(t['a'], t['b']), t['a'], t['c']),
             {'b': np.array(0, f32), 'c': n.normal(3)}, opset, 0)
    n = Numbers('equal/ties')
    case('equal', 'the maxima of a row',
         [('ReduceMax', ['x'], ['p'], {'axes': [1]}), ('Equal', ['x', 'p'], ['m'], {}),
          ('Where', ['m', 'x', 'z'], ['y'], {})], {'x': n.distinct(3, 7)},
         lambda t: torch.where(t['x'] == t['x'].amax(1, True), t['x'], 0 * t['x']),
         {'z': np.array(0, f32)}, step=1e-2)
    for symbol, op, fn in (('and', 'And', torch.logical_and), ('or', 'Or', torch.logical_or),
                           ('xor', 'Xor', torch.logical_xor)):
        n = Numbers(symbol)
        case(symbol, 'two thresholds',
             [('Greater', ['x', 'k'], ['p'], {}), ('Less', ['x', 'l'], ['q'], {}),
              (op, ['p', 'q'], ['m'], {}), ('Where', ['m', 'x', 'z'], ['y'], {})],
             {'x': n.away(2, 3, 3, 2, from_=(-0.5, 0.5))},
             lambda t, fn=fn: torch.where(fn(t['x'] > -0.5, t['x'] < 0.5), t['x'], 0 * t['x'] + 3),
             {'k': np.array(-0.5, f32), 'l': np.array(0.5, f32), 'z': np.array(3, f32)},
             step=kinked)

    def mean(name, shapes, dynamic, opset=13):
        n = Numbers('mean/' + name)
        values = {chr(97 + i): n.normal(*d) for i, d in enumerate(shapes)}
        case('mean', name, ('Mean', list(values), {}), {k: values[k] for k in dynamic},
             lambda t: sum(t[k] for k in values) / len(values),
             {k: v for k, v in values.items() if k not in dynamic}, opset)

    mean('two', [(2, 3, 2, 3)] * 2, 'ab')
    mean('three, one constant', [(1, 3, 2, 3)] * 3, 'ac')
    mean('one', [(1, 3, 2, 3)], 'a')
    mean('broadcast', [(2, 3, 2, 3), (3, 1, 1)], 'ab', 8)

    def mod(name, a, b, fmod, dynamic='ab'):
        n = Numbers('mod/' + name)
        values = {'a': n.normal(*a) * 3, 'b': n.positive(*b) + f32(1)}
        near = np.abs(values['a'] / values['b'] - np.round(values['a'] / values['b'])) < 0.05
        values['a'] = np.where(near, (np.round(values['a'] / values['b']) + 0.3) * values['b'],
                               values['a']).astype(f32)
        fn = torch.fmod if fmod else torch.remainder
        attrs = {'fmod': 1} if fmod else {}
        case('mod', name, ('Mod', ['a', 'b'], attrs), {k: values[k] for k in dynamic},
             lambda t: fn(t['a'], t['b']), {k: v for k, v in values.items() if k not in dynamic},
             13, 1e-3)

    mod('fmod', (2, 3, 2, 2), (2, 3, 2, 2), 1)
    mod('the sign of the divisor', (2, 3, 2, 2), (3, 1, 1), 0)
    mod('a constant period', (3, 4), (), 1, 'a')


def make_arithmetic():
    def binary(symbol, op, fn, left='normal', right='normal', step=1e-2):
        def one(name, a, b, dynamic='ab', opset=13):
            n = Numbers(f'{symbol}/{name}')
            values = {'a': getattr(n, left)(*a), 'b': getattr(n, right)(*b)}
            case(symbol, name, (op, ['a', 'b'], {}), {k: values[k] for k in dynamic},
                 lambda t: fn(t['a'], t['b']),
                 {k: v for k, v in values.items() if k not in dynamic}, opset, step)

        one('equal shapes', (2, 3, 2, 3), (2, 3, 2, 3))
        one('constant per channel', (1, 4, 3, 3), (4, 1, 1), 'a')
        one('constant scalar', (1, 3, 2, 3), (), 'a')
        one('constant of one value on the left', (1,), (1, 3, 2, 3), 'b')
        one('constant of full size', (1, 3, 2, 3), (1, 3, 2, 3), 'a')
        one('gate per channel', (2, 3, 2, 3), (2, 3, 1, 1))
        one('both are stretched', (2, 1, 3, 1), (1, 4, 1, 2))
        one('ranks differ', (2, 3, 2, 4), (3, 1, 4))
        one('rank 2 and 1', (3, 5), (5,))
        one('last axis', (1, 3, 2, 4), (4,), 'a')
        one('rank 6', (1, 2, 1, 2, 1, 3), (2, 1, 2, 1, 2, 1, 1)[:6])
        one('opset 7', (1, 4, 3, 3), (4, 1, 1), 'a', 7)
        n = Numbers(f'{symbol}/same')
        case(symbol, 'a value and itself', (op, ['a', 'a'], {}),
             {'a': getattr(n, left if right == 'normal' else right)(2, 3, 2, 2)},
             lambda t: fn(t['a'], t['a']), step=step)
        n = Numbers(f'{symbol}/after conv')
        x, w, first = after_conv(n, batch=2)
        c = getattr(n, right)(4, 1, 1)
        if left == 'normal':
            case(symbol, 'after Conv, constant per channel', [first, (op, ['t', 'c'], ['y'], {})],
                 {'x': x}, lambda t: fn(F.conv2d(t['x'], t['w']), t['c']), {'w': w, 'c': c},
                 step=step)
            case(symbol, 'after Conv, with an input',
                 [first, (op, ['t', 'b'], ['y'], {})],
                 {'x': x, 'b': getattr(n, right)(2, 4, 5, 6)},
                 lambda t: fn(F.conv2d(t['x'], t['w']), t['b']), {'w': w}, step=step)
            case(symbol, 'after Conv, constant along the width',
                 [first, (op, ['t', 'c'], ['y'], {})], {'x': x},
                 lambda t: fn(F.conv2d(t['x'], t['w']), t['c']),
                 {'w': w, 'c': getattr(n, right)(6)}, step=step)

    binary('add', 'Add', torch.add)
    binary('sub', 'Sub', torch.sub)
    binary('mul', 'Mul', torch.mul)
    binary('div', 'Div', torch.div, right='positive')
    binary('pow', 'Pow', torch.pow, 'positive', 'positive')
    for e in (2.0, 0.5, 3.0, -1.0):
        n = Numbers(f'pow/{e}')
        x = n.positive(1, 2, 3, 3) if e % 1 or e < 0 else n.normal(1, 2, 3, 3)
        case('pow', f'exponent {e}', ('Pow', ['x', 'e'], {}), {'x': x},
             lambda t, e=e: t['x'] ** e, {'e': np.array(e, f32)})

    n = Numbers('add/residual')
    case('add', 'residual block',
         [('Conv', ['x', 'w1'], ['s'], {'pads': [1, 1, 1, 1]}), ('Relu', ['s'], ['t'], {}),
          ('Conv', ['t', 'w2'], ['u'], {'pads': [1, 1, 1, 1]}), ('Add', ['u', 'x'], ['y'], {})],
         {'x': n.normal(1, 3, 4, 5)},
         lambda t: F.conv2d(F.relu(F.conv2d(t['x'], t['w1'], None, 1, 1)), t['w2'], None, 1, 1)
         + t['x'], {'w1': n.weight(4, 3, 3, 3), 'w2': n.weight(3, 4, 3, 3)}, step=0)
    n = Numbers('mul/squeeze and excite')
    case('mul', 'squeeze and excite',
         [('Conv', ['x', 'w1'], ['t'], {}), ('GlobalAveragePool', ['t'], ['g'], {}),
          ('Conv', ['g', 'w2', 'b2'], ['h'], {}), ('Sigmoid', ['h'], ['s'], {}),
          ('Mul', ['t', 's'], ['y'], {})], {'x': n.normal(1, 3, 4, 5)},
         lambda t: (lambda u: u * torch.sigmoid(F.conv2d(u.mean((2, 3), True), t['w2'], t['b2'])))(
             F.conv2d(t['x'], t['w1'])),
         {'w1': n.weight(5, 3, 1, 1), 'w2': n.weight(5, 5, 1, 1), 'b2': n.normal(5)})

    def extreme(symbol, op, fold, name, shapes, dynamic, opset=13):
        n = Numbers(f'{symbol}/{name}')
        values = {}  # tenths, and another hundredth for each input: they never tie
        for i, dims in enumerate(shapes):
            grid = n.rng.integers(-20, 20, dims) / 10 + (i + 1) * 0.03
            values[chr(97 + i)] = grid.astype(f32)

        def fn(t):
            y = t['a']
            for i in range(1, len(shapes)):
                y = fold(y, t[chr(97 + i)])
            return y

        case(symbol, name, (op, list(values), {}), {k: values[k] for k in dynamic}, fn,
             {k: v for k, v in values.items() if k not in dynamic}, opset, 5e-3)

    for kind in (('max', 'Max', torch.maximum), ('min', 'Min', torch.minimum)):
        extreme(*kind, 'two', [(2, 3, 2, 3)] * 2, 'ab')
        extreme(*kind, 'three', [(1, 3, 2, 3)] * 3, 'abc')
        extreme(*kind, 'one', [(1, 3, 2, 3)], 'a')
        extreme(*kind, 'broadcast', [(2, 3, 2, 3), (3, 1, 1)], 'ab')
        extreme(*kind, 'a constant', [(1, 4, 3, 3), ()], 'a')
        extreme(*kind, 'rank 2', [(3, 4), (4,)], 'ab', 8)


def make_softmax():
    for symbol, op, fn in (('softmax', 'Softmax', torch.softmax),
                           ('log_softmax', 'LogSoftmax', torch.log_softmax)):
        def one(name, dims, opset=13, axis=None, large=1, symbol=symbol, op=op, fn=fn):
            n = Numbers(f'{symbol}/{name}')

            def run(t):
                if opset >= 13:
                    return fn(t['x'], -1 if axis is None else axis)
                at = 1 if axis is None else axis % len(dims)
                rows = int(np.prod(dims[:at]))
                return fn(t['x'].reshape(rows, -1), 1).reshape(dims)

            case(symbol, name, (op, ['x'], {} if axis is None else {'axis': axis}),
                 {'x': n.normal(*dims) * f32(large)}, run, None, opset)

        one('scores', (1, 10))
        one('rows', (4, 7), axis=1)
        one('columns', (4, 7), axis=0)
        one('channels of a picture', (1, 5, 3, 2), axis=1)
        one('height', (2, 3, 4, 2), axis=2)
        one('last axis, rank 3', (2, 3, 5), axis=-1)
        one('rank 1', (8,), axis=0)
        one('large scores', (2, 9), large=40)
        one('opset 11', (2, 9), opset=11)
        one('opset 11, axes behind 1 together', (2, 3, 2, 3), opset=11, axis=1)
        one('opset 9, axis 2', (2, 3, 4), opset=9, axis=2)
        one('opset 11, axis -1', (2, 3, 4), opset=11, axis=-1)
        n = Numbers(f'{symbol}/after conv')
        x, w, first = after_conv(n)
        case(symbol, 'after Conv, channels', [first, (op, ['t'], ['y'], {'axis': 1})], {'x': x},
             lambda t, fn=fn: fn(F.conv2d(t['x'], t['w']), 1), {'w': w})
        case(symbol, 'after Conv, width', [first, (op, ['t'], ['y'], {'axis': -1})], {'x': x},
             lambda t, fn=fn: fn(F.conv2d(t['x'], t['w']), -1), {'w': w})
        case(symbol, 'after Conv, opset 11', [first, (op, ['t'], ['y'], {'axis': 1})], {'x': x},
             lambda t, fn=fn: fn(F.conv2d(t['x'], t['w']).flatten(1), 1).reshape(1, 4, 5, 6),
             {'w': w}, 11)


# ---- Pools ---------------------------------------------------------------------------------------

def pool_pads(dims, attrs):
    rank = len(dims) - 2
    stride = attrs.get('strides', [1] * rank)
    dilation = attrs.get('dilations', [1] * rank)
    auto = attrs.get('auto_pad', 'NOTSET')
    pads = attrs.get('pads', [0] * 2 * rank)
    if auto.startswith('SAME'):
        pads = same_pads(dims[2:], attrs['kernel_shape'], stride, dilation, auto == 'SAME_UPPER')
    return stride, dilation, pads


def make_max_pool():
    def max_pool(name, dims, opset=13, x=None, step=None, infer=True, **attrs):
        n = Numbers('max_pool/' + name)
        x = n.distinct(*dims) if x is None else x(n)
        stride, dilation, pads = pool_pads(dims, attrs)
        ceil = bool(attrs.get('ceil_mode', 0))
        rank = len(dims) - 2
        function = F.max_pool1d if rank == 1 else F.max_pool2d
        symmetric = pads[:rank] == pads[rank:]
        assert symmetric or not ceil

        def fn(t):
            if symmetric:
                return function(t['x'], attrs['kernel_shape'], stride, pads[:rank], dilation, ceil)
            return function(torch_pad(t['x'], pads, -np.inf), attrs['kernel_shape'], stride, 0,
                            dilation)

        if step is None:
            step = 1.6 / np.prod(dims)
        case('max_pool', name, ('MaxPool', ['x'], attrs), {'x': x}, fn, None, opset, float(step),
             infer=infer)

    max_pool('2x2', (1, 4, 6, 6), kernel_shape=[2, 2], strides=[2, 2])
    max_pool('2x2, an odd edge', (2, 3, 5, 7), kernel_shape=[2, 2], strides=[2, 2])
    max_pool('3x3 stride 2, overlapping', (1, 5, 7, 7), kernel_shape=[3, 3], strides=[2, 2])
    max_pool('3x3 stride 2, ceil', (1, 3, 6, 8), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    max_pool('3x3 stride 2, pads 1', (1, 4, 7, 6), kernel_shape=[3, 3], strides=[2, 2],
             pads=[1, 1, 1, 1])
    max_pool('ceil, a window that would begin in the end padding', (1, 2, 5, 5),
             kernel_shape=[2, 2], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1, infer=False)
    max_pool('3x3 stride 1', (1, 3, 5, 5), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    max_pool('5x5 stride 1 pads 2', (1, 2, 6, 6), kernel_shape=[5, 5], pads=[2, 2, 2, 2])
    max_pool('asymmetric pads', (1, 3, 5, 6), kernel_shape=[3, 3], strides=[2, 2],
             pads=[0, 0, 1, 2])
    max_pool('asymmetric pads, negative values', (1, 3, 4, 4), kernel_shape=[3, 3],
             strides=[2, 2], pads=[1, 2, 0, 0], x=lambda n: n.distinct(1, 3, 4, 4) - f32(3))
    max_pool('dilations 2', (1, 2, 7, 8), kernel_shape=[3, 2], dilations=[2, 2])
    max_pool('dilations, stride, pads', (1, 2, 9, 9), kernel_shape=[3, 3], dilations=[2, 2],
             strides=[2, 2], pads=[1, 1, 1, 1])
    max_pool('SAME_UPPER stride 2', (1, 3, 6, 7), kernel_shape=[3, 3], strides=[2, 2],
             auto_pad='SAME_UPPER')
    max_pool('SAME_LOWER even', (1, 3, 5, 5), kernel_shape=[2, 2], auto_pad='SAME_LOWER')
    max_pool('VALID', (1, 3, 5, 6), kernel_shape=[2, 3], strides=[1, 2], auto_pad='VALID')
    max_pool('one dimension', (1, 4, 11), kernel_shape=[3], strides=[2], pads=[1, 1])
    max_pool('the whole picture', (1, 6, 4, 5), kernel_shape=[4, 5])
    max_pool('opset 6', (1, 3, 6, 6), opset=6, kernel_shape=[2, 2], strides=[2, 2])
    max_pool('opset 8', (1, 3, 6, 6), opset=8, kernel_shape=[3, 3], strides=[2, 2], storage_order=0)
    max_pool('ties go to the first', (1, 3, 6, 6), kernel_shape=[3, 3], strides=[2, 2],
             pads=[1, 1, 1, 1], step=0,
             x=lambda n: np.maximum(n.rng.integers(-3, 3, (1, 3, 6, 6)), 0).astype(f32))
    max_pool('ties, 2x2', (1, 4, 6, 6), kernel_shape=[2, 2], strides=[2, 2], step=0,
             x=lambda n: n.rng.integers(0, 2, (1, 4, 6, 6)).astype(f32))


def make_max_unpool():
    def unpool(name, dims, kernel, stride=None, pads=0, shape=None):
        """x -> MaxPool with indices -> times 2 -> MaxUnpool, as autoencoders have it."""
        n = Numbers('max_unpool/' + name)
        rank, stride = len(dims) - 2, stride or kernel
        x = n.distinct(*dims)
        pool, back = ((F.max_pool1d, F.max_unpool1d) if rank == 1
                      else (F.max_pool2d, F.max_unpool2d))
        attrs = {'kernel_shape': [kernel] * rank, 'strides': [stride] * rank,
                 'pads': [pads] * 2 * rank}

        def fn(t):
            y, at = pool(t['x'], kernel, stride, pads, return_indices=True)
            y = back(y * t['two'], at, kernel, stride, pads, shape)
            return y
        consts = {'two': np.array(2, f32)}
        ins = ['p2', 'at']
        if shape:
            consts['shape'] = i64(*shape)
            ins.append('shape')
        case('max_unpool', name, [('MaxPool', ['x'], ['p', 'at'], attrs),
                                  ('Mul', ['p', 'two'], ['p2'], {}),
                                  ('MaxUnpool', ins, ['y'], attrs)],
             {'x': x}, fn, consts, 11, float(1.6 / np.prod(dims)))

    unpool('2x2', (1, 3, 6, 4), 2)
    unpool('2x2, a batch', (2, 3, 4, 4), 2)
    unpool('3x3, an edge that no window reaches', (1, 2, 7, 5), 3, 3, 0, [1, 2, 7, 5])
    unpool('an odd edge comes back by output_shape', (1, 4, 5, 7), 2, shape=[1, 4, 5, 7])
    unpool('pads', (1, 3, 6, 6), 3, 3, 1, [1, 3, 6, 6])
    unpool('one dimension', (1, 4, 10), 2)

    n = Numbers('max_unpool/maxima that nobody reads')

    def means(t):
        _, at = F.max_pool2d(t['x'], 2, 2, return_indices=True)
        return F.max_unpool2d(F.avg_pool2d(t['x'], 2), at, 2, 2)
    attrs = {'kernel_shape': [2, 2], 'strides': [2, 2]}
    case('max_unpool', 'maxima that nobody reads',
         [('MaxPool', ['x'], ['unread', 'at'], attrs), ('AveragePool', ['x'], ['mean'], attrs),
          ('MaxUnpool', ['mean', 'at'], ['y'], attrs)],
         {'x': n.distinct(1, 3, 6, 4)}, means, {}, 11, 1 / 72)

    n = Numbers('max_unpool/values of its own')
    at = np.array([[[[0, 6], [13, 15]], [[16, 20], [29, 31]]]])

    def scatter(t):
        y = torch.zeros(32, dtype=torch.float64)
        return y.scatter(0, torch.tensor(at.reshape(-1)), t['x'].reshape(-1)).reshape(1, 2, 4, 4)
    case('max_unpool', 'constant indices', ('MaxUnpool', ['x', 'at'], {'kernel_shape': [2, 2], 'strides': [2, 2]}),
         {'x': n.normal(1, 2, 2, 2)}, scatter, {'at': at.astype(np.int64)}, 11)


def make_average_pool():
    def average_pool(name, dims, opset=13, infer=True, **attrs):
        n = Numbers('average_pool/' + name)
        stride, _, pads = pool_pads(dims, attrs)
        kernel, ceil = attrs['kernel_shape'], bool(attrs.get('ceil_mode', 0))
        include = bool(attrs.get('count_include_pad', 0))
        rank = len(dims) - 2
        function = F.avg_pool1d if rank == 1 else F.avg_pool2d
        symmetric = pads[:rank] == pads[rank:]
        assert symmetric or not ceil

        def fn(t):
            if symmetric:
                return function(t['x'], kernel, stride, pads[:rank], ceil, include)
            sums = function(torch_pad(t['x'], pads), kernel, stride)
            inside = torch_pad(torch.ones_like(t['x']), pads, float(include))
            return sums / function(inside, kernel, stride)

        case('average_pool', name, ('AveragePool', ['x'], attrs), {'x': n.normal(*dims)}, fn, None,
             opset, infer=infer)

    average_pool('2x2', (1, 4, 6, 6), kernel_shape=[2, 2], strides=[2, 2])
    average_pool('3x3 stride 2', (2, 3, 7, 6), kernel_shape=[3, 3], strides=[2, 2])
    average_pool('pads, not counted', (1, 3, 5, 6), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    average_pool('pads, counted', (1, 3, 5, 6), kernel_shape=[3, 3], pads=[1, 1, 1, 1],
                 count_include_pad=1)
    average_pool('ceil', (1, 3, 6, 8), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    average_pool('ceil, pads, not counted', (1, 3, 6, 8), kernel_shape=[3, 3], strides=[2, 2],
                 pads=[1, 1, 1, 1], ceil_mode=1)
    average_pool('ceil, pads, counted', (1, 3, 6, 8), kernel_shape=[3, 3], strides=[2, 2],
                 pads=[1, 1, 1, 1], ceil_mode=1, count_include_pad=1)
    average_pool('ceil, a window that would begin in the end padding', (1, 2, 5, 5),
                 kernel_shape=[2, 2], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1,
                 count_include_pad=1, infer=False)
    average_pool('asymmetric pads, not counted', (1, 3, 5, 5), kernel_shape=[3, 2],
                 strides=[2, 1], pads=[0, 1, 2, 0])
    average_pool('asymmetric pads, counted', (1, 3, 5, 5), kernel_shape=[3, 2], strides=[2, 1],
                 pads=[0, 1, 2, 0], count_include_pad=1)
    average_pool('SAME_UPPER', (1, 3, 6, 7), kernel_shape=[3, 3], strides=[2, 2],
                 auto_pad='SAME_UPPER')
    average_pool('SAME_LOWER', (1, 3, 6, 7), kernel_shape=[2, 2], auto_pad='SAME_LOWER')
    average_pool('VALID', (1, 3, 5, 6), kernel_shape=[2, 3], auto_pad='VALID')
    average_pool('one dimension', (1, 4, 11), kernel_shape=[3], strides=[2], pads=[1, 1])
    average_pool('the whole picture', (1, 6, 4, 5), kernel_shape=[4, 5])
    average_pool('opset 7', (1, 3, 6, 6), opset=7, kernel_shape=[2, 2], strides=[2, 2])
    n = Numbers('average_pool/dilations')  # opset 19; torch has none: taps picked by hand
    case('average_pool', 'dilations, opset 19',
         ('AveragePool', ['x'], {'kernel_shape': [2, 2], 'dilations': [2, 3], 'strides': [1, 1]}),
         {'x': n.normal(1, 3, 5, 6)},
         lambda t: (t['x'][:, :, :3, :3] + t['x'][:, :, 2:, :3] + t['x'][:, :, :3, 3:]
                    + t['x'][:, :, 2:, 3:]) / 4, None, 19)


def make_lp():
    def lp_pool(name, dims, opset=18, **attrs):
        n = Numbers('lp_pool/' + name)
        stride, dilation, pads = pool_pads(dims, attrs)
        kernel, p = attrs['kernel_shape'], attrs.get('p', 2)

        def fn(t):
            x = torch_pad(t['x'], pads).abs() ** p
            span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
            for i in range(len(kernel)):
                x = x.unfold(2 + i, span[i], stride[i])
            for i in range(len(kernel)):  # each unfolded axis went to the end
                x = x.index_select(2 + len(kernel) + i, torch.arange(0, span[i], dilation[i]))
            return x.flatten(2 + len(kernel)).sum(-1) ** (1 / p)

        x = n.away(*dims)
        case('lp_pool', name, ('LpPool', ['x'], attrs), {'x': x}, fn, None, opset, 9e-3,
             infer=not attrs.get('dilations'))

    lp_pool('2x2', (1, 4, 6, 5), kernel_shape=[2, 2], strides=[2, 2])
    lp_pool('p 1, pads', (2, 3, 4, 5), kernel_shape=[3, 3], pads=[1, 1, 1, 1], p=1)
    lp_pool('p 3, overlapping', (1, 3, 5, 5), kernel_shape=[3, 2], strides=[2, 1], p=3)
    lp_pool('SAME_UPPER', (1, 3, 5, 6), kernel_shape=[2, 2], auto_pad='SAME_UPPER')
    lp_pool('dilations', (1, 2, 6, 7), kernel_shape=[2, 3], dilations=[2, 2])
    lp_pool('one dimension', (1, 4, 9), kernel_shape=[3], strides=[2])
    lp_pool('opset 11', (1, 3, 6, 6), 11, kernel_shape=[2, 2], strides=[2, 2])
    for name, dims, p in (('pictures', (2, 4, 3, 5), None), ('p 3', (1, 3, 4, 4), 3),
                          ('p 1', (1, 3, 2, 5), 1), ('rank 3', (2, 3, 7), None),
                          ('rank 5', (1, 2, 2, 3, 2), 2)):
        n = Numbers('global_lp_pool/' + name)
        axes = tuple(range(2, len(dims)))
        case('global_lp_pool', name, ('GlobalLpPool', ['x'], {} if p is None else {'p': p}),
             {'x': n.away(*dims)},
             lambda t, axes=axes, p=p: torch.linalg.vector_norm(t['x'], p or 2, axes, True),
             None, 13, 9e-3)
    for name, dims, axis, p, first in (('rows', (3, 5), -1, 2, False), ('p 1', (3, 5), 1, 1, False),
                                       ('channels', (2, 4, 3, 2), 1, 2, False),
                                       ('after Conv', None, 1, 2, True),
                                       ('after Conv, width, p 1', None, 3, 1, True)):
        n = Numbers('lp_norm/' + name)
        fn = lambda x, p=p, axis=axis: x / torch.linalg.vector_norm(x, p, axis, True)
        attrs = {'axis': axis, 'p': p}
        if first:
            x, w, node = after_conv(n)
            case('lp_norm', name, [node, ('LpNormalization', ['t'], ['y'], attrs)], {'x': x},
                 lambda t, fn=fn: fn(F.conv2d(t['x'], t['w'])), {'w': w}, step=0 if p == 1 else 1e-3)
        else:
            case('lp_norm', name, ('LpNormalization', ['x'], attrs), {'x': n.away(*dims)},
                 lambda t, fn=fn: fn(t['x']), None, 13, 5e-3)


def make_grid_sample():
    def grid_sample(name, dims, out, mode='bilinear', padding='zeros', align=0, dynamic='xg',
                    opset=16, first=False, step=1e-3, far=1.3):
        n = Numbers('grid_sample/' + name)
        H, W = dims[2:]
        grid = n.rng.uniform(-far, far, (dims[0], *out, 2))
        for k, size in ((0, W), (1, H)):  # away from where the taps change
            scale = (size - 1) / 2 if align else size / 2
            at = (grid[..., k] + 1) * scale - (0 if align else 0.5)
            part = at * 2 - np.floor(at * 2)  # whole pixels, and halves
            at = (np.floor(at * 2) + np.clip(part, 0.1, 0.9)) / 2
            grid[..., k] = (at + (0 if align else 0.5)) / scale - 1
        attrs = {'mode': mode, 'padding_mode': padding, 'align_corners': align}
        own = {'linear': 'bilinear', 'cubic': 'bicubic'}.get(mode, mode)
        grid = grid.astype(f32)
        fixed = {} if 'g' in dynamic else {'g': grid}
        moving = {'g': grid} if 'g' in dynamic else {}

        def fn(x, t):
            return F.grid_sample(x, t['g'], own, padding, bool(align))

        if first:
            x, w, node = after_conv(n, *dims[1:], batch=dims[0])
            case('grid_sample', name, [node, ('GridSample', ['t', 'g'], ['y'], attrs)],
                 {'x': x, **moving}, lambda t: fn(F.conv2d(t['x'], t['w']), t), {'w': w, **fixed},
                 opset, step)
        else:
            case('grid_sample', name, ('GridSample', ['x', 'g'], attrs),
                 {'x': n.normal(*dims), **moving}, lambda t: fn(t['x'], t), fixed, opset, step)

    for mode in ('bilinear', 'nearest', 'bicubic'):
        for padding in ('zeros', 'border', 'reflection'):
            for align in (0, 1):
                grid_sample(f'{mode}, {padding}, align_corners {align}', (1, 2, 4, 5), (3, 3), mode,
                            padding, align)
    grid_sample('two pictures, a constant grid', (2, 3, 5, 4), (2, 4), dynamic='x')
    grid_sample('far outside', (1, 2, 3, 3), (3, 3), padding='reflection', far=6)
    grid_sample('opset 20', (1, 2, 4, 4), (3, 2), mode='linear', opset=20)
    grid_sample('opset 20, cubic', (1, 2, 4, 4), (3, 2), mode='cubic', opset=20)
    grid_sample('after Conv: a spatial transformer', (1, 4, 5, 6), (4, 4), first=True)


def make_roi_align():
    from torchvision.ops import roi_align as torch_roi_align

    def roi_align(name, dims, boxes, pictures, size, scale=1.0, ratio=0, opset=16, half=True,
                  first=False):
        n = Numbers('roi_align/' + name)
        boxes = np.array(boxes, f32)
        rows = torch.tensor(np.concatenate([np.array(pictures, f32)[:, None], boxes], 1)).double()
        attrs = dict(output_height=size[0], output_width=size[1], sampling_ratio=ratio,
                     spatial_scale=scale)
        if opset >= 16:
            attrs['coordinate_transformation_mode'] = 'half_pixel' if half else 'output_half_pixel'
        consts = {'b': boxes, 'p': i64(*pictures)}

        def fn(x):
            return torch_roi_align(x, rows, size, r32(scale), ratio, half)

        if first:
            x, w, node = after_conv(n, *dims[1:], batch=dims[0])
            case('roi_align', name, [node, ('RoiAlign', ['t', 'b', 'p'], ['y'], attrs)], {'x': x},
                 lambda t: fn(F.conv2d(t['x'], t['w'])), {'w': w, **consts}, opset)
        else:
            case('roi_align', name, ('RoiAlign', ['x', 'b', 'p'], attrs), {'x': n.normal(*dims)},
                 lambda t: fn(t['x']), consts, opset)

    roi_align('half a pixel', (2, 3, 6, 7), [[0, 0, 5, 4], [1.3, 0.7, 3.1, 5.2]], [0, 1], (2, 3),
              ratio=2)
    roi_align('as many samples as pixels', (1, 2, 8, 8), [[0.5, 1, 7, 6.4]], [0], (2, 2))
    roi_align('scaled, partly outside', (1, 2, 5, 5), [[-4, -6, 14, 26], [12, 12, 30, 30]], [0, 0],
              (3, 2), scale=0.25, ratio=2)
    roi_align('as before opset 16', (1, 2, 5, 6), [[0, 0, 4, 4], [2, 2, 2.2, 2.1]], [0, 0], (2, 2),
              ratio=1, opset=10, half=False)
    roi_align('output_half_pixel', (1, 2, 5, 6), [[1, 0, 5, 4]], [0], (2, 2), ratio=2, half=False)
    roi_align('after Conv', (1, 4, 5, 6), [[0, 1, 5, 4]], [0], (2, 2), ratio=2, first=True)
    n = Numbers('roi_align/maximum')  # ONNX: of the weighted taps, not of the samples
    taps = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]

    def maximum(t):
        products = []
        for sy, sx in taps:
            for dy in (0, 1):
                for dx in (0, 1):
                    w = (sy if dy else 1 - sy) * (sx if dx else 1 - sx)
                    products.append(w * t['x'][:, :, 1 + dy, 2 + dx])
        return torch.stack(products).amax(0)[:, :, None, None]

    case('roi_align', 'maximum',
         ('RoiAlign', ['x', 'b', 'p'], dict(mode='max', sampling_ratio=2, output_height=1,
                                            output_width=1,
                                            coordinate_transformation_mode='output_half_pixel')),
         {'x': n.distinct(1, 2, 4, 4)}, maximum,
         {'b': np.array([[2, 1, 3, 2]], f32), 'p': i64(0)}, 16, 1e-3)


def make_global_pool():
    for name, dims in (('pictures', (2, 5, 4, 3)), ('one pixel', (1, 4, 1, 1)),
                       ('rank 3', (2, 3, 7)), ('rank 5', (1, 3, 2, 3, 2))):
        axes = tuple(range(2, len(dims)))
        n = Numbers('global_average_pool/' + name)
        case('global_average_pool', name, ('GlobalAveragePool', ['x'], {}), {'x': n.normal(*dims)},
             lambda t, axes=axes: t['x'].mean(axes, True))
        n = Numbers('global_max_pool/' + name)
        case('global_max_pool', name, ('GlobalMaxPool', ['x'], {}), {'x': n.distinct(*dims)},
             lambda t, axes=axes: t['x'].amax(axes, True), step=1.6 / float(np.prod(dims)))
    n = Numbers('global_max_pool/ties')
    case('global_max_pool', 'ties go to the first', ('GlobalMaxPool', ['x'], {}),
         {'x': n.rng.integers(0, 3, (2, 4, 4, 4)).astype(f32)},
         lambda t: F.max_pool2d(t['x'], 4), step=0)
    n = Numbers('global_average_pool/head')
    case('global_average_pool', 'Conv, pool, Flatten, Gemm',
         [('Conv', ['x', 'w'], ['t'], {}), ('GlobalAveragePool', ['t'], ['g'], {}),
          ('Flatten', ['g'], ['f'], {}), ('Gemm', ['f', 'v', 'b'], ['y'], {'transB': 1})],
         {'x': n.normal(2, 3, 4, 5)},
         lambda t: F.linear(F.conv2d(t['x'], t['w']).mean((2, 3)), t['v'], t['b']),
         {'w': n.weight(6, 3, 1, 1), 'v': n.weight(7, 6), 'b': n.normal(7)})


# ---- Axes and views ------------------------------------------------------------------------------

def make_concat():
    def concat(name, shapes, axis, dynamic=None, opset=13):
        n = Numbers('concat/' + name)
        values = {chr(97 + i): n.normal(*d) for i, d in enumerate(shapes)}
        dynamic = dynamic or ''.join(values)
        case('concat', name, ('Concat', list(values), {'axis': axis}),
             {k: values[k] for k in dynamic}, lambda t: torch.cat([t[k] for k in values], axis),
             {k: v for k, v in values.items() if k not in dynamic}, opset)

    concat('channels', [(1, 3, 4, 2), (1, 5, 4, 2)], 1)
    concat('channels, three', [(2, 3, 2, 2), (2, 1, 2, 2), (2, 4, 2, 2)], 1)
    concat('height', [(1, 3, 2, 3), (1, 3, 4, 3)], 2)
    concat('width, from the end', [(2, 3, 2, 3), (2, 3, 2, 1)], -1)
    concat('pictures', [(1, 3, 2, 2), (2, 3, 2, 2)], 0)
    concat('rank 2', [(3, 4), (3, 2)], 1)
    concat('rank 1', [(4,), (3,)], 0)
    concat('with a constant', [(1, 2, 3, 3), (1, 3, 3, 3)], 1, 'a')
    concat('one', [(1, 2, 3, 3)], 1)
    concat('opset 6', [(1, 2, 3, 3), (1, 3, 3, 3)], 1, opset=6)
    n = Numbers('concat/fire')
    case('concat', 'two branches of one Conv, joined',
         [('Conv', ['x', 'w'], ['s'], {}), ('Relu', ['s'], ['t'], {}),
          ('Conv', ['t', 'w1', 'b1'], ['u'], {}), ('Relu', ['u'], ['p'], {}),
          ('Conv', ['t', 'w2', 'b2'], ['v'], {'pads': [1, 1, 1, 1]}), ('Relu', ['v'], ['q'], {}),
          ('Concat', ['p', 'q', 't'], ['y'], {'axis': 1})], {'x': n.normal(2, 3, 4, 5)},
         lambda t: (lambda s: torch.cat([F.relu(F.conv2d(s, t['w1'], t['b1'])),
                                         F.relu(F.conv2d(s, t['w2'], t['b2'], 1, 1)), s], 1))(
             F.relu(F.conv2d(t['x'], t['w']))),
         {'w': n.weight(4, 3, 1, 1), 'w1': n.weight(5, 4, 1, 1), 'b1': n.normal(5),
          'w2': n.weight(6, 4, 3, 3), 'b2': n.normal(6)}, step=0)
    n = Numbers('concat/after conv')
    x, w, first = after_conv(n)
    case('concat', 'after Conv, width', [first, ('Concat', ['t', 't'], ['y'], {'axis': 3})],
         {'x': x}, lambda t: torch.cat([F.conv2d(t['x'], t['w'])] * 2, 3), {'w': w})


def make_split():
    def split(name, dims, axis, sizes, opset=13, given=True, first=None):
        n = Numbers('split/' + name)
        attrs, consts = {'axis': axis}, {}
        if given and opset < 13:
            attrs['split'] = sizes
        if given and opset >= 13:
            consts['sizes'] = i64(*sizes)
        if opset >= 18 and not given:
            attrs['num_outputs'] = len(sizes)
        outs = tuple(f'y{i}' for i in range(len(sizes)))
        if first:
            x, w, node = after_conv(n)
            case('split', name, [node, ('Split', ['t', *consts], list(outs), attrs)], {'x': x},
                 lambda t: torch.split(F.conv2d(t['x'], t['w']), sizes, axis), {'w': w, **consts},
                 opset, outputs=outs)
        else:
            case('split', name, ('Split', ['x', *consts], attrs), {'x': n.normal(*dims)},
                 lambda t: torch.split(t['x'], sizes, axis), consts, opset, outputs=outs)

    split('channels', (1, 6, 3, 2), 1, [2, 4])
    split('equal parts', (2, 6, 2, 2), 1, [2, 2, 2], given=False)
    split('height', (1, 2, 5, 3), 2, [1, 4])
    split('last axis', (3, 7), -1, [3, 4])
    split('opset 11', (1, 6, 3, 2), 1, [1, 5], 11)
    split('opset 6, equal parts', (4, 3), 0, [2, 2], 6, given=False)
    split('opset 18, uneven', (1, 7, 2), 1, [3, 3, 1], 18, given=False)
    split('after Conv, channels', None, 1, [1, 3], first=True)
    split('after Conv, width', None, 3, [2, 4], first=True)


def make_slice():
    def slice_(name, dims, where, opset=13, first=False, axes=None, starts=None, ends=None,
               steps=None):
        """where: python slices by axis, what torch (or a flip) gives."""
        n = Numbers('slice/' + name)
        lists = {'starts': starts, 'ends': ends, 'axes': axes, 'steps': steps}
        lists = {k: v for k, v in lists.items() if v is not None}

        def cut(x):
            for axis, (start, end, step) in where.items():
                index = torch.arange(x.shape[axis])[slice(start, end)] if step > 0 else \
                    torch.tensor(list(range(x.shape[axis]))[start:end:step])
                if step > 1:
                    index = index[::step]
                x = x.index_select(axis, index)
            return x

        if opset < 10:
            attrs, consts, names = lists, {}, []
        else:
            consts, attrs = {k: i64(*v) for k, v in lists.items()}, {}
            names = [k if k in lists else '' for k in ('starts', 'ends', 'axes', 'steps')]
            while not names[-1]:
                names.pop()
        if first:
            x, w, node = after_conv(n)
            case('slice', name, [node, ('Slice', ['t', *names], ['y'], attrs)], {'x': x},
                 lambda t: cut(F.conv2d(t['x'], t['w'])), {'w': w, **consts}, opset)
        else:
            case('slice', name, ('Slice', ['x', *names], attrs), {'x': n.normal(*dims)},
                 lambda t: cut(t['x']), consts, opset)

    big = 2 ** 63 - 1
    slice_('all axes', (3, 4, 5), {0: (1, 3, 1), 1: (0, 2, 1), 2: (2, 4, 1)}, starts=[1, 0, 2],
           ends=[3, 2, 4])
    slice_('some axes, from the end', (2, 3, 4, 5), {3: (-3, -1, 1), 1: (1, None, 1)},
           starts=[-3, 1], ends=[-1, big], axes=[-1, 1])
    slice_('steps', (1, 6, 7), {1: (0, None, 2), 2: (1, 6, 3)}, starts=[0, 1], ends=[big, 6],
           axes=[1, 2], steps=[2, 3])
    slice_('backwards', (2, 6), {1: (None, None, -1)}, starts=[-1], ends=[-big], axes=[1],
           steps=[-1])
    slice_('backwards by 2', (2, 7), {1: (5, 0, -2)}, starts=[5], ends=[0], axes=[1], steps=[-2])
    slice_('over the end', (2, 4), {1: (1, None, 1)}, starts=[1], ends=[100], axes=[1])
    slice_('opset 9', (2, 3, 4), {1: (1, 3, 1), 2: (0, -1, 1)}, 9, starts=[1, 0], ends=[3, -1],
           axes=[1, 2])
    slice_('opset 10', (2, 3, 4), {2: (1, 3, 1)}, 10, starts=[1], ends=[3], axes=[2])
    slice_('channels', (1, 6, 3, 2), {1: (2, 5, 1)}, starts=[2], ends=[5], axes=[1])
    slice_('after Conv, channels', None, {1: (1, 3, 1)}, first=True, starts=[1], ends=[3], axes=[1])
    slice_('after Conv, height and width by 2', None, {2: (0, None, 2), 3: (1, None, 2)},
           first=True, starts=[0, 1], ends=[big, big], axes=[2, 3], steps=[2, 2])


def make_pad():
    def pad(name, dims, pads, mode='constant', value=None, opset=13, first=False, explicit=True):
        n = Numbers('pad/' + name)
        rank = len(dims)
        attrs = {'mode': mode} if explicit else {}
        consts = {}
        if opset < 11:
            attrs['pads'] = pads
            if value is not None:
                attrs['value'] = value
        else:
            consts['pads'] = i64(*pads)
            if value is not None:
                consts['value'] = np.array(value, f32)
        flat = []
        for i in reversed(range(rank)):
            flat += [pads[i], pads[rank + i]]

        def fn(x):
            if mode == 'constant':
                return F.pad(x, flat, value=r32(value or 0))
            if rank == 4:
                assert flat[4:] == [0] * 4
            spatial = flat[:2 * (rank - 2)] if rank > 2 else flat
            return F.pad(x, spatial, mode={'reflect': 'reflect', 'edge': 'replicate'}[mode])

        if first:
            x, w, node = after_conv(n, *dims[1:])
            case('pad', name, [node, ('Pad', ['t', *consts], ['y'], attrs)], {'x': x},
                 lambda t: fn(F.conv2d(t['x'], t['w'])), {'w': w, **consts}, opset)
        else:
            case('pad', name, ('Pad', ['x', *consts], attrs), {'x': n.normal(*dims)},
                 lambda t: fn(t['x']), consts, opset)

    pad('picture', (1, 3, 4, 3), [0, 0, 1, 2, 0, 0, 3, 0])
    pad('value', (1, 2, 3, 3), [0, 0, 1, 1, 0, 0, 1, 1], value=-1.5)
    pad('channels and pictures', (1, 2, 3, 2), [0, 1, 0, 0, 1, 2, 0, 0])
    pad('negative', (1, 2, 5, 5), [0, 0, -1, 1, 0, 0, 0, -2])
    pad('reflect', (1, 2, 4, 5), [0, 0, 2, 1, 0, 0, 1, 3], 'reflect')
    pad('edge', (1, 2, 4, 3), [0, 0, 2, 1, 0, 0, 1, 4], 'edge')
    pad('rank 2', (3, 4), [1, 0, 0, 2], value=0.25)
    pad('opset 6', (1, 2, 3, 3), [0, 0, 1, 1, 0, 0, 2, 0], value=0.5, opset=6)
    pad('opset 11, no mode', (1, 2, 3, 3), [0, 0, 1, 1, 0, 0, 2, 0], opset=11, explicit=False)
    pad('after Conv', (1, 4, 4, 3), [0, 0, 1, 2, 0, 0, 3, 0], first=True, value=2.0)
    pad('after Conv, channels', (1, 4, 4, 3), [0, 1, 0, 0, 0, 2, 0, 0], first=True)
    pad('after Conv, reflect', (1, 4, 4, 3), [0, 0, 1, 2, 0, 0, 2, 1], 'reflect', first=True)
    n = Numbers('pad/before conv')
    for name, value in (('before Conv', None), ('before Conv, value', np.array(0.5, f32))):
        consts = {'pads': i64(0, 0, 0, 0, 0, 0, 1, 1), 'w': n.weight(5, 3, 3, 3), 'b': n.normal(5)}
        if value is not None:
            consts['value'] = value
        case('pad', name,
             [('Pad', ['x', 'pads'] + (['value'] if value is not None else []), ['t'], {}),
              ('Conv', ['t', 'w', 'b'], ['y'], {'strides': [2, 2]})], {'x': n.normal(1, 3, 6, 6)},
             lambda t, v=value: F.conv2d(F.pad(t['x'], [0, 1, 0, 1], value=float(v or 0)), t['w'],
                                         t['b'], 2), consts)


def make_gather():
    def gather(name, dims, axis, index, opset=13, first=False):
        n = Numbers('gather/' + name)
        at = np.array(index, np.int64)
        flat = torch.tensor(at.flatten() % dims[axis])

        def take(x):
            y = x.index_select(axis % x.ndim, flat)
            shape = list(x.shape)
            return y.reshape(shape[:axis % x.ndim] + list(at.shape) + shape[axis % x.ndim + 1:])

        attrs = {} if axis == 0 else {'axis': axis}
        if first:
            x, w, node = after_conv(n, *dims[1:], batch=dims[0])
            case('gather', name, [node, ('Gather', ['t', 'at'], ['y'], attrs)], {'x': x},
                 lambda t: take(F.conv2d(t['x'], t['w'])), {'w': w, 'at': at}, opset)
        else:
            case('gather', name, ('Gather', ['x', 'at'], attrs), {'x': n.normal(*dims)},
                 lambda t: take(t['x']), {'at': at}, opset)

    gather('the class token', (2, 5, 6), 1, 0)
    gather('query, key and value', (3, 2, 2, 4, 3), 0, 1)
    gather('the last of an axis', (2, 5, 3), -2, -1)
    gather('one and the same again', (2, 4, 3), 1, [3, 0, 3, -4])
    gather('a window index', (1, 2, 9), 2, [[0, 3, 6], [8, 1, 1]])
    gather('rank 1', (5,), 0, [4, 2])
    gather('a scalar', (5,), 0, 3)
    gather('opset 6', (3, 4), 0, [2, 0], 6)
    gather('after Conv, channels', (2, 4, 3, 3), 1, [3, 1, 0], first=True)
    gather('after Conv, height', (1, 4, 3, 4), 2, [2, 2], first=True)
    gather('after Conv, one channel', (1, 4, 3, 4), 1, 2, first=True)
    n = Numbers('gather/bgr')
    case('gather', 'BGR: Gather of channels, Conv',
         [('Gather', ['x', 'at'], ['t'], {'axis': 1}), ('Conv', ['t', 'w'], ['y'], {})],
         {'x': n.normal(1, 3, 5, 4)}, lambda t: F.conv2d(t['x'][:, [2, 1, 0]], t['w']),
         {'at': i64(2, 1, 0), 'w': n.weight(4, 3, 3, 3)})

    def elements(name, dims, axis, index, opset=13):
        n = Numbers('gather_elements/' + name)
        at = np.array(index, np.int64)
        case('gather_elements', name, ('GatherElements', ['x', 'at'], {'axis': axis}),
             {'x': n.normal(*dims)},
             lambda t: torch.gather(t['x'], axis, torch.tensor(at % dims[axis])), {'at': at}, opset)

    elements('rows', (3, 4), 1, [[0, 3], [1, -1], [2, 2]])
    elements('columns', (3, 4), 0, [[2, 0, 1]])
    elements('rank 3', (2, 3, 2), -2, [[[0, 2], [1, 1]], [[-3, 0], [2, 2]]], 11)

    def nd(name, dims, index, batch=0, opset=13, first=False):
        n = Numbers('gather_nd/' + name)
        at = np.array(index, np.int64)

        def take(x):
            def one(v, i):
                rows = [v[tuple(k)] for k in i.reshape(-1, i.shape[-1])]
                return torch.stack(rows).reshape(list(i.shape[:-1]) + list(rows[0].shape))
            if not batch:
                return one(x, at)
            assert batch == 1
            return torch.stack([one(x[k], at[k]) for k in range(dims[0])])

        attrs = {'batch_dims': batch} if batch else {}
        if first:
            x, w, node = after_conv(n, *dims[1:], batch=dims[0])
            case('gather_nd', name, [node, ('GatherND', ['t', 'at'], ['y'], attrs)], {'x': x},
                 lambda t: take(F.conv2d(t['x'], t['w'])), {'w': w, 'at': at}, opset)
        else:
            case('gather_nd', name, ('GatherND', ['x', 'at'], attrs), {'x': n.normal(*dims)},
                 lambda t: take(t['x']), {'at': at}, opset)

    nd('elements', (3, 4), [[0, 1], [2, -1], [0, 1]])
    nd('rows', (3, 4, 2), [[[2]], [[-3]]])
    nd('a batch', (2, 3, 4), [[[1, 3], [0, 0]], [[2, 2], [2, 2]]], 1, 12)
    nd('a batch of rows', (2, 3, 4), [[1], [2]], 1)
    nd('after Conv', (1, 4, 3, 3), [[0, 1, 2], [0, 3, 0]], first=True)

    def scatter_elements(name, dims, axis, index, reduction=None, opset=16):
        n = Numbers('scatter_elements/' + name)
        at = np.array(index, np.int64)
        positive = torch.tensor(at % dims[axis])

        def put(t):
            if reduction:
                return t['x'].scatter_add(axis, positive, t['u'])
            return t['x'].scatter(axis, positive, t['u'])

        attrs = {'axis': axis, **({'reduction': reduction} if reduction else {})}
        case('scatter_elements', name, ('ScatterElements', ['x', 'at', 'u'], attrs),
             {'x': n.normal(*dims), 'u': n.normal(*at.shape)}, put, {'at': at}, opset)

    scatter_elements('rows', (3, 4), 1, [[0, 3], [1, -1], [2, 0]])
    scatter_elements('columns', (3, 4), 0, [[2, 0, 1]], opset=13)
    scatter_elements('added', (3, 4), -1, [[0, 0], [1, -1], [2, 2]], 'add')
    scatter_elements('rank 3', (2, 3, 2), 1, [[[0, 2]], [[-3, 1]]])

    def scatter_nd(name, dims, index, reduction=None, opset=16, step=1e-2):
        n = Numbers('scatter_nd/' + name)
        at = np.array(index, np.int64)
        shape = at.shape[:-1] + tuple(dims[at.shape[-1]:])

        def put(t):
            y, u = t['x'], t['u'].reshape([-1] + list(dims[at.shape[-1]:]))
            for k, i in enumerate(at.reshape(-1, at.shape[-1])):
                where = torch.zeros(dims, dtype=bool)
                where[tuple(i)] = True
                filled = torch.zeros(dims, dtype=torch.float64)
                spot = filled[tuple(i)].shape
                value = u[k].reshape(spot) + torch.zeros(dims, dtype=torch.float64)
                y = torch.where(where, y + value if reduction else value, y)
            return y

        attrs = {'reduction': reduction} if reduction else {}
        case('scatter_nd', name, ('ScatterND', ['x', 'at', 'u'], attrs),
             {'x': n.normal(*dims), 'u': n.normal(*shape)}, put, {'at': at}, opset, step)

    scatter_nd('elements', (3, 4), [[0, 1], [2, -1]])
    scatter_nd('rows', (3, 4), [[2], [-3]], opset=11)
    scatter_nd('the last one counts', (3, 4), [[2, 1], [2, 1], [0, 0]])
    scatter_nd('added', (2, 3), [[1], [1], [-2]], 'add')
    n = Numbers('scatter_nd/constant')
    case('scatter_nd', 'into a constant', ('ScatterND', ['c', 'at', 'u'], {}), {'u': n.normal(2, 3)},
         lambda t: torch.cat([t['c'][:1], t['u'][1:], t['u'][:1], t['c'][3:]]),
         {'c': n.normal(4, 3), 'at': np.array([[2], [1]], np.int64)})


def make_repeats():
    def expand(name, dims, to, opset=13, first=False):
        n = Numbers('expand/' + name)
        shape = torch.broadcast_shapes(dims, to)
        if first:
            x, w, node = after_conv(n)
            case('expand', name, [node, ('GlobalAveragePool', ['t'], ['g'], {}),
                                  ('Expand', ['g', 'to'], ['y'], {})], {'x': x},
                 lambda t: F.conv2d(t['x'], t['w']).mean((2, 3), True).expand(shape),
                 {'w': w, 'to': i64(*to)}, opset)
        else:
            case('expand', name, ('Expand', ['x', 'to'], {}), {'x': n.normal(*dims)},
                 lambda t: t['x'].expand(shape), {'to': i64(*to)}, opset)

    expand('a row', (1, 4), (3, 4))
    expand('more axes', (3, 1), (2, 1, 4))
    expand('fewer axes', (2, 3, 1), (1, 4), 8)
    expand('nothing to do', (2, 3), (2, 3))
    expand('a scalar', (), (2, 2))
    expand('a pooled picture', (1, 4, 1, 1), (1, 4, 3, 2), first=True)

    def tile(name, dims, times, opset=13, first=False):
        n = Numbers('tile/' + name)
        if first:
            x, w, node = after_conv(n, *dims[1:])
            case('tile', name, [node, ('Tile', ['t', 'n'], ['y'], {})], {'x': x},
                 lambda t: F.conv2d(t['x'], t['w']).repeat(times), {'w': w, 'n': i64(*times)}, opset)
        else:
            case('tile', name, ('Tile', ['x', 'n'], {}), {'x': n.normal(*dims)},
                 lambda t: t['x'].repeat(times), {'n': i64(*times)}, opset)

    tile('both axes', (2, 3), (2, 3))
    tile('the class token', (1, 1, 5), (3, 1, 1))
    tile('once', (2, 3), (1, 1), 6)
    tile('after Conv', (1, 4, 2, 3), (1, 2, 1, 2), first=True)


def make_blocks():
    def blocks(symbol, op, fn, name, dims, first=False, opset=13, **attrs):
        n = Numbers(f'{symbol}/{name}')
        if first:
            x = n.normal(dims[0], 3, *dims[2:])
            case(symbol, name, [('Conv', ['x', 'w'], ['t'], {}), (op, ['t'], ['y'], attrs)],
                 {'x': x}, lambda t: fn(F.conv2d(t['x'], t['w'])),
                 {'w': n.weight(dims[1], 3, 1, 1)}, opset)
        else:
            case(symbol, name, (op, ['x'], attrs), {'x': n.normal(*dims)}, lambda t: fn(t['x']),
                 None, opset)

    def dcr(b):
        def fn(x):
            n, c, h, w = x.shape
            x = x.reshape(n, b, b, c // b ** 2, h, w).permute(0, 3, 4, 1, 5, 2)
            return x.reshape(n, c // b ** 2, h * b, w * b)
        return fn

    def down(b):
        def fn(x):
            n, c, h, w = x.shape
            x = x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4)
            return x.reshape(n, c * b * b, h // b, w // b)
        return fn

    kind = ('depth_to_space', 'DepthToSpace')
    blocks(*kind, dcr(2), 'DCR', (2, 8, 2, 3), blocksize=2)
    blocks(*kind, lambda x: F.pixel_shuffle(x, 2), 'CRD', (1, 12, 3, 2), blocksize=2, mode='CRD')
    blocks(*kind, lambda x: F.pixel_shuffle(x, 3), 'CRD by 3, after Conv', (1, 18, 2, 3), True,
           blocksize=3, mode='CRD')
    blocks(*kind, dcr(2), 'opset 6, after Conv', (1, 8, 3, 2), True, 6, blocksize=2)
    kind = ('space_to_depth', 'SpaceToDepth')
    blocks(*kind, down(2), 'by 2', (2, 3, 4, 6), blocksize=2)
    blocks(*kind, down(3), 'by 3, after Conv', (1, 4, 6, 3), True, blocksize=3)
    blocks(*kind, down(1), 'by 1, opset 6', (1, 4, 2, 3), opset=6, blocksize=1)


def make_cum_sum():
    def cum_sum(name, dims, axis, first=False, opset=14, **attrs):
        n = Numbers('cum_sum/' + name)

        def fn(x):
            x = x.flip(axis) if attrs.get('reverse') else x
            y = x.cumsum(axis) - (x if attrs.get('exclusive') else 0)
            return y.flip(axis) if attrs.get('reverse') else y

        at = np.array(axis, np.int32 if name == 'rows' else np.int64)
        if first:
            x, w, node = after_conv(n)
            case('cum_sum', name, [node, ('CumSum', ['t', 'at'], ['y'], attrs)], {'x': x},
                 lambda t: fn(F.conv2d(t['x'], t['w'])), {'w': w, 'at': at}, opset)
        else:
            case('cum_sum', name, ('CumSum', ['x', 'at'], attrs), {'x': n.normal(*dims)},
                 lambda t: fn(t['x']), {'at': at}, opset)

    cum_sum('rows', (3, 5), 1)
    cum_sum('columns, exclusive', (4, 3), 0, exclusive=1)
    cum_sum('reverse', (2, 3, 4), -2, reverse=1)
    cum_sum('reverse, exclusive', (2, 5), 1, reverse=1, exclusive=1)
    cum_sum('after Conv, channels', None, 1, True)
    cum_sum('opset 11', (6,), 0, opset=11)


def make_einsum():
    def einsum(name, equation, *shapes, dynamic=None, opset=13, torch_equation=None):
        n = Numbers('einsum/' + name)
        values = {chr(97 + i): n.normal(*d) for i, d in enumerate(shapes)}
        dynamic = ''.join(values) if dynamic is None else dynamic
        case('einsum', name, ('Einsum', list(values), {'equation': equation}),
             {k: values[k] for k in dynamic},
             lambda t: torch.einsum(torch_equation or equation, *[t[k] for k in values]),
             {k: v for k, v in values.items() if k not in dynamic}, opset, infer='.' not in equation)

    einsum('queries by keys', 'bhqd,bhkd->bhqk', (2, 2, 3, 4), (2, 2, 5, 4))
    einsum('weights by values', 'b h q k, b h k d -> b h q d', (1, 2, 3, 4), (1, 2, 4, 5),
           torch_equation='bhqk,bhkd->bhqd')
    einsum('MaxViT', 'BGHID,BGHJD->BGHIJ', (1, 2, 2, 3, 4), (1, 2, 2, 3, 4))
    einsum('matrices', 'ij,jk->ik', (3, 4), (4, 2))
    einsum('no arrow', 'ij,jk', (3, 4), (4, 2))
    einsum('a constant of heads', 'bnd,dhe->bhne', (2, 3, 4), (4, 2, 3), dynamic='a', opset=12)
    einsum('two summed', 'bcij,ijk->bck', (2, 2, 3, 2), (3, 2, 4))
    einsum('outer', 'i,j->ji', (3,), (4,))
    einsum('inner', 'i,i->', (5,), (5,))
    einsum('element by element', 'ij,ij->ij', (3, 4), (3, 4))
    einsum('one operand, transposed', 'ijk->kij', (2, 3, 4))
    einsum('one operand, summed', 'ijk->j', (2, 3, 4))
    einsum('one operand, a trace', 'ii->', (4, 4))
    einsum('one operand, a diagonal', 'bii->bi', (2, 3, 3))
    einsum('an ellipsis', '...ij,...jk->...ik', (2, 3, 4, 2), (3, 2, 5))
    einsum('an ellipsis, stretched', '...ij,...jk', (2, 1, 4, 2), (3, 2, 5))
    einsum('an ellipsis, one operand', '...i->...', (2, 3, 4))
    n = Numbers('einsum/linear attention')
    case('einsum', 'after Conv, channels mixed',
         [('Conv', ['x', 'w'], ['t'], {}), ('Einsum', ['t', 'm'], ['y'],
                                            {'equation': 'nchw,kc->nkhw'})],
         {'x': n.normal(1, 3, 3, 4)},
         lambda t: torch.einsum('nchw,kc->nkhw', F.conv2d(t['x'], t['w']), t['m']),
         {'w': n.weight(4, 3, 1, 1), 'm': n.normal(5, 4)})


def make_recurrent():
    functions = {'Sigmoid': torch.sigmoid, 'Tanh': torch.tanh, 'Relu': F.relu}

    def rnn_step(g, acts, x, h, c, w, r, wb, rb, p, after):
        return acts[0](x @ w[0].T + h @ r[0].T + wb[0] + rb[0]), c

    def gru_step(g, acts, x, h, c, w, r, wb, rb, p, after):
        z = acts[0](x @ w[0].T + h @ r[0].T + wb[0] + rb[0])
        reset = acts[0](x @ w[1].T + h @ r[1].T + wb[1] + rb[1])
        if after:
            new = acts[1](x @ w[2].T + wb[2] + reset * (h @ r[2].T + rb[2]))
        else:
            new = acts[1](x @ w[2].T + wb[2] + (reset * h) @ r[2].T + rb[2])
        return (1 - z) * new + z * h, c

    def lstm_step(g, acts, x, h, c, w, r, wb, rb, p, after):
        i, o, f, new = [x @ w[k].T + h @ r[k].T + wb[k] + rb[k] for k in range(4)]
        i, f = acts[0](i + p[0] * c), acts[0](f + p[2] * c)
        c = f * c + i * acts[1](new)
        o = acts[0](o + p[1] * c)
        return o * acts[2](c), c

    kinds = {'rnn': ('RNN', 1, rnn_step, ['Tanh']),
             'gru': ('GRU', 3, gru_step, ['Sigmoid', 'Tanh']),
             'lstm': ('LSTM', 4, lstm_step, ['Sigmoid', 'Tanh', 'Tanh'])}

    def recurrent(symbol, name, T, N, I, H, direction='forward', outputs=('y', 'y_h'), bias=True,
                  start=False, peepholes=False, layout=0, after=0, acts=None, opset=14, step=1e-2,
                  computed=True):
        n = Numbers(f'{symbol}/{name}')
        op, G, one, defaults = kinds[symbol]
        D = 2 if direction == 'bidirectional' else 1
        consts = {'w': n.weight(D, G * H, I), 'r': n.weight(D, G * H, H)}
        inputs = {'x': n.normal(*((N, T, I) if layout else (T, N, I)))}
        names = ['x', 'w', 'r', '', '', '', '', '']
        if bias:
            consts['b'] = n.normal(D, 2 * G * H)
            names[3] = 'b'
        if start:
            shape = (N, D, H) if layout else (D, N, H)
            for k, at in (('h', 5), ('c', 6)) if symbol == 'lstm' else (('h', 5),):
                (inputs if computed else consts)[k] = n.normal(*shape)
                names[at] = k
        if peepholes:
            consts['p'] = n.normal(D, 3 * H)
            names[7] = 'p'
        while not names[-1]:
            names.pop()
        attrs = {'hidden_size': H}
        if direction != 'forward':
            attrs['direction'] = direction
        if layout:
            attrs['layout'] = 1
        if after:
            attrs['linear_before_reset'] = 1
        if acts:
            attrs['activations'] = acts * D
        used = [functions[a] for a in (acts or defaults)]

        def fn(t):
            x = t['x'].transpose(0, 1) if layout else t['x']
            ys, hs, cs = [], [], []
            for d in range(D):
                w, r = t['w'][d].reshape(G, H, I), t['r'][d].reshape(G, H, H)
                b = t['b'][d].reshape(2, G, H) if bias else torch.zeros(2, G, H)
                pp = t['p'][d].reshape(3, H) if peepholes else torch.zeros(3, H)
                take = (lambda v: v[:, d]) if layout else (lambda v: v[d])
                zero = torch.zeros(N, H, dtype=torch.float64)
                h = take(t['h']) if start else zero
                c = take(t['c']) if start and symbol == 'lstm' else zero
                back = direction == 'reverse' or d == 1
                row = [None] * T
                for k in range(T):
                    at = T - 1 - k if back else k
                    h, c = one(G, used, x[at], h, c, w, r, b[0], b[1], pp, after)
                    row[at] = h
                ys.append(torch.stack(row))
                hs.append(h)
                cs.append(c)
            y, h, c = torch.stack(ys, 1), torch.stack(hs), torch.stack(cs)
            if layout:
                y, h, c = y.permute(2, 0, 1, 3), h.transpose(0, 1), c.transpose(0, 1)
            made = dict(y=y, y_h=h, y_c=c)
            check(t, made, ys, hs)
            return tuple(made[k] for k in outputs if k)

        def check(t, made, ys, hs):  # what torch.nn says itself, where it can
            if layout or start or peepholes or not bias or direction == 'reverse' or \
                    (acts and symbol != 'rnn') or \
                    (symbol == 'gru' and not after):
                return
            kind = {'rnn': torch.nn.RNN, 'gru': torch.nn.GRU, 'lstm': torch.nn.LSTM}[symbol]
            more = {'nonlinearity': acts[0].lower()} if acts else {}
            own = kind(I, H, bidirectional=D == 2, **more).double()
            order = {'rnn': [0], 'gru': [1, 0, 2], 'lstm': [0, 2, 3, 1]}[symbol]
            with torch.no_grad():
                for d in range(D):
                    tail = '_l0' + ('_reverse' if d else '')
                    b = t['b'][d].reshape(2, G, H)
                    for key, value in (('weight_ih', t['w'][d].reshape(G, H, I)),
                                       ('weight_hh', t['r'][d].reshape(G, H, H)),
                                       ('bias_ih', b[0]), ('bias_hh', b[1])):
                        target = getattr(own, key + tail)
                        target.copy_(value[order].reshape(target.shape))
                y, _ = own(t['x'])
            ours = torch.cat(ys, -1)
            assert torch.allclose(y, ours.detach(), atol=1e-12), name

        case(symbol, name, (op, names, attrs), inputs, fn, consts, opset, step, outputs)

    for symbol in kinds:
        after = 1 if symbol == 'gru' else 0
        recurrent(symbol, 'forward', 4, 2, 3, 5, after=after)
        recurrent(symbol, 'reverse, the last state alone', 3, 1, 4, 3, 'reverse', ('', 'y_h'))
        recurrent(symbol, 'both directions', 3, 2, 4, 3, 'bidirectional', after=after)
        recurrent(symbol, 'both directions, steps alone', 4, 1, 3, 2, 'bidirectional', ('y',))
        recurrent(symbol, 'no bias', 3, 1, 2, 4, bias=False)
        recurrent(symbol, 'a computed start', 3, 2, 3, 4, 'bidirectional', start=True, after=after)
        recurrent(symbol, 'a constant start', 2, 1, 3, 4, start=True, computed=False)
        recurrent(symbol, 'batch first', 3, 2, 3, 4, 'bidirectional', start=True, layout=1)
        recurrent(symbol, 'opset 7', 2, 1, 3, 4, opset=7)
        if symbol != 'lstm':
            acts = ['Relu'] if symbol == 'rnn' else ['Sigmoid', 'Relu']
            recurrent(symbol, 'Relu', 3, 1, 3, 4, acts=acts, step=0)
    recurrent('gru', 'reset before', 3, 2, 3, 4, 'bidirectional', start=True)
    recurrent('lstm', 'cells', 3, 2, 3, 4, 'bidirectional', ('y', 'y_h', 'y_c'), start=True)
    recurrent('lstm', 'cells alone', 3, 2, 3, 4, outputs=('', '', 'y_c'))
    recurrent('lstm', 'peepholes', 3, 2, 3, 4, 'bidirectional', ('y', 'y_h', 'y_c'), peepholes=True,
              start=True)
    recurrent('lstm', 'other activations', 3, 1, 3, 4, acts=['Tanh', 'Sigmoid', 'Relu'], step=0)
    n = Numbers('lstm/crnn')
    H = 3
    consts = {'k': n.weight(4, 3, 3, 3), 'w': n.weight(2, 4 * H, 8), 'r': n.weight(2, 4 * H, H),
              'b': n.normal(2, 8 * H), 'to': i64(5, 1, 2 * H), 'v': n.weight(2 * H, 4)}

    def crnn(t):
        x = F.relu(F.conv2d(t['x'], t['k'], None, 1, 1))
        x = x.permute(3, 0, 1, 2).reshape(5, 1, 8)
        rows = []
        for d in range(2):
            w, r = t['w'][d].reshape(4, H, 8), t['r'][d].reshape(4, H, H)
            b = t['b'][d].reshape(2, 4, H)
            h = c = torch.zeros(1, H, dtype=torch.float64)
            row = [None] * 5
            for k in range(5):
                at = 4 - k if d else k
                h, c = lstm_step(4, [torch.sigmoid, torch.tanh, torch.tanh], x[at], h, c, w, r, b[0],
                                 b[1], [0, 0, 0], 0)
                row[at] = h
            rows.append(torch.stack(row))
        return torch.cat(rows, -1) @ t['v']

    case('lstm', 'a CRNN: Conv, Relu, columns as steps, LSTM both ways, MatMul',
         [('Conv', ['x', 'k'], ['t'], {'pads': [1, 1, 1, 1]}), ('Relu', ['t'], ['u'], {}),
          ('Transpose', ['u'], ['p'], {'perm': [3, 0, 1, 2]}),
          ('Reshape', ['p', 'columns'], ['q'], {}),
          ('LSTM', ['q', 'w', 'r', 'b'], ['s'], {'hidden_size': H, 'direction': 'bidirectional'}),
          ('Transpose', ['s'], ['z'], {'perm': [0, 2, 1, 3]}), ('Reshape', ['z', 'to'], ['o'], {}),
          ('MatMul', ['o', 'v'], ['y'], {})], {'x': n.normal(1, 3, 2, 5)}, crnn,
         {**consts, 'columns': i64(5, 1, 8)}, step=0)


def make_attention():
    def attention(name, B, heads, L, D, kv=None, S=None, E=None, mask=None, flat=False,
                  dynamic='qkv', opset=23, **attrs):
        n = Numbers('attention/' + name)
        kv, S, E = kv or heads, S or L, E or D
        values = {'q': n.normal(B, heads, L, D), 'k': n.normal(B, kv, S, D),
                  'v': n.normal(B, kv, S, E)}

        def fold(x):
            return x.transpose(1, 2).flatten(2)

        def unfold(x, count):
            return x.unflatten(2, (count, -1)).transpose(1, 2) if flat else x

        if flat:
            values = {k: np.ascontiguousarray(fold(torch.tensor(v)).numpy())
                      for k, v in values.items()}
            attrs.update(q_num_heads=heads, kv_num_heads=kv)
        names, consts = ['q', 'k', 'v'], {}
        if mask is not None:
            (values if 'm' in dynamic else consts)['m'] = mask(n)
            names.append('m')
        consts.update({k: v for k, v in values.items() if k not in dynamic})
        op = attrs.pop('op', 'Attention')
        given = {'num_heads': heads, **MICROSOFT} if op != 'Attention' else attrs
        if op != 'Attention':
            names = names[:3] + ['', ''] + names[3:] if mask is not None else names

        def fn(t):
            q, k, v = unfold(t['q'], heads), unfold(t['k'], kv), unfold(t['v'], kv)
            k, v = k.repeat_interleave(heads // kv, 1), v.repeat_interleave(heads // kv, 1)
            s = q @ k.transpose(2, 3) * r32(attrs.get('scale', D ** -0.5))
            if 'scale' not in attrs:
                s = q @ k.transpose(2, 3) / D ** 0.5
            if attrs.get('softcap'):
                s = torch.tanh(s / r32(attrs['softcap'])) * r32(attrs['softcap'])
            if mask is not None:
                m = t['m'] if 'm' in t else torch.tensor(consts['m'])
                s = s.masked_fill(~m, -np.inf) if m.dtype == torch.bool else s + m
            if attrs.get('is_causal'):
                s = s.masked_fill(torch.ones(L, S).tril() == 0, -np.inf)
            y = torch.softmax(s, -1) @ v
            return fold(y) if flat else y

        case('attention', name, (op, names, given),
             {k: values[k] for k in dynamic}, fn, consts, opset, infer=op == 'Attention')

    attention('one head', 1, 1, 3, 4)
    attention('heads', 2, 3, 4, 2)
    attention('other lengths and sizes', 1, 2, 3, 4, S=5, E=3)
    attention('shared keys', 1, 4, 3, 2, kv=2)
    attention('three axes', 2, 2, 3, 4, S=4, E=3, flat=True)
    attention('three axes, shared keys', 1, 4, 3, 2, kv=2, flat=True)
    attention('causal', 1, 2, 4, 3, is_causal=1)
    attention('scale and softcap', 1, 2, 3, 4, scale=0.7, softcap=1.5)
    attention('a bias', 1, 2, 3, 4, mask=lambda n: n.normal(3, 3))
    attention('a bias per head', 2, 2, 3, 4, mask=lambda n: n.normal(2, 3, 3), softcap=2.0)
    attention('a mask', 2, 2, 3, 4, S=4, mask=lambda n: n.rng.random((2, 1, 3, 4)) < 0.8)
    attention('constant keys', 1, 2, 3, 4, dynamic='q')
    attention('a computed bias', 2, 4, 3, 2, kv=2, S=4, mask=lambda n: n.normal(4, 3, 4), dynamic='qkvm')
    attention('a computed bias, causal', 1, 2, 4, 3, mask=lambda n: n.normal(1, 4), dynamic='qkvm', is_causal=1)
    ms = {'op': 'MultiHeadAttention', 'opset': 13, 'flat': True}
    attention('com.microsoft', 2, 2, 3, 4, S=5, E=3, **ms)
    attention('com.microsoft with a bias', 1, 2, 3, 4, mask=lambda n: n.normal(1, 2, 3, 3), **ms)

    def rotary(name, dims, positions=None, turned=0, interleaved=0, heads=0):
        n = Numbers('rotary_embedding/' + name)
        D = dims[3] if len(dims) == 4 else dims[2] // heads
        r = turned or D
        L = dims[2] if len(dims) == 4 else dims[1]
        angle = n.rng.uniform(0, 6, (positions, r // 2) if positions else (dims[0], L, r // 2))
        consts = {'c': np.cos(angle).astype(f32), 's': np.sin(angle).astype(f32)}
        if positions:
            consts['at'] = n.rng.integers(0, positions, (dims[0], L))
        attrs = {k: v for k, v in (('rotary_embedding_dim', turned), ('interleaved', interleaved),
                                   ('num_heads', heads)) if v}

        def fn(t):
            x = t['x'] if len(dims) == 4 else t['x'].unflatten(2, (heads, D)).transpose(1, 2)
            c, s = (t[k][torch.tensor(consts['at'])] if positions else t[k] for k in 'cs')
            c, s = c[:, None], s[:, None]
            head, rest = x[..., :r], x[..., r:]
            z = torch.view_as_complex((head.unflatten(-1, (-1, 2)) if interleaved else
                                       head.unflatten(-1, (2, -1)).transpose(-1, -2)).contiguous())
            z = torch.view_as_real(z * torch.complex(c, s))
            head = z.flatten(-2) if interleaved else z.transpose(-1, -2).flatten(-2)
            y = torch.cat([head, rest], -1)
            return y if len(dims) == 4 else y.transpose(1, 2).flatten(2)

        case('rotary_embedding', name, ('RotaryEmbedding', ['x', *consts], attrs),
             {'x': n.normal(*dims)}, fn, consts, 23)

    rotary('positions', (2, 3, 4, 6), 9)
    rotary('interleaved', (1, 2, 3, 8), 5, interleaved=1)
    rotary('in order', (2, 2, 3, 4))
    rotary('a part', (1, 2, 3, 8), 5, turned=4)
    rotary('a part, interleaved, three axes', (2, 3, 16), 5, turned=4, interleaved=1, heads=2)


def make_views():
    def flatten(name, dims, opset=13, **attrs):
        n = Numbers('flatten/' + name)
        axis = attrs.get('axis', 1)
        rows = int(np.prod(dims[:axis if axis >= 0 else len(dims) + axis]))
        case('flatten', name, ('Flatten', ['x'], attrs), {'x': n.normal(*dims)},
             lambda t: t['x'].reshape(rows, -1), None, opset)

    flatten('pictures', (2, 3, 2, 3))
    flatten('axis 0', (2, 3, 4), axis=0)
    flatten('axis 3', (2, 3, 2, 3), axis=3)
    flatten('axis at the end', (2, 3), axis=2)
    flatten('axis -2', (2, 3, 2, 3), axis=-2)
    flatten('opset 9', (1, 3, 2, 2), 9)
    n = Numbers('flatten/head')
    x, w, first = after_conv(n)
    case('flatten', 'Conv, MaxPool, Flatten, Gemm',
         [first, ('MaxPool', ['t'], ['p'], {'kernel_shape': [2, 2], 'strides': [2, 2]}),
          ('Flatten', ['p'], ['f'], {}), ('Gemm', ['f', 'v', 'b'], ['y'], {'transB': 1})], {'x': x},
         lambda t: F.linear(F.max_pool2d(F.conv2d(t['x'], t['w']), 2).flatten(1), t['v'], t['b']),
         {'w': w, 'v': n.weight(5, 24), 'b': n.normal(5)}, step=0)

    def reshape(name, dims, to, opset=13, first=False, **attrs):
        n = Numbers('reshape/' + name)
        consts, names = {'to': i64(*to)}, ['to']
        target = [dims[i] if d == 0 and not attrs.get('allowzero') else d for i, d in enumerate(to)]
        if first:
            x, w, node = after_conv(n, *dims[1:])
            case('reshape', name, [node, ('Reshape', ['t', *names], ['y'], attrs)], {'x': x},
                 lambda t: F.conv2d(t['x'], t['w']).reshape(target), {'w': w, **consts}, opset)
        else:
            case('reshape', name, ('Reshape', ['x', *names], attrs), {'x': n.normal(*dims)},
                 lambda t: t['x'].reshape(target), consts, opset)

    reshape('plain', (2, 3, 4), (4, 6))
    reshape('an open size', (2, 3, 4), (2, -1))
    reshape('a kept size', (2, 3, 4), (0, 2, -1))
    reshape('to a picture', (2, 12), (2, 3, 2, 2))
    reshape('to rank 6', (4, 6), (1, 2, 2, 1, 3, 2))
    reshape('to rank 1', (2, 3, 2), (-1,))
    reshape('opset 14, allowzero', (2, 6), (3, 4), 14, allowzero=1)
    reshape('opset 6', (2, 6), (3, 4), 6)
    reshape('after Conv, to rows', (1, 4, 3, 3), (1, -1), first=True)
    reshape('after Conv, channel shuffle', (1, 4, 3, 3), (1, 2, 2, 3, 3), first=True)
    n = Numbers('reshape/shuffle')
    case('reshape', 'ShuffleNet: Conv, Reshape, Transpose, Reshape, Conv',
         [('Conv', ['x', 'w'], ['s'], {}), ('Reshape', ['s', 'a'], ['t'], {}),
          ('Transpose', ['t'], ['u'], {'perm': [0, 2, 1, 3, 4]}),
          ('Reshape', ['u', 'b'], ['v'], {}),
          ('Conv', ['v', 'd'], ['y'], {'group': 6, 'pads': [1, 1, 1, 1]})],
         {'x': n.normal(1, 3, 4, 3)},
         lambda t: F.conv2d(F.conv2d(t['x'], t['w']).reshape(1, 2, 3, 4, 3).transpose(1, 2)
                            .reshape(1, 6, 4, 3), t['d'], None, 1, 1, 1, 6),
         {'w': n.weight(6, 3, 1, 1), 'd': n.weight(6, 1, 3, 3), 'a': i64(1, 2, 3, 4, 3),
          'b': i64(1, 6, 4, 3)})

    def transpose(name, dims, perm, opset=13, first=False):
        n = Numbers('transpose/' + name)
        attrs = {'perm': perm} if perm else {}
        order = perm or list(reversed(range(len(dims))))
        if first:
            x, w, node = after_conv(n, *dims[1:])
            case('transpose', name, [node, ('Transpose', ['t'], ['y'], attrs)], {'x': x},
                 lambda t: F.conv2d(t['x'], t['w']).permute(order), {'w': w}, opset)
        else:
            case('transpose', name, ('Transpose', ['x'], attrs), {'x': n.normal(*dims)},
                 lambda t: t['x'].permute(order), None, opset)

    transpose('matrix', (3, 4), [1, 0])
    transpose('reversed', (2, 3, 4), None)
    transpose('rank 4', (2, 3, 4, 2), [0, 3, 1, 2])
    transpose('rank 5', (1, 2, 3, 2, 2), [0, 2, 1, 4, 3])
    transpose('identity', (2, 3, 4), [0, 1, 2])
    transpose('opset 6', (2, 3, 4), [2, 0, 1], 6)
    transpose('after Conv, channels last', (1, 4, 3, 2), [0, 2, 3, 1], first=True)
    transpose('after Conv, height and width', (1, 4, 3, 2), [0, 1, 3, 2], first=True)
    n = Numbers('transpose/nhwc')
    case('transpose', 'channels-last model: Transpose, Conv, Transpose',
         [('Transpose', ['x'], ['s'], {'perm': [0, 3, 1, 2]}), ('Conv', ['s', 'w'], ['t'], {}),
          ('Transpose', ['t'], ['y'], {'perm': [0, 2, 3, 1]})], {'x': n.normal(1, 4, 5, 3)},
         lambda t: F.conv2d(t['x'].permute(0, 3, 1, 2), t['w']).permute(0, 2, 3, 1),
         {'w': n.weight(5, 3, 2, 2)})

    def axes_op(symbol, op, name, dims, to, axes, opset=13, first=False):
        n = Numbers(f'{symbol}/{name}')
        attrs, consts = {}, {}
        if axes is not None:
            if opset < 13:
                attrs['axes'] = axes
            else:
                consts['axes'] = i64(*axes)
        if first:
            x, w, node = after_conv(n, *dims[1:])
            nodes = [node, ('GlobalAveragePool', ['t'], ['g'], {}),
                     (op, ['g', *consts], ['y'], attrs)]
            case(symbol, name, nodes, {'x': x},
                 lambda t: F.conv2d(t['x'], t['w']).mean((2, 3), True).reshape(to),
                 {'w': w, **consts}, opset)
        else:
            case(symbol, name, (op, ['x', *consts], attrs), {'x': n.normal(*dims)},
                 lambda t: t['x'].reshape(to), consts, opset)

    axes_op('squeeze', 'Squeeze', 'one axis', (2, 1, 3), (2, 3), [1])
    axes_op('squeeze', 'Squeeze', 'two axes, from the end', (2, 3, 1, 1), (2, 3), [-1, -2])
    axes_op('squeeze', 'Squeeze', 'all of size 1', (1, 3, 1, 2), (3, 2), None)
    axes_op('squeeze', 'Squeeze', 'opset 11', (1, 3, 1, 1), (1, 3), [2, 3], 11)
    axes_op('squeeze', 'Squeeze', 'opset 6, none named', (1, 3, 1, 2), (3, 2), None, 6)
    axes_op('squeeze', 'Squeeze', 'after Conv and pool', (1, 4, 3, 3), (1, 4), [2, 3], first=True)
    axes_op('unsqueeze', 'Unsqueeze', 'in front', (2, 3), (1, 2, 3), [0])
    axes_op('unsqueeze', 'Unsqueeze', 'at the end, twice', (2, 3), (2, 3, 1, 1), [2, 3])
    axes_op('unsqueeze', 'Unsqueeze', 'from the end', (2, 3, 4), (2, 3, 1, 4), [-2])
    axes_op('unsqueeze', 'Unsqueeze', 'not in order', (2, 3), (1, 2, 1, 3), [2, 0])
    axes_op('unsqueeze', 'Unsqueeze', 'opset 11', (2, 3), (2, 1, 3), [1], 11)
    axes_op('unsqueeze', 'Unsqueeze', 'opset 6', (3, 2, 2), (1, 3, 2, 2), [0], 6)
    axes_op('unsqueeze', 'Unsqueeze', 'after Conv and pool', (1, 4, 3, 3), (1, 1, 4, 1, 1), [0],
            first=True)

    def same(symbol, op, name, opset=13, consts=None, inputs=(), dims=(2, 3, 2, 3), **attrs):
        unary(symbol, op, lambda x, t: x * 1.0, opset=opset, name=name, consts=consts,
              inputs=inputs, dims=dims, **attrs)

    same('identity', 'Identity', 'pictures')
    same('identity', 'Identity', 'rank 1', dims=(5,))
    same('identity', 'Identity', 'opset 6', 6)
    same('dropout', 'Dropout', 'no inputs')
    same('dropout', 'Dropout', 'ratio', inputs=['r'], consts={'r': np.array(0.4, f32)})
    same('dropout', 'Dropout', 'training_mode false', inputs=['r', 'm'],
         consts={'r': np.array(0.4, f32), 'm': np.array(False)})
    same('dropout', 'Dropout', 'training_mode true, but nothing dropped', inputs=['r', 'm'],
         consts={'r': np.array(0, f32), 'm': np.array(True)})
    same('dropout', 'Dropout', 'opset 7', 7, ratio=0.6)
    same('dropout', 'Dropout', 'opset 10', 10, ratio=0.6, dims=(3, 4))
    same('dropout', 'Dropout', 'opset 6', 6, ratio=0.6, is_test=1)
    same('cast', 'Cast', 'float to float', to=TensorProto.FLOAT)
    same('cast', 'Cast', 'opset 9', 9, to=TensorProto.FLOAT, dims=(3, 4))
    for symbol, op, attrs in (('identity', 'Identity', {}), ('dropout', 'Dropout', {}),
                              ('cast', 'Cast', {'to': TensorProto.FLOAT})):
        n = Numbers(f'{symbol}/between convs')
        case(symbol, 'between two Conv',
             [('Conv', ['x', 'w'], ['s'], {}), (op, ['s'], ['t'], attrs),
              ('Conv', ['t', 'v'], ['y'], {'pads': [1, 1, 1, 1]})], {'x': n.normal(1, 3, 4, 4)},
             lambda t: F.conv2d(F.conv2d(t['x'], t['w']), t['v'], None, 1, 1),
             {'w': n.weight(4, 3, 1, 1), 'v': n.weight(3, 4, 3, 3)})
    n = Numbers('cast/double')
    case('cast', 'to double and back',
         [('Cast', ['x'], ['d'], {'to': TensorProto.DOUBLE}),
          ('Cast', ['d'], ['y'], {'to': TensorProto.FLOAT})], {'x': n.normal(2, 3, 4)},
         lambda t: t['x'] * 1.0)


def make_reduce():
    def product(x, over, keep):
        for axis in sorted((a % x.ndim for a in over), reverse=True):
            x = x.prod(axis, keep)
        return x

    def norm(p):
        return lambda x, over, keep: torch.linalg.vector_norm(x, p, over, keep)

    kinds = (('reduce_mean', 'ReduceMean', torch.mean, 18, 'normal'),
             ('reduce_sum', 'ReduceSum', torch.sum, 13, 'normal'),
             ('reduce_max', 'ReduceMax', torch.amax, 18, 'distinct'),
             ('reduce_min', 'ReduceMin', torch.amin, 18, 'distinct'),
             ('reduce_prod', 'ReduceProd', product, 18, 'positive'),
             ('reduce_l1', 'ReduceL1', norm(1), 18, 'away'),
             ('reduce_l2', 'ReduceL2', norm(2), 18, 'normal'),
             ('reduce_sum_square', 'ReduceSumSquare', lambda x, o, k: (x * x).sum(o, k), 18,
              'normal'),
             ('reduce_log_sum', 'ReduceLogSum', lambda x, o, k: x.sum(o, k).log(), 18, 'positive'),
             ('reduce_log_sum_exp', 'ReduceLogSumExp', torch.logsumexp, 18, 'normal'))
    for symbol, op, fn, as_input, kind in kinds:
        def reduce(name, dims, axes, keep=1, opset=13, first=False, symbol=symbol, op=op, fn=fn,
                   as_input=as_input, kind=kind, x=None, step=None, **more):
            n = Numbers(f'{symbol}/{name}')
            attrs, consts = {'keepdims': keep, **more}, {}
            if axes is not None:
                if opset < as_input:
                    attrs['axes'] = axes
                else:
                    consts['axes'] = i64(*axes)
            over = tuple(axes) if axes else tuple(range(len(dims)))
            if more.get('noop_with_empty_axes'):
                alone = {'reduce_l1': torch.abs, 'reduce_l2': torch.abs, 'reduce_log_sum': torch.log,
                         'reduce_sum_square': torch.square}  # the sum is over one element
                run = alone.get(symbol, lambda x: x * 1.0)
            else:
                run = lambda x: fn(x, over, bool(keep))
            if step is None:  # smaller than the gaps between the values
                step = {'distinct': 1.6 / float(np.prod(dims)), 'away': 9e-3}.get(kind, 1e-2)
            if first:
                x, w, node = after_conv(n, *dims[1:], batch=dims[0])
                smooth = kind == 'normal'
                nodes, inner = [node], 't'
                if kind == 'positive':
                    nodes.append(('Exp', ['t'], ['u'], {}))
                    inner = 'u'
                case(symbol, name, nodes + [(op, [inner, *consts], ['y'], attrs)], {'x': x},
                     lambda t: run(F.conv2d(t['x'], t['w']).exp() if kind == 'positive' else
                                   F.conv2d(t['x'], t['w'])), {'w': w, **consts}, opset,
                     step=1e-2 if smooth else 0)
            else:
                value = getattr(n, kind)(*dims) if x is None else x
                case(symbol, name, (op, ['x', *consts], attrs), {'x': value},
                     lambda t: run(t['x']), consts, opset, step)

        reduce('height and width', (2, 3, 4, 3), [2, 3])
        reduce('height and width, from the end, dropped', (2, 3, 4, 3), [-2, -1], 0)
        reduce('channels', (1, 5, 2, 3), [1])
        reduce('channels, dropped', (1, 5, 2, 3), [1], 0)
        reduce('everything', (2, 3, 4), None)
        reduce('everything, dropped', (2, 3, 2), None, 0)
        reduce('first axis, dropped', (3, 4), [0], 0)
        reduce('outer axes', (2, 3, 4), [0, 2])
        reduce('opset 11', (2, 3, 4), [1], opset=11)
        reduce('opset 18', (2, 3, 4), [-1], 0, 18)
        reduce('opset 18, none named', (2, 3), None, 1, 18)
        reduce('opset 18, none named, nothing is summed', (2, 3), None, 1, 18,
               kind='away' if symbol == 'reduce_l2' else kind, noop_with_empty_axes=1)
        reduce('after Conv, height and width', (2, 4, 3, 3), [2, 3], first=True)
        reduce('after Conv, height and width, dropped', (2, 4, 3, 3), [2, 3], 0, first=True)
        reduce('after Conv, channels, dropped', (2, 4, 3, 3), [1], 0, first=True)
        reduce('after Conv, width', (2, 4, 3, 3), [3], first=True)
        if symbol in ('reduce_max', 'reduce_min'):
            n = Numbers(f'{symbol}/ties')
            reduce('ties share the gradient', (2, 3, 4), [2], step=0,
                   x=n.rng.integers(-1, 2, (2, 3, 4)).astype(f32))
        if symbol == 'reduce_prod':
            zeros = Numbers('reduce_prod/zeros').normal(4, 3)
            zeros[1, 0] = zeros[2, 0] = zeros[2, 2] = 0
            reduce('no zero, one, two', (4, 3), [1], x=zeros, step=0)
        if symbol in ('reduce_l1', 'reduce_l2'):
            zeros = Numbers(f'{symbol}/zeros').normal(3, 4)
            zeros[0], zeros[1, 2] = 0, 0
            reduce('zeros', (3, 4), [1], x=zeros, step=0)
        if symbol == 'reduce_log_sum_exp':
            reduce('large', (3, 6), [1], x=Numbers(symbol).normal(3, 6) * f32(90), step=0)


# ---- Resize --------------------------------------------------------------------------------------

def matrix_resize(x, axis, rows):
    """rows: [out][in] weights along an axis."""
    return torch.tensordot(x, torch.tensor(rows, dtype=torch.float64), ([axis], [1])) \
        .movedim(-1, axis)


def make_resize():
    def resize(name, dims, fn, scales=None, sizes=None, opset=13, first=False, **attrs):
        n = Numbers('resize/' + name)
        empty = np.zeros(0, f32)
        if opset < 11:
            consts = {'scales': np.array(scales, f32)}
            names = ['scales']
        else:
            consts = {'roi': empty} if opset == 11 else {}
            names = ['roi' if opset == 11 else '']
            if sizes:
                consts['sizes'] = i64(*sizes)
                if opset == 11:
                    consts['scales'] = empty
                names += ['scales' if opset == 11 else '', 'sizes']
            else:
                consts['scales'] = np.array(scales, f32)
                names.append('scales')
        symbol, op = ('upsample', 'Upsample') if opset < 10 else ('resize', 'Resize')
        if opset < 9:
            attrs['scales'] = [float(s) for s in scales]
            consts, names = {}, []
        if first:
            x, w, node = after_conv(n, *dims[1:])
            case(symbol, name, [node, (op, ['t', *names], ['y'], attrs)], {'x': x},
                 lambda t: fn(F.conv2d(t['x'], t['w'])), {'w': w, **consts}, opset)
        else:
            case(symbol, name, (op, ['x', *names], attrs), {'x': n.normal(*dims)},
                 lambda t: fn(t['x']), consts, opset)

    def inter(mode, align=None, **kw):
        return lambda x: F.interpolate(x, mode=mode, align_corners=align, **kw)

    twice = [1.0, 1.0, 2.0, 2.0]
    floor = dict(mode='nearest', coordinate_transformation_mode='asymmetric', nearest_mode='floor')
    resize('nearest twice', (1, 3, 3, 4), inter('nearest', scale_factor=2), twice, **floor)
    resize('nearest twice, after Conv', (1, 4, 3, 4), inter('nearest', scale_factor=2), twice,
           first=True, **floor)
    resize('nearest, sizes up', (1, 2, 3, 4), inter('nearest', size=(7, 5)), sizes=[1, 2, 7, 5],
           **floor)
    resize('nearest, sizes down', (2, 2, 7, 9), inter('nearest', size=(3, 4)), sizes=[2, 2, 3, 4],
           **floor)
    resize('nearest, default', (1, 2, 4, 3), inter('nearest', scale_factor=2), twice,
           mode='nearest')  # half_pixel and round_prefer_floor: the same for 2
    resize('nearest exact', (1, 2, 5, 6), inter('nearest-exact', size=(8, 4)), sizes=[1, 2, 8, 4],
           mode='nearest', nearest_mode='round_prefer_ceil',
           coordinate_transformation_mode='half_pixel')
    resize('nearest, ceil', (1, 1, 3, 4),
           lambda x: x[:, :, [0, 1, 1, 2, 2, 2]][:, :, :, [0, 1, 1, 2, 2, 3, 3, 3]], twice,
           mode='nearest', nearest_mode='ceil', coordinate_transformation_mode='asymmetric')
    resize('nearest, align_corners', (1, 1, 3, 4),
           lambda x: x[:, :, [0, 0, 1, 1, 2]][:, :, :, [0, 1, 2, 3]], sizes=[1, 1, 5, 4],
           mode='nearest', nearest_mode='round_prefer_floor',
           coordinate_transformation_mode='align_corners')
    half = dict(mode='linear', coordinate_transformation_mode='half_pixel')
    resize('linear twice', (1, 3, 3, 4), inter('bilinear', False, scale_factor=2), twice, **half)
    resize('linear twice, after Conv', (1, 4, 3, 4), inter('bilinear', False, scale_factor=2),
           twice, first=True, **half)
    resize('linear, sizes', (1, 2, 4, 5), inter('bilinear', False, size=(7, 3)),
           sizes=[1, 2, 7, 3], **half)
    resize('linear, 1.5', (1, 2, 5, 3),
           inter('bilinear', False, scale_factor=1.5, recompute_scale_factor=False),
           [1.0, 1.0, 1.5, 1.5], **half)
    resize('linear, pytorch_half_pixel to one pixel', (1, 2, 4, 5),
           lambda x: F.interpolate(x, size=(4, 3), mode='bilinear')[:, :, :1],
           sizes=[1, 2, 1, 3], mode='linear', coordinate_transformation_mode='pytorch_half_pixel')
    resize('linear, align_corners', (1, 2, 3, 4), inter('bilinear', True, size=(7, 6)),
           sizes=[1, 2, 7, 6], mode='linear', coordinate_transformation_mode='align_corners')
    resize('linear, align_corners, scales', (1, 2, 3, 4), inter('bilinear', True, scale_factor=2),
           twice, mode='linear', coordinate_transformation_mode='align_corners')
    up = [[1, 0, 0], [.5, .5, 0], [0, 1, 0], [0, .5, .5], [0, 0, 1], [0, 0, 1]]
    resize('linear, asymmetric', (1, 2, 3, 3),
           lambda x: matrix_resize(matrix_resize(x, 2, up), 3, up), twice, mode='linear',
           coordinate_transformation_mode='asymmetric')
    resize('linear, opset 11', (1, 2, 4, 5), inter('bilinear', False, size=(7, 3)),
           sizes=[1, 2, 7, 3], opset=11, **half)
    resize('linear, one dimension', (1, 3, 6), inter('linear', False, size=9), sizes=[1, 3, 9],
           **half)
    resize('nearest, one dimension', (1, 3, 6), inter('nearest', scale_factor=2), [1.0, 1.0, 2.0],
           **floor)
    resize('linear, channels too', (1, 3, 3, 2),
           lambda x: matrix_resize(x, 1, up), [1.0, 2.0, 1.0, 1.0], mode='linear',
           coordinate_transformation_mode='asymmetric')
    cubic = dict(mode='cubic', coordinate_transformation_mode='half_pixel')
    resize('cubic twice', (1, 2, 4, 5), inter('bicubic', False, scale_factor=2), twice, **cubic)
    resize('cubic, sizes', (1, 2, 6, 5), inter('bicubic', False, size=(4, 9)), sizes=[1, 2, 4, 9],
           **cubic)
    resize('cubic, align_corners', (1, 2, 4, 5), inter('bicubic', True, size=(7, 6)),
           sizes=[1, 2, 7, 6], mode='cubic', coordinate_transformation_mode='align_corners')
    resize('nearest, opset 10', (1, 2, 3, 4), inter('nearest', scale_factor=2), twice, opset=10,
           mode='nearest')
    resize('linear, opset 10', (1, 2, 3, 3),
           lambda x: matrix_resize(matrix_resize(x, 2, up), 3, up), twice, opset=10, mode='linear')
    resize('opset 9, nearest', (1, 2, 3, 4), inter('nearest', scale_factor=(2, 3)),
           [1.0, 1.0, 2.0, 3.0], opset=9, mode='nearest')
    resize('opset 7, linear', (1, 2, 3, 3),
           lambda x: matrix_resize(matrix_resize(x, 2, up), 3, up), twice, opset=7, mode='linear')
    resize('opset 9, nearest, after Conv', (1, 4, 3, 4), inter('nearest', scale_factor=2), twice,
           opset=9, first=True, mode='nearest')
    resize('opset 9, linear', (2, 2, 3, 3),
           lambda x: matrix_resize(matrix_resize(x, 2, up), 3, up), twice, opset=9, mode='linear')
    # PyTorch takes a = -0.5 here, and leaves out what lies outside.
    smooth = dict(antialias=1, exclude_outside=1, coordinate_transformation_mode='half_pixel')
    resize('linear, antialias', (1, 2, 7, 9), inter('bilinear', False, size=(3, 4), antialias=True),
           sizes=[1, 2, 3, 4], opset=18, mode='linear', **smooth)
    resize('linear, antialias, one way up', (1, 2, 9, 3),
           inter('bilinear', False, size=(4, 5), antialias=True), sizes=[1, 2, 4, 5], opset=18,
           mode='linear', **smooth)
    resize('cubic, antialias', (1, 2, 11, 9),
           inter('bicubic', False, size=(4, 5), antialias=True), sizes=[1, 2, 4, 5], opset=18,
           mode='cubic', cubic_coeff_a=-0.5, **smooth)
    resize('linear, antialias, after Conv', (1, 4, 8, 9),
           inter('bilinear', False, size=(3, 2), antialias=True), sizes=[1, 4, 3, 2], opset=18,
           first=True, mode='linear', **smooth)
    for policy, size in (('not_larger', (3, 6)), ('not_smaller', (5, 10))):
        n = Numbers('resize/' + policy)
        case('resize', f'opset 18, {policy}',
             ('Resize', ['x', '', '', 'sizes'],
              {'axes': [2, 3], 'mode': 'linear', 'keep_aspect_ratio_policy': policy}),
             {'x': n.normal(1, 2, 4, 8)},
             lambda t, size=size: F.interpolate(t['x'], size=size, mode='bilinear'),
             {'sizes': i64(3, 10)}, 18)
    n = Numbers('resize/axes')
    case('resize', 'opset 18, axes',
         ('Resize', ['x', '', '', 'sizes'], {'axes': [3, 2], 'mode': 'linear'}),
         {'x': n.normal(1, 2, 3, 4)}, lambda t: F.interpolate(t['x'], size=(7, 5), mode='bilinear'),
         {'sizes': i64(5, 7)}, 18)


# ---- Integers ------------------------------------------------------------------------------------

RANGES = {'uint8': (0, 255), 'int8': (-128, 127), 'uint16': (0, 65535)}
MICROSOFT = {'domain': 'com.microsoft'}


def rounded(x, scale, zero, low, high, exact=False):
    """scale (q - zero) of the nearest integer q in its range; the gradient goes straight through
    where nothing was cut off. exact: values that lie between two integers are met on purpose."""
    q = torch.round(x / scale) + zero
    between = (torch.frac((x / scale).detach().abs()) - 0.5).abs().min()
    assert exact or between > 3e-5, f'{between}: float32 may round it the other way; take other numbers'
    kept = (q >= low) & (q <= high)
    y = scale * (q.clamp(low, high) - zero)
    return y.detach() + torch.where(kept, x - x.detach(), torch.zeros_like(x))


def check_rounded():
    """The same as PyTorch's own, value and gradient."""
    x = torch.tensor(np.random.default_rng(1).normal(0, 2, 400), dtype=torch.float32, requires_grad=True)
    ys = rounded(x, 0.015625, 100, 0, 255, True), torch.fake_quantize_per_tensor_affine(x, 0.015625, 100, 0, 255)
    gs = [torch.autograd.grad(y.sum(), x)[0] for y in ys]
    assert torch.equal(*ys) and torch.equal(*gs) and 0 < gs[0].sum() < 400


class Quantized:
    """A network of integers, node by node, and what PyTorch makes of the values they stand for."""

    def __init__(self, name, opset=13, symbol='quantize', **inputs):
        self.n = Numbers('quantize.2/' + name)  # with these no value lies between two integers
        self.name, self.opset, self.symbol = name, opset, symbol
        self.inputs = {k: self.n.normal(*dims) for k, dims in inputs.items()}
        self.consts, self.nodes, self.steps, self.count = {}, [], [], 0

    def const(self, value, dtype=f32):
        name = f'c{len(self.consts)}'
        self.consts[name] = np.array(value, dtype)
        return name

    def add(self, op, ins, attrs=None, fn=None, out=None):
        """fn: of the values by name, for the output's name."""
        self.count += 1
        out = out or f't{self.count}'
        self.nodes.append((op, ins, [out] if isinstance(out, str) else out, attrs or {}))
        if fn:
            self.steps.append((out if isinstance(out, str) else out[0], fn))
        return out

    def grid(self, scale, zero, dtype):
        return [self.const(r32(scale)), self.const(zero, getattr(np, dtype))]

    def rounds(self, scale, zero, dtype, exact=False):
        return lambda y: rounded(y, r32(scale), zero, *RANGES[dtype], exact)

    def quantize(self, x, scale, zero=0, dtype='uint8', exact=False):
        """-> [integers, scale, zero point]"""
        grid, to = self.grid(scale, zero, dtype), self.rounds(scale, zero, dtype, exact)
        return [self.add('QuantizeLinear', [x, *grid], {}, lambda t: to(t[x])), *grid]

    def dequantize(self, q):
        return self.add('DequantizeLinear', q, {}, lambda t: t[q[0]])

    def weight(self, dims, dtype='int8', axis=None, asymmetric=False):
        """-> [name, scale, zero point], what they stand for"""
        low, high = RANGES[dtype]
        count = 1 if axis is None else dims[axis]
        scale = (self.n.rng.uniform(0.5, 1.5, count) / 60 / np.sqrt(np.prod(dims[1:]))).astype(f32)
        zero = self.n.rng.integers(low // 8 + high // 8, high // 4, count) if asymmetric else np.zeros(count, int)
        if dtype == 'uint8' and not asymmetric:
            zero = zero + 128
        q = self.n.rng.integers(low, high + 1, dims)
        side = [-1 if i == axis else 1 for i in range(len(dims))]
        pick = (lambda v: v[0]) if axis is None else (lambda v: v)
        real = (q - zero.reshape(side if axis is not None else [1] * len(dims))) * scale.astype(np.float64).reshape(
            side if axis is not None else [1] * len(dims))
        names = [self.const(q, getattr(np, dtype)), self.const(pick(scale)), self.const(pick(zero), getattr(np, dtype))]
        return names, torch.tensor(real), scale

    def bias(self, n, x_scale, w_scale):
        q = self.n.rng.integers(-2000, 2000, n)
        return self.const(q, np.int32), torch.tensor(q * (np.float64(x_scale) * w_scale.astype(np.float64)))

    def finish(self, y):
        self.nodes[-1] = (*self.nodes[-1][:2], ['y' if o == y else o for o in self.nodes[-1][2]], self.nodes[-1][3])

        def fn(t):
            values = dict(t)
            for name, step in self.steps:
                values[name] = step(values)
            return values[y]

        case(self.symbol, self.name, self.nodes, self.inputs, fn, self.consts, self.opset, step=0, infer=False)


def make_rounding():
    check_rounded()
    for name, scale, zero, dtype in (('uint8', 0.02, 100, 'uint8'), ('int8', 0.03, -5, 'int8')):
        net = Quantized(name, x=(1, 3, 5, 4))
        net.finish(net.dequantize(net.quantize('x', scale, zero, dtype)))
    net = Quantized('ties, cut off at both ends', x=(1, 40))
    net.inputs['x'] = (np.arange(40, dtype=f32) - 20).reshape(1, 40) / 2
    net.finish(net.dequantize(net.quantize('x', 0.0625, 128, 'uint8', True)))
    net = Quantized('uint16, opset 21', opset=21, x=(2, 30))
    net.finish(net.dequantize(net.quantize('x', 0.0003, 32000, 'uint16')))
    net = Quantized('no zero point', x=(3, 8))
    scale = net.const(r32(0.05))
    q = net.add('QuantizeLinear', ['x', scale], {}, lambda t: rounded(t['x'], r32(0.05), 0, 0, 255))
    net.finish(net.dequantize([q, scale]))
    for first in (False, True):
        net = Quantized('a scale for each channel' + (', after Conv' if first else ''), x=(1, 3, 4, 5))
        scales, zeros = np.array([0.02, 0.05, 0.04, 0.03], f32), np.array([3, 100, 128, 250])
        x = 'x'
        if first:
            w = net.const(net.n.weight(4, 3, 1, 1))
            x = net.add('Conv', ['x', w], {}, lambda t: F.conv2d(t['x'], t[w]))
        else:
            net.inputs['x'] = net.n.normal(1, 4, 4, 5)
        side = [1, 4, 1, 1]
        grid = [net.const(scales), net.const(zeros, np.uint8)]
        q = net.add('QuantizeLinear', [x, *grid], {'axis': 1}, lambda t: rounded(
            t[x], torch.tensor(scales.astype(np.float64)).reshape(side), torch.tensor(zeros).reshape(side), 0, 255))
        net.finish(net.add('DequantizeLinear', [q, *grid], {'axis': 1}, lambda t: t[q]))
    # the integers q = 50 x + 7 read with another scale and zero point
    net = Quantized('read with another scale', x=(2, 9))
    q = net.quantize('x', 0.02, 7, 'int8')
    other = net.grid(0.05, 2, 'int8')
    net.finish(net.add('DequantizeLinear', [q[0], *other], {},
                       lambda t: r32(0.05) * (t[q[0]] / r32(0.02) + 5)))
    net = Quantized('cast into floats', x=(2, 9))
    q = net.quantize('x', 0.02, 7, 'int8')
    net.finish(net.add('Cast', [q[0]], {'to': TensorProto.FLOAT}, lambda t: t[q[0]] / r32(0.02) + 7))


def make_qdq():
    net = Quantized('QDQ: Conv, Relu, MaxPool, Gemm', x=(1, 3, 8, 7))
    x = net.dequantize(net.quantize('x', 0.03, 110))
    w, real, w_scale = net.weight((6, 3, 3, 3), axis=0)
    b, b_real = net.bias(6, r32(0.03), w_scale)
    kernel = net.add('DequantizeLinear', w, {'axis': 0})
    b_scale = net.const((w_scale * f32(0.03)).astype(f32))
    bias = net.add('DequantizeLinear', [b, b_scale], {'axis': 0})
    t = net.add('Conv', [x, kernel, bias], {'pads': [1, 1, 1, 1]}, lambda v: F.conv2d(v[x], real, b_real, 1, 1))
    r = net.add('Relu', [t], {}, lambda v: F.relu(v[t]))
    q = net.quantize(r, 0.013, 0)
    m = net.add('MaxPool', [net.dequantize(q)], {'kernel_shape': [2, 2], 'strides': [2, 2]},
                lambda v, q=q: F.max_pool2d(v[q[0]], 2))
    q2 = net.quantize(m, 0.013, 0)
    f = net.add('Flatten', [net.dequantize(q2)], {}, lambda v: v[q2[0]].flatten(1))
    g, g_real, _ = net.weight((5, 72), dtype='uint8', asymmetric=True)
    dense = net.add('DequantizeLinear', g)
    y = net.add('Gemm', [f, dense], {'transB': 1}, lambda v: v[f] @ g_real.T)
    net.finish(net.dequantize(net.quantize(y, 0.05, 120)))

    # Rounding that takes the place of a Relu; MaxPool, Reshape, Concat, Pad and Clip on integers.
    net = Quantized('integers moved and compared', x=(1, 3, 6, 6))
    w, real, _ = net.weight((4, 3, 1, 1))
    x = net.dequantize(net.quantize('x', 0.02, 128))
    t = net.add('Conv', [x, net.add('DequantizeLinear', w)], {}, lambda v: F.conv2d(v[x], real))
    q = net.quantize(t, 0.011, 3)
    p = net.add('Pad', [q[0], net.const([0, 0, 1, 0, 0, 0, 1, 2], np.int64)], {},
                lambda v: F.pad(v[q[0]], (0, 2, 1, 1), value=-r32(0.011) * 3))
    m = net.add('MaxPool', [p], {'kernel_shape': [2, 2], 'strides': [2, 2]}, lambda v: F.max_pool2d(v[p], 2))
    more = net.const(net.n.rng.integers(0, 256, (1, 2, 4, 4)), np.uint8)
    real_more = r32(0.011) * (torch.tensor(net.consts[more].astype(np.float64)) - 3)
    c = net.add('Concat', [m, more], {'axis': 1}, lambda v: torch.cat([v[m], real_more], 1))
    lo, hi = net.const(5, np.uint8), net.const(60, np.uint8)
    k = net.add('Clip', [c, lo, hi], {}, lambda v: torch.clamp(v[c], r32(0.011) * 2, r32(0.011) * 57))
    f = net.add('Reshape', [k, net.const([1, 6, 16], np.int64)], {}, lambda v: v[k].reshape(1, 6, 16))
    s = net.add('Transpose', [f], {'perm': [0, 2, 1]}, lambda v: v[f].permute(0, 2, 1))
    net.finish(net.dequantize([s, *q[1:]]))

    # As trained with simulated integers: weights are floats that the file rounds.
    net = Quantized('QAT: weights rounded at load', x=(1, 3, 6, 5))
    w = net.n.weight(4, 3, 3, 3)
    scales, grid = np.array([0.004, 0.006, 0.005, 0.007], f32), None
    grid = [net.const(scales), net.const([0] * 4, np.int8)]
    wq = net.add('QuantizeLinear', [net.const(w), *grid], {'axis': 0})
    kernel = net.add('DequantizeLinear', [wq, *grid], {'axis': 0})
    side = scales.astype(np.float64).reshape(4, 1, 1, 1)
    real = torch.tensor(side * np.clip(np.rint(w / scales.reshape(4, 1, 1, 1)), -128, 127))
    net.finish(net.add('Conv', ['x', kernel], {}, lambda v: F.conv2d(v['x'], real)))

    for blocks, dims, axis in ((4, (12, 5), 0), (3, (6, 9), 1), (5, (12, 5), 0)):
        net = Quantized(f'weights in blocks of {blocks} along axis {axis}', opset=21, x=(2, dims[0]))
        q = net.n.rng.integers(-128, 128, dims)
        each = [-(-d // blocks) if i == axis else d for i, d in enumerate(dims)]
        scale = net.n.rng.uniform(0.001, 0.01, each).astype(f32)
        zero = net.n.rng.integers(-9, 9, each)
        wide = lambda v: np.repeat(v, blocks, axis).take(range(dims[axis]), axis)
        real = torch.tensor((q - wide(zero)) * wide(scale).astype(np.float64))
        w = net.add('DequantizeLinear', [net.const(q, np.int8), net.const(scale), net.const(zero, np.int8)],
                    {'axis': axis, 'block_size': blocks})
        x = net.dequantize(net.quantize('x', 0.03, 120))
        net.finish(net.add('MatMul', [x, w], {}, lambda t, real=real: t[x] @ real))


def make_qlinear():
    def conv(net, x, x_scale, out, dims, scale, zero, bias=True, **attrs):
        w, real, w_scale = net.weight(dims, axis=0 if bias else None, asymmetric=not bias)
        rest = []
        b_real = None
        if bias:
            b, b_real = net.bias(dims[0], r32(x_scale), w_scale)
            rest = [b]
        grid, to = net.grid(scale, zero, 'uint8'), net.rounds(scale, zero, 'uint8')
        pads = attrs.get('pads', [0] * 4)
        return [net.add('QLinearConv', [*x, *w, *grid, *rest], attrs, lambda t: to(F.conv2d(
            torch_pad(t[x[0]], pads), real, b_real, attrs.get('strides', 1), 0, 1, attrs.get('group', 1))), out), *grid]

    net = Quantized('QLinearConv, QLinearAdd, QLinearGlobalAveragePool, QGemm', x=(1, 3, 8, 8))
    x = net.quantize('x', 0.03, 120)
    a = conv(net, x, 0.03, 'a', (8, 3, 3, 3), 0.02, 0, pads=[1, 1, 1, 1], strides=[2, 2], kernel_shape=[3, 3])
    d = conv(net, a, 0.02, 'd', (8, 1, 3, 3), 0.01, 115, bias=False, pads=[1, 1, 1, 1], group=8)
    grid, to = net.grid(0.025, 60, 'uint8'), net.rounds(0.025, 60, 'uint8')
    s = [net.add('QLinearAdd', [*a, *d, *grid], MICROSOFT, lambda t: to(t['a'] + t['d'])), *grid]
    pool, to_pool = net.grid(0.0083, 30, 'uint8'), net.rounds(0.0083, 30, 'uint8')
    p = [net.add('QLinearGlobalAveragePool', [*s, *pool], MICROSOFT, lambda t: to_pool(t[s[0]].mean((2, 3), True))), *pool]
    f = net.add('Flatten', [p[0]], {}, lambda t: t[p[0]].flatten(1))
    w, real, w_scale = net.weight((6, 8), axis=0)
    b, b_real = net.bias(6, r32(0.0083), w_scale)
    out, to_out = net.grid(0.01, 100, 'uint8'), net.rounds(0.01, 100, 'uint8')
    g = net.add('QGemm', [f, *p[1:], *w, b, *out], {**MICROSOFT, 'transB': 1}, lambda t: to_out(t[f] @ real.T + b_real))
    net.finish(net.dequantize([g, *out]))

    net = Quantized('QGemm into floats, alpha', x=(3, 7))
    x = net.quantize('x', 0.03, 120)
    w, real, w_scale = net.weight((7, 4), axis=1)
    b, b_real = net.bias(4, r32(0.03), w_scale)
    net.finish(net.add('QGemm', [*x, *w, b], {**MICROSOFT, 'alpha': 0.5},
                       lambda t: r32(0.5) * (t[x[0]] @ real + b_real)))

    net = Quantized('QLinearMatMul', x=(4, 7))
    x = net.quantize('x', 0.03, -3, 'int8')
    w, real, _ = net.weight((7, 5), axis=1)
    grid, to = net.grid(0.02, 4, 'int8'), net.rounds(0.02, 4, 'int8')
    q = net.add('QLinearMatMul', [*x, *w, *grid], {}, lambda t: to(t[x[0]] @ real))
    net.finish(net.dequantize([q, *grid]))

    one = {  # of one tensor
        'QLinearSigmoid': ({}, torch.sigmoid, 0.004, 0),
        'QLinearLeakyRelu': ({'alpha': 0.2}, lambda v: F.leaky_relu(v, r32(0.2)), 0.0213, 60),
        'QLinearSoftmax': ({'axis': 1, 'opset': 13}, lambda v: torch.softmax(v, 1), 0.004, 0),
        'QLinearAveragePool': ({'kernel_shape': [2, 2], 'strides': [2, 2]}, lambda v: F.avg_pool2d(v, 2), 0.0137, 110),
        'QLinearReduceMean': ({'axes': [2, 3], 'keepdims': 0}, lambda v: v.mean((2, 3)), 0.0107, 110),
    }
    for op, (attrs, function, scale, zero) in one.items():
        net = Quantized(op, x=(1, 3, 6, 4))
        x = net.quantize('x', 0.03, 120)
        grid, to = net.grid(scale, zero, 'uint8'), net.rounds(scale, zero, 'uint8')
        q = net.add(op, [*x, *grid], {**MICROSOFT, **attrs}, lambda t: to(function(t[x[0]])))
        net.finish(net.dequantize([q, *grid]))

    net = Quantized('QLinearMul, QLinearConcat, QLinearWhere', a=(1, 3, 4, 4), b=(1, 3, 4, 4))
    a, b = net.quantize('a', 0.03, 120), net.quantize('b', 0.0263, 100)
    grid, to = net.grid(0.04, 128, 'uint8'), net.rounds(0.04, 128, 'uint8')
    m = [net.add('QLinearMul', [*a, *b, *grid], MICROSOFT, lambda t: to(t[a[0]] * t[b[0]])), *grid]
    wide, to_wide = net.grid(0.05, 128, 'uint8'), net.rounds(0.05, 128, 'uint8')
    c = [net.add('QLinearConcat', [*wide, *a, *m, *b], {**MICROSOFT, 'axis': 1},
                 lambda t: to_wide(torch.cat([t[a[0]], t[m[0]], t[b[0]]], 1))), *wide]
    chosen = net.n.rng.integers(0, 2, (1, 3, 4, 4)).astype(bool)
    last, to_last = net.grid(0.045, 120, 'uint8'), net.rounds(0.045, 120, 'uint8')
    first = net.add('Slice', [c[0], net.const([0], np.int64), net.const([3], np.int64), net.const([1], np.int64)], {},
                    lambda t: t[c[0]][:, :3])
    q = net.add('QLinearWhere', [net.const(chosen, bool), first, *wide, *b, *last], MICROSOFT,
                lambda t: to_last(torch.where(torch.tensor(chosen), t[first], t[b[0]])))
    net.finish(net.dequantize([q, *last]))


def dynamic(x):
    """uint8 between the least and the largest value, 0 among them."""
    least, most = min(float(x.detach().min()), 0.0), max(float(x.detach().max()), 0.0)
    scale = (most - least) / 255
    assert abs(abs(-least / scale % 1) - 0.5) > 1e-3  # else float32 may round it the other way
    return rounded(x, scale, round(-least / scale), 0, 255)


def make_dynamic():
    def quantized(net, x):
        names = [f'{x}_{k}' for k in ('q', 'scale', 'zero')]
        net.add('DynamicQuantizeLinear', [x], {}, lambda t: dynamic(t[x]), names)
        return names

    def network(name, **inputs):
        return Quantized(name, symbol='dynamic_quantize', **inputs)

    net = network('DynamicQuantizeLinear', x=(2, 3, 5, 5))
    net.finish(net.dequantize(quantized(net, 'x')))

    for zeros in (False, True):
        net = network('MatMulInteger' + (', zero points' if zeros else ''), x=(3, 9))
        q, scale, zero = quantized(net, 'x')
        w, real, w_scale = net.weight((9, 5), axis=1 if zeros else None, dtype='uint8' if zeros else 'int8', asymmetric=zeros)
        t = net.add('MatMulInteger', [q, w[0], zero, *(w[2:] if zeros else [])], {})
        both = net.add('Mul', [scale, w[1]])
        f = net.add('Cast', [t], {'to': TensorProto.FLOAT})
        b = net.const(net.n.normal(5))
        m = net.add('Mul', [f, both], {}, lambda v: v[q] @ real)
        net.finish(net.add('Add', [m, b], {}, lambda v: v[m] + v[b]))

    net = network('ConvInteger, Relu, ConvInteger', x=(1, 3, 7, 6))
    x, made = 'x', 0
    for dims, asymmetric in (((5, 3, 3, 3), False), ((4, 5, 1, 1), True)):
        q, scale, zero = quantized(net, x)
        w, real, w_scale = net.weight(dims, dtype='uint8' if asymmetric else 'int8', asymmetric=asymmetric)
        pads = [dims[2] // 2] * 4
        c = net.add('ConvInteger', [q, w[0], zero, *(w[2:] if asymmetric else [])], {'pads': pads, 'kernel_shape': list(dims[2:])})
        f = net.add('Cast', [c], {'to': TensorProto.FLOAT})
        m = net.add('Mul', [f, net.add('Mul', [scale, w[1]])], {},
                    lambda v, q=q, real=real, pads=pads: F.conv2d(v[q], real, None, 1, pads[0]))
        b = net.const(net.n.normal(1, dims[0], 1, 1))
        a = net.add('Add', [m, b], {}, lambda v, m=m, b=b: v[m] + v[b])
        x = net.add('Relu', [a], {}, lambda v, a=a: F.relu(v[a]))
    net.finish(x)

    net = network('DynamicQuantizeMatMul', x=(3, 9))
    w, real, _ = net.weight((9, 4), axis=1)
    b = net.const(net.n.normal(4))
    x = net.dequantize(quantized(net, 'x'))
    net.finish(net.add('DynamicQuantizeMatMul', [x, *w, b], MICROSOFT, lambda t: dynamic(t['x_q']) @ real + t[b]))

    net = network('MatMulIntegerToFloat', x=(3, 9))
    q, scale, zero = quantized(net, 'x')
    w, real, _ = net.weight((9, 4), dtype='uint8', asymmetric=True)
    net.finish(net.add('MatMulIntegerToFloat', [q, w[0], scale, w[1], zero, w[2]], MICROSOFT, lambda t: t[q] @ real))


# ---- Operators that are written out as others (src/onnx/contrib.c) ---------------------------------

def make_contrib():
    n = Numbers('contrib')
    ms = {'domain': 'com.microsoft'}
    x, bias = n.normal(2, 3, 4), n.normal(4)

    def gelu(by):
        return lambda t: F.gelu(t['x'] + t['bias'] if 'bias' in t else t['x'], approximate=by)
    case('gelu', 'com.microsoft Gelu', ('Gelu', ['x'], ms), {'x': x}, gelu('none'), infer=False)
    case('gelu', 'BiasGelu', ('BiasGelu', ['x', 'bias'], ms), {'x': x, 'bias': bias}, gelu('none'), infer=False)
    case('gelu', 'FastGelu', ('FastGelu', ['x'], ms), {'x': x}, gelu('tanh'), infer=False)
    case('gelu', 'FastGelu, bias', ('FastGelu', ['x', 'bias'], ms), {'x': x}, gelu('tanh'), {'bias': bias}, infer=False)
    case('swish', 'QuickGelu', ('QuickGelu', ['x'], ms), {'x': x},
         lambda t: t['x'] * torch.sigmoid(r32(1.702) * t['x']), infer=False)

    picture, w, b = n.normal(1, 3, 5, 6), n.weight(4, 3, 3, 3), n.normal(4)
    z = n.normal(1, 4, 5, 6)
    conv = {'kernel_shape': [3, 3], 'pads': [1, 1, 1, 1], **ms}
    for op, attrs, fn in (
            ('Relu', {}, F.relu), ('Tanh', {}, torch.tanh), ('Sigmoid', {}, torch.sigmoid),
            ('LeakyRelu', {'activation_params': [0.2]}, lambda t: F.leaky_relu(t, r32(0.2))),
            ('Clip', {'activation_params': [-0.5, 0.75]}, lambda t: t.clamp(-0.5, 0.75)),
            ('HardSigmoid', {'activation_params': [0.25, 0.5]}, lambda t: (t / 4 + 0.5).clamp(0, 1))):
        case('conv', f'FusedConv, {op}', ('FusedConv', ['x', 'w', 'b'], {**conv, 'activation': op, **attrs}),
             {'x': picture}, lambda t, fn=fn: fn(F.conv2d(t['x'], t['w'], t['b'], padding=1)), {'w': w, 'b': b},
             step=0 if op in ('Relu', 'LeakyRelu', 'Clip', 'HardSigmoid') else 1e-2, infer=False)
    case('conv', 'FusedConv, a sum and Relu', ('FusedConv', ['x', 'w', 'b', 'z'], {**conv, 'activation': 'Relu'}),
         {'x': picture, 'z': z}, lambda t: F.relu(F.conv2d(t['x'], t['w'], t['b'], padding=1) + t['z']),
         {'w': w, 'b': b}, step=0, infer=False)
    a, m, c = n.normal(3, 5), n.weight(4, 5), n.normal(4)
    case('gemm', 'FusedGemm, LeakyRelu',
         ('FusedGemm', ['x', 'm', 'c'], {'transB': 1, 'activation': 'LeakyRelu', 'activation_alpha': 0.3, **ms}), {'x': a},
         lambda t: F.leaky_relu(t['x'] @ t['m'].T + t['c'], r32(0.3)), {'m': m, 'c': c}, step=0, infer=False)
    p, q = n.normal(2, 5, 3), n.normal(2, 4, 5)
    case('matmul', 'FusedMatMul, both turned, alpha',
         ('FusedMatMul', ['p', 'q'], {'transA': 1, 'transB': 1, 'alpha': 0.5, **ms}), {'p': p, 'q': q},
         lambda t: 0.5 * t['p'].transpose(1, 2) @ t['q'].transpose(1, 2), infer=False)
    case('matmul', 'FusedMatMul, plain', ('FusedMatMul', ['x', 'm'], ms), {'x': n.normal(2, 3, 5)},
         lambda t: t['x'] @ t['m'], {'m': n.weight(5, 4)}, infer=False)

    skip, gain, shift = n.normal(2, 3, 4), n.positive(4), n.normal(4)

    def skipped(t):
        total = t['x'] + t['skip'] + (t['bias'] if 'bias' in t else 0)
        return total, F.layer_norm(total, (4,), t['gain'], t.get('shift'), r32(1e-3))
    norm = {'epsilon': 1e-3, **ms}
    case('layer_norm', 'SkipLayerNormalization', ('SkipLayerNormalization', ['x', 'skip', 'gain', 'shift'], norm),
         {'x': x, 'skip': skip}, lambda t: skipped(t)[1], {'gain': gain, 'shift': shift}, infer=False)
    case('layer_norm', 'SkipLayerNormalization, bias and the sum',
         [('SkipLayerNormalization', ['x', 'skip', 'gain', 'shift', 'bias'], ['y', '', '', 'sum'], norm)],
         {'x': x, 'skip': skip}, lambda t: (skipped(t)[1], skipped(t)[0]), {'gain': gain, 'shift': shift, 'bias': bias},
         outputs=('y', 'sum'), infer=False)
    case('layer_norm', 'com.microsoft LayerNormalization', ('LayerNormalization', ['x', 'gain', 'shift'], norm), {'x': x},
         lambda t: F.layer_norm(t['x'], (4,), t['gain'], t['shift'], r32(1e-3)), {'gain': gain, 'shift': shift}, infer=False)

    def rms(v, t):
        return v / torch.sqrt((v * v).mean(-1, keepdim=True) + r32(1e-3)) * t['gain']
    case('rms_norm', 'SimplifiedLayerNormalization', ('SimplifiedLayerNormalization', ['x', 'gain'], norm), {'x': x},
         lambda t: rms(t['x'], t), {'gain': gain}, infer=False)
    case('rms_norm', 'SkipSimplifiedLayerNormalization', ('SkipSimplifiedLayerNormalization', ['x', 'skip', 'gain'], norm),
         {'x': x, 'skip': skip}, lambda t: rms(t['x'] + t['skip'], t), {'gain': gain}, infer=False)
    image, wide, low = n.normal(2, 3, 5, 6), n.positive(6), n.normal(6)

    def grouped(t):
        return F.group_norm(t['x'].permute(0, 3, 1, 2), 3, t['wide'], t['low'], r32(1e-3)).permute(0, 2, 3, 1)
    group = {'groups': 3, 'epsilon': 1e-3, 'channels_last': 1, **ms}
    for name, opset, attrs, fn in (('GroupNorm', 17, {'activation': 0}, grouped),
                                   ('GroupNorm, SiLU', 17, {'activation': 1}, lambda t: F.silu(grouped(t)))):
        case('group_norm', f'com.microsoft {name}', ('GroupNorm', ['x', 'wide', 'low'], {**group, **attrs}),
             {'x': image}, fn, {'wide': wide, 'low': low}, opset, infer=False)
    case('identity', 'CastLike', ('CastLike', ['x', 'like'], {}), {'x': x}, lambda t: t['x'] * 1, {'like': n.normal(1)}, opset=15)


# ---- Writing -------------------------------------------------------------------------------------

def main():
    for make in (make_conv, make_conv_transpose, make_gemm, make_matmul, make_batch_norm, make_norm, make_lrn,
                 make_pointwise, make_functions, make_arithmetic,
                 make_nary, make_softmax, make_max_pool, make_max_unpool, make_average_pool,
                 make_lp, make_grid_sample, make_roi_align, make_global_pool, make_concat, make_split, make_slice, make_pad, make_gather,
                 make_repeats, make_blocks, make_cum_sum, make_einsum,
                 make_recurrent, make_attention, make_views,
                 make_reduce, make_resize,
                 make_rounding, make_qdq, make_qlinear, make_dynamic, make_contrib):
        make()
    symbols = [line[len('GCAM_OP('):line.index(')')] for line in OP_LIST.read_text().splitlines()
               if line.startswith('GCAM_OP(')]
    missing = [s for s in symbols if s not in CASES]
    if missing:
        sys.exit(f'no cases for: {", ".join(missing)}')
    folder = HERE / 'ops'
    folder.mkdir(exist_ok=True)
    total = 0
    for symbol, cases in CASES.items():
        if len(sys.argv) > 1 and symbol not in sys.argv[1:]:
            continue
        raw = b'GCOP' + struct.pack('<II', 1, len(cases)) + b''.join(cases)
        (folder / f'{symbol}.bin').write_bytes(raw)
        total += len(raw)
        print(f'{symbol:22} {len(cases):3} cases {len(raw):8,} bytes')
    print(f'{total:,} bytes')


if __name__ == '__main__':
    main()
