import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { EXIT, ProblemError } from '../../base/problem.js';
import { bundleFiles, NOT_IN_IT, packBundle } from '../bundle.js';
import { json, out } from '../output.js';
import { recordedRun } from '../recorded.js';

export interface BundleOptions {
  readonly output?: string;
  readonly json: boolean;
}

/** Writes a run as one archive for whoever is called for help, and says what is in it. Never overwrites. */
export async function bundleCommand(id: string | undefined, options: BundleOptions): Promise<number> {
  const run = recordedRun(id);
  const files = await bundleFiles(run);
  const path = resolve(options.output ?? `blackstart-${run.id}.tar.gz`);
  const archive = await packBundle(run.id, files, run.state.lastAt);
  write(path, archive);
  const inside = files.map(({ name, what, data }) => ({ name, bytes: data.length, what }));
  if (options.json) json({ run: run.id, path, bytes: archive.length, intact: run.chain.ok, files: inside });
  else {
    out(`${path} (${kilobytes(archive.length)}, readable by you only)`);
    for (const { name, bytes, what } of inside) out(`  ${name.padEnd(24)}${kilobytes(bytes).padStart(9)}  ${what}`);
    if (!run.chain.ok) out(`The record is NOT INTACT from entry ${run.chain.seq} on: ${run.chain.why}.`);
    for (const line of NOT_IN_IT) out(line);
  }
  return EXIT.ok;
}

function write(path: string, archive: Buffer): void {
  try {
    writeFileSync(path, archive, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new ProblemError(
      {
        id: 'bundle-not-written',
        what: exists
          ? 'The bundle was not written: there is a file of that name, and none is overwritten.'
          : `The bundle was not written: ${error instanceof Error ? error.message : String(error)}.`,
        where: path,
        next: 'Name another file: --output FILE',
      },
      exists ? EXIT.usage : EXIT.unreachable,
    );
  }
}

const kilobytes = (bytes: number): string => `${Math.max(1, Math.round(bytes / 1000)).toLocaleString('en')} kB`;
