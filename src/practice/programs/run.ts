import type { PracticeNode } from '../node/node.js';
import type { Replay } from '../node/replay.js';

/** Where a program writes. */
export interface Output {
  out(chunk: Uint8Array | string): void | Promise<void>;
  err(chunk: Uint8Array | string): void | Promise<void>;
}

/** One program being run: what execve(2) would have given it. */
export interface Run {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: string;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly output: Output;
  /** Aborted when the connection drops or the program is killed. */
  readonly signal: AbortSignal;
  readonly unit: string | undefined;
  readonly pid: number;
  /** What the unit's shell has done so far, where a unit runs one. */
  readonly replay?: Replay | undefined;
  /** Tells the K3s process it started; `rejoin` is one that runs already, in a copied cluster. */
  readonly started?: ((pid: number) => void) | undefined;
  readonly rejoin?: number | undefined;
}

/** A program of a node: gets what it was run with, gives its exit code. */
export type Program = (node: PracticeNode, run: Run) => number | Promise<number>;

/** A mistake in how a program was called. */
export class UsageError extends Error {
  constructor(
    message: string,
    readonly code = 1,
  ) {
    super(message);
  }
}

/** What an option table says: true takes a value, false does not. Short ones are one letter. */
export type OptionTable = Readonly<Record<string, boolean>>;

export interface Parsed {
  readonly words: string[];
  has(name: string): boolean;
  get(name: string): string | undefined;
  all(name: string): string[];
}

/** Parses options as GNU getopt does; one that is not in the table is a {@link UsageError}. */
export function parseOptions(argv: readonly string[], table: OptionTable, stopAtWord = false): Parsed {
  const program = argv[0]?.split('/').at(-1) ?? '';
  const values = new Map<string, string[]>();
  const words: string[] = [];
  const put = (name: string, value: string): void => void values.set(name, [...(values.get(name) ?? []), value]);
  const rest = argv.slice(1);
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i] ?? '';
    if (word === '--') {
      words.push(...rest.slice(i + 1));
      break;
    }
    if (word.startsWith('--')) {
      const [name = '', inline] = splitOnce(word.slice(2), '=');
      const takes = table[name];
      if (takes === undefined) throw new UsageError(`${program}: unrecognized option '--${name}'`);
      if (takes && inline === undefined && i + 1 >= rest.length)
        throw new UsageError(`${program}: option '--${name}' requires an argument`);
      put(name, takes ? (inline ?? rest[++i] ?? '') : (inline ?? ''));
    } else if (word.startsWith('-') && word.length > 1) {
      for (let at = 1; at < word.length; at++) {
        const name = word[at] ?? '';
        const takes = table[name];
        if (takes === undefined) throw new UsageError(`${program}: invalid option -- '${name}'`);
        if (!takes) {
          put(name, '');
          continue;
        }
        const attached = word.slice(at + 1);
        put(name, attached !== '' ? attached : (rest[++i] ?? ''));
        break;
      }
    } else if (stopAtWord) {
      words.push(...rest.slice(i));
      break;
    } else words.push(word);
  }
  return {
    words,
    has: (name) => values.has(name),
    get: (name) => values.get(name)?.at(-1),
    all: (name) => values.get(name) ?? [],
  };
}

function splitOnce(text: string, by: string): [string, string | undefined] {
  const at = text.indexOf(by);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** All of a program's input. */
export async function readAll(stdin: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}
