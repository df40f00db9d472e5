import { inertLine } from '../base/inert.js';
import { messageOf, type Severity, severityOf } from '../k3s/messages.js';

/** A line of `journalctl -o json`, parsed and made inert. */
export interface ParsedLine {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly unit: string;
  readonly severity: Severity;
  readonly text: string;
  /** Where to go on after a drop. */
  readonly cursor: string;
}

const LONGEST = 2_000;

/** undefined for what is no journal entry. A message that is not UTF-8 comes as a list of bytes. */
export function parseJournalLine(line: string): ParsedLine | undefined {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const message = textOf(entry.MESSAGE);
  const micros = Number(entry.__REALTIME_TIMESTAMP);
  if (message === undefined || !Number.isFinite(micros)) return undefined;
  return {
    at: Math.floor(micros / 1000),
    unit: inertLine(String(entry._SYSTEMD_UNIT ?? entry.UNIT ?? entry.SYSLOG_IDENTIFIER ?? ''), 80).replace(
      /\.service$/,
      '',
    ),
    severity: worse(severityOf(message), Number(entry.PRIORITY ?? 6)),
    text: inertLine(messageOf(message), LONGEST),
    cursor: String(entry.__CURSOR ?? ''),
  };
}

function textOf(message: unknown): string | undefined {
  if (typeof message === 'string') return message;
  if (!Array.isArray(message)) return undefined;
  return Buffer.from(message.filter((byte): byte is number => typeof byte === 'number')).toString('utf8');
}

/** systemd's own lines carry their severity only as syslog priority; K3s' all come as 6. */
function worse(severity: Severity, priority: number): Severity {
  if (severity === 'info' && priority <= 3) return 'error';
  if (severity === 'info' && priority === 4) return 'warning';
  return severity;
}
