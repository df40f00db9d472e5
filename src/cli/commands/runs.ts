import { EXIT, ProblemError } from '../../base/problem.js';
import { foldAll } from '../../incident/fold.js';
import { listRuns, type RunFile, readRun, stateOf } from '../../record/runs.js';
import { json, out } from '../output.js';
import { stateDir } from '../places.js';
import { reportText } from '../report-file.js';

export function runsCommand(options: { readonly json: boolean }): number {
  const rows = listRuns(stateDir()).flatMap((run) => {
    const state = stateOf(run);
    if (state === undefined) return [];
    return [
      {
        run: run.id,
        cluster: state.cluster.name,
        mode: state.mode,
        scenario: state.scenario ?? null,
        outcome: state.ended?.outcome ?? 'open',
        opened: new Date(state.openedAt).toISOString(),
      },
    ];
  });
  if (options.json) json(rows);
  else if (rows.length === 0) out('No run is recorded on this machine yet.');
  else
    for (const row of rows)
      out(`${row.run}  ${row.outcome.padEnd(9)} ${row.mode.padEnd(5)} ${row.cluster.padEnd(16)} ${row.scenario ?? ''}`);
  return EXIT.ok;
}

export function reportCommand(
  id: string | undefined,
  options: { readonly format: string; readonly json: boolean },
): number {
  const run = runOf(id);
  const { events, chain } = readRun(run.path);
  const state = foldAll(events);
  if (state === undefined) throw damaged(run, 'it does not begin with an opened run');
  if (options.json || options.format === 'json') json({ run: run.id, chain, state, events });
  else if (options.format === 'markdown')
    out(reportText(state, chain.ok ? chain.head : `NOT INTACT at entry ${chain.seq}`));
  else
    throw new ProblemError(
      { id: 'usage', what: `There is no format ${options.format}.`, next: 'One of: markdown, json.' },
      EXIT.usage,
    );
  return EXIT.ok;
}

/** Walks the hash chain. Exit 1 when an entry is bad or missing. */
export function auditCommand(id: string | undefined, options: { readonly json: boolean }): number {
  const run = runOf(id);
  const { chain } = readRun(run.path);
  if (options.json) json({ run: run.id, ...chain });
  else if (chain.ok) out(`${run.id}: ${chain.events} entries, intact. Head ${chain.head}`);
  else out(`${run.id}: entry ${chain.seq} does not hold: ${chain.why}.`);
  return chain.ok ? EXIT.ok : EXIT.no;
}

function runOf(id: string | undefined): RunFile {
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

const damaged = (run: RunFile, why: string): ProblemError =>
  new ProblemError(
    {
      id: 'record-damaged',
      what: `The record of ${run.id} cannot be read: ${why}.`,
      where: run.path,
      next: 'See: blackstart audit verify',
    },
    EXIT.unreachable,
  );
