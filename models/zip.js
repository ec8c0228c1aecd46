/**
 * The list at the end of a ZIP archive (APPNOTE 4.3), and where its members lie. Nothing is inflated here.
 *
 * @typedef {{name: string, method: number, packed: number, size: number, offset: number}} Member
 *   packed, size: bytes as the list announces them; offset: of the member's own header
 */
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const HEADER = 0x04034b50;
const OPEN = 0xffffffff; // the value stands among the extra fields, in 64 bits
const MOST_MEMBERS = 10000;

const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const wide = (view, at) => Number(view.getBigUint64(at, true));

/** Where the list begins; null: nowhere. */
function listAt(view) {
  for (let at = view.byteLength - 22; at >= Math.max(0, view.byteLength - 22 - 65535); at -= 1) {
    if (view.getUint32(at, true) !== END) continue;
    const start = view.getUint32(at + 16, true);
    if (start !== OPEN) return start;
    if (at < 20 || view.getUint32(at - 20, true) !== LOCATOR_64) return null;
    const end = wide(view, at - 12);
    return end + 56 <= view.byteLength && view.getUint32(end, true) === END_64 ? wide(view, end + 48) : null;
  }
  return null;
}

/** Names are in UTF-8, or in what the writer's system had. */
function nameOf(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return String.fromCharCode(...bytes);
  }
}

/** Values that did not fit into 32 bits, in their order. */
function widened(view, at, length, values) {
  for (let end = at + length; at + 4 <= end;) {
    const [kind, size] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (kind === 1) {
      let from = at + 4;
      const last = Math.min(from + size, end);
      return values.map((value) => {
        if (value !== OPEN || from + 8 > last) return value;
        from += 8;
        return wide(view, from - 8);
      });
    }
    at += 4 + size;
  }
  return values;
}

/**
 * @param {Uint8Array} bytes  of the archive
 * @returns {Member[] | null}  null: it has no list
 */
export function zipMembers(bytes) {
  if (bytes.length < 22) return null;
  const view = viewOf(bytes);
  let at = listAt(view);
  if (at === null) return null;
  const members = [];
  while (at + 46 <= bytes.length && view.getUint32(at, true) === ENTRY && members.length < MOST_MEMBERS) {
    const [name, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    if (at + 46 + name + extra > bytes.length) break;
    const [size, packed, offset] = widened(view, at + 46 + name, extra, [24, 20, 42].map((place) => view.getUint32(at + place, true)));
    members.push({ name: nameOf(bytes.subarray(at + 46, at + 46 + name)).replaceAll('\\', '/'), method: view.getUint16(at + 10, true), packed, size, offset });
    at += 46 + name + extra + comment;
  }
  return members;
}

/** A member's packed bytes; null: it does not lie where the list says, or goes on beyond the archive. @param {Uint8Array} bytes @param {Member} member */
export function packedBytes(bytes, { offset, packed }) {
  if (offset + 30 > bytes.length) return null;
  const view = viewOf(bytes);
  if (view.getUint32(offset, true) !== HEADER) return null;
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  return start + packed > bytes.length ? null : bytes.subarray(start, start + packed);
}
