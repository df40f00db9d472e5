import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { unzipSingle } from './k3s/zip.js';

/** The recorded snapshots a practice cluster can hold (`src/practice/data/README.md`). */
export type SnapshotName = 's1' | 's2' | 's3' | 'foreign';

const beside = new URL('./data/', import.meta.url);
// Built into dist/src/practice, the data still lies in the package's src/practice/data.
const folder = existsSync(beside) ? beside : new URL('../../../src/practice/data/', import.meta.url);

const cache = new Map<string, unknown>();

function once<T>(key: string, make: () => T): T {
  if (!cache.has(key)) cache.set(key, make());
  return cache.get(key) as T;
}

/** A data file as bytes. */
export function dataBytes(name: string): Uint8Array {
  return once(`bytes:${name}`, () => new Uint8Array(readFileSync(new URL(name, folder))));
}

/** A data file as text. */
export function dataText(name: string): string {
  return once(`text:${name}`, () => readFileSync(new URL(name, folder), 'utf8'));
}

/** The bytes of a recorded snapshot file, with its 32-byte sha256 trailer. */
export function snapshot(name: SnapshotName): Uint8Array {
  return once(`snapshot:${name}`, () => {
    if (name === 's2') return unzipSingle(dataBytes('s2.zip'));
    return new Uint8Array(gunzipSync(dataBytes(name === 'foreign' ? 'foreign-1.32.gz' : `${name}.gz`)));
  });
}

/** Objects at the moment of a snapshot: `resource namespace/name` per line. */
export function snapshotObjects(name: SnapshotName): readonly string[] {
  return once(`objects:${name}`, () => dataText(`${name}.objects.txt`).split('\n').filter(Boolean));
}

/** One recorded line: milliseconds since the process began, and the text with «NAMES» to fill in. */
export interface ScriptLine {
  readonly ms: number;
  readonly text: string;
}

/** A phase of a recorded transcript. */
export function transcript(name: string): readonly ScriptLine[] {
  return once(`transcript:${name}`, () =>
    dataText(`transcripts/${name}.txt`)
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const tab = line.indexOf('\t');
        return { ms: Number(line.slice(0, tab)), text: line.slice(tab + 1) };
      }),
  );
}
