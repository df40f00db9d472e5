import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll } from 'vitest';

const FIXTURES = new URL('../fixtures/real-k3s/b-snapshots/', import.meta.url);

/** The three recorded snapshots, in the order they were taken; s2 only as K3s' zip. */
export const REAL = {
  s1: 'on-demand-node-1-1795342536',
  s2: 'pre-upgrade-node-1-1795342556',
  s3: 'on-demand-node-1-1795342572',
} as const;

/** A recorded file as it lies in the fixtures. */
export function fixture(name: string): Buffer {
  return readFileSync(new URL(name, FIXTURES));
}

/** A recorded plain snapshot. */
export function realSnapshot(which: 's1' | 's3'): Buffer {
  return gunzipSync(fixture(`${REAL[which]}.gz`));
}

/** A directory that is removed after the tests of the file. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'blackstart-test-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes a file and answers its path. */
export function put(directory: string, name: string, bytes: Buffer | string): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

/** The same snapshot with the SHA-256 at its end made to fit its content. */
export function withTrailer(image: Buffer): Buffer {
  return Buffer.concat([image, createHash('sha256').update(image).digest()]);
}

/** A snapshot without its trailer. */
export function imageOf(snapshot: Buffer): Buffer {
  return Buffer.from(snapshot.subarray(0, snapshot.length - 32));
}
