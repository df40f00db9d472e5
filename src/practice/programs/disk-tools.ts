import type { Files } from '../node/files.js';
import { each, pathIn } from './file-tools.js';
import { type Program, parseOptions, type Run, UsageError } from './run.js';

const df: Program = async (node, run) => {
  const options = parseOptions(run.argv, {
    B: true,
    'block-size': true,
    output: true,
    h: false,
    k: false,
    P: false,
    x: true,
    T: false,
    a: false,
  });
  const files: Files = node.files(run.user);
  const { disk } = node.state;
  const unit = (options.get('B') ?? options.get('block-size')) === '1' ? 1 : 1024;
  const columns = (options.get('output') ?? 'source,size,used,avail,pcent,target').split(',');
  const targets = options.words.length > 0 ? [] : ['/', ...disk.mounts];
  const code = await each(
    run,
    options.words,
    (word, why) => `df: ${word}: ${why}`,
    (path) => {
      files.stat(path);
      targets.push(disk.mounts.find((at) => path === at || path.startsWith(`${at}/`)) ?? '/');
    },
  );
  // Where nothing is left to show it prints no header either.
  if (targets.length === 0) return code;
  const titles: Record<string, string> = {
    source: 'Filesystem',
    fstype: 'Type',
    size: unit === 1 ? '1B-blocks' : '1K-blocks',
    used: 'Used',
    avail: 'Avail',
    pcent: 'Use%',
    target: 'Mounted on',
    itotal: 'Inodes',
    iavail: 'IFree',
    file: 'File',
  };
  const rows = targets.map((target) =>
    columns.map((column) => {
      const mount = disk.mounts.indexOf(target);
      const values: Record<string, string> = {
        source: mount < 0 ? '/dev/vda1' : `/dev/vd${'bcd'[mount] ?? 'e'}1`,
        fstype: 'ext4',
        size: String(Math.floor(disk.total / unit)),
        used: String(Math.ceil(disk.used / unit)),
        avail: String(Math.max(0, Math.floor((disk.total - disk.used) / unit))),
        pcent: `${Math.ceil((disk.used / disk.total) * 100)}%`,
        target,
        itotal: '16777216',
        iavail: '16000000',
        file: target,
      };
      const value = values[column];
      if (value === undefined) throw new UsageError(`df: option --output: field ‘${column}’ unknown`);
      return value;
    }),
  );
  const table = [columns.map((column) => titles[column] ?? column), ...rows];
  const widths = columns.map((_, index) => Math.max(...table.map((cells) => cells[index]?.length ?? 0)));
  const text = table.map((cells) =>
    cells
      .map((cell, index) =>
        ['source', 'fstype', 'target', 'file'].includes(columns[index] ?? '')
          ? cell.padEnd(widths[index] ?? 0)
          : cell.padStart(widths[index] ?? 0),
      )
      .join(' ')
      .trimEnd(),
  );
  await run.output.out(`${text.join('\n')}\n`);
  return code;
};

const findmnt: Program = async (node, run) => {
  const options = parseOptions(run.argv, {
    r: false,
    n: false,
    o: true,
    T: true,
    target: true,
    M: true,
    mountpoint: true,
  });
  const columns = (options.get('o') ?? 'TARGET,SOURCE,FSTYPE').split(',');
  const { mounts } = node.state.disk;
  const exact = options.get('M') ?? options.get('mountpoint') ?? options.words[0];
  const near = options.get('T') ?? options.get('target');
  let target: string | undefined;
  if (near !== undefined)
    target = mounts.find((at) => pathIn(run, near) === at || pathIn(run, near).startsWith(`${at}/`)) ?? '/';
  else if (exact !== undefined) target = ['/', ...mounts].find((at) => at === pathIn(run, exact));
  const targets = near === undefined && exact === undefined ? ['/', ...mounts] : target === undefined ? [] : [target];
  const lines = targets.map((at) =>
    columns
      .map(
        (column) =>
          ({
            TARGET: at,
            SOURCE: at === '/' ? '/dev/vda1' : `/dev/vd${'bcd'[mounts.indexOf(at)] ?? 'e'}1`,
            FSTYPE: 'ext4',
            OPTIONS: 'rw,relatime',
          })[column] ?? '',
      )
      .join(' '),
  );
  if (lines.length > 0)
    await run.output.out(`${options.has('n') ? '' : `${columns.join(' ')}\n`}${lines.join('\n')}\n`);
  return lines.length > 0 ? 0 : 1;
};

const mountpoint: Program = async (node, run: Run) => {
  const options = parseOptions(run.argv, { q: false });
  const path = pathIn(run, options.words[0] ?? '');
  const is = path === '/' || node.state.disk.mounts.includes(path);
  if (!options.has('q')) await run.output.out(`${path} is ${is ? '' : 'not '}a mountpoint\n`);
  return is ? 0 : 32;
};

/** Programs about file systems and mounts. */
export const DISK_TOOLS: readonly (readonly [string, Program])[] = [
  ['df', df],
  ['findmnt', findmnt],
  ['mountpoint', mountpoint],
];
