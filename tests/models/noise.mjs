/**
 * Numbers that JavaScript and Python make alike: the weights of the synthetic networks and their
 * picture. The i-th number of a stream is a hash of i, so that numpy can make them all at once
 * (tests/golden/noise.py is the twin).
 */

/** FNV-1a, 32 bits, of an ASCII name. */
export function seedOf(name) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** MurmurHash3's finaliser. */
export function mix(value) {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** centre + spread * u, u uniform in [-1, 1), rounded to float32. */
export function uniform(name, count, spread, centre = 0) {
  const seed = seedOf(name);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const h = mix(seed + Math.imul(i, 0x9e3779b9));
    out[i] = centre + spread * (h / 2147483648 - 1);
  }
  return out;
}

/** A size x size RGBA picture: smooth ramps, large tiles, and noise. */
export function picture(size) {
  const rgba = new Uint8ClampedArray(size * size * 4);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let c = 0; c < 3; c++) {
        const tile = ((x >> 5) * 3 + (y >> 5) * 5) * 29 * (c + 1);
        const noise = mix((y * size + x) * 3 + c) & 31;
        rgba[(y * size + x) * 4 + c] = ((tile + x + 2 * y) & 127) + 64 + noise;
      }
      rgba[(y * size + x) * 4 + 3] = 255;
    }
  }
  return { data: rgba, width: size, height: size };
}
