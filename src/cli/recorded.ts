import { EXIT, ProblemError } from '../base/problem.js';
import type { AnyEvent } from '../incident/event.js';
import { foldAll } from '../incident/fold.js';
import type { IncidentState } from '../incident/state.js';
import type { ChainVerdict } from '../record/chain.js';
import { listRuns, type RunFile, readAsFar } from '../record/runs.js';
import { stateDir } from './places.js';

/** A recorded run as commands read it: by its id, the newest when left out. */
export interface RecordedRun extends RunFile {
  readonly events: readonly AnyEvent[];
  readonly chain: ChainVerdict;
  readonly state: IncidentState;
  /** Hash of the last event, or why the chain does not hold. */
  readonly head: string;
}

/** @throws ProblemError where there is no such run */
export function runOf(id: string | undefined): RunFile {
  const runs = listRuns(stateDir());
  const run = id === undefined ? runs[0] : runs.find((one) => one.id === id);
  if (run !== undefined) return run;
  throw new ProblemError(
    {
      id: 'no-run',
      what: id === undefined ? 'No run is recorded on this machine yet.' : `There is no run ${id} on this machine.`,
      next: 'See: blackstart runs',
    },
    EXIT.unreachable,
  );
}

/** @throws ProblemError where there is none, or where it cannot be read at all */
export function recordedRun(id: string | undefined): RecordedRun {
  const run = runOf(id);
  const { events, chain } = readable(run);
  const state = foldAll(events);
  if (state === undefined) throw damaged(run, 'it does not begin with an opened run');
  return { ...run, events, chain, state, head: chain.ok ? chain.head : `NOT INTACT at entry ${chain.seq}` };
}

/** Everything that can be read of it. @throws ProblemError where the file is no database any more */
export function readable(run: RunFile): ReturnType<typeof readAsFar> {
  try {
    return readAsFar(run.path);
  } catch (error) {
    throw damaged(run, error instanceof Error ? error.message : String(error));
  }
}

const damaged = (run: RunFile, why: string): ProblemError =>
  new ProblemError(
    {
      id: 'record-damaged',
      what: `The record of ${run.id} cannot be read: ${why}.`,
      where: run.path,
      next: 'Keep the file as it is. Servers that were reached hold the same events: blackstart take-over',
    },
    EXIT.unreachable,
  );
