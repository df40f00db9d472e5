import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { bootstrapData } from './k3s/bootstrap.js';
import { checkSnapshot, tokenPassword } from './k3s/image.js';
import type { Loaded } from './loaded.js';

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
