import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateDir } from './places.js';

/** Writes text beside the records, readable by its owner only. Returns the path. */
export function keepText(what: 'journal' | 'escalation', text: string, run: string, now = new Date()): string {
  const directory = join(stateDir(), `${what}s`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const stamp = now.toISOString().replace(/[-:]/g, '').slice(0, 15);
  const path = join(directory, `${run}-${stamp}.${what === 'journal' ? 'log' : 'txt'}`);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}
