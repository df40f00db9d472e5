import { access, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { EXIT, ProblemError } from '../base/problem.js';
import { crossChecks } from './checks.js';
import { InventoryError, Source, schemaMistakes } from './mistakes.js';
import { resolveInventory } from './resolve.js';
import { clusterSchema } from './schema.js';
import type { Inventory } from './types.js';

export interface LoadOptions {
  /** The file named on the command line. */
  readonly file?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly home?: string;
}

const MAX_BYTES = 1024 * 1024;

/** The places an inventory is looked for, first to last. */
export function inventoryPlaces(options: LoadOptions = {}): string[] {
  const cwd = options.cwd ?? process.cwd();
  if (options.file !== undefined) return [resolve(cwd, options.file)];
  const config = (options.env ?? process.env).XDG_CONFIG_HOME || join(options.home ?? homedir(), '.config');
  return [join(cwd, 'cluster.yaml'), join(config, 'blackstart', 'cluster.yaml')];
}

/**
 * Finds and reads the inventory.
 *
 * @throws ProblemError `inventory-missing` or `inventory-unreadable`; {@link InventoryError} with every mistake in it
 */
export async function loadInventory(options: LoadOptions = {}): Promise<Inventory> {
  const file = await findInventory(options);
  let text: string;
  try {
    if ((await stat(file)).size > MAX_BYTES) throw new Error('it is larger than 1 MiB');
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ProblemError(
      {
        id: 'inventory-unreadable',
        what: `The inventory cannot be read: ${why}.`,
        where: file,
        next: 'Check the path.',
      },
      EXIT.usage,
      { cause },
    );
  }
  return parseInventory(text, file, options.home);
}

/** Reads an inventory's text. `file` is its absolute path: relative paths in it start from its folder. */
export function parseInventory(text: string, file: string, home?: string): Inventory {
  const source = new Source(file, text);
  const syntax = source.syntax();
  if (syntax.length > 0)
    throw new InventoryError(
      file,
      syntax.map((mistake) => source.problem(mistake)),
    );

  const raw = source.value();
  if (raw === null || typeof raw !== 'object' || Array.isArray(raw)) {
    const what = raw === null ? 'The inventory is empty.' : 'The inventory is not a list of "name: value" fields.';
    const next = 'cluster: production\nservers:\n  - name: cp1\n    address: 192.0.2.11';
    throw new InventoryError(file, [source.problem({ path: [], what, next })]);
  }
  const parsed = clusterSchema.safeParse(raw);
  const mistakes = [...(parsed.success ? [] : schemaMistakes(parsed.error.issues, raw)), ...crossChecks(raw)];
  if (!parsed.success || mistakes.length > 0) {
    throw new InventoryError(file, inOrder(mistakes.map((mistake) => source.problem(mistake))));
  }
  return resolveInventory(parsed.data, file, home);
}

async function findInventory(options: LoadOptions): Promise<string> {
  const places = inventoryPlaces(options);
  for (const place of places) {
    const there = await access(place).then(
      () => true,
      () => false,
    );
    if (there) return place;
  }
  const what =
    options.file === undefined
      ? `There is no inventory: neither ${places.join(' nor ')}.`
      : 'The inventory is not there.';
  throw new ProblemError(
    {
      id: 'inventory-missing',
      what,
      ...(options.file === undefined ? {} : { where: places[0] ?? '' }),
      next: 'Write one with `blackstart init`, start from cluster.example.yaml, or practise with `blackstart drill`.',
    },
    EXIT.usage,
  );
}

/** By line, then column: a person corrects a file from top to bottom. */
function inOrder<T extends { readonly where?: string }>(problems: readonly T[]): T[] {
  const place = (problem: T): number => {
    const match = /:(\d+):(\d+)$/.exec(problem.where ?? '');
    return Number(match?.[1] ?? 0) * 10_000 + Number(match?.[2] ?? 0);
  };
  return [...problems].sort((a, b) => place(a) - place(b));
}
