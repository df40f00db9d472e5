import { EXIT, ProblemError } from '../../base/problem.js';
import { reportMarkdown } from '../../record/report.js';
import { reportHtml } from '../../record/report-html.js';
import { listRuns, stateOf } from '../../record/runs.js';
import type { ReportInput } from '../../record/sections.js';
import { json, out } from '../output.js';
import { stateDir } from '../places.js';
import { readable, recordedRun, runOf } from '../recorded.js';
import { reportInput } from '../report-file.js';

export function runsCommand(options: { readonly json: boolean }): number {
  const rows = listRuns(stateDir()).map((run) => {
    const state = stateOf(run);
    return {
      run: run.id,
      cluster: state?.cluster.name ?? null,
      mode: state?.mode ?? null,
      scenario: state?.scenario ?? null,
      outcome: state === undefined ? 'unreadable' : (state.ended?.outcome ?? 'open'),
      opened: state === undefined ? null : new Date(state.openedAt).toISOString(),
    };
  });
  if (options.json) json(rows);
  else if (rows.length === 0) out('No run is recorded on this machine yet.');
  else
    for (const row of rows)
      out(
        `${row.run}  ${row.outcome.padEnd(10)} ${(row.mode ?? '').padEnd(5)} ${(row.cluster ?? '').padEnd(16)} ${row.scenario ?? ''}`.trimEnd(),
      );
  return EXIT.ok;
}

const WRITERS: Readonly<Record<string, (input: ReportInput) => string>> = {
  markdown: reportMarkdown,
  html: reportHtml,
};

export async function reportCommand(
  id: string | undefined,
  options: { readonly format: string; readonly json: boolean },
): Promise<number> {
  const run = recordedRun(id);
  const write = WRITERS[options.format];
  if (options.json || options.format === 'json')
    json({ run: run.id, chain: run.chain, state: run.state, events: run.events });
  else if (write !== undefined) out(write(await reportInput(run)).trimEnd());
  else
    throw new ProblemError(
      { id: 'usage', what: `There is no format ${options.format}.`, next: 'One of: markdown, html, json.' },
      EXIT.usage,
    );
  return EXIT.ok;
}

/** Walks the hash chain. Exit 1 when an entry is bad or missing. */
export function auditCommand(id: string | undefined, options: { readonly json: boolean }): number {
  const run = runOf(id);
  const { chain } = readable(run);
  if (options.json) json({ run: run.id, ...chain });
  else if (chain.ok) out(`${run.id}: ${chain.events} entries, intact. Head ${chain.head}`);
  else out(`${run.id}: entry ${chain.seq} does not hold: ${chain.why}.`);
  return chain.ok ? EXIT.ok : EXIT.no;
}
