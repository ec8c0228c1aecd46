#!/usr/bin/env python3
"""Writes font_data.h: the outlines of the letters that grid titles are made of.

Needs fontTools (Debian: python3-fonttools) and DejaVu Sans (fonts-dejavu-core); see THIRD_PARTY.md for the
font's licence. Outlines are kept rather than bitmaps: smaller, and sharp at every size.

    python3 src/image/make_font.py > src/image/font_data.h

A glyph: advance, number of contours; per contour: number of points, a bit per point (1: on the curve,
0: control point of a quadratic curve), then x, y per point. The unit is 10/2048 em; y counts from UNITS_BELOW
under the baseline, upward; x from UNITS_LEFT left of the pen.
"""
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

FONT = '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf'
UNIT, BELOW, LEFT = 10, 54, 24
CODES = [*range(0x20, 0x7F), *range(0xA0, 0x100),
         0x152, 0x153, 0x160, 0x161, 0x178, 0x17D, 0x17E,
         0x2013, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2026, 0x20AC, 0x2212]

font = TTFont(FONT)
assert font['head'].unitsPerEm == 2048
glyphs, cmap = font.getGlyphSet(), font.getBestCmap()


def outline(name):
    """The glyph as bytes, composites taken apart."""
    recording = DecomposingRecordingPen(glyphs)
    glyphs[name].draw(recording)
    pen = TTGlyphPen(None)
    recording.replay(pen)
    glyph = pen.glyph()
    data = [round(glyphs[name].width / UNIT), max(glyph.numberOfContours, 0)]
    start = 0
    for end in glyph.endPtsOfContours if data[1] else []:
        points = range(start, end + 1)
        start = end + 1
        data.append(len(points))
        flags = [glyph.flags[p] & 1 for p in points]
        data += [sum(f << i for i, f in enumerate(flags[k:k + 8])) for k in range(0, len(flags), 8)]
        for p in points:
            x, y = glyph.coordinates[p]
            data += [round(x / UNIT) + LEFT, round(y / UNIT) + BELOW]
    assert all(0 <= v <= 255 for v in data), (name, data)
    return data


data, index = [], []
for code in [0, *CODES]:
    index.append((code, len(data)))
    data += outline(cmap[code] if code else '.notdef')

print("/* Written by make_font.py; do not edit. Outlines of DejaVu Sans: licence in THIRD_PARTY.md. */")
print('#include <stdint.h>\n')
print(f'enum {{ UNITS_PER_EM_TIMES_10 = 2048, UNITS_BELOW = {BELOW}, UNITS_LEFT = {LEFT} }};')
print('/* Unicode code point (0: none of these), where its glyph begins in font_data. */')
print('static const uint16_t font_index[][2] = {')
for k in range(0, len(index), 6):
    print('    ' + ' '.join(f'{{{c}, {at}}},' for c, at in index[k:k + 6]))
print('};')
print('static const uint8_t font_data[] = {')
line = '   '
for v in data:
    if len(line) + len(str(v)) + 2 > 100:
        print(line)
        line = '   '
    line += f' {v},'
print(line)
print('};')
