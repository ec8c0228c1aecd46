#!/usr/bin/env python3
"""Makes pictures of random size and kind, every other one damaged, and says what PIL sees in each.

    python3 pictures.py FOLDER COUNT SEED

FOLDER gets N.bin, the file; N.rgba, PIL's pixels where it reads one; and index.txt, one line a picture: number, kind, whole or
damaged, width, height (0 0: PIL refuses it). Needs PIL and numpy.
"""
import io
import pathlib
import random
import sys
import warnings

import numpy as np
from PIL import Image, ImageOps

warnings.simplefilter('ignore')
KINDS = [('PNG', mode, {}) for mode in ('1', 'L', 'LA', 'P', 'RGB', 'RGBA')] + [
    ('GIF', 'P', {}), ('GIF', 'L', {}), ('BMP', '1', {}), ('BMP', 'L', {}), ('BMP', 'P', {}), ('BMP', 'RGB', {}), ('BMP', 'RGBA', {}),
    ('JPEG', 'L', {}), ('JPEG', 'RGB', {'quality': 95, 'subsampling': 0}), ('JPEG', 'RGB', {'quality': 60}),
    ('JPEG', 'RGB', {'quality': 80, 'progressive': True}), ('JPEG', 'RGB', {'quality': 90, 'subsampling': 1}),
]


def draw(dice):
    """Smooth colours with an edge: what every kind can hold."""
    h, w = dice.randint(1, 48), dice.randint(1, 48)
    y, x = np.mgrid[0:h, 0:w].astype(float)
    rgba = np.stack([127 + 120 * np.sin(x / dice.uniform(4, 20)), 255 * y / h, 127 + 100 * np.cos((x + y) / 11), 255 - 90 * x / w], -1)
    rgba[h // 3:h // 2, w // 4:w // 2, :3] = dice.choices(range(256), k=3)
    return Image.fromarray(rgba.clip(0, 255).round().astype(np.uint8), 'RGBA')


def damaged(data, dice):
    data = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data))
        data[at] = dice.choice([data[at] ^ 1 << dice.randrange(8), 0, 255, dice.randrange(256)])
    return bytes(data[:dice.randrange(len(data))] if dice.random() < 0.2 else data)


def main(folder, count, seed):
    dice, lines = random.Random(int(seed)), []
    out = pathlib.Path(folder)
    for i in range(int(count)):
        form, mode, how = dice.choice(KINDS)
        file = io.BytesIO()
        draw(dice).convert(mode if mode == 'RGBA' else 'RGB').convert(mode).save(file, form, **how)
        whole = i % 2 == 0
        data = file.getvalue() if whole else damaged(file.getvalue(), dice)
        (out / f'{i}.bin').write_bytes(data)
        size = (0, 0)
        try:
            picture = Image.open(io.BytesIO(data))
            if picture.width * picture.height <= 1 << 20:
                picture = ImageOps.exif_transpose(picture).convert('RGBA')
                (out / f'{i}.rgba').write_bytes(picture.tobytes())
                size = picture.size
        except Exception:  # PIL's plugins raise whatever they like
            pass
        lines.append(f'{i} {form}-{mode} {"whole" if whole else "damaged"} {size[0]} {size[1]}')
    (out / 'index.txt').write_text('\n'.join(lines) + '\n')


main(*sys.argv[1:])
