import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { ProblemError } from '../../src/base/problem.js';
import type { DeskHost, DeskHosts } from '../../src/cli/bucket-route.js';
import { listenForward } from '../../src/remote/forward.js';

/** Hosts that are a table of files; a host without a table does not answer. Every command sent is kept. */
export class FakeHosts {
  readonly sent: string[] = [];
  readonly forwarded: string[] = [];
  /** Paths whose content is another one each time it is read. */
  readonly changing = new Set<string>();

  constructor(
    readonly files: Readonly<Record<string, Readonly<Record<string, string | Buffer>>>>,
    /** Where connections through a host really go. */
    readonly reach: Readonly<Record<string, number>> = {},
  ) {}

  readonly get: DeskHosts = (name) => this.#host(name);

  #host(name: string): DeskHost {
    const files = this.files[name];
    const alive = (): Readonly<Record<string, string | Buffer>> => {
      if (files === undefined) throw silent(name);
      return files;
    };
    return {
      exec: async ({ argv }) => {
        this.sent.push(`${name}: ${argv.join(' ')}`);
        const said = answer(argv, alive());
        return {
          code: said === undefined ? 1 : 0,
          stdout: said ?? '',
          stderr: said === undefined ? 'No such file' : '',
          truncated: false,
          ms: 1,
        };
      },
      get: async ({ path, file, verify, onProgress }) => {
        const bytes = Buffer.from(alive()[path] ?? '');
        if (verify !== false && this.changing.has(path))
          throw new ProblemError({
            id: 'get-changed',
            what: `${path} changed while it was fetched.`,
            left: '',
            next: '',
          });
        onProgress?.(bytes.length, bytes.length);
        writeFileSync(file, bytes, { mode: 0o600, flag: 'wx' });
        return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
      },
      connectTo: async (host, port) => {
        alive();
        this.forwarded.push(`${name} to ${host}:${port}`);
        const to = this.reach[name];
        if (to === undefined) throw silent(name);
        const socket = connect(to, '127.0.0.1');
        await once(socket, 'connect');
        return socket;
      },
      forward(host, port, signal) {
        return listenForward(() => this.connectTo(host, port, signal), signal);
      },
    };
  }
}

function silent(name: string): ProblemError {
  return new ProblemError({ id: 'host-unreachable', what: `${name} cannot be reached.`, next: 'Switch it on.' });
}

function answer(sent: readonly string[], files: Readonly<Record<string, string | Buffer>>): string | undefined {
  const argv = sent[0] === 'env' ? sent.slice(2) : sent;
  const path = argv[1] ?? '';
  if (argv[0] === 'cat') return files[path]?.toString();
  if (argv[0] === 'systemctl') return files['systemctl show']?.toString() ?? 'LoadState=loaded\n';
  if (argv[0] !== 'find') return undefined;
  const rows = new Map<string, string>();
  for (const [file, content] of Object.entries(files)) {
    if (!file.startsWith(`${path}/`)) continue;
    const [name = '', ...below] = file.slice(path.length + 1).split('/');
    rows.set(name, `${name}\t${below.length > 0 ? 'd' : 'f'}\t${content.length}\t1795342572.5\n`);
  }
  return rows.size === 0 ? undefined : [...rows.values()].join('');
}
