import { ELEMENT, HEADER, u64 } from './bolt-meta.js';
import type { Bounds, Region } from './bolt-pages.js';
import type { Findings } from './findings.js';

/** bbolt's own limit for one key. */
const LONGEST_KEY = 32768;

/** Bytewise order of two byte ranges: negative, zero or positive. */
export function compareBytes(
  a: Uint8Array,
  aAt: number,
  aLength: number,
  b: Uint8Array,
  bAt: number,
  bLength: number,
): number {
  const common = Math.min(aLength, bLength);
  for (let i = 0; i < common; i++) {
    const difference = (a[aAt + i] as number) - (b[bAt + i] as number);
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/**
 * True when every element of a leaf points inside its page, behind the table of elements, and none reaches into another.
 * Positions are relative to the element itself (facts 7.4); bbolt writes keys and values in the elements' order.
 */
export function checkLeaf(region: Region, findings: Findings): boolean {
  const { bytes, start, end } = region;
  let free = start + HEADER + region.count * ELEMENT;
  for (let i = 0; i < region.count; i++) {
    const at = start + HEADER + i * ELEMENT;
    const key = at + bytes.readUInt32LE(at + 4);
    const keyLength = bytes.readUInt32LE(at + 8);
    const next = key + keyLength + bytes.readUInt32LE(at + 12);
    if (key < free || next > end || keyLength > LONGEST_KEY || bytes.readUInt32LE(at) > 1) {
      findings.damage(
        'element-bounds',
        `Entry ${i} of page ${region.page} points outside its page or into another entry.`,
        {
          page: region.page,
          offset: region.fileOffset + (at - start),
        },
      );
      return false;
    }
    free = next;
  }
  return true;
}

/** A branch's children with copies of their keys, in order; none, with the damage told, when the page is damaged. */
export function readBranch(region: Region, bounds: Bounds, findings: Findings): { key: Buffer; page: number }[] {
  const { bytes, start, end } = region;
  const children: { key: Buffer; page: number }[] = [];
  const bad = (id: string, message: string, at: number): [] => {
    findings.damage(id, message, { page: region.page, offset: region.fileOffset + (at - start) });
    return [];
  };
  let free = start + HEADER + region.count * ELEMENT;
  let before: Buffer | undefined;
  for (let i = 0; i < region.count; i++) {
    const at = start + HEADER + i * ELEMENT;
    const position = at + bytes.readUInt32LE(at);
    const length = bytes.readUInt32LE(at + 4);
    if (position < free || position + length > end || length > LONGEST_KEY) {
      return bad(
        'element-bounds',
        `Entry ${i} of page ${region.page} points outside its page or into another entry.`,
        at,
      );
    }
    free = position + length;
    const key = Buffer.from(bytes.subarray(position, free));
    if (before !== undefined && Buffer.compare(before, key) >= 0) {
      return bad('key-order', 'The keys of a branch page are out of order.', at);
    }
    if (
      (bounds.below !== undefined && Buffer.compare(key, bounds.below) >= 0) ||
      (i === 0 && bounds.from !== undefined && Buffer.compare(key, bounds.from) < 0)
    ) {
      return bad('key-range', 'A branch page holds keys outside the range its parent gives it.', at);
    }
    before = key;
    children.push({ key, page: u64(bytes, at + 8) });
  }
  return children;
}
