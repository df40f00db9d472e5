import { cursorOf, fieldsOf, formatEntry } from '../node/journal.js';
import type { JournalEntry } from '../node/state.js';
import { type Program, parseOptions, UsageError } from './run.js';

const TABLE = {
  u: true,
  unit: true,
  o: true,
  output: true,
  n: true,
  lines: true,
  f: false,
  follow: false,
  'no-pager': false,
  'after-cursor': true,
  cursor: true,
  c: true,
  since: true,
  S: true,
  until: true,
  U: true,
  b: false,
  boot: false,
  q: false,
  quiet: false,
  'output-fields': true,
  'show-cursor': false,
  r: false,
  reverse: false,
  a: false,
  all: false,
  utc: false,
  'no-tail': false,
  'no-hostname': false,
  m: false,
  merge: false,
  p: true,
  priority: true,
  t: true,
  identifier: true,
  g: true,
  grep: true,
} as const;

const FORMATS = new Set([
  'json',
  'cat',
  'short',
  'short-iso',
  'short-iso-precise',
  'short-unix',
  'short-precise',
  'short-full',
]);

/** `@1795342797.5`, `2026-11-22 10:19:57`, `10:19:57`, `-5min`, `5 min ago`, `today` in microseconds. */
function moment(text: string, now: number): number {
  const unix = /^@(\d+(?:\.\d+)?)$/.exec(text);
  if (unix) return Math.floor(Number(unix[1]) * 1e6);
  if (text === 'now') return now * 1000;
  if (text === 'today') return Math.floor(now / 86_400_000) * 86_400_000_000;
  const ago = /^-?\s*(\d+)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)(?:\s+ago)?$/.exec(text);
  if (ago && (text.startsWith('-') || text.endsWith('ago'))) {
    const factor = ({ s: 1, m: 60, h: 3600, d: 86_400 } as Record<string, number>)[ago[2]?.[0] ?? 's'] ?? 1;
    return (now - Number(ago[1]) * factor * 1000) * 1000;
  }
  const time = Date.parse(`${text.replace(' UTC', '').replace(' ', 'T')}${/Z$|[+-]\d\d:?\d\d$/.test(text) ? '' : 'Z'}`);
  if (Number.isNaN(time)) throw new UsageError(`Failed to parse timestamp: ${text}`);
  return time * 1000;
}

/** Units by name or pattern. A pattern means the units the journal knows now: one that speaks later is not seen. */
function unitMatcher(patterns: readonly string[], known: readonly JournalEntry[]): (unit: string) => boolean {
  if (patterns.length === 0) return () => true;
  const units = new Set(known.map((entry) => entry.unit));
  const names = new Set<string>();
  for (const pattern of patterns) {
    const full = /\.[a-z]+$/.test(pattern) || pattern.endsWith('*') ? pattern : `${pattern}.service`;
    if (!/[*?[]/.test(full)) {
      names.add(full);
      continue;
    }
    const glob = new RegExp(
      `^${full
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replace(/\*/g, '.*')
        .replace(/\?/g, '.')}$`,
    );
    for (const unit of units) if (glob.test(unit)) names.add(unit);
  }
  return (unit) => names.has(unit);
}

/** `FIELD=value` words: the same field twice means either, different fields mean both, `+` begins another group. */
function fieldMatcher(words: readonly string[]): (fields: () => Record<string, string>) => boolean {
  const groups: Map<string, Set<string>>[] = [new Map()];
  for (const word of words) {
    if (word === '+') {
      groups.push(new Map());
      continue;
    }
    const match = /^([A-Z_][A-Z0-9_]*)=(.*)$/s.exec(word);
    if (match?.[1] === undefined) throw new UsageError(`Failed to add match '${word}': Invalid argument`);
    const group = groups.at(-1) ?? new Map<string, Set<string>>();
    group.set(match[1], (group.get(match[1]) ?? new Set()).add(match[2] ?? ''));
  }
  const wanted = groups.filter((group) => group.size > 0);
  if (wanted.length === 0) return () => true;
  return (fields) => {
    const has = fields();
    return wanted.some((group) => [...group].every(([key, values]) => values.has(has[key] ?? '')));
  };
}

function afterCursor(cursor: string): number {
  const match = /(?:^|;)i=([0-9a-f]+)/.exec(cursor);
  if (!match) throw new UsageError(`Failed to seek to cursor: Invalid argument`);
  return Number.parseInt(match[1] ?? '0', 16);
}

/** `journalctl`, with `-f` until the channel closes. */
export const journalctl: Program = async (node, run) => {
  const options = parseOptions(
    run.argv.map((word) => (/^(-b|--boot)=?0$/.test(word) ? '-b' : word)),
    TABLE,
  );
  const words = options.words.filter((word) => word !== '0');
  const matches = fieldMatcher(words);
  const format = options.get('o') ?? options.get('output') ?? 'short';
  if (!FORMATS.has(format)) throw new UsageError(`Unknown output format '${format}'.`);
  if (run.user !== 'root' && node.state.users.includes(run.user) && !run.env.SUDO_USER) {
    await run.output.err(
      "Hint: You are currently not seeing messages from other users and the system.\n      Users in groups 'adm', 'systemd-journal' can see all messages.\n      Pass -q to turn off this notice.\nNo journal files were opened due to insufficient permissions.\n",
    );
    return 1;
  }
  const fits = unitMatcher([...options.all('u'), ...options.all('unit')], node.state.journal);
  const since = options.get('since') ?? options.get('S');
  const until = options.get('until') ?? options.get('U');
  const from = since === undefined ? 0 : moment(since, node.now());
  const to = until === undefined ? Number.POSITIVE_INFINITY : moment(until, node.now());
  const cursor = options.get('after-cursor');
  const only = options.get('output-fields')?.split(',');
  const boot = options.has('b') || options.has('boot') ? node.state.bootId : undefined;
  const grep = options.get('g') ?? options.get('grep');
  const wanted = (entry: JournalEntry): boolean =>
    fits(entry.unit) &&
    matches(() => fieldsOf(node.state, entry)) &&
    entry.at >= from &&
    entry.at <= to &&
    (boot === undefined || entry.boot === boot) &&
    (grep === undefined || new RegExp(grep).test(entry.message));
  let seq = cursor === undefined ? 0 : afterCursor(cursor);
  const follow = options.has('f') || options.has('follow');
  let entries = node.state.journal.filter((entry) => entry.seq > seq && wanted(entry));
  const lines =
    options.get('n') ??
    options.get('lines') ??
    (follow && cursor === undefined && !options.has('no-tail') ? '10' : undefined);
  if (lines !== undefined && lines !== 'all')
    entries = lines.startsWith('+')
      ? entries.slice(0, Number(lines.slice(1)))
      : entries.slice(entries.length - Math.min(entries.length, Number(lines)));
  const print = async (list: readonly JournalEntry[]): Promise<void> => {
    if (list.length > 0)
      await run.output.out(`${list.map((entry) => formatEntry(node.state, entry, format, only)).join('\n')}\n`);
  };
  if (
    entries.length === 0 &&
    !follow &&
    format !== 'json' &&
    format !== 'cat' &&
    !options.has('q') &&
    !options.has('quiet')
  )
    await run.output.out('-- No entries --\n');
  await print(options.has('r') || options.has('reverse') ? [...entries].reverse() : entries);
  const last = entries.at(-1);
  if (options.has('show-cursor') && last !== undefined)
    await run.output.out(`-- cursor: ${cursorOf(node.state, last)}\n`);
  if (!follow) return 0;
  seq = node.state.journalSeq;
  for (;;) {
    const until = seq;
    await node.time.wait(() => (node.state.journalSeq > until ? true : undefined), run.signal);
    const fresh = node.state.journal.filter((entry) => entry.seq > until && wanted(entry));
    seq = node.state.journalSeq;
    await print(fresh);
  }
};
