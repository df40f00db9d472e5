import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { bootstrapData } from './k3s/bootstrap.js';
import { checkSnapshot, tokenPassword } from './k3s/image.js';

/** A copy of a real cluster's backup that the practice cluster is loaded with, in place of the recorded snapshots. */
export interface Loaded {
  /** The snapshot with its trailer. */
  readonly file: Uint8Array;
  readonly image: Uint8Array;
  /** `resource namespace/name`, with nodes. */
  readonly objects: readonly string[];
  readonly revision: number;
  /** Raft index of the last entry it took over. */
  readonly index: number;
  /** Milliseconds since the epoch. */
  readonly takenAt: number;
  readonly servers: readonly string[];
  /** The password of the token that opens it, and the CA it holds. */
  readonly password: string;
  readonly serverCa: string;
}

const about = z.object({
  revision: z.number(),
  index: z.number(),
  takenAt: z.number(),
  servers: z.array(z.string()),
});

/** The files of a copy, written by whoever starts the practice cluster: 0600 in a directory of 0700, removed by them. */
export const COPY = { snapshot: 'snapshot', objects: 'objects', token: 'token', about: 'about.json' } as const;

/** @throws where the files do not fit together */
export function readLoaded(dir: string): Loaded {
  const text = (name: string): string => readFileSync(join(dir, name), 'utf8');
  const { revision, index, takenAt, servers } = about.parse(JSON.parse(text(COPY.about)));
  const file = new Uint8Array(readFileSync(join(dir, COPY.snapshot)));
  const { kind, image } = checkSnapshot(file);
  if (kind !== 'good') throw new Error('the copy is no snapshot with a right checksum');
  const password = tokenPassword(text(COPY.token).trim());
  const serverCa = password === undefined ? undefined : bootstrapData(image, password)?.get('ServerCA');
  if (password === undefined || serverCa === undefined) throw new Error('the token does not open the copy');
  const objects = text(COPY.objects).split('\n').filter(Boolean);
  return { file, image, objects, revision, index, takenAt, servers, password, serverCa };
}

let loaded: Loaded | undefined;

/** What the databases of this process may hold besides the recorded snapshots: one copy, since a process serves one cluster. */
export const loadedCopy = (): Loaded | undefined => loaded;

export function load(copy: Loaded): void {
  loaded = copy;
}
