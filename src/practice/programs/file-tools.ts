import { basename, dirname, type Files, FilesError, resolvePath } from '../node/files.js';
import { bytesOf, type Inode } from '../node/inode.js';
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
    d: true,
    'max-depth': true,
    'apparent-size': false,
  });
  const deeper = (options.get('d') ?? options.get('max-depth')) === '1';
  return each(
    run,
    options.words.length > 0 ? options.words : ['.'],
    (word, why) => `du: cannot access '${word}': ${why}`,
    async (path, word) => {
      const files = node.files(run.user);
      const bytes = bytesOf(files.lstat(path));
      const block = options.get('B') ?? options.get('block-size');
      const unit = options.has('b') || block === '1' ? 1 : options.has('m') || block === '1M' ? 1 << 20 : 1024;
      if (deeper && files.isDirectory(path)) {
        for (const name of files.list(path)) {
          if (!files.isDirectory(`${path}/${name}`)) continue;
          await run.output.out(`${Math.ceil(bytesOf(files.lstat(`${path}/${name}`)) / unit)}\t${word}/${name}\n`);
        }
      }
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
  ['du', du],
  ['sync', sync],
];
