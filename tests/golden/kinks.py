"""Where a gradient jumps: units nearer to their kink than float32 rounds, found and decided.

A ReLU's gradient jumps where its input is 0, a ReLU6's also at 6, a hard sigmoid's at -3 and 3, a max
pooling's where two values tie. Which side a value within rounding of such a kink falls on is decided
by the order of additions, and no computation in float32 is more right than another. So Gates finds
these units: those nearer to their kink than ROUNDING times what PyTorch's own float32 run is off by in
that layer (the largest error in it). gradients() then gives the gradient as it is, with all of them
open, with all of them closed, and twice with sides drawn at random.
"""
import math

import torch
import torch.nn.functional as F

ROUNDING = 4
SIDES = [None, "open", "closed", 1, 2]  # as it is; every near unit one way; by chance (a seed)


class Gates:
    """Stands for torch's functions with kinks: forward they are torch's own; the backward pass may be
    guided, and decides the units near their kink as `side` says.

    recorded: a list to which each of them appends its input; twins: the same inputs in float32, in
    the order of the calls, from which follows what is near."""

    def __init__(self):
        self.guided, self.side, self.chance = False, None, None
        self.recorded, self.twins = None, None
        self.own = {name: getattr(F, name) for name in
                    ("relu", "hardtanh", "hardsigmoid", "hardswish", "max_pool2d")}

    def remove(self):
        for name, function in self.own.items():
            setattr(F, name, function)

    def install(self):
        F.relu = lambda x, inplace=False: self.gate(Clamp, x, math.inf)
        F.hardtanh = lambda x, lo, hi, inplace=False: self.gate(Clamp, x, hi)
        F.hardsigmoid = lambda x, inplace=False: self.gate(Clamp, x + 3, 6) / 6
        F.hardswish = lambda x, inplace=False: x * F.hardsigmoid(x)
        F.max_pool2d = lambda x, *a, return_indices=False, **k: self.gate(Pool, x, a, tuple(k.items()))

    def gate(self, kind, x, *args):
        if self.recorded is not None:
            self.recorded.append(x)
        margin = ROUNDING * (x.detach() - next(self.twins)).abs().max().item() if self.twins else 0.0
        return kind.apply(x, margin, *args)

    def decide(self, near, passes):
        if self.side is None:
            return passes
        if self.side == "open":
            return passes | near
        if self.side == "closed":
            return passes & ~near
        return torch.where(near, torch.rand(near.shape, generator=self.chance) < 0.5, passes)

    def gradients(self, y, at, guided=False, sides=SIDES):
        """dy/dat of the first picture for every side; of one alone where no unit is near its kink."""
        found = []
        self.guided = guided
        for self.side in sides:
            if isinstance(self.side, int):
                self.chance = torch.Generator().manual_seed(self.side)
            found.append(torch.autograd.grad(y, at, retain_graph=True)[0][0])
        self.guided, self.side = False, None
        return found if any(not torch.equal(g, found[0]) for g in found) else found[:1]


class Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, margin, top):
        ctx.save_for_backward(x)
        ctx.margin, ctx.top = margin, top
        return x.clamp(0, top)

    @staticmethod
    def backward(ctx, dy):
        x, = ctx.saved_tensors
        passes, near = (x > 0) & (x < ctx.top), torch.minimum(x.abs(), (x - ctx.top).abs()) < ctx.margin
        dx = dy * gates.decide(near, passes)
        return (dx * (dy > 0) if gates.guided else dx), None, None


class Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, margin, args, keys):
        keys = {**dict(keys), "return_indices": True}
        y, first = gates.own["max_pool2d"](x, *args, **keys)
        if not ctx.needs_input_grad[0]:
            return y
        args = {**keys, **dict(zip(("kernel_size", "stride", "padding"), args))}
        k, s, p = args["kernel_size"], args.get("stride") or args["kernel_size"], args.get("padding", 0)
        k, s, p = (v[0] if isinstance(v, tuple) else v for v in (k, s, p))
        room = [(y.shape[d] - 1) * s + k - p - x.shape[d] for d in (3, 2)]
        windows = lambda t, fill: F.pad(t, (p, max(0, room[0]), p, max(0, room[1])), value=fill) \
            .unfold(2, k, s).unfold(3, k, s).flatten(4)
        index = torch.arange(x.shape[2] * x.shape[3]).view(1, 1, *x.shape[2:]).to(x.dtype)
        values, index = windows(x, -math.inf), windows(index, 0.0).long()
        tied = values >= values.amax(-1, keepdim=True) - 2 * margin  # flat ground: often all of them
        ctx.save_for_backward(first, index, tied)
        ctx.shape = x.shape
        return y

    @staticmethod
    def backward(ctx, dy):
        first, index, tied = ctx.saved_tensors
        place = first  # all open: the first maximum, as torch has it; all closed: the last that is tied
        if gates.side not in (None, "open"):
            n = tied.shape[-1]
            order = torch.arange(1.0, n + 1) if gates.side == "closed" else torch.rand(tied.shape, generator=gates.chance)
            place = index.expand(*tied.shape[:4], -1).gather(4, (tied * order).argmax(-1, keepdim=True))[..., 0]
        dx = torch.zeros(ctx.shape, dtype=dy.dtype).flatten(2)
        return dx.scatter_add_(2, place.flatten(2), dy.flatten(2)).view(ctx.shape), None, None, None


gates = Gates()
