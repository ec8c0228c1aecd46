/**
 * Weights as files: one logical file "weights.bin", cut into shards of at most 40 MB.
 *
 * The .onnx file's external data speaks of weights.bin with offsets and lengths (ONNX external data);
 * joining the shards in order gives that file, so any ONNX tool can read the result. Tensors start on
 * multiples of 64 bytes and may run over the border of a shard.
 */
import { checkSignal } from './errors.js';

/** Under the 50 MB that some hosts allow for a file. */
export const SHARD_BYTES = 40_000_000;
const ALIGNMENT = 64;

/** The next multiple of 64. */
export const aligned = (offset) => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;

/** Hexadecimal; undefined on a page without https, where WebCrypto is missing. */
export async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) return undefined;
  const digest = await globalThis.crypto.subtle.digest('SHA-256', bytes);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class ShardWriter {
  /**
   * @param {{put: (name: string, bytes: Uint8Array) => Promise<void>}} sink
   * @param {string} stem  shards are named stem-000.bin, stem-001.bin, ...
   * @param {{signal?: AbortSignal, unsigned?: boolean, shardBytes?: number}} [options]  unsigned:
   *   no digests
   */
  constructor(sink, stem, { signal, unsigned = false, shardBytes = SHARD_BYTES } = {}) {
    this.sink = sink;
    this.stem = stem;
    this.signal = signal;
    this.unsigned = unsigned;
    this.buffer = new Uint8Array(shardBytes);
    this.filled = 0;
    this.position = 0;
    /** @type {{file: string, bytes: number, sha256?: string}[]} */
    this.shards = [];
  }

  /** Goes to the next multiple of 64; returns the offset there. */
  async align() {
    const gap = aligned(this.position) - this.position;
    if (gap) await this.write(new Uint8Array(gap));
    return this.position;
  }

  /** @param {Uint8Array} bytes */
  async write(bytes) {
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(bytes.length - at, this.buffer.length - this.filled);
      this.buffer.set(bytes.subarray(at, at + count), this.filled);
      this.filled += count;
      this.position += count;
      at += count;
      if (this.filled === this.buffer.length) await this.flush();
    }
  }

  async flush() {
    if (this.filled === 0) return;
    checkSignal(this.signal);
    const bytes = this.buffer.subarray(0, this.filled);
    const file = `${this.stem}-${String(this.shards.length).padStart(3, '0')}.bin`;
    await this.sink.put(file, bytes);
    const digest = this.unsigned ? undefined : await sha256(bytes);
    this.shards.push({ file, bytes: bytes.length, sha256: digest });
    this.filled = 0;
  }
}
