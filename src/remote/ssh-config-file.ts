import { readdirSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import SSHConfig, { type Directive, type Line, type Match, type Section } from 'ssh-config';
import { EXIT, ProblemError } from '../base/problem.js';
import { expandPath } from '../inventory/secrets.js';

/**
 * `~/.ssh/config` with its Includes put in place, ready to be asked for one host after another. `ssh-config` evaluates Host and
 * Match but leaves Include to its users, and would run `Match exec` and look up names for CanonicalizeHostname:
 * neither may happen here.
 */
export class SshConfigFile {
  /** What stands in the files and is not followed. */
  readonly notes: readonly string[];
  readonly #lines: readonly Line[];
  readonly #home: string;

  private constructor(lines: readonly Line[], home: string) {
    this.#lines = lines;
    this.#home = home;
    this.notes = hasMatchExec(lines)
      ? ['~/.ssh/config has "Match exec": such blocks are not used here. Put what they set into cluster.yaml.']
      : [];
  }

  /** Reads the file; one that is not there is empty. */
  static read(home: string, file = join(home, '.ssh', 'config')): SshConfigFile {
    return new SshConfigFile(parseFile(file), home);
  }

  /** What the file sets for a host, names in lower case. `user` is the one already chosen, for `Match user`. */
  for(host: string, user?: string): Record<string, string | string[]> {
    const flat = this.#flatten(this.#lines, { Host: host, ...(user === undefined ? {} : { User: user }) }, 0);
    const options = { ignoreCase: true, matchExec: false };
    return flat.compute({ Host: host, ...(user === undefined ? {} : { User: user }) }, options);
  }

  /** Puts included lines in place where the block they stand in is active for this host. */
  #flatten(lines: readonly Line[], query: { Host: string; User?: string }, depth: number): SSHConfig {
    const flat = new SSHConfig();
    for (const line of lines) {
      if (isSection(line) && line.config.some(isInclude)) {
        let part = section(line, []);
        flat.push(part);
        for (const inner of line.config) {
          if (!isInclude(inner)) {
            part.config.push(inner);
            continue;
          }
          if (isActive(flat, line, query)) {
            flat.push(...this.#flatten(this.#included(inner, depth), query, depth + 1));
          }
          part = section(line, []);
          flat.push(part);
        }
      } else if (isInclude(line)) {
        flat.push(...this.#flatten(this.#included(line, depth), query, depth + 1));
      } else {
        flat.push(line);
      }
    }
    return flat;
  }

  #included(line: Directive, depth: number): Line[] {
    // OpenSSH stops at the same depth.
    if (depth >= 16) return [];
    const ssh = join(this.#home, '.ssh');
    return values(line).flatMap((pattern) => expandGlob(expandPath(pattern, ssh, this.#home)).flatMap(parseFile));
  }
}

const MARK = 'x-blackstart-active';

/** Whether a Host or Match block applies, after all the lines before it. */
function isActive(before: SSHConfig, block: Section, query: { Host: string; User?: string }): boolean {
  const probe = new SSHConfig();
  const mark: Directive = {
    type: SSHConfig.DIRECTIVE,
    before: '',
    after: '',
    param: MARK,
    separator: ' ',
    value: 'yes',
  };
  probe.push(...before, section(block, [mark]));
  return probe.compute(query, { ignoreCase: true, matchExec: false })[MARK] !== undefined;
}

function section(block: Section, lines: readonly Line[]): Section {
  const config = new SSHConfig();
  config.push(...lines);
  return { ...block, config };
}

function parseFile(file: string): Line[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'EISDIR')) return [];
    throw unreadable(file, cause);
  }
  try {
    return normalise(SSHConfig.parse(text));
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

/** Writes `hostname` and `user` as the package looks for them, and drops what would make it run `nslookup`. */
function normalise(lines: readonly Line[]): Line[] {
  return lines.flatMap((line): Line[] => {
    if (!isDirective(line)) return [line];
    if (/^canonical/i.test(line.param)) return [];
    if (/^hostname$/i.test(line.param)) line.param = 'HostName';
    if (/^user$/i.test(line.param)) line.param = 'User';
    return isSection(line) ? [section(line, normalise(line.config))] : [line];
  });
}

function hasMatchExec(lines: readonly Line[]): boolean {
  return lines.some((line) => isSection(line) && 'criteria' in line && 'exec' in (line as Match).criteria);
}

function isDirective(line: Line): line is Directive {
  return line.type === SSHConfig.DIRECTIVE;
}

function isSection(line: Line): line is Section {
  return isDirective(line) && 'config' in line;
}

function isInclude(line: Line): line is Directive {
  return isDirective(line) && /^include$/i.test(line.param);
}

function values(line: Directive): string[] {
  return typeof line.value === 'string' ? [line.value] : line.value.map(({ val }) => val);
}

/** Files a pattern means, in order of their names; wildcards may stand in any part of the path. */
function expandGlob(pattern: string): string[] {
  if (!/[*?[]/.test(pattern)) return [pattern];
  if (!isAbsolute(pattern)) return [];
  const folders = /[*?[]/.test(dirname(pattern)) ? expandGlob(dirname(pattern)) : [dirname(pattern)];
  const last = pattern.slice(dirname(pattern).length).replace(/^\/+/, '');
  const matches = nameMatcher(last);
  return folders.flatMap((folder) => {
    const names = list(folder).filter((name) => !name.startsWith('.') && matches.test(name));
    return names.sort().map((name) => join(folder, name));
  });
}

/** Node's own glob is still experimental in Node 22; a bracket that is never closed means itself. */
function nameMatcher(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^$()|{}\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
    .replaceAll('[!', '[^');
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return new RegExp(`^${pattern.replace(/[.+^$()|{}\\*?[\]]/g, '\\$&')}$`);
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function unreadable(file: string, cause: unknown): ProblemError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ProblemError(
    {
      id: 'ssh-config-unreadable',
      what: `The ssh configuration cannot be read: ${why}.`,
      where: file,
      next: 'Correct it (`ssh -G HOST` shows what ssh makes of it), then check again.',
    },
    EXIT.usage,
    { cause },
  );
}
