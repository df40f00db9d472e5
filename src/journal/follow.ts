import type { Clock } from '../base/clock.js';
import { ProblemError } from '../base/problem.js';
import type { JournalLine } from '../incident/journal.js';
import { JOURNAL_NAME } from '../k3s/reset.js';
import type { Host } from '../remote/host.js';
import { type ParsedLine, parseJournalLine } from './parse.js';

export interface FollowOptions {
  readonly hosts: readonly { readonly host: Host; readonly service: string }[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called in batches, several times a second at most. */
  onLines(lines: readonly JournalLine[]): void;
  /** Masks secrets that a journal might hold. */
  redact(text: string): string;
  /** Known symptoms in a message as it was written. */
  match(message: string): readonly string[];
}

const FLUSH_MS = 150;
/**
 * A flood is cut per host and batch (2,000 lines a second), so that one host's 170,000 lines a minute (R33) can drown neither the screen nor
 * the other hosts; what was left out is said.
 */
const MOST_PER_BATCH = 300;
/** Beyond that, errors and known symptoms still get through, up to as many again. */
const MOST_THAT_MATTER = 300;
/** Lines of the past asked for at first. */
const BACKLOG = 200;

/** Follows the journals of all hosts until aborted; each reconnects by itself and goes on behind its last cursor. */
export async function followJournals(options: FollowOptions): Promise<void> {
  const batch = new Batch(options);
  const stop = batch.start();
  await Promise.all(options.hosts.map((one) => followHost(one.host, one.service, options, batch)));
  stop();
}

async function followHost(host: Host, service: string, options: FollowOptions, batch: Batch): Promise<void> {
  let cursor = '';
  for (let pause = 1_000; !options.signal.aborted; pause = Math.min(pause * 2, 15_000)) {
    try {
      const code = await host.stream({
        argv: followCommand(service, cursor),
        root: true,
        signal: options.signal,
        onLine: (line) => {
          const parsed = parseJournalLine(line);
          if (parsed === undefined) return;
          pause = 1_000;
          if (parsed.cursor !== '') cursor = parsed.cursor;
          batch.add(host.name, parsed);
        },
      });
      // A journal that was rotated away no longer knows the cursor: begin anew instead of never.
      if (code !== 0 && cursor !== '') cursor = '';
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
    }
    await options.clock.sleep(pause, options.signal).catch(() => undefined);
  }
}

/**
 * `journalctl` following K3s, what systemd says of it, and every unit of ours. By fields, not by `--unit blackstart-*`:
 * a pattern is compared with the units the journal knows when it is opened, so a unit started later would never be seen.
 */
export function followCommand(service: string, cursor: string): string[] {
  return [
    'journalctl',
    '--output=json',
    '--no-pager',
    '--follow',
    ...(cursor === '' ? ['--lines', String(BACKLOG)] : ['--after-cursor', cursor]),
    `_SYSTEMD_UNIT=${service}.service`,
    '+',
    '_PID=1',
    `UNIT=${service}.service`,
    '+',
    `SYSLOG_IDENTIFIER=${JOURNAL_NAME}`,
    '+',
    '_SYSTEMD_UNIT=systemd-journald.service',
    `MESSAGE_ID=${DROPPED}`,
  ];
}

/** `SD_MESSAGE_JOURNAL_DROPPED` (sd-messages.h): journald itself left lines of a unit out, and says how many. */
const DROPPED = 'a596d6fe7bfa4994828e72309e95d61e';

/** What one host said since the last flush. */
interface Said {
  count: number;
  matter: number;
  dropped: number;
  last: JournalLine | undefined;
}

class Batch {
  #lines: JournalLine[] = [];
  readonly #said = new Map<string, Said>();
  #id = 0;

  constructor(private readonly options: FollowOptions) {}

  add(host: string, { at, unit, severity, text, message, fields }: ParsedLine): void {
    const said = this.#of(host);
    const symptoms = this.options.match(message);
    if (said.count >= MOST_PER_BATCH) {
      const matters = (severity === 'error' || symptoms.length > 0) && said.matter < MOST_THAT_MATTER;
      if (!matters) {
        said.dropped += 1;
        return;
      }
      said.matter += 1;
    }
    said.count += 1;
    const { redact } = this.options;
    said.last = {
      id: this.#id++,
      at,
      host,
      unit,
      severity,
      text: redact(text),
      symptoms,
      ...(fields === undefined ? {} : { fields: redacted(fields, redact) }),
    };
    this.#lines.push(said.last);
  }

  /** Begins to flush; returns the way to stop it. */
  start(): () => void {
    const timer = setInterval(() => this.#flush(), FLUSH_MS);
    timer.unref();
    return () => {
      clearInterval(timer);
      this.#flush();
    };
  }

  #of(host: string): Said {
    const known = this.#said.get(host);
    if (known !== undefined) return known;
    const fresh: Said = { count: 0, matter: 0, dropped: 0, last: undefined };
    this.#said.set(host, fresh);
    return fresh;
  }

  #flush(): void {
    for (const { dropped, last } of this.#said.values()) {
      if (dropped === 0 || last === undefined) continue;
      const { fields: _fields, ...rest } = last;
      const text = `… ${dropped.toLocaleString('en')} lines more in this moment, not shown`;
      this.#lines.push({ ...rest, id: this.#id++, severity: 'info', text, symptoms: [] });
    }
    const lines = this.#lines;
    this.#lines = [];
    this.#said.clear();
    if (lines.length > 0) this.options.onLines(lines);
  }
}

const redacted = (
  fields: Readonly<Record<string, string>>,
  redact: (text: string) => string,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, redact(value)]));
