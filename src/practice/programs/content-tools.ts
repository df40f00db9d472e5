import { createHash } from 'node:crypto';
import { type Files, FilesError } from '../node/files.js';
import type { Inode } from '../node/inode.js';
import type { PracticeNode } from '../node/node.js';
import { each, pathIn } from './file-tools.js';
import { type Program, parseOptions, readAll, UsageError } from './run.js';

const sha256sum: Program = (node, run) => {
  const options = parseOptions(run.argv, { b: false, z: false });
  return each(
    run,
    options.words.length > 0 ? options.words : ['-'],
    (word, why) => `sha256sum: ${word}: ${why}`,
    async (path, word) => {
      const hash = createHash('sha256');
      if (word === '-') for await (const chunk of run.stdin) hash.update(chunk);
      else hash.update(node.files(run.user).read(path));
      await run.output.out(`${hash.digest('hex')}  ${word}\n`);
    },
  );
};

const cat: Program = (node, run) => {
  const options = parseOptions(run.argv, { u: false });
  return each(
    run,
    options.words.length > 0 ? options.words : ['-'],
    (word, why) => `cat: ${word}: ${why}`,
    async (path, word) => {
      if (word === '-') for await (const chunk of run.stdin) await run.output.out(chunk);
      else await run.output.out(special(node, path) ?? node.files(run.user).read(path));
    },
  );
};

/** Files of the kernel, made when they are read. */
export function special(node: PracticeNode, path: string): string | undefined {
  if (path === '/proc/uptime') return `${((node.now() - node.state.bootedAt) / 1000).toFixed(2)} 0.00\n`;
  if (path === '/proc/sys/kernel/random/boot_id')
    return `${node.state.bootId.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}\n`;
  if (path === '/proc/mounts')
    return node.state.disk.mounts.reduce(
      (text, at, index) => `${text}/dev/vd${'bcd'[index] ?? 'e'}1 ${at} ext4 rw,relatime 0 0\n`,
      '/dev/vda1 / ext4 rw,relatime 0 0\ntmpfs /run tmpfs rw,nosuid,nodev 0 0\n',
    );
  if (path === '/dev/null') return '';
  return undefined;
}

const part =
  (fromEnd: boolean): Program =>
  (node, run) => {
    const name = fromEnd ? 'tail' : 'head';
    const argv = run.argv.map((word) => (/^-\d+$/.test(word) ? `-n${word.slice(1)}` : word));
    const options = parseOptions(argv, { c: true, bytes: true, n: true, lines: true, q: false });
    const words = options.words.length > 0 ? options.words : ['-'];
    return each(
      run,
      words,
      (word, why) => `${name}: cannot open '${word}' for reading: ${why}`,
      async (path, word) => {
        const bytes = word === '-' ? await readAll(run.stdin) : node.files(run.user).read(path);
        const count = options.get('c') ?? options.get('bytes');
        if (count !== undefined) {
          const n = Number(count.replace(/^[-+]/, ''));
          const plus = count.startsWith('+');
          await run.output.out(
            fromEnd
              ? bytes.subarray(plus ? n - 1 : Math.max(0, bytes.length - n))
              : bytes.subarray(0, count.startsWith('-') ? bytes.length - n : n),
          );
          return;
        }
        const lines = options.get('n') ?? options.get('lines') ?? '10';
        const all = Buffer.from(bytes)
          .toString('latin1')
          .split(/(?<=\n)/);
        const n = Number(lines.replace(/^[-+]/, ''));
        const kept = fromEnd
          ? lines.startsWith('+')
            ? all.slice(n - 1)
            : n === 0
              ? []
              : all.slice(-n)
          : lines.startsWith('-')
            ? all.slice(0, -n)
            : all.slice(0, n);
        await run.output.out(new Uint8Array(Buffer.from(kept.join(''), 'latin1')));
      },
    );
  };

const dd: Program = async (node, run) => {
  const given = new Map<string, string>();
  for (const word of run.argv.slice(1)) {
    const [key = '', value = ''] = [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)];
    if (!['of', 'if', 'bs', 'seek', 'skip', 'count', 'oflag', 'iflag', 'conv', 'status', 'ibs', 'obs'].includes(key))
      throw new UsageError(`dd: unrecognized operand ‘${word}’`);
    given.set(key, value);
  }
  const size = (text: string | undefined): number => {
    const match = /^(\d+)([kKMG]?)B?$/.exec(text ?? '512');
    if (!match) throw new UsageError(`dd: invalid number: ‘${text}’`);
    return Number(match[1]) * ({ '': 1, k: 1024, K: 1024, M: 1 << 20, G: 1 << 30 }[match[2] ?? ''] ?? 1);
  };
  const files = node.files(run.user);
  const flags = `${given.get('oflag') ?? ''},${given.get('iflag') ?? ''}`;
  const seek = given.has('seek')
    ? size(given.get('seek')) * (flags.includes('seek_bytes') ? 1 : size(given.get('bs')))
    : 0;
  const output = given.get('of');
  const input = given.get('if');
  let total = 0;
  const source = input === undefined ? run.stdin : sliceOf(files, pathIn(run, input), given, size, flags);
  if (output === undefined) {
    for await (const chunk of source) {
      total += chunk.length;
      await run.output.out(chunk);
    }
  } else {
    const path = pathIn(run, output);
    try {
      if (!files.exists(path)) files.write(path, '');
      if (given.get('conv')?.includes('notrunc') !== true || seek > 0) files.truncate(path, seek);
      for await (const chunk of source) {
        total += chunk.length;
        if (node.state.diskDelayMs > 0)
          await node.time.sleep((node.state.diskDelayMs * chunk.length) / (1 << 20), run.signal);
        files.append(path, chunk.slice());
        if (run.signal.aborted) return 143;
      }
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      await run.output.err(
        error.code === 'ENOSPC'
          ? `dd: error writing '${output}': ${error.reason}\n`
          : `dd: failed to open '${output}': ${error.reason}\n`,
      );
      return 1;
    }
  }
  if (given.get('status') !== 'none')
    await run.output.err(
      `${Math.floor(total / size(given.get('bs')))}+${total % size(given.get('bs')) > 0 ? 1 : 0} records in\n${total} bytes copied\n`,
    );
  return 0;
};

async function* sliceOf(
  files: Files,
  path: string,
  given: Map<string, string>,
  size: (text: string | undefined) => number,
  flags: string,
): AsyncGenerator<Uint8Array> {
  const bytes = files.read(path);
  const bs = size(given.get('bs'));
  const from = given.has('skip') ? size(given.get('skip')) * (flags.includes('skip_bytes') ? 1 : bs) : 0;
  const to = given.has('count')
    ? from + size(given.get('count')) * (flags.includes('count_bytes') ? 1 : bs)
    : bytes.length;
  for (let at = from; at < Math.min(to, bytes.length); at += 1 << 18)
    yield bytes.subarray(at, Math.min(to, bytes.length, at + (1 << 18)));
}

const testProgram: Program = (node, run) => {
  let words = run.argv.slice(1);
  if (run.argv[0]?.endsWith('[')) words = words.slice(0, -1);
  const not = words[0] === '!';
  if (not) words = words.slice(1);
  const files = node.files(run.user);
  const [a = '', b = '', c = ''] = words;
  const find = (follow = true): Inode | undefined => {
    try {
      return files.find(pathIn(run, b), follow);
    } catch {
      return undefined;
    }
  };
  let answer: boolean;
  if (words.length === 1) answer = a !== '';
  else if (words.length === 2) {
    const inode = find(a !== '-L' && a !== '-h');
    const kinds: Record<string, () => boolean> = {
      '-e': () => inode !== undefined,
      '-f': () => inode?.kind === 'file',
      '-d': () => inode?.kind === 'dir',
      '-L': () => inode?.kind === 'link',
      '-h': () => inode?.kind === 'link',
      '-s': () => inode?.kind === 'file' && inode.size > 0,
      '-r': () => inode !== undefined,
      '-w': () => inode !== undefined,
      '-x': () => inode !== undefined && (inode.mode & 0o111) !== 0,
      '-n': () => b !== '',
      '-z': () => b === '',
    };
    const check = kinds[a];
    if (check === undefined) throw new UsageError(`test: ${a}: unary operator expected`, 2);
    answer = check();
  } else if (words.length === 3) {
    if (b === '=') answer = a === c;
    else if (b === '!=') answer = a !== c;
    else if (/^-(eq|ne|lt|gt|le|ge)$/.test(b)) {
      const [x, y] = [Number(a), Number(c)];
      answer = { '-eq': x === y, '-ne': x !== y, '-lt': x < y, '-gt': x > y, '-le': x <= y, '-ge': x >= y }[b] ?? false;
    } else throw new UsageError(`test: ${b}: binary operator expected`, 2);
  } else answer = false;
  return answer !== not ? 0 : 1;
};

/** Programs that read or write what is inside files. */
export const CONTENT_TOOLS: readonly (readonly [string, Program])[] = [
  ['sha256sum', sha256sum],
  ['cat', cat],
  ['head', part(false)],
  ['tail', part(true)],
  ['dd', dd],
  ['test', testProgram],
  ['[', testProgram],
];
