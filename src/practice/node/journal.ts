import type { JournalEntry, NodeState } from './state.js';

/** Lines a node keeps; older ones are rotated away. */
const KEPT = 20_000;

/** Adds a line to a node's journal. */
export function writeJournal(
  node: NodeState,
  now: number,
  entry: { unit: string; identifier: string; pid: number; message: string; priority?: number },
): void {
  const last = node.journal.at(-1)?.at ?? 0;
  node.journal.push({
    seq: ++node.journalSeq,
    at: Math.max(Math.floor(now * 1000), last + 1),
    unit: entry.unit,
    identifier: entry.identifier,
    pid: entry.pid,
    priority: entry.priority ?? 6,
    message: entry.message,
    boot: node.bootId,
  });
  if (node.journal.length > KEPT * 1.2) node.journal = node.journal.slice(-KEPT);
}

/** Where an entry stands, as `journalctl --after-cursor` takes it. */
export function cursorOf(node: NodeState, entry: JournalEntry): string {
  const monotonic = Math.max(0, entry.at - Math.floor(node.bootedAt * 1000));
  const hex = (value: number): string => value.toString(16);
  return `s=${node.machineId};i=${hex(entry.seq)};b=${entry.boot};m=${hex(monotonic)};t=${hex(entry.at)};x=${hex(entry.seq * 7919)}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Fields of an entry as `journalctl -o json` prints them (`03-journal-json.out`). */
export function fieldsOf(node: NodeState, entry: JournalEntry): Record<string, string> {
  const fromSystemd = entry.identifier === 'systemd';
  return {
    __CURSOR: cursorOf(node, entry),
    __REALTIME_TIMESTAMP: String(entry.at),
    __MONOTONIC_TIMESTAMP: String(Math.max(0, entry.at - Math.floor(node.bootedAt * 1000))),
    _BOOT_ID: entry.boot,
    _TRANSPORT: fromSystemd ? 'journal' : 'stdout',
    PRIORITY: String(entry.priority),
    SYSLOG_FACILITY: '3',
    SYSLOG_IDENTIFIER: entry.identifier,
    MESSAGE: entry.message,
    _PID: String(entry.pid),
    _UID: '0',
    _GID: '0',
    _HOSTNAME: node.name,
    _MACHINE_ID: node.machineId,
    _SYSTEMD_UNIT: fromSystemd ? 'init.scope' : entry.unit,
    ...(fromSystemd ? { UNIT: entry.unit } : {}),
  };
}

const META = ['__CURSOR', '__REALTIME_TIMESTAMP', '__MONOTONIC_TIMESTAMP', '_BOOT_ID'];

/** One entry in an output format of journalctl. */
export function formatEntry(node: NodeState, entry: JournalEntry, format: string, only?: readonly string[]): string {
  if (format === 'cat') return entry.message;
  if (format === 'json') {
    const fields = Object.entries(fieldsOf(node, entry));
    return JSON.stringify(
      Object.fromEntries(
        only === undefined ? fields : fields.filter(([key]) => META.includes(key) || only.includes(key)),
      ),
    );
  }
  const date = new Date(entry.at / 1000);
  const iso = date.toISOString();
  const micros = String(entry.at % 1000).padStart(3, '0');
  const stamp =
    format === 'short-iso-precise'
      ? `${iso.slice(0, 23)}${micros}+0000`
      : format === 'short-iso'
        ? `${iso.slice(0, 19)}+0000`
        : format === 'short-unix'
          ? `${Math.floor(entry.at / 1e6)}.${String(entry.at % 1e6).padStart(6, '0')}`
          : `${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2, '0')} ${iso.slice(11, 19)}`;
  return `${stamp} ${node.name} ${entry.identifier}[${entry.pid}]: ${entry.message}`;
}
