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
/** A flood is cut per batch, so that one host's 170,000 lines a minute (R33) cannot drown the screen; what was left out is said. */
const MOST_PER_BATCH = 400;
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
  ];
}

class Batch {
  #lines: JournalLine[] = [];
  #dropped = 0;
  #id = 0;

  constructor(private readonly options: FollowOptions) {}

  add(host: string, { at, unit, severity, text, message }: ParsedLine): void {
    if (this.#lines.length >= MOST_PER_BATCH) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push({
      id: this.#id++,
      at,
      host,
      unit,
      severity,
      text: this.options.redact(text),
      symptoms: this.options.match(message),
    });
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

  #flush(): void {
    if (this.#dropped > 0) {
      const last = this.#lines.at(-1);
      const text = `… ${this.#dropped.toLocaleString('en')} lines more in this moment, not shown`;
      if (last !== undefined) this.#lines.push({ ...last, id: this.#id++, severity: 'info', text, symptoms: [] });
    }
    const lines = this.#lines;
    this.#lines = [];
    this.#dropped = 0;
    if (lines.length > 0) this.options.onLines(lines);
  }
}
