#!/usr/bin/env python3
"""Writes colormap_data.h: the smooth colour maps as few control values of a uniform cubic B-spline.

Needs numpy and matplotlib (Debian: python3-matplotlib), whose maps are the reference: viridis, inferno,
magma and plasma (CC0, N. Smith and S. van der Walt), cividis (J. Nunez, C. Anderton, R. Renslow, 2018),
turbo (A. Mikhailov, 2019). No table is copied: each channel is fitted by least squares, control values are
rounded to whole levels, and the script fails when the spline is off by more than MAX_ERROR levels of 255.

    python3 src/image/make_colormaps.py > src/image/colormap_data.h
"""
import sys
import numpy as np
import matplotlib.cm

NAMES = ['turbo', 'viridis', 'inferno', 'magma', 'plasma', 'cividis']
SPANS, MAX_ERROR = 24, 1.0
CONTROLS = SPANS + 3

basis = np.zeros((256, CONTROLS))
for i in range(256):
    u = i / 255 * SPANS
    k = min(int(u), SPANS - 1)
    t = u - k
    basis[i, k:k + 4] = [(1 - t) ** 3 / 6, (3 * t ** 3 - 6 * t ** 2 + 4) / 6,
                         (-3 * t ** 3 + 3 * t ** 2 + 3 * t + 1) / 6, t ** 3 / 6]

print('/* Written by make_colormaps.py; do not edit. Control values of uniform cubic B-splines, 0..255,')
print(' * from position 0 to 1: red, green, blue. */')
print('#include <stdint.h>\n')
print(f'enum {{ SPLINE_SPANS = {SPANS} }};')
print('static const struct {\n  const char *name;\n  int16_t control[3][SPLINE_SPANS + 3];\n} splines[] = {')
for name in NAMES:
    table = matplotlib.cm.get_cmap(name)(np.arange(256))[:, :3] * 255
    print(f'    {{"{name}",\n     {{', end='')
    for c in range(3):
        # Reweighting pulls the least-squares fit towards the smallest largest error.
        weight = np.ones(256)
        best = None
        for _ in range(200):
            control = np.linalg.lstsq(basis * weight[:, None], table[:, c] * weight, rcond=None)[0].round()
            error = abs(np.clip(basis @ control, 0, 255) - table[:, c])
            if best is None or error.max() < best[0]:
                best = (error.max(), control)
            weight *= 1 + error / max(error.max(), 1e-9) * 0.2
        print(f'{name} {"rgb"[c]}: largest error {best[0]:.2f}', file=sys.stderr)
        if best[0] > MAX_ERROR:
            sys.exit('too far off')
        row = ', '.join(str(int(v)) for v in best[1])
        cut = row.rfind(',', 0, 78) + 1
        print(('' if c == 0 else ',\n      ') + '{' + row[:cut] + '\n       ' + row[cut + 1:] + '}', end='')
    print('}},')
print('};')
