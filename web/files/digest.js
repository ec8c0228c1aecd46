/**
 * SHA-256 of bytes that come in pieces. WebCrypto takes only the whole at once, and is missing on pages
 * without https; but it is several times as fast as a script can be, and runs beside it.
 */

/** A file that is held whole for its digest: a shard (models/shards.js), with some room. */
const HELD_BYTES = 64e6;

/**
 * The digest of a file, as fast as it can be had here.
 * @param {number | null} size   bytes, where they are known beforehand
 */
export function sha256(size) {
  return size !== null && size <= HELD_BYTES && globalThis.crypto?.subtle ? new HeldSha256(size) : new Sha256();
}

class HeldSha256 {
  #bytes;
  #used = 0;
  /** @type {Sha256 | null} */
  #rest = null; // more came than was announced

  constructor(size) {
    this.#bytes = new Uint8Array(size);
  }

  /** @param {Uint8Array} bytes */
  update(bytes) {
    if (!this.#rest && this.#used + bytes.length > this.#bytes.length) {
      this.#rest = new Sha256().update(this.#bytes.subarray(0, this.#used));
    }
    if (this.#rest) this.#rest.update(bytes);
    else this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
    return this;
  }

  /** @returns {Promise<string>} hexadecimal; ends the sum */
  async hex() {
    if (this.#rest) return this.#rest.hex();
    const sum = await crypto.subtle.digest('SHA-256', this.#bytes.subarray(0, this.#used));
    return Array.from(new Uint8Array(sum), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
}

/* FIPS 180-4 */
const primes = [];
for (let n = 2; primes.length < 64; ++n) if (primes.every((p) => n % p)) primes.push(n);
const fraction = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
const START = primes.slice(0, 8).map((p) => fraction(Math.sqrt(p)));
const K = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));

/** Bytes as they come, taken in whole blocks of `size`; take(bytes) gets as many at once as there are. */
class Blocks {
  #block;
  #take;
  used = 0; // bytes of the last block, which is not whole
  length = 0;

  constructor(size, take) {
    this.#block = new Uint8Array(size);
    this.#take = take;
  }

  update(bytes) {
    const size = this.#block.length;
    this.length += bytes.length;
    let at = 0;
    if (this.used) {
      at = Math.min(size - this.used, bytes.length);
      this.#block.set(bytes.subarray(0, at), this.used);
      this.used += at;
      if (this.used < size) return;
      this.#take(this.#block);
    }
    const whole = bytes.length - ((bytes.length - at) % size);
    if (whole > at) this.#take(bytes.subarray(at, whole));
    this.#block.set(bytes.subarray(whole));
    this.used = bytes.length - whole;
  }
}

export class Sha256 {
  #state = Int32Array.from(START);
  #words = new Int32Array(64);
  #blocks = new Blocks(64, (bytes) => {
    for (let at = 0; at < bytes.length; at += 64) this.#compress(bytes, at);
  });

  /** @param {Uint8Array} bytes */
  update(bytes) {
    this.#blocks.update(bytes);
    return this;
  }

  /** @returns {string} hexadecimal; ends the sum */
  hex() {
    const { length, used } = this.#blocks;
    const bits = length * 8;
    const padding = new Uint8Array((used < 56 ? 64 : 128) - used);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(padding.length - 4, bits >>> 0);
    this.update(padding);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #compress(bytes, at) {
    const w = this.#words;
    const state = this.#state;
    for (let i = 0; i < 16; ++i, at += 4) {
      w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    }
    for (let i = 16; i < 64; ++i) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    let a = state[0];
    let b = state[1];
    let c = state[2];
    let d = state[3];
    let e = state[4];
    let f = state[5];
    let g = state[6];
    let h = state[7];
    for (let i = 0; i < 64; ++i) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
  }
}

/**
 * 128 bits that tell bytes from others, at several times the speed of a digest; not for security. Four lanes of
 * 32 bits take the words in turn. Each step can be undone, so that no single word's change is missed.
 */
export class Fingerprint {
  #lanes = Int32Array.of(0x9e3779b9, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f);
  #blocks = new Blocks(16, (bytes) => this.#mix(bytes));

  /** @param {Uint8Array | Uint8ClampedArray} bytes */
  update(bytes) {
    this.#blocks.update(bytes);
    return this;
  }

  #mix(bytes) {
    const words = bytes.byteOffset % 4 ? new Int32Array(bytes.slice().buffer)
      : new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    let [a, b, c, d] = this.#lanes;
    for (let i = 0; i < words.length; i += 4) {
      a = Math.imul(a ^ words[i], 0x01000193);
      b = Math.imul(b ^ words[i + 1], 0x01000193);
      c = Math.imul(c ^ words[i + 2], 0x01000193);
      d = Math.imul(d ^ words[i + 3], 0x01000193);
      a ^= a >>> 15;
      b ^= b >>> 15;
      c ^= c >>> 15;
      d ^= d >>> 15;
    }
    this.#lanes.set([a, b, c, d]);
  }

  /** @returns {string} ends it */
  text() {
    const { length, used } = this.#blocks;
    this.update(new Uint8Array(16 - used)); // a whole block of zeros where nothing is left
    return `${Array.from(this.#lanes, (lane) => (lane >>> 0).toString(16)).join(':')}:${length}`;
  }
}

/** That of one picture. @param {Uint8Array | Uint8ClampedArray} bytes */
export const fingerprint = (bytes) => new Fingerprint().update(bytes).text();
