import { createHash } from 'node:crypto';
import { basename, dirname, type Files, FilesError, resolvePath } from '../node/files.js';
import { bytesOf, type Inode } from '../node/inode.js';
import type { PracticeNode } from '../node/node.js';
import { type Program, parseOptions, type Run, readAll, UsageError } from './run.js';

const octal = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : Number.parseInt(text, 8);

/** Resolves a word against the working directory. */
export const pathIn = (run: Run, word: string): string => resolvePath(run.cwd, word);

/** Runs `act` per word; a file system error is printed as GNU does and makes the exit code 1. */
export async function each(
  run: Run,
  words: readonly string[],
  say: (word: string, reason: string) => string,
  act: (path: string, word: string) => void | Promise<void>,
): Promise<number> {
  let code = 0;
  for (const word of words) {
    try {
      await act(pathIn(run, word), word);
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      await run.output.err(`${say(word, error.reason)}\n`);
      code = 1;
    }
  }
  return code;
}

const need = (words: readonly string[], count: number, program: string): void => {
  if (words.length < count) throw new UsageError(`${program}: missing operand`);
};

const mkdir: Program = (node, run) => {
  const options = parseOptions(run.argv, { p: false, parents: false, m: true, mode: true, v: false });
  need(options.words, 1, 'mkdir');
  const parents = options.has('p') || options.has('parents');
  return each(
    run,
    options.words,
    (word, why) => `mkdir: cannot create directory ‘${word}’: ${why}`,
    (path) => {
      node.files(run.user).mkdir(path, { parents, mode: octal(options.get('m') ?? options.get('mode'), 0o755) });
    },
  );
};

const rm: Program = (node, run) => {
  const options = parseOptions(run.argv, {
    f: false,
    force: false,
    r: false,
    R: false,
    recursive: false,
    v: false,
    d: false,
  });
  const force = options.has('f') || options.has('force');
  if (!force) need(options.words, 1, 'rm');
  const recursive = options.has('r') || options.has('R') || options.has('recursive');
  const files = node.files(run.user);
  return each(
    run,
    options.words,
    (word, why) => `rm: cannot remove '${word}': ${why}`,
    async (path, word) => {
      const found = files.find(path, false);
      if (found === undefined && force) return;
      if (found?.kind === 'dir' && !recursive) throw new FilesError('EISDIR', path);
      files.remove(path, { recursive });
      if (options.has('v')) await run.output.out(`removed '${word}'\n`);
    },
  );
};

const rmdir: Program = (node, run) => {
  const options = parseOptions(run.argv, { p: false, 'ignore-fail-on-non-empty': false });
  need(options.words, 1, 'rmdir');
  return each(
    run,
    options.words,
    (word, why) => `rmdir: failed to remove '${word}': ${why}`,
    (path) => {
      const files = node.files(run.user);
      if (files.lstat(path).kind !== 'dir') throw new FilesError('ENOTDIR', path);
      files.remove(path);
    },
  );
};

function into(files: Files, run: Run, words: readonly string[], noTarget: boolean): [string, string][] {
  const target = words.at(-1) ?? '';
  const sources = words.slice(0, -1);
  const to = pathIn(run, target);
  if (!noTarget && files.isDirectory(to))
    return sources.map((word) => [pathIn(run, word), resolvePath(to, basename(pathIn(run, word)))]);
  if (sources.length > 1) throw new UsageError(`target '${target}' is not a directory`);
  return sources.map((word) => [pathIn(run, word), to]);
}

const mv: Program = async (node, run) => {
  const options = parseOptions(run.argv, {
    T: false,
    n: false,
    f: false,
    v: false,
    'no-target-directory': false,
    'no-clobber': false,
  });
  need(options.words, 2, 'mv');
  const files = node.files(run.user);
  let code = 0;
  for (const [from, to] of into(files, run, options.words, options.has('T') || options.has('no-target-directory'))) {
    try {
      const target = files.find(to, false);
      if (target !== undefined && (options.has('n') || options.has('no-clobber'))) continue;
      files.rename(from, to);
      if (options.has('v')) await run.output.out(`renamed '${from}' -> '${to}'\n`);
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      const text = error.code === 'ENOENT' ? `cannot stat '${from}'` : `cannot move '${from}' to '${to}'`;
      await run.output.err(`mv: ${text}: ${error.reason}\n`);
      code = 1;
    }
  }
  return code;
};

const cp: Program = async (node, run) => {
  const options = parseOptions(run.argv, {
    a: false,
    archive: false,
    r: false,
    R: false,
    recursive: false,
    p: false,
    T: false,
    n: false,
    f: false,
    L: false,
    reflink: true,
    sparse: true,
    preserve: true,
    'no-target-directory': false,
    v: false,
    x: false,
  });
  need(options.words, 2, 'cp');
  const files = node.files(run.user);
  const keep = options.has('a') || options.has('archive') || options.has('p') || options.has('preserve');
  const deep =
    options.has('a') || options.has('archive') || options.has('r') || options.has('R') || options.has('recursive');
  let code = 0;
  for (const [from, to] of into(files, run, options.words, options.has('T') || options.has('no-target-directory'))) {
    try {
      const source = files.lstat(from);
      if (source.kind === 'dir' && !deep) {
        await run.output.err(`cp: -r not specified; omitting directory '${from}'\n`);
        code = 1;
        continue;
      }
      if (files.exists(to) && options.has('n')) continue;
      if (source.kind !== 'dir' && files.exists(to)) files.remove(to);
      if (source.kind === 'dir' && files.isDirectory(to)) {
        for (const name of files.list(from)) {
          if (files.exists(`${to}/${name}`)) files.remove(`${to}/${name}`, { recursive: true });
          files.copy(`${from}/${name}`, `${to}/${name}`, keep);
        }
      } else files.copy(from, to, keep);
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      const text =
        error.code === 'ENOENT' && error.path === from
          ? `cannot stat '${from}'`
          : error.code === 'ENOSPC'
            ? `error writing '${to}'`
            : `cannot create '${to}'`;
      await run.output.err(`cp: ${text}: ${error.reason}\n`);
      code = 1;
    }
  }
  return code;
};

const install: Program = async (node, run) => {
  const options = parseOptions(run.argv, {
    D: false,
    d: false,
    m: true,
    mode: true,
    o: true,
    owner: true,
    g: true,
    group: true,
    T: false,
    v: false,
    p: false,
    t: true,
  });
  const files = node.files(run.user);
  const mode = octal(options.get('m') ?? options.get('mode'), 0o755);
  const owner = options.get('o') ?? options.get('owner');
  if (options.has('d')) {
    return each(
      run,
      options.words,
      (word, why) => `install: cannot create directory ‘${word}’: ${why}`,
      (path) => {
        files.mkdir(path, { parents: true, mode });
        files.chmod(path, mode);
        if (owner !== undefined) files.chown(path, owner);
      },
    );
  }
  const folder = options.get('t');
  const words = folder === undefined ? options.words : [...options.words, folder];
  need(words, 2, 'install');
  const target = pathIn(run, words.at(-1) ?? '');
  if (options.has('D') && !files.exists(dirname(target))) files.mkdir(dirname(target), { parents: true });
  for (const [from, to] of into(files, run, words, options.has('T'))) {
    // As the real one: the old file is unlinked first, so whoever has it open keeps the old content.
    const bytes = from === '/dev/stdin' ? await readAll(run.stdin) : files.read(from);
    if (files.exists(to)) files.remove(to);
    files.write(to, bytes, mode);
    files.chmod(to, mode);
    if (owner !== undefined) files.chown(to, owner);
  }
  return 0;
};

const touch: Program = (node, run) => {
  const options = parseOptions(run.argv, { c: false, d: true, date: true, m: false, a: false, r: true });
  need(options.words, 1, 'touch');
  const files = node.files(run.user);
  const date = options.get('d') ?? options.get('date');
  return each(
    run,
    options.words,
    (word, why) => `touch: cannot touch '${word}': ${why}`,
    (path) => {
      if (options.has('c') && !files.exists(path)) return;
      files.touch(
        path,
        date === undefined ? node.now() : /^@/.test(date) ? Number(date.slice(1)) * 1000 : Date.parse(date),
      );
    },
  );
};

function newMode(text: string, old: number): number {
  if (/^[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  let mode = old;
  for (const part of text.split(',')) {
    const match = /^([ugoa]*)([-+=])([rwx]*)$/.exec(part);
    if (!match) throw new UsageError(`chmod: invalid mode: ‘${text}’`);
    let bits = 0;
    for (const [who, shift] of [
      ['u', 6],
      ['g', 3],
      ['o', 0],
    ] as const) {
      if (match[1] !== '' && !match[1]?.includes(who) && !match[1]?.includes('a')) continue;
      for (const [right, bit] of [
        ['r', 4],
        ['w', 2],
        ['x', 1],
      ] as const)
        if (match[3]?.includes(right)) bits |= bit << shift;
    }
    mode = match[2] === '+' ? mode | bits : match[2] === '-' ? mode & ~bits : bits;
  }
  return mode;
}

function deep(files: Files, path: string, act: (path: string, inode: Inode) => void): void {
  const inode = files.lstat(path);
  act(path, inode);
  if (inode.kind === 'dir') for (const name of files.list(path)) deep(files, `${path}/${name}`, act);
}

const chmod: Program = (node, run) => {
  const options = parseOptions(
    run.argv.map((word) => (/^-[rwx]+$/.test(word) ? `a${word}` : word)),
    { R: false, v: false, f: false },
  );
  need(options.words, 2, 'chmod');
  const [mode = '', ...words] = options.words;
  const files = node.files(run.user);
  return each(
    run,
    words,
    (word, why) => `chmod: cannot access '${word}': ${why}`,
    (path) => {
      files.chmod(path, newMode(mode, files.stat(path).mode));
      if (options.has('R'))
        deep(files, path, (one, inode) => inode.kind !== 'link' && files.chmod(one, newMode(mode, inode.mode)));
    },
  );
};

const chown: Program = (node, run) => {
  const options = parseOptions(run.argv, { R: false, h: false, v: false, f: false });
  need(options.words, 2, 'chown');
  const [owner = '', ...words] = options.words;
  const files = node.files(run.user);
  return each(
    run,
    words,
    (word, why) =>
      `chown: changing ownership of '${word}': ${why === 'Permission denied' ? 'Operation not permitted' : why}`,
    (path) => {
      const name = owner.split(/[:.]/)[0] ?? 'root';
      if (options.has('R')) deep(files, path, (one) => files.chown(one, name));
      else files.chown(path, name);
    },
  );
};

const ln: Program = async (node, run) => {
  const options = parseOptions(run.argv, { s: false, f: false, n: false, T: false });
  need(options.words, 2, 'ln');
  const [target = '', name = ''] = options.words;
  const files = node.files(run.user);
  const path = pathIn(run, name);
  if (options.has('f') && files.find(path, false) !== undefined) files.remove(path);
  if (options.has('s')) files.symlink(target, path);
  else files.copy(pathIn(run, target), path);
  return 0;
};

const readlink: Program = (node, run) => {
  const options = parseOptions(run.argv, { f: false, e: false, m: false, n: false });
  need(options.words, 1, 'readlink');
  return each(
    run,
    options.words,
    () => '',
    async (path) => {
      const files = node.files(run.user);
      const follow = options.has('f') || options.has('e') || options.has('m');
      if (follow && !options.has('m')) files.stat(dirname(files.realpath(path)));
      await run.output.out(`${follow ? files.realpath(path) : files.readlink(path)}\n`);
    },
  );
};

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

const du: Program = (node, run) => {
  const options = parseOptions(run.argv, {
    s: false,
    b: false,
    B: true,
    'block-size': true,
    h: false,
    x: false,
    c: false,
    k: false,
    m: false,
    'apparent-size': false,
  });
  return each(
    run,
    options.words.length > 0 ? options.words : ['.'],
    (word, why) => `du: cannot access '${word}': ${why}`,
    async (path, word) => {
      const bytes = bytesOf(node.files(run.user).lstat(path));
      const block = options.get('B') ?? options.get('block-size');
      const unit = options.has('b') || block === '1' ? 1 : options.has('m') || block === '1M' ? 1 << 20 : 1024;
      await run.output.out(`${Math.ceil(bytes / unit)}\t${word}\n`);
    },
  );
};

const sync: Program = async (node, run) => {
  const options = parseOptions(run.argv, { f: false, d: false, 'file-system': false, data: false });
  if (node.state.diskDelayMs > 0) await node.time.sleep(node.state.diskDelayMs * 10, run.signal);
  return each(
    run,
    options.words,
    (word, why) => `sync: error opening '${word}': ${why}`,
    (path) => void node.files(run.user).stat(path),
  );
};

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

export const FILE_TOOLS: readonly (readonly [string, Program])[] = [
  ['mkdir', mkdir],
  ['rm', rm],
  ['rmdir', rmdir],
  ['mv', mv],
  ['cp', cp],
  ['install', install],
  ['touch', touch],
  ['chmod', chmod],
  ['chown', chown],
  ['ln', ln],
  ['readlink', readlink],
  ['sha256sum', sha256sum],
  ['cat', cat],
  ['head', part(false)],
  ['tail', part(true)],
  ['dd', dd],
  ['du', du],
  ['sync', sync],
  ['test', testProgram],
  ['[', testProgram],
];
