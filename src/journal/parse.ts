import { inertLine } from '../base/inert.js';
import { fieldsOf, messageOf, type Severity, severityOf } from '../k3s/messages.js';

/** A line of `journalctl -o json`, parsed and made inert. */
export interface ParsedLine {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly unit: string;
  readonly severity: Severity;
  readonly text: string;
  /** As it was written, for matching: taking the wrappers off drops fields that tell. Never drawn. */
  readonly message: string;
  /** Key and value beside the text, inert; undefined where there is none. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Where to go on after a drop. */
  readonly cursor: string;
}

const LONGEST = 2_000;
const LONGEST_FIELD = 500;
const LATEST_MICROS = 8.64e18;

/** undefined for what is no journal entry. A message that is not UTF-8 comes as a list of bytes. */
export function parseJournalLine(line: string): ParsedLine | undefined {
  const entry = objectOf(line);
  if (entry === undefined) return undefined;
  const message = textOf(entry.MESSAGE);
  const micros = Number(word(entry.__REALTIME_TIMESTAMP) || Number.NaN);
  // A time no calendar knows could not be drawn.
  if (message === undefined || !(Math.abs(micros) <= LATEST_MICROS)) return undefined;
  return {
    at: Math.floor(micros / 1000),
    // What systemd itself says of a unit carries that unit in UNIT; its own is init.scope.
    unit: inertLine(word(entry.UNIT ?? entry._SYSTEMD_UNIT ?? entry.SYSLOG_IDENTIFIER), 80).replace(/\.service$/, ''),
    severity: worse(severityOf(message), Number(word(entry.PRIORITY) || 6)),
    text: inertLine(messageOf(message), LONGEST),
    message,
    ...inertFields(message),
    cursor: word(entry.__CURSOR),
  };
}

function inertFields(message: string): { readonly fields?: Readonly<Record<string, string>> } {
  // A message of any size may come; fields are for those that a logger wrote.
  const fields = Object.entries(message.length > 20_000 ? {} : fieldsOf(message));
  if (fields.length === 0) return {};
  return {
    fields: Object.fromEntries(fields.map(([key, value]) => [inertLine(key, 60), inertLine(value, LONGEST_FIELD)])),
  };
}

function objectOf(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** A field as text; a field that came as a list or an object is none we know. */
const word = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');

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
