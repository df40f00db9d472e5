import { existsSync } from 'node:fs';
import { provenBackup } from '../../scenarios/steps/fetch.js';
import { serversIn } from '../../scenarios/steps/hosts.js';
import { type Check, type CheckContext, rowOf, verification } from '../../scenarios/verification.js';
import { systemClock } from '../base/clock.js';
import { ProblemError } from '../base/problem.js';
import { contextOf, type IncidentState } from '../incident/state.js';
import { HERE } from '../incident/step.js';
import type { VerificationRow } from '../incident/verification.js';
import type { HostsPort } from '../runner/ports.js';
import { liveObjects } from '../snapshot/index.js';

/** Several checks at a time: each is one or a few questions to the API. */
const AT_ONCE = 5;

/** The server that is asked: the restored one, else the first whose API answers; undefined when none does. */
export function verifiable(state: IncidentState): string | undefined {
  const context = contextOf(state, HERE, 1, true);
  const ready = serversIn(context).filter((name) => context.facts(name).apiReady === true);
  const { primary } = state.choices;
  return primary !== undefined && ready.includes(primary) ? primary : ready[0];
}

/** Runs every check against one server and the hosts they name; only looks. */
export async function verifyCluster(
  state: IncidentState,
  server: string,
  hosts: HostsPort,
  signal: AbortSignal,
): Promise<VerificationRow[]> {
  const context = contextOf(state, server, 1, true);
  const held = await heldObjects(provenBackup(context)?.file, signal);
  const seen: CheckContext = { context, state, now: systemClock.now(), ...(held === undefined ? {} : { held }) };
  const rows = new Map<Check, VerificationRow>();
  const waiting = [...verification];
  const work = async (): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const answers = [];
      for (const command of check.ask(seen)) {
        signal.throwIfAborted();
        answers.push(await hosts.exec(command.on ?? server, command, signal));
      }
      rows.set(check, rowOf(check, answers, seen));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return verification.flatMap((check) => rows.get(check) ?? []);
}

/** More names than this are not kept for comparing: kinds are counted then. */
const MOST_HELD = 200_000;

/** What lives in the proven snapshot, by kind; undefined where its file is gone, as after a resume, or holds too much. */
async function heldObjects(
  file: string | undefined,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]> | undefined> {
  if (file === undefined || !existsSync(file)) return undefined;
  try {
    const all = await liveObjects(file, signal);
    if (all.length > MOST_HELD) return undefined;
    const held = new Map<string, string[]>();
    for (const { kind, namespace, name } of all) {
      const paths = held.get(kind) ?? [];
      paths.push(`${namespace}/${name}`);
      held.set(kind, paths);
    }
    return held;
  } catch (error) {
    signal.throwIfAborted();
    // It was proven before: what cannot be read now is no reason not to verify the rest.
    if (error instanceof ProblemError) return undefined;
    throw error;
  }
}
