#!/usr/bin/env python3
"""Writes tests/golden/images: small pictures of every kind, and what others make of them.

Needs numpy, PIL, torch, matplotlib and DejaVu Sans (Debian: python3-numpy python3-pil python3-torch
python3-matplotlib fonts-dejavu-core). Nothing here uses the engine: PIL decodes, torch resizes (float64; PIL where it is nearest),
numpy blends, matplotlib colours. The test itself needs none of it.

    python3 tests/golden/make_images.py

images.txt      one line a picture: file, width, height, largest and mean difference allowed. FILE.rgba holds the
                expected pixels. JPEG decoders may differ by a few levels (rounding, upsampling of chroma).
resize.txt      one line a result: how, from, to; the values are in resize.f32, one after the other. The map resized
                is map_value() below.
inputs.txt      one line a network input: picture, how, order, H, W, mean, std; values in inputs.f32 (NHWC).
nearest.u16     PIL's source index of every sample, for the pairs of sizes in nearest.txt.
overlay.rgb     numpy's overlay of resized map_value() on plain.png and alpha.png, jet, alpha 0.4.
colormaps.u8    every third colour of every map.
text.png        a line of text by FreeType.
"""
import io
import pathlib
import struct
import zlib

import matplotlib.cm
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps

OUT = pathlib.Path(__file__).parent / 'images'
W, H = 25, 19


def photo():
    """Smooth colours with a few edges: what JPEG was made for."""
    y, x = np.mgrid[0:H, 0:W].astype(float)
    rgb = np.stack([127 + 120 * np.sin(x / 9), 255 * y / H, 127 + 100 * np.cos((x + y) / 11)], -1)
    rgb[4:10, 14:22] = [220, 40, 30]
    rgb[14:, :7] = [250, 250, 245]
    rgb[12:18, 10:17] = [20, 30, 90]
    return rgb.clip(0, 255).round().astype(np.uint8)


def map_value(i):
    return i * 37 % 101 / 100


def test_map(h, w):
    return np.array([map_value(i) for i in range(h * w)]).reshape(h, w)


index = []


def write(name, data, expected=None, most=0, mean=0.0):
    """expected: RGBA; where it is missing, PIL's."""
    (OUT / name).write_bytes(data)
    if expected is None:
        expected = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert('RGBA'))
    (OUT / f'{name}.rgba').write_bytes(expected.astype(np.uint8).tobytes())
    index.append(f'{name} {expected.shape[1]} {expected.shape[0]} {most} {mean}')


def encode(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(name, body):
    return struct.pack('>I', len(body)) + name + body + struct.pack('>I', zlib.crc32(name + body))


def png(width, height, depth, kind, rows, extra=b'', interlace=0):
    head = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, depth, kind, 0, 0, interlace))
    return b'\x89PNG\r\n\x1a\n' + head + extra + chunk(b'IDAT', zlib.compress(rows, 9)) + chunk(b'IEND', b'')


def rows_of(pixels):
    return b''.join(b'\0' + row.tobytes() for row in pixels)


def adam7(pixels):
    out = b''
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        part = pixels[y0::dy, x0::dx]
        if part.size:
            out += rows_of(part)
    return out


def jpegs(rgb):
    image = Image.fromarray(rgb)
    full = encode(image, 'JPEG', quality=92, subsampling=0)
    write('baseline.jpg', full, None, 3, 0.6)
    write('420.jpg', encode(image, 'JPEG', quality=92, subsampling=2), None, 12, 1.0)
    # stb_image weighs the chroma of the last column the other way round; the mean shows that it is that one alone.
    write('422.jpg', encode(image, 'JPEG', quality=92, subsampling=1), None, 20, 0.5)
    write('progressive.jpg', encode(image, 'JPEG', quality=92, subsampling=0, progressive=True), None, 3, 0.6)
    write('gray.jpg', encode(image.convert('L'), 'JPEG', quality=92), None, 2, 0.4)
    cmyk = encode(image.convert('CMYK'), 'JPEG', quality=95)
    at = cmyk.index(b'Adobe') - 4
    assert cmyk[at:at + 2] == b'\xff\xee' and cmyk[at + 15] == 0
    write('cmyk.jpg', cmyk, None, 4, 0.8)
    write('cmyk_no_adobe.jpg', cmyk[:at] + cmyk[at + 16:], None, 4, 0.8)
    # The same data read as YCCK: odd colours, but PIL's reading of them is the reference.
    write('ycck.jpg', cmyk[:at + 15] + b'\x02' + cmyk[at + 16:], None, 5, 0.9)
    # Adobe's marker with transform 0 and no JFIF: the three channels are RGB as they stand.
    jfif = full.index(b'JFIF') - 4
    rgb_file = full[:jfif] + cmyk[at:at + 16] + full[jfif + 18:]
    write('adobe_rgb.jpg', rgb_file, None, 3, 0.6)
    for orientation in range(1, 9):
        order, mark = ('>', b'MM\0*') if orientation % 2 else ('<', b'II*\0')
        body = b'Exif\0\0' + mark + struct.pack(order + 'IHHHIHHI', 8, 1, 0x0112, 3, 1, orientation, 0, 0)
        write(f'exif{orientation}.jpg', encode(image, 'JPEG', quality=90, subsampling=0, exif=body), None, 3, 0.7)


def pngs(rgb):
    image = Image.fromarray(rgb)
    write('plain.png', encode(image, 'PNG'))
    y, x = np.mgrid[0:H, 0:W]
    alpha = np.where(x < 6, 0, (x * 7 + y * 3) % 256).astype(np.uint8)
    rgba = np.dstack([rgb, alpha])
    write('alpha.png', encode(Image.fromarray(rgba), 'PNG'))
    write('gray.png', encode(image.convert('L'), 'PNG'))
    write('gray_alpha.png', encode(Image.fromarray(rgba).convert('LA'), 'PNG'))
    write('one_bit.png', encode(image.convert('1'), 'PNG'))
    palette = image.quantize(60)
    write('palette.png', encode(palette, 'PNG'))
    write('palette16.png', encode(image.quantize(16), 'PNG', bits=4))
    write('palette_alpha.png', encode(palette, 'PNG', transparency=bytes([0, 128, 255] * 20)))
    write('transparent_color.png', encode(image, 'PNG', transparency=tuple(int(v) for v in rgb[6, 16])))
    write('interlaced.png', png(W, H, 8, 2, adam7(rgb), interlace=1))
    write('interlaced_alpha.png', png(W, H, 8, 6, adam7(rgba), interlace=1))
    wide = (rgb.astype('>u2') << 8 | (rgb[::-1, ::-1] & 255)).astype('>u2')
    opaque = np.dstack([wide >> 8, np.full((H, W), 255)])
    write('rgb16.png', png(W, H, 16, 2, rows_of(wide)), opaque)
    write('gray16.png', png(W, H, 16, 0, rows_of(wide[:, :, 1])), np.dstack([wide[:, :, 1:2] >> 8] * 3 + [opaque[:, :, 3]]))
    exif = Image.Exif()
    exif[0x0112] = 6
    write('exif6.png', encode(image, 'PNG', exif=exif))
    # 96 million pixels in a few kilobytes; too large to keep the expected pixels.
    stripe = np.packbits(np.arange(12000) // 104 % 2).astype(np.uint8)
    (OUT / 'large.png').write_bytes(png(12000, 8000, 1, 0, b'\0' + stripe.tobytes() + (b'\2' + bytes(1500)) * 7999))


def others(rgb):
    image = Image.fromarray(rgb)
    frames = [image.quantize(64), Image.fromarray(255 - rgb).quantize(64)]
    write('animated.gif', encode(frames[0], 'GIF', save_all=True, append_images=frames[1:], duration=50, loop=0))
    write('still.gif', encode(image.quantize(16), 'GIF', interlace=0))
    clear = image.quantize(32)
    clear.putpixel((3, 3), 31)
    expected = np.array(clear.convert('RGBA'))
    hidden = np.array(clear) == 31
    data = encode(clear, 'GIF', transparency=31)
    again = Image.open(io.BytesIO(data)).convert('RGBA')
    assert ((np.array(again)[:, :, 3] == 0) == hidden).all() and hidden.any()
    expected[hidden] = 0  # what colour is under there, readers do not agree; the test skips it
    write('transparent.gif', data, expected)
    write('24.bmp', encode(image, 'BMP'))
    write('palette.bmp', encode(image.quantize(100), 'BMP'))
    write('one_bit.bmp', encode(image.convert('1'), 'BMP'))
    write('32.bmp', encode(Image.fromarray(np.dstack([rgb, np.full((H, W), 255, np.uint8)])), 'BMP'))
    top_down = bytearray(encode(Image.fromarray(rgb[::-1]), 'BMP'))
    top_down[22:26] = struct.pack('<i', -H)
    write('top_down.bmp', bytes(top_down))


def interpolate(values, size, how):
    """values: [h, w, c] float64, by torch; nearest by PIL."""
    if how == 'nearest':
        return np.dstack([np.array(Image.fromarray(values[:, :, c].astype(np.float32)).resize(size[::-1], Image.NEAREST))
                          for c in range(values.shape[2])]).astype(np.float64)
    t = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))[None]
    return torch.nn.functional.interpolate(t, size=size, mode=how, align_corners=False)[0].numpy().transpose(1, 2, 0)


HOWS = ['nearest', 'bilinear', 'bicubic']


def resizes():
    lines, values = [], []
    for h, w, dh, dw in [(7, 5, 13, 31), (14, 14, 30, 20), (1, 1, 3, 5), (2, 3, 2, 3), (1, 9, 4, 1), (33, 20, 7, 7), (4, 6, 21, 8)]:
        for how in HOWS:
            lines.append(f'{how} {w} {h} {dw} {dh}')
            values.append(interpolate(test_map(h, w)[:, :, None], (dh, dw), how).ravel())
    (OUT / 'resize.txt').write_text('\n'.join(lines) + '\n')
    (OUT / 'resize.f32').write_bytes(np.concatenate(values).astype('<f4').tobytes())

    pairs = [(640, 224), (480, 224), (1920, 299), (1152, 224), (600, 224), (393, 224), (650, 299), (448, 224), (37, 100), (512, 160), (3, 448)]
    data = b''
    for before, after in pairs:
        ramp = Image.fromarray(np.arange(before, dtype=np.int32)[None])
        data += np.array(ramp.resize((after, 1), Image.NEAREST)).astype('<u2').tobytes()
    (OUT / 'nearest.txt').write_text(''.join(f'{a} {b}\n' for a, b in pairs))
    (OUT / 'nearest.u16').write_bytes(data)


def inputs():
    lines, values = [], []
    torch_mode = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    cases = [('plain.png', 'bilinear', 'rgb', 20, 16, *torch_mode),
             ('plain.png', 'nearest', 'bgr', 16, 24, [103.939, 116.779, 123.68], [1, 1, 1]),
             ('plain.png', 'bicubic', 'rgb', 24, 30, [127.5] * 3, [127.5] * 3),
             ('plain.png', 'bilinear', 'grey', 24, 25, [0], [255]),
             ('alpha.png', 'bilinear', 'rgb', 9, 23, [0] * 3, [1] * 3)]
    for file, how, order, h, w, mean, std in cases:
        rgba = np.array(Image.open(OUT / file).convert('RGBA')).astype(np.float64)
        a = rgba[:, :, 3:] / 255
        seen = rgba[:, :, :3] * a + 255 * (1 - a)
        out = interpolate(seen, (h, w), how)
        if order == 'grey':
            out = out @ np.array([[0.299], [0.587], [0.114]])
        if order == 'bgr':
            out = out[:, :, ::-1]
        values.append(((out - mean) / std).ravel())
        pad = [0, 0, 0, 0]
        mean, std = (mean + pad)[:3], (std + pad)[:3]
        lines.append(' '.join(str(v) for v in [file, how, order, h, w, *mean, *std]))
    (OUT / 'inputs.txt').write_text('\n'.join(lines) + '\n')
    (OUT / 'inputs.f32').write_bytes(np.concatenate(values).astype('<f4').tobytes())


def overlays():
    jet = matplotlib.cm.get_cmap('jet')(np.arange(256))[:, :3] * 255
    data = b''
    for file in ['plain.png', 'alpha.png']:
        rgba = np.array(Image.open(OUT / file).convert('RGBA')).astype(np.float64)
        a = rgba[:, :, 3:] / 255
        seen = rgba[:, :, :3] * a + 255 * (1 - a)
        for how in HOWS:
            heat = interpolate(test_map(4, 5)[:, :, None], (H, W), how)[:, :, 0].clip(0, 1)
            colour = jet[(heat * 255).round().astype(int)]
            data += (0.4 * colour + 0.6 * seen).round().astype(np.uint8).tobytes()
    (OUT / 'overlay.rgb').write_bytes(data)
    names = ['jet', 'turbo', 'viridis', 'inferno', 'magma', 'plasma', 'cividis', 'gray']
    maps = [matplotlib.cm.get_cmap(n)(np.arange(0, 256, 3))[:, :3] * 255 for n in names]
    (OUT / 'colormaps.u8').write_bytes(np.concatenate(maps).round().astype(np.uint8).tobytes())


def text():
    font = ImageFont.truetype('/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf', 32, layout_engine=ImageFont.Layout.BASIC)
    image = Image.new('L', (330, 48), 255)
    ImageDraw.Draw(image).text((10, 36), '718, Pier  77.1 % \u00e9\u00df', font=font, fill=0, anchor='ls')
    (OUT / 'text.png').write_bytes(encode(image, 'PNG'))


OUT.mkdir(exist_ok=True)
pixels = photo()
jpegs(pixels)
pngs(pixels)
others(pixels)
(OUT / 'images.txt').write_text('\n'.join(index) + '\n')
resizes()
inputs()
overlays()
text()
