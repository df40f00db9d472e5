import type { UnknownKey } from './host-key.js';
import type { LookupHit } from './journal.js';
import type { ChoiceKey } from './step.js';

/** What a person can want. The console, `--plain` and `drill --auto` are three senders of the same. Refusals come back as a sentence. */
export interface Intents {
  chooseScenario(id: string): Result;
  choose(key: ChoiceKey, value: string): Result;
  /** A server or agent that does not answer: known to be off, or left out. `words` say how that is known. */
  attest(host: string, words: string, as: 'off' | 'left-out'): Result;
  tick(item: string, words: string): Result;
  /** Copies the etcd data of every server to this machine, before anything is changed. */
  copyData(): Result;
  begin(): Result;
  /** Runs the verification; it only looks. */
  verify(): Result;
  pause(on: boolean): Result;
  openGate(): Promise<Result>;
  confirmGate(
    typed: string | undefined,
  ): Promise<'confirmed' | 'changed' | 'mistyped' | 'blocked' | 'cancelled' | 'refused'>;
  cancelGate(): Result;
  /** The second person's code for the gate that is open. */
  approve(code: string): Promise<Result>;
  /** Nobody can be reached: the gate goes on without the second person. */
  breakGlass(reason: string): Result;
  answer(step: string, host: string, choice: 'wait' | 'give-up' | 'retry' | 'look-again'): Result;
  skip(step: string, host: string, reason: string): Result;
  undo(reason: string): Result;
  stop(): Result;
  /** Stores exactly the host keys that were shown, each for its address, and connects again. */
  acceptHostKeys(shown: readonly UnknownKey[]): Promise<Result>;
  /** Tries a host again after a refused login, a changed key or a wrong sudo password. */
  retryHost(host: string): Result;
  /** Reads the catalogue of backups again. */
  listBackups(): Result;
  /** Answers a secret that is asked for; undefined cancels. */
  giveSecret(id: string, text: string | undefined): void;
  /** Writes the report and returns its path. */
  writeReport(): Promise<string>;
  /** Keeps text in a file of the state directory; resolves with where, as a sentence. */
  saveText(what: 'journal' | 'escalation', text: string): Promise<string>;
  /** What a line, an id or some words mean. */
  lookup(text: string): readonly LookupHit[];
  /** Says that an item of maintenance is done. */
  tickMaintenance(item: string, words: string): Result;
  /** Winds a replay; there only where the console shows one. */
  replay?(what: ReplayControl): Result;
  /** Goes on in place of a console that has ended: not there where this program cannot. What is in the way comes back as a sentence. */
  goOn?(): Promise<Result>;
  /** Leaves the console. What runs on nodes goes on. */
  leave(): void;
}

/** How a replay is wound. */
export type ReplayControl =
  | { readonly do: 'play' | 'faster' | 'slower' | 'start' | 'end' }
  | { readonly do: 'seek'; readonly to: 'event' | 'step' | 'failure'; readonly by: 1 | -1 };

/** undefined: done. Otherwise why not, as a sentence for the operator. */
export type Result = string | undefined;
