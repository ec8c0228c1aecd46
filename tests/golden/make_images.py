#!/usr/bin/env python3
"""Writes tests/golden/images: small pictures of every kind, and what others make of them.

Needs numpy, PIL, torch, matplotlib and DejaVu Sans (Debian: python3-numpy python3-pil python3-torch
python3-matplotlib fonts-dejavu-core). Nothing here uses the engine: PIL decodes, torch resizes (float64; PIL where it is nearest),
numpy blends, matplotlib colours. The test itself needs none of it.

    python3 tests/golden/make_images.py

images.txt      one line a picture: file, width, height, largest and mean difference allowed. images.rgba holds the
                expected pixels, one picture after the other. The folder is also what fuzz_image begins with. JPEG decoders may differ by a few levels (rounding, upsampling of chroma).
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


index, pixels_expected = [], []


def write(name, data, expected=None, most=0, mean=0.0):
    """expected: RGBA; where it is missing, PIL's."""
    (OUT / name).write_bytes(data)
    if expected is None:
        expected = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert('RGBA'))
    pixels_expected.append(expected.astype(np.uint8).tobytes())
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


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def adam7(pixels):
    out = b''
    for x0, y0, dx, dy in ADAM7:
        part = pixels[y0::dy, x0::dx]
        if part.size:
            out += rows_of(part)
    return out


def jpegs(rgb):
    image = Image.fromarray(rgb)
    full = encode(image, 'JPEG', quality=92, subsampling=0)
    write('baseline.jpg', full, None, 3, 0.6)
    write('420.jpg', encode(image, 'JPEG', quality=92, subsampling=2), None, 12, 1.0)
    write('422.jpg', encode(image, 'JPEG', quality=92, subsampling=1), None, 3, 0.5)
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


def pil_pixels(data):
    return np.array(Image.open(io.BytesIO(data)).convert('RGBA'))


def opaque(rgb):
    return np.dstack([rgb, np.full(rgb.shape[:2], 255)]).astype(np.uint8)


def grow(values, bits):
    """Channels of so many bits as they are stored (high bits of the photo), and as 0..255."""
    stored = values.astype(np.uint32) >> (8 - bits) if bits < 8 else values.astype(np.uint32)
    return stored, (stored * 255 / (2 ** bits - 1) + 0.5).astype(np.uint8)


def bmp(bits, rows, header=40, size=(W, H), palette=b'', used=0, compression=0, masks=b'', gap=b'', offset=None):
    """rows: packed pixels, padded, in file order. Masks lie behind a header of 40 bytes and inside of a later one."""
    w, h = size
    if header == 12:
        info = struct.pack('<IHHHH', 12, w, h, 1, bits)
    else:
        info = struct.pack('<IiiHHIIiiII', header, w, h, 1, bits, compression, len(rows), 2835, 2835, used, 0)
        info = (info + (masks if header > 40 else b'')).ljust(header, b'\0')[:header]
        if header == 40:
            info += masks
    at = 14 + len(info) + len(palette) + len(gap) if offset is None else offset
    return b'BM' + struct.pack('<IHHI', 14 + len(info) + len(palette) + len(gap) + len(rows), 0, 0, at) + info + palette + gap + rows


def padded(rows, bottom_up=True):
    """[h, bytes] to a BMP's rows."""
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    return (rows[::-1] if bottom_up else rows).astype(np.uint8).tobytes()


def packed(index, bits):
    per = 8 // bits
    index = np.pad(index, ((0, 0), (0, -index.shape[1] % per))).reshape(len(index), -1, per)
    return sum(index[:, :, i].astype(np.uint32) << (8 - bits * (i + 1)) for i in range(per)).astype(np.uint8)


def rle(index, four):
    """Bottom to top: runs, literal stretches, line ends; the bitmap's end behind the last line."""
    out = b''
    for y, row in enumerate(index[::-1]):
        x = 0
        while x < len(row):
            run = 1
            while x + run < len(row) and row[x + run] == row[x]:
                run += 1
            if run >= 3 or len(row) - x < 3:
                value = row[x] << 4 | row[x] if four else row[x]
                out += bytes([run, value])
                x += run
                continue
            n = min(len(row) - x, 3 + (x + y) % 5)
            part = row[x:x + n]
            data = packed(part[None], 4)[0].tobytes() if four else part.tobytes()
            out += bytes([0, n]) + data + b'\0' * (len(data) % 2)
            x += n
        out += b'\0\0'
    return out[:-2] + b'\0\1'


def write_bmp(name, data, expected, pil=True, most=0):
    """expected: by how the file was made. PIL must agree, give or take one where it cuts off what should be rounded,
    unless it does not read the kind."""
    if pil:
        worst = np.abs(pil_pixels(data).astype(int) - expected).max()
        assert worst <= 1, (name, worst)
    write(name, data, expected, most)


def bitmaps(rgb):
    shades = {}
    for bits in [1, 2, 4, 8]:
        image = Image.fromarray(rgb).quantize(2 ** bits - (bits > 2))  # fewer colours than there could be
        colors = np.array(image.getpalette()[:3 * (2 ** bits)]).reshape(-1, 3)
        index = np.array(image)
        shades[bits] = index, colors[:index.max() + 1], opaque(colors[index])

    def quads(colors, entry=4):
        return np.pad(colors[:, ::-1], ((0, 0), (0, entry - 3))).astype(np.uint8).tobytes()

    for bits, (index, colors, expected) in shades.items():
        rows = padded(packed(index, bits))
        pil = bits != 2
        write_bmp(f'pal{bits}.bmp', bmp(bits, rows, palette=quads(colors), used=len(colors)), expected, pil)
        full = np.pad(colors, ((0, 2 ** bits - len(colors)), (0, 0)))
        write_bmp(f'pal{bits}_v5.bmp', bmp(bits, rows, 124, palette=quads(full)), expected, pil)
        write_bmp(f'pal{bits}_os2.bmp', bmp(bits, rows, 12, palette=quads(full, 3)), expected, pil)
        # OS/2 2 may stop after the fields it needs; PIL knows its full length alone.
        write_bmp(f'pal{bits}_os2v2.bmp', bmp(bits, rows, 64, palette=quads(full)), expected, pil)
        write_bmp(f'pal{bits}_os2v2_16.bmp', bmp(bits, rows, 16, palette=quads(full)), expected, False)
    index, colors, expected = shades[8]
    rows = padded(packed(index, 8))
    write_bmp('pal8_os2_short.bmp', bmp(8, rows, 12, palette=quads(colors, 3)), expected, False)
    write_bmp('pal8_gap.bmp', bmp(8, rows, palette=quads(colors), used=len(colors), gap=b'gap!' * 25), expected)
    write_bmp('pal8_no_offset.bmp', bmp(8, rows, palette=quads(colors), used=len(colors), offset=0), expected)
    write_bmp('pal8_top.bmp', bmp(8, padded(packed(index, 8), False), size=(W, -H), palette=quads(colors), used=len(colors)), expected)
    # An index that the palette lacks is black.
    few = len(colors) // 2
    dark = expected.copy()
    dark[index >= few, :3] = 0
    write_bmp('pal8_missing.bmp', bmp(8, rows, palette=quads(colors[:few]), used=few), dark, False)

    for bits, code in [(8, 1), (4, 2)]:
        index, colors, expected = shades[bits]
        data = rle(index, bits == 4)
        # PIL 9.4 misreads a literal stretch of an odd number of pixels in RLE4.
        write_bmp(f'rle{bits}.bmp', bmp(bits, data, palette=quads(colors), used=len(colors), compression=code), expected, bits == 8)
        write_bmp(f'rle{bits}_v4.bmp', bmp(bits, data, 108, palette=quads(colors), used=len(colors), compression=code), expected, bits == 8)
        # Skips over 3 pixels and 2 rows, and the end long before the last: what is left out has index 0. PIL reads
        # two bytes too many at a skip.
        value = 0x22 if bits == 4 else 2
        skips = bytes([5, value, 0, 2, 3, 2, 4, value, 0, 0, 7, value, 0, 1])
        seen = np.zeros((H, W), int)
        seen[H - 1, :5] = seen[H - 3, 8:12] = seen[H - 4, :7] = 2
        write_bmp(f'rle{bits}_skips.bmp', bmp(bits, skips, palette=quads(colors), used=len(colors), compression=code), opaque(colors[seen]), False)

    def merge(channels, masks):
        out = np.zeros((H, W), np.uint32)
        for stored, mask in zip(channels, masks):
            out |= stored.astype(np.uint32) << ((mask & -mask).bit_length() - 1)
        return out

    alpha = (np.mgrid[0:H, 0:W][1] * 7 % 256).astype(np.uint8)
    layouts = {'555': (0x7C00, 0x3E0, 0x1F), '565': (0xF800, 0x7E0, 0x1F), '444': (0xF00, 0xF0, 0xF), '4444': (0xF00, 0xF0, 0xF, 0xF000),
               '1555': (0x7C00, 0x3E0, 0x1F, 0x8000), '888': (0xFF0000, 0xFF00, 0xFF), 'xbgr': (0xFF, 0xFF00, 0xFF0000),
               '8888': (0xFF0000, 0xFF00, 0xFF, 0xFF000000), 'rgba': (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
               'abgr': (0xFF, 0xFF00, 0xFF0000, 0xFF000000), '10bit': (0x3FF00000, 0xFFC00, 0x3FF)}
    pil_reads = {'555', '565', '888', '8888', 'rgba', 'abgr'}
    for name, masks in layouts.items():
        wide = max(masks) > 0xFFFF
        stored, shown = [], []
        for c, mask in enumerate(masks):
            plane = rgb[:, :, c] if c < 3 else alpha
            bits = bin(mask).count('1')
            if bits > 8:
                a, b = plane.astype(np.uint32) << (bits - 8), ((plane.astype(float) * 4) * 255 / 1023 + 0.5).astype(np.uint8)
            else:
                a, b = grow(plane, bits)
            stored.append(a)
            shown.append(b)
        expected = np.dstack(shown) if len(masks) == 4 else opaque(np.dstack(shown))
        pixels = merge(stored, masks)
        rows = padded(pixels.astype('<u4' if wide else '<u2').view(np.uint8).reshape(H, -1))
        bits = 32 if wide else 16
        words = struct.pack(f'<{len(masks)}I', *masks)
        if len(masks) == 3:
            write_bmp(f'mask_{name}.bmp', bmp(bits, rows, compression=3, masks=words), expected, name in pil_reads)
        else:
            write_bmp(f'mask_{name}_v3.bmp', bmp(bits, rows, 56, compression=3, masks=words), expected, False)
            write_bmp(f'mask_{name}_6.bmp', bmp(bits, rows, compression=6, masks=words), expected, False)
        write_bmp(f'mask_{name}_v4.bmp', bmp(bits, rows, 108, compression=3, masks=words), expected, name in pil_reads)
        # The gap of the files that were read with red for blue.
        write_bmp(f'mask_{name}_v5_gap.bmp', bmp(bits, rows, 124, compression=3, masks=words, gap=b'gap!' * 3), expected, name in pil_reads)

    expected = opaque(rgb)
    bgr = rgb[:, :, ::-1]
    rows24 = padded(bgr.reshape(H, -1))
    junk = np.dstack([bgr, alpha])  # no masks: the fourth byte means nothing
    rows32 = padded(junk.reshape(H, -1))
    write_bmp('24_os2.bmp', bmp(24, rows24, 12), expected)
    write_bmp('24_offset150.bmp', bmp(24, rows24, gap=bytes(96)), expected)
    write_bmp('24_v4_offset150.bmp', bmp(24, rows24, 108, gap=bytes(28)), expected)
    write_bmp('24_palette.bmp', bmp(24, rows24, palette=quads(shades[8][1]), used=len(shades[8][1])), expected)
    write_bmp('32_junk.bmp', bmp(32, rows32), expected)
    write_bmp('32_junk_v4.bmp', bmp(32, rows32, 108, masks=struct.pack('<4I', *layouts['8888'])), expected)
    write_bmp('32_junk_top.bmp', bmp(32, padded(junk.reshape(H, -1), False), size=(W, -H)), expected)
    hidden = np.dstack([bgr, np.zeros((H, W), np.uint8)])  # opacity announced, and none given: shown, as browsers do
    write_bmp('32_all_hidden.bmp', bmp(32, padded(hidden.reshape(H, -1)), 108, compression=3, masks=struct.pack('<4I', *layouts['8888'])), expected, False)
    five, shown = grow(rgb, 5)
    rows16 = padded(merge([five[:, :, c] for c in range(3)], layouts['555']).astype('<u2').view(np.uint8).reshape(H, -1))
    write_bmp('16.bmp', bmp(16, rows16), opaque(shown))


def transparency(rgb):
    """Greys and colours that are declared transparent, at every depth, straight and interlaced."""
    gray = rgb[:, :, 1]
    for depth in [1, 2, 4, 8, 16]:
        plane = gray.astype(np.uint32) * 257 >> (16 - depth)
        key = int(plane[10, 12])
        shown = (plane * (255 // (2 ** depth - 1)) if depth < 16 else plane >> 8).astype(np.uint8)
        expected = np.dstack([shown] * 3 + [np.where(plane == key, 0, 255)]).astype(np.uint8)
        extra = chunk(b'tRNS', struct.pack('>H', key))

        def stored(part):
            return part.astype('>u2') if depth == 16 else packed(part, depth)
        write(f'gray{depth}_key.png', png(W, H, depth, 0, rows_of(stored(plane)), extra), expected)
        passes = b''.join(rows_of(stored(plane[y0::dy, x0::dx])) for x0, y0, dx, dy in ADAM7 if plane[y0::dy, x0::dx].size)
        write(f'gray{depth}_key_interlaced.png', png(W, H, depth, 0, passes, extra, interlace=1), expected)
    wide = rgb.astype('>u2') * 257
    key = wide[6, 16]
    hidden = (wide == key).all(-1)
    data = png(W, H, 16, 2, rows_of(wide), chunk(b'tRNS', key.astype('>u2').tobytes()))
    write('rgb16_key.png', data, np.dstack([rgb, np.where(hidden, 0, 255)]))
    image = Image.fromarray(rgb).quantize(11)
    index, colors = np.array(image), np.array(image.getpalette()[:33]).reshape(-1, 3)
    palette = chunk(b'PLTE', colors.astype(np.uint8).tobytes())
    some = np.array([0, 90, 255, 30] + [255] * 7, np.uint8)  # fewer in the file than there are colours
    passes = b''.join(rows_of(packed(index[y0::dy, x0::dx], 4)) for x0, y0, dx, dy in ADAM7 if index[y0::dy, x0::dx].size)
    data = png(W, H, 4, 3, passes, palette + chunk(b'tRNS', some[:4].tobytes()), interlace=1)
    write('palette4_alpha_interlaced.png', data, np.dstack([colors[index], some[index]]))
    assert (pil_pixels(data)[:, :, 3] == some[index]).all()
    twelve = (rgb.astype('>u2') * 16).astype('>u2')  # 12 bits in a file of 16
    write('rgb12in16.png', png(W, H, 16, 2, rows_of(twelve)), opaque(rgb >> 4))


def restarts():
    """A grey JPEG of flat blocks with a restart mark after every second one; the standard tables of libjpeg."""
    w, h = 40, 24
    values = (np.arange(15) * 53 % 31 - 15).reshape(3, 5)  # of the blocks' mean, in steps of the quantiser
    header = encode(Image.new('L', (w, h)), 'JPEG', quality=50)
    header = header[:header.index(b'\xff\xda')] + b'\xff\xdd\0\4\0\2' + b'\xff\xda\0\x08\1\1\0\0\x3f\0'
    categories = ['00', '010', '011', '100', '101', '110', '1110']  # T.81, table K.3
    scan, bits, before = b'', '', 0
    for i, value in enumerate(values.ravel()):
        difference, before = int(value) - before, int(value)
        size = abs(difference).bit_length()
        bits += categories[size] + (format(difference if difference > 0 else difference + 2 ** size - 1, f'0{size}b') if size else '') + '1010'
        if i % 2 or i == 14:
            bits += '1' * (-len(bits) % 8)
            scan += bytes(int(bits[k:k + 8], 2) for k in range(0, len(bits), 8)).replace(b'\xff', b'\xff\0')
            if i < 14:
                scan += bytes([0xff, 0xd0 + i // 2 % 8])
            bits, before = '', 0
    expected = np.kron((128 + values * 2).clip(0, 255), np.ones((8, 8)))  # 16, the quantiser of the mean at 50, by 8
    data = header + scan + b'\xff\xd9'
    assert (pil_pixels(data)[:, :, 0] == expected).all()
    write('restarts.jpg', data, opaque(np.dstack([expected] * 3)), 1, 0.1)


def scans_of(data):
    """A JPEG's beginning and its scans, each with the tables before it."""
    starts, at = [], 2
    while data[at + 1] != 0xd9:
        if data[at + 1] in (0xc4, 0xda) and (not starts or data[starts[-1]:].find(b'\xff\xda', 0, at - starts[-1]) >= 0):
            starts.append(at)
        at += 2 + struct.unpack('>H', data[at + 2:at + 4])[0]
        while data[at] != 0xff or data[at + 1] == 0:
            at += 1
    return data[:starts[0]], [data[a:b] for a, b in zip(starts, starts[1:] + [at])]


def refined_last(rgb):
    """A progressive JPEG that ends with the last bit of every block's mean: plain bits, any of which could be right."""
    data = encode(Image.fromarray(rgb), 'JPEG', quality=92, subsampling=0, progressive=True)
    start, scans = scans_of(data)
    last = [s for s in scans if s[s.index(b'\xff\xda'):][4] == 3 and s[s.index(b'\xff\xda') + 13] == 0x10]
    assert len(last) == 1
    again = start + b''.join([s for s in scans if s is not last[0]] + last) + b'\xff\xd9'
    assert (pil_pixels(again) == pil_pixels(data)).all()
    write('refined_last.jpg', again, None, 3, 0.6)


def endless(rgb):
    """Files with all of their data and no end mark, as cameras and cut copies leave them."""
    rng = np.random.default_rng(5)
    image = Image.fromarray(rgb)
    for name, options in [('baseline', {}), ('progressive', {'progressive': True})]:
        data = encode(image, 'JPEG', quality=92, subsampling=0, **options)
        assert data[-2:] == b'\xff\xd9'
        whole = pil_pixels(data)
        write(f'endless_{name}.jpg', data[:-2], whole, 3, 0.6)
        # A phone's trailer: a box of a video, and bytes that look like segments.
        trailer = b'\0\0\0\x18ftypmp42\xff\xe4\x22' + rng.bytes(300) + b'\xff\xd0' + rng.bytes(20)
        write(f'endless_{name}_trailer.jpg', data[:-2] + trailer, whole, 3, 0.6)
        # Another JPEG behind it, which brings an end mark of its own, is not this one.
        write(f'endless_{name}_second.jpg', data[:-2] + encode(Image.new('RGB', (300, 9)), 'JPEG'), whole, 3, 0.6)
    data = encode(image, 'PNG')
    write('endless.png', data[:-12], pil_pixels(data))
    data = encode(image.quantize(16), 'GIF', interlace=1)
    write('interlaced.gif', data)
    assert data[-1:] == b';'
    small = bytearray(data)  # a canvas smaller than its frame grows
    small[6:10] = struct.pack('<HH', 10, 12)
    write('grown.gif', bytes(small))
    assert Image.open(io.BytesIO(bytes(small))).size == (W, H)
    write('endless.gif', data[:-1], pil_pixels(data))


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
bitmaps(pixels)
transparency(pixels)
restarts()
endless(pixels)
refined_last(pixels)
(OUT / 'images.txt').write_text('\n'.join(index) + '\n')
(OUT / 'images.rgba').write_bytes(b''.join(pixels_expected))
resizes()
inputs()
overlays()
text()
