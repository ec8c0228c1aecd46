/**
 * MD5 of bytes that come in pieces (RFC 1321): what the published Keras files are listed with. It finds a
 * file that was cut off or mixed up, and proves nothing against malice.
 */
const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(2 ** 32 * Math.abs(Math.sin(i + 1))) | 0);
const SHIFTS = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

export class Md5 {
  #state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  #words = new Int32Array(16);
  #rest = new Uint8Array(0); // fewer than 64 bytes that wait for more
  #length = 0;

  /** @param {Uint8Array} bytes */
  update(bytes) {
    this.#length += bytes.length;
    let all = bytes;
    if (this.#rest.length) {
      all = new Uint8Array(this.#rest.length + bytes.length);
      all.set(this.#rest);
      all.set(bytes, this.#rest.length);
    }
    const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
    const end = all.length - (all.length % 64);
    for (let at = 0; at < end; at += 64) this.#compress(view, at);
    this.#rest = all.slice(end);
    return this;
  }

  /** @returns {string} hexadecimal; ends the sum */
  hex() {
    const bits = this.#length * 8;
    const padding = new Uint8Array((this.#rest.length < 56 ? 64 : 128) - this.#rest.length);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, bits >>> 0, true);
    view.setUint32(padding.length - 4, Math.floor(bits / 2 ** 32), true);
    this.update(padding);
    const out = new DataView(new ArrayBuffer(16));
    this.#state.forEach((word, i) => out.setInt32(4 * i, word, true));
    return Array.from(new Uint8Array(out.buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  #compress(view, at) {
    const w = this.#words;
    const state = this.#state;
    for (let i = 0; i < 16; ++i) w[i] = view.getInt32(at + 4 * i, true);
    let a = state[0];
    let b = state[1];
    let c = state[2];
    let d = state[3];
    const turn = (f, i, k, shift) => {
      const sum = (a + f + SINES[i] + w[k]) | 0;
      a = d;
      d = c;
      c = b;
      b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
    };
    for (let i = 0; i < 16; ++i) turn((b & c) | (~b & d), i, i, SHIFTS[0][i & 3]);
    for (let i = 16; i < 32; ++i) turn((d & b) | (~d & c), i, (5 * i + 1) & 15, SHIFTS[1][i & 3]);
    for (let i = 32; i < 48; ++i) turn(b ^ c ^ d, i, (3 * i + 5) & 15, SHIFTS[2][i & 3]);
    for (let i = 48; i < 64; ++i) turn(c ^ (b | ~d), i, (7 * i) & 15, SHIFTS[3][i & 3]);
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
  }
}
