import { type PlannedPhase, planOf } from '../incident/plan.js';
import { cellSpan, type IncidentState } from '../incident/state.js';
import { HERE, type Scenario } from '../incident/step.js';
import { verificationSummary } from '../incident/verification.js';

/** What was done, when, how long it took and what was lost, as Markdown. */

export interface ReportInput {
  readonly state: IncidentState;
  readonly scenario: Scenario | undefined;
  /** Hash of the last event. */
  readonly head: string;
  readonly events: number;
  /** Facts only the scenario knows, as finished lines. */
  readonly lost: readonly string[];
  readonly left: readonly string[];
  /** Times of drills as a chart, one line each. */
  readonly drills: readonly string[];
  /** How many failures the cluster tolerates now, as a sentence. */
  readonly tolerance: string;
}

export function reportMarkdown(input: ReportInput): string {
  const { state, scenario } = input;
  const plan = scenario === undefined ? [] : planOf(scenario, state);
  return [
    `# Incident ${state.runId}: ${scenario?.title ?? 'no scenario chosen'} on ${state.cluster.name}`,
    '',
    ...summary(state, input),
    '',
    ...table('Steps', ['step', 'host', 'outcome', 'took', 'seen'], stepRows(plan)),
    ...chart('Beside drills on this machine', input.drills),
    ...table('Gates', ['gate', 'confirmed', 'facts'], gateRows(state)),
    ...verificationTable(state),
    ...list(
      'Second person',
      state.approvals.map(
        ({ gate, by, without, at }) =>
          `${gate}: ${by === null ? `opened without one, “${without ?? ''}”` : `${by} agreed`} (${clock(at)})`,
      ),
    ),
    ...list('What was lost', input.lost),
    ...list('What is left to do', input.left),
    ...list(
      'Attested by the operator',
      Object.entries(state.attested).map(
        ([host, one]) => `${host}: ${one.as === 'off' ? 'off' : 'left out'}, “${one.words}” (${clock(one.at)})`,
      ),
    ),
    ...list(
      'Checklist',
      Object.entries(state.ticks).map(([item, tick]) => `${item}: ${tick.evidence}`),
    ),
    ...list(
      'Notes',
      state.notes.map((note) => `${note.text} (${clock(note.at)})`),
    ),
    ...table('Commands', ['time', 'host', 'exit', 'command'], commandRows(state)),
    `Record: ${input.events} events, chain head \`${input.head}\`.`,
    '',
  ].join('\n');
}

function summary(state: IncidentState, input: ReportInput): string[] {
  const lines = [
    `- opened ${stamp(state.openedAt)} by ${state.operator} on ${state.machine}, blackstart ${state.version}`,
    `- cluster: ${state.cluster.hosts.map((host) => `${host.name} (${host.role})`).join(', ')}`,
  ];
  if (state.choices.snapshot !== undefined) lines.push(`- backup: \`${state.choices.snapshot}\``);
  if (state.choices.primary !== undefined) lines.push(`- restored on: ${state.choices.primary}`);
  if (state.ended !== undefined) {
    lines.push(`- outcome: **${state.ended.outcome}** at ${stamp(state.ended.at)}. ${state.ended.summary}`);
    lines.push(`- time from opening to the end: ${duration(state.ended.at - state.openedAt)}`);
    if (state.begunAt !== undefined)
      lines.push(`- time to recovery, from the beginning of the plan: **${duration(state.ended.at - state.begunAt)}**`);
  } else lines.push('- outcome: not ended');
  if (state.ended?.outcome === 'recovered') lines.push(`- ${input.tolerance}`);
  if (state.resumes > 0) lines.push(`- resumed ${state.resumes} times`);
  return lines;
}

function stepRows(plan: readonly PlannedPhase[]): string[][] {
  return plan.flatMap((phase) =>
    phase.steps.flatMap(({ step, number, hosts }) =>
      hosts.flatMap(({ host, cell }) => {
        if (cell === undefined || cell.status === 'waiting') return [];
        const span = cellSpan(cell, cell.endedAt ?? 0);
        const took = span === undefined || cell.endedAt === undefined ? '' : duration(span);
        const seen =
          cell.skipReason === undefined
            ? (cell.trouble?.what ?? cell.evidence.join('; '))
            : `skipped: ${cell.skipReason}`;
        return [[`${number}. ${step.title}`, host === HERE ? 'here' : host, cell.status, took, seen]];
      }),
    ),
  );
}

function verificationTable({ verification }: IncidentState): string[] {
  if (verification === undefined) return [];
  const rows = verification.rows.map((row) => [row.title, row.result, row.seen, row.next ?? '']);
  return table(
    `Verification: ${verificationSummary(verification)} (${clock(verification.at)})`,
    ['check', 'result', 'seen', 'what to do'],
    rows,
  );
}

function gateRows(state: IncidentState): string[][] {
  return Object.entries(state.gates).map(([id, gate]) => [
    id,
    gate.confirmedAt === undefined ? 'no' : clock(gate.confirmedAt),
    gate.facts.join('; '),
  ]);
}

function commandRows(state: IncidentState): string[][] {
  return state.commands.map((line) => [
    clock(line.at),
    line.host,
    line.code === undefined ? '?' : String(line.code ?? ''),
    `\`${line.argv.join(' ').slice(0, 300)}\``,
  ]);
}

function table(title: string, columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [`## ${title}`, '', row(columns), row(columns.map(() => '---')), ...rows.map(row), ''];
}

const chart = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`## ${title}`, '', '```', ...lines, '```', ''];

const list = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`## ${title}`, '', ...lines.map((line) => `- ${line}`), ''];

const stamp = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
const clock = (time: number): string => stamp(time).slice(11);

/** `1 h 14 m`, `2 m 05 s`, `9.3 s`. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} m`;
}
