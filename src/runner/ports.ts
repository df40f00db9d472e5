import type { Clock } from '../base/clock.js';
import type { RightPort } from '../incident/acting.js';
import type { Progress } from '../incident/attention.js';
import type { Answer, ExecCommand, PutCommand, TaskCommand } from '../incident/command.js';
import type { IncidentEvent, Payload } from '../incident/event.js';
import type { Json } from '../incident/json.js';

/** What the runner needs of the world. It knows no SSH, no K3s, no SQLite. */

export interface HostAnswer extends Answer {
  readonly ms: number;
  /** The link broke after the command was sent: it may have run. */
  readonly doubt: boolean;
  /** Nothing was sent: the host could not be reached. Sending again is safe. */
  readonly notSent: boolean;
  /** Of a task on this machine: its result, or the problem that ended it. */
  readonly result?: Json;
}

export interface HostsPort {
  exec(host: string, command: ExecCommand, signal: AbortSignal): Promise<HostAnswer>;
  put(host: string, command: PutCommand, signal: AbortSignal, progress: ProgressListener): Promise<HostAnswer>;
}

export type ProgressListener = (progress: Progress) => void;

export interface TasksPort {
  /** Never throws for a bad backup: that is a result with `ok: false` and the reason as text. */
  run(
    task: TaskCommand,
    signal: AbortSignal,
    progress: ProgressListener,
  ): Promise<{ ok: boolean; result: Json; text: string }>;
}

export interface RecordPort {
  /** Stamps the event and has it on disk before it returns. Never throws: what cannot be written is kept in memory and said. */
  append(payload: Payload): IncidentEvent;
}

export interface Ports {
  readonly hosts: HostsPort;
  readonly tasks: TasksPort;
  readonly record: RecordPort;
  readonly clock: Clock;
  /** The lock on the cluster; without it (tests of single parts) nobody else is reckoned with. */
  readonly right?: RightPort;
  /** Whose code this is for a challenge, where the inventory names second persons; undefined: nobody's. */
  readonly approver?: (challenge: string, code: string) => Promise<string | undefined>;
  /** Whether a file of this machine is there; without it none is taken for lost. */
  readonly holds?: (file: string) => boolean;
  /** Masks every secret this program knows in text that is to be kept or shown. */
  redact(text: string): string;
}
