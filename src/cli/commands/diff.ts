import { existsSync } from 'node:fs';
import { EXIT, ProblemError } from '../../base/problem.js';
import { diffSnapshots } from '../../snapshot/index.js';
import { json, out } from '../output.js';

/** Objects created, changed and deleted from A to B. */
export async function diffCommand(a: string, b: string, options: { readonly json: boolean }): Promise<number> {
  for (const file of [a, b]) {
    if (!existsSync(file))
      throw new ProblemError(
        { id: 'no-file', what: 'There is no such file.', where: file, next: 'Give two snapshot files.' },
        EXIT.unreachable,
      );
  }
  const diff = await diffSnapshots(a, b);
  if (options.json) {
    json(diff);
    return EXIT.ok;
  }
  for (const [mark, entries] of [
    ['+', diff.created],
    ['~', diff.changed],
    ['-', diff.deleted],
  ] as const) {
    for (const entry of entries)
      out(`${mark} ${entry.kind} ${entry.namespace === '' ? '' : `${entry.namespace}/`}${entry.name}`);
  }
  out(
    `${diff.created.length} created, ${diff.changed.length} changed, ${diff.deleted.length} deleted from ${a} to ${b}`,
  );
  return EXIT.ok;
}
