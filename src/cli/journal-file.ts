import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateDir } from './places.js';

/** Writes journal lines beside the records, readable by their owner only. Returns the path. */
export function keepJournal(text: string, run: string, now = new Date()): string {
  const directory = join(stateDir(), 'journals');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const stamp = now.toISOString().replace(/[-:]/g, '').slice(0, 15);
  const path = join(directory, `${run}-${stamp}.log`);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}
