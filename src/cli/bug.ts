import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateDir } from './places.js';

/** Saves a stack trace where a report can find it; never on the screen. Returns the path, or why it could not be written. */
export function saveDetails(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  try {
    const directory = join(stateDir(), 'bugs');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, `${new Date().toISOString().replace(/[:.]/g, '-')}.txt`);
    writeFileSync(path, `${text}\n`, { mode: 0o600 });
    return path;
  } catch (cause) {
    return `not saved (${cause instanceof Error ? cause.message : 'unwritable'}): ${error instanceof Error ? error.message : text}`;
  }
}
