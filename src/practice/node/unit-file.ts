import type { Files } from './files.js';
import type { UnitDef } from './state.js';

/** `Section.Key` to its values in order; an empty value clears what came before, as in systemd. */
function parseInto(values: Map<string, string[]>, text: string): void {
  let section = '';
  for (const raw of text.replace(/\\\n\s*/g, ' ').split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const head = /^\[(.+)\]$/.exec(line);
    if (head) {
      section = head[1] ?? '';
      continue;
    }
    const equals = line.indexOf('=');
    if (equals < 0) continue;
    const key = `${section}.${line.slice(0, equals).trim()}`;
    const value = line.slice(equals + 1).trim();
    if (value === '') values.set(key, []);
    else values.set(key, [...(values.get(key) ?? []), value]);
  }
}

/** Splits a command line of a unit file into words; quotes as systemd knows them. */
export function unitWords(text: string): string[] {
  const words: string[] = [];
  for (const match of text.matchAll(/"((?:\\.|[^"])*)"|'((?:\\.|[^'])*)'|(\S+)/g))
    words.push(match[1] ?? match[2] ?? match[3] ?? '');
  return words;
}

function seconds(text: string | undefined, otherwise: number): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|min)?$/.exec(text ?? '');
  if (!match) return otherwise;
  const factor = match[2] === 'ms' ? 1 : match[2] === 'min' ? 60_000 : 1000;
  return Number(match[1]) * factor;
}

/** The folders units live in, strongest first. */
export const UNIT_FOLDERS = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/run/systemd/transient',
  '/lib/systemd/system',
];

/** Reads a unit and its drop-ins; undefined when there is no such file. */
export function readUnit(files: Files, name: string): UnitDef | undefined {
  const fragment = UNIT_FOLDERS.map((folder) => `${folder}/${name}`).find((path) => files.exists(path));
  if (fragment === undefined) return undefined;
  const values = new Map<string, string[]>();
  parseInto(values, files.text(fragment));
  const dropIns: string[] = [];
  for (const folder of ['/etc/systemd/system', '/run/systemd/system']) {
    const path = `${folder}/${name}.d`;
    if (!files.isDirectory(path)) continue;
    for (const file of files.list(path)) if (file.endsWith('.conf')) dropIns.push(`${path}/${file}`);
  }
  for (const path of dropIns.sort((a, b) => (a.slice(a.lastIndexOf('/')) < b.slice(b.lastIndexOf('/')) ? -1 : 1))) {
    parseInto(values, files.text(path));
  }
  const all = (key: string): string[] => values.get(key) ?? [];
  const last = (key: string): string | undefined => all(key).at(-1);
  const type = last('Service.Type') ?? 'simple';
  const stem = name.replace(/\.service$/, '');
  const environment: Record<string, string> = {};
  for (const line of all('Service.Environment')) {
    for (const word of unitWords(line)) environment[word.split('=')[0] ?? ''] = word.slice(word.indexOf('=') + 1);
  }
  return {
    description: last('Unit.Description') ?? name,
    fragment,
    dropIns,
    type: type === 'notify' || type === 'exec' || type === 'oneshot' ? type : 'simple',
    execStart: unitWords(last('Service.ExecStart') ?? ''),
    environmentFiles: all('Service.EnvironmentFile').map((path) => path.replaceAll('%N', stem)),
    environment,
    unsetEnvironment: all('Service.UnsetEnvironment').flatMap((line) => unitWords(line)),
    restart: last('Service.Restart') === 'always' || last('Service.Restart') === 'on-failure',
    restartMs: seconds(last('Service.RestartSec'), 100),
    remain: /^(yes|true|1|on)$/.test(last('Service.RemainAfterExit') ?? ''),
    transient: fragment.startsWith('/run/systemd/transient/'),
    collect: last('Unit.CollectMode') === 'inactive-or-failed',
    killMode: last('Service.KillMode') ?? 'control-group',
    asserts: all('Unit.AssertPathExists'),
    workingDirectory: last('Service.WorkingDirectory'),
    identifier: last('Service.SyslogIdentifier'),
  };
}

/** Reads an EnvironmentFile= as systemd does: `NAME=value`, quotes removed, comments skipped. */
export function readEnvironment(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    if (!match) continue;
    const value = (match[2] ?? '').trim();
    const quoted = /^'([^']*)'$|^"((?:\\.|[^"])*)"$/.exec(value);
    found[match[1] ?? ''] = quoted ? (quoted[1] ?? (quoted[2] ?? '').replace(/\\(["\\$`])/g, '$1')) : value;
  }
  return found;
}

/** Expands `$$`, `${VAR}` and a lone `$VAR` in the words of ExecStart=, as systemd does. */
export function expandWords(words: readonly string[], env: Readonly<Record<string, string>>): string[] {
  return words.flatMap((word) => {
    const alone = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(word);
    if (alone) return (env[alone[1] ?? ''] ?? '').split(/\s+/).filter(Boolean);
    return [
      word.replace(/\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (whole, name?: string) =>
        whole === '$$' ? '$' : (env[name ?? ''] ?? ''),
      ),
    ];
  });
}
