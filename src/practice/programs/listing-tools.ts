import { basename } from '../node/files.js';
import type { Inode } from '../node/inode.js';
import { each } from './file-tools.js';
import { type Program, parseOptions, UsageError } from './run.js';

const sizeOf = (inode: Inode): number =>
  inode.kind === 'file' ? inode.size : inode.kind === 'dir' ? 4096 : inode.target.length;
const letter = (inode: Inode): string => ({ file: 'f', dir: 'd', link: 'l' })[inode.kind];
const uid = (owner: string): number => (owner === 'root' ? 0 : 1000);

function kindText(inode: Inode): string {
  return inode.kind === 'dir'
    ? 'directory'
    : inode.kind === 'link'
      ? 'symbolic link'
      : inode.size === 0
        ? 'regular empty file'
        : 'regular file';
}

/** `drwx------` and its like. */
function rights(inode: Inode): string {
  let text = inode.kind === 'dir' ? 'd' : inode.kind === 'link' ? 'l' : '-';
  for (const shift of [6, 3, 0])
    for (const [bit, char] of [
      [4, 'r'],
      [2, 'w'],
      [1, 'x'],
    ] as const)
      text += (inode.mode >> shift) & bit ? char : '-';
  return text;
}

const stat: Program = (node, run) => {
  const options = parseOptions(run.argv, { c: true, format: true, L: false, dereference: false, printf: true });
  const format = options.get('c') ?? options.get('format');
  const raw = options.get('printf');
  if (format === undefined && raw === undefined)
    throw new UsageError('stat: only -c, --format and --printf are known here');
  const files = node.files(run.user);
  return each(
    run,
    options.words,
    (word, why) => `stat: cannot statx '${word}': ${why}`,
    async (path, word) => {
      const inode = options.has('L') || options.has('dereference') ? files.stat(path) : files.lstat(path);
      const seconds = Math.floor(inode.mtime / 1000);
      const device = node.state.disk.mounts.find((at) => path === at || path.startsWith(`${at}/`));
      const fields: Record<string, string> = {
        a: inode.mode.toString(8),
        A: rights(inode),
        U: inode.owner,
        G: inode.owner,
        u: String(uid(inode.owner)),
        g: String(uid(inode.owner)),
        s: String(sizeOf(inode)),
        Y: String(seconds),
        Z: String(seconds),
        X: String(seconds),
        W: String(seconds),
        n: word,
        F: kindText(inode),
        i: String(1000 + [...path].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 1e6, 7)),
        d: device === undefined ? '64769' : '64785',
        b: String(Math.ceil(sizeOf(inode) / 512)),
        B: '512',
        h: '1',
        m: device ?? '/',
        f: inode.mode.toString(16),
        y: `${new Date(inode.mtime).toISOString().replace('T', ' ').replace('Z', '000000')} +0000`,
        N: inode.kind === 'link' ? `'${word}' -> '${inode.target}'` : `'${word}'`,
        '%': '%',
      };
      const filled = (format ?? raw ?? '').replace(/%\.?\d*([a-zA-Z%])/g, (whole, key: string) => {
        const value = fields[key];
        if (value === undefined) throw new UsageError(`stat: unknown directive ${whole}`);
        return value;
      });
      await run.output.out(raw === undefined ? `${filled}\n` : escapes(filled));
    },
  );
};

function escapes(text: string): string {
  return text.replace(
    /\\(n|t|0|\\)/g,
    (_, char: string) => ({ n: '\n', t: '\t', '0': '\0', '\\': '\\' })[char] ?? char,
  );
}

const ls: Program = async (node, run) => {
  const options = parseOptions(run.argv, {
    '1': false,
    l: false,
    a: false,
    A: false,
    d: false,
    R: false,
    t: false,
    r: false,
    n: false,
    h: false,
    'time-style': true,
    'full-time': false,
    color: true,
    Q: false,
    p: false,
  });
  const files = node.files(run.user);
  const long = options.has('l') || options.has('n') || options.has('full-time');
  const words = options.words.length > 0 ? options.words : ['.'];
  const row = (name: string, inode: Inode): string => {
    if (!long) return name;
    const iso = new Date(inode.mtime).toISOString();
    const style = options.get('time-style');
    const time =
      style === '+%s' ? String(Math.floor(inode.mtime / 1000)) : `${iso.slice(0, 10)} ${iso.slice(11, 23)}000000 +0000`;
    const arrow = inode.kind === 'link' ? ` -> ${inode.target}` : '';
    return `${rights(inode)} ${inode.kind === 'dir' ? 2 : 1} ${inode.owner} ${inode.owner} ${String(sizeOf(inode)).padStart(8)} ${time} ${name}${arrow}`;
  };
  const folder = async (path: string, title: string | undefined): Promise<void> => {
    const names = files.list(path).filter((name) => options.has('a') || options.has('A') || !name.startsWith('.'));
    const rows = names.map((name) => row(name, files.lstat(`${path}/${name}`)));
    if (options.has('t')) rows.sort();
    if (options.has('a')) rows.unshift(row('.', files.stat(path)), row('..', files.stat(path)));
    if (title !== undefined) await run.output.out(`${title}:\n`);
    await run.output.out(`${long ? 'total 0\n' : ''}${rows.map((line) => `${line}\n`).join('')}`);
    if (!options.has('R')) return;
    for (const name of names) {
      if (files.lstat(`${path}/${name}`).kind !== 'dir') continue;
      await run.output.out('\n');
      await folder(`${path}/${name}`, `${title ?? path}/${name}`);
    }
  };
  const code = await each(
    run,
    words,
    (word, why) => `ls: cannot access '${word}': ${why}`,
    async (path, word) => {
      const inode = options.has('d') || long ? files.lstat(path) : files.stat(path);
      if (inode.kind !== 'dir' || options.has('d')) await run.output.out(`${row(word, inode)}\n`);
      else await folder(path, words.length > 1 || options.has('R') ? word : undefined);
    },
  );
  return code === 0 ? 0 : 2;
};

type Check = (path: string, inode: Inode, depth: number) => boolean;

function glob(pattern: string): RegExp {
  return new RegExp(
    `^${pattern
      .replace(/[.+^${}()|\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.')}$`,
  );
}

function printer(format: string, start: string): (path: string, inode: Inode, depth: number) => string {
  return (path, inode, depth) =>
    escapes(
      format.replace(/%([a-zA-Z%])([@s])?/g, (whole, key: string, more?: string) => {
        const fields: Record<string, string> = {
          f: basename(path),
          y: letter(inode),
          s: String(sizeOf(inode)),
          p: path,
          m: inode.mode.toString(8),
          M: rights(inode),
          u: inode.owner,
          g: inode.owner,
          U: String(uid(inode.owner)),
          d: String(depth),
          P: path === start ? '' : path.slice(start.length + 1),
          l: inode.kind === 'link' ? inode.target : '',
          '%': '%',
          H: start,
        };
        if (key === 'T' || key === 'C' || key === 'A')
          return more === '@' ? (inode.mtime / 1000).toFixed(10) : String(Math.floor(inode.mtime / 1000));
        const value = fields[key];
        if (value === undefined) throw new UsageError(`find: unknown directive ‘${whole}’`);
        return value + (more ?? '');
      }),
    );
}

interface FindPlan {
  starts: string[];
  checks: Check[];
  min: number;
  max: number;
  format: string | undefined;
  zero: boolean;
  prunes: RegExp[];
}

function planFind(argv: readonly string[]): FindPlan {
  const plan: FindPlan = { starts: [], checks: [], min: 0, max: 100, format: undefined, zero: false, prunes: [] };
  for (let i = 1; i < argv.length; i++) {
    const word = argv[i] ?? '';
    const value = (): string => argv[++i] ?? '';
    if (!word.startsWith('-')) plan.starts.push(word);
    else if (word === '-maxdepth') plan.max = Number(value());
    else if (word === '-mindepth') plan.min = Number(value());
    else if (word === '-name') {
      const pattern = glob(value());
      plan.checks.push((path) => pattern.test(basename(path)));
    } else if (word === '-path') {
      const pattern = glob(value());
      plan.checks.push((path) => pattern.test(path));
    } else if (word === '-type') {
      const kinds = value().split(',');
      plan.checks.push((_, inode) => kinds.includes(letter(inode)));
    } else if (word === '-printf') plan.format = value();
    else if (word === '-print0') plan.zero = true;
    else if (word === '-size') {
      const size = /^([+-]?)(\d+)c$/.exec(value());
      if (!size) throw new UsageError('find: only -size Nc is known here');
      plan.checks.push((_, inode) =>
        size[1] === '+'
          ? sizeOf(inode) > Number(size[2])
          : size[1] === '-'
            ? sizeOf(inode) < Number(size[2])
            : sizeOf(inode) === Number(size[2]),
      );
    } else if (word === '-newermt') {
      const after = value();
      const ms = after.startsWith('@') ? Number(after.slice(1)) * 1000 : Date.parse(after);
      plan.checks.push((_, inode) => inode.mtime > ms);
    } else if (word !== '-print' && word !== '-P' && word !== '-xdev')
      throw new UsageError(`find: unknown predicate \`${word}'`);
  }
  return plan;
}

const find: Program = (node, run) => {
  const plan = planFind(run.argv);
  const files = node.files(run.user);
  return each(
    run,
    plan.starts.length > 0 ? plan.starts : ['.'],
    (word, why) => `find: ‘${word}’: ${why}`,
    async (start, word) => {
      const print = plan.format === undefined ? undefined : printer(plan.format, word);
      const lines: string[] = [];
      const walk = (path: string, shown: string, depth: number): void => {
        const inode = files.lstat(path);
        if (depth >= plan.min && plan.checks.every((check) => check(shown, inode, depth))) {
          lines.push(print?.(shown, inode, depth) ?? `${shown}${plan.zero ? '\0' : '\n'}`);
        }
        if (inode.kind !== 'dir' || depth >= plan.max) return;
        for (const name of files.list(path))
          walk(`${path === '/' ? '' : path}/${name}`, `${shown === '/' ? '' : shown}/${name}`, depth + 1);
      };
      walk(start, word, 0);
      await run.output.out(lines.join(''));
    },
  );
};

export const LISTING_TOOLS: readonly (readonly [string, Program])[] = [
  ['stat', stat],
  ['ls', ls],
  ['find', find],
];
