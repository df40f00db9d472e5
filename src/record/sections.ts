import type { AnyEvent, IncidentEvent } from '../incident/event.js';
import type { HostFacts } from '../incident/facts.js';
import { type PlannedPhase, planOf } from '../incident/plan.js';
import { cellSpan, type IncidentState } from '../incident/state.js';
import { HERE, type Scenario } from '../incident/step.js';
import { clock, duration, stamp } from '../incident/times.js';
import { verificationSummary } from '../incident/verification.js';

/** What a report says, apart from how it is written: the same for Markdown and HTML. */

export interface ReportInput {
  readonly state: IncidentState;
  readonly scenario: Scenario | undefined;
  /** Everything recorded, oldest first: gates as they were shown come from here. */
  readonly events: readonly AnyEvent[];
  /** Hash of the last event. */
  readonly head: string;
  /** Facts only the scenario knows, as finished lines. */
  readonly lost: readonly string[];
  readonly left: readonly string[];
  /** Times of drills as a chart, one line each. */
  readonly drills: readonly string[];
  /** How many failures the cluster tolerates now, as a sentence. */
  readonly tolerance: string;
  /** What the journals said when something failed. */
  readonly excerpts: readonly Excerpt[];
}

export interface Excerpt {
  readonly title: string;
  readonly lines: readonly string[];
}

/** Text between backquotes is to be read letter by letter; nothing else in it is markup. */
export type Section =
  | {
      readonly kind: 'table';
      readonly title: string;
      readonly columns: readonly string[];
      readonly rows: readonly Row[];
    }
  | { readonly kind: 'list'; readonly title: string; readonly lines: readonly string[] }
  | { readonly kind: 'lines'; readonly title: string; readonly lines: readonly string[] };

export interface Row {
  readonly cells: readonly string[];
  readonly bad?: boolean;
}

export const titleOf = ({ state, scenario }: ReportInput): string =>
  `Incident ${state.runId}: ${scenario?.title ?? 'no scenario chosen'} on ${state.cluster.name}`;

/** Label and text of the first lines. */
export function summaryOf({ state, tolerance }: ReportInput): [label: string, text: string][] {
  const lines: [string, string][] = [
    ['opened', `${stamp(state.openedAt)} by ${state.operator} on ${state.machine}, blackstart ${state.version}`],
    ['cluster', state.cluster.hosts.map((host) => `${host.name} (${host.role})`).join(', ')],
  ];
  if (state.cluster.drill) lines.push(['practice', 'this was a drill: nothing real was touched']);
  if (state.choices.snapshot !== undefined) lines.push(['backup', `\`${state.choices.snapshot}\``]);
  if (state.choices.primary !== undefined) lines.push(['restored on', state.choices.primary]);
  const { ended } = state;
  if (ended === undefined) lines.push(['outcome', 'not ended']);
  else {
    lines.push(['outcome', `${ended.outcome} at ${stamp(ended.at)}. ${ended.summary}`]);
    lines.push(['time from opening to the end', duration(ended.at - state.openedAt)]);
    if (state.begunAt !== undefined)
      lines.push(['time to recovery, from the beginning of the plan', duration(ended.at - state.begunAt)]);
  }
  if (ended?.outcome === 'recovered') lines.push(['now', tolerance]);
  if (state.resumes > 0) lines.push(['resumed', `${state.resumes} times`]);
  return lines;
}

/** Everything between the summary and the record's head, in order; what has nothing to say is left out. */
export function sectionsOf(input: ReportInput): Section[] {
  const { state, scenario } = input;
  const plan = scenario === undefined ? [] : planOf(scenario, state);
  const sections: Section[] = [
    {
      kind: 'table',
      title: 'Steps',
      columns: ['step', 'host', 'outcome', 'ended', 'took', 'seen'],
      rows: stepRows(plan),
    },
    ...input.excerpts.map(({ title, lines }): Section => ({ kind: 'lines', title: `Journal: ${title}`, lines })),
    { kind: 'lines', title: 'Beside drills on this machine', lines: input.drills },
    {
      kind: 'table',
      title: 'Gates',
      columns: ['shown', 'gate', 'to be typed', 'answer', 'facts shown'],
      rows: gateRows(input.events),
    },
    {
      kind: 'list',
      title: 'Second person',
      lines: state.approvals.map(
        ({ gate, by, without, at }) =>
          `${gate}: ${by === null ? `opened without one, “${without ?? ''}”` : `${by} agreed`} (${clock(at)})`,
      ),
    },
    ...verificationTable(state),
    { kind: 'list', title: 'What was lost', lines: input.lost },
    { kind: 'list', title: 'What is left to do', lines: input.left },
    {
      kind: 'table',
      title: 'Nodes, as last seen',
      columns: ['node', 'role', 'K3s', 'unit', 'etcd', 'API', 'system'],
      rows: nodeRows(state),
    },
    {
      kind: 'list',
      title: 'Attested by the operator',
      lines: Object.entries(state.attested).map(
        ([host, one]) => `${host}: ${one.as === 'off' ? 'off' : 'left out'}, “${one.words}” (${clock(one.at)})`,
      ),
    },
    {
      kind: 'list',
      title: 'Checklist',
      lines: Object.entries(state.ticks).map(([item, tick]) => `${item}: ${tick.evidence}`),
    },
    { kind: 'list', title: 'Notes', lines: state.notes.map((note) => `${note.text} (${clock(note.at)})`) },
    { kind: 'table', title: 'Commands', columns: ['time', 'host', 'exit', 'command'], rows: commandRows(state) },
  ];
  return sections.filter((one) => (one.kind === 'table' ? one.rows.length > 0 : one.lines.length > 0));
}

function stepRows(plan: readonly PlannedPhase[]): Row[] {
  return plan.flatMap((phase) =>
    phase.steps.flatMap(({ step, number, hosts }) =>
      hosts.flatMap(({ host, cell }): Row[] => {
        if (cell === undefined || cell.status === 'waiting') return [];
        const span = cellSpan(cell, cell.endedAt ?? 0);
        const took = span === undefined || cell.endedAt === undefined ? '' : duration(span);
        const ended = cell.endedAt === undefined ? '' : clock(cell.endedAt);
        const seen =
          cell.skipReason === undefined
            ? (cell.trouble?.what ?? cell.evidence.join('; '))
            : `skipped: ${cell.skipReason}`;
        const bad = cell.status === 'failed' || cell.status === 'doubt';
        return [{ cells: [`${number}. ${step.title}`, place(host), cell.status, ended, took, seen], bad }];
      }),
    ),
  );
}

/** Every time a gate was shown, with what became of it. */
function gateRows(events: readonly AnyEvent[]): Row[] {
  const known = events as readonly IncidentEvent[];
  return known.flatMap((shown, at): Row[] => {
    if (shown.type !== 'gate-shown') return [];
    const answer = known
      .slice(at + 1)
      .find((one) => (one.type === 'gate-answered' || one.type === 'gate-shown') && one.gate === shown.gate);
    const answered = answer?.type === 'gate-answered' ? `${answer.answer} ${clock(Date.parse(answer.at))}` : 'none';
    const typed = shown.typed === null ? 'one key' : `\`${shown.typed}\``;
    const bad = shown.facts.some((fact) => fact.startsWith('NOT OK'));
    return [{ cells: [clock(Date.parse(shown.at)), shown.gate, typed, answered, shown.facts.join('; ')], bad }];
  });
}

function verificationTable({ verification }: IncidentState): Section[] {
  if (verification === undefined) return [];
  return [
    {
      kind: 'table',
      title: `Verification: ${verificationSummary(verification)} (${clock(verification.at)})`,
      columns: ['check', 'result', 'seen', 'what to do'],
      rows: verification.rows.map((row) => ({
        cells: [row.title, row.result, row.seen, row.next ?? ''],
        bad: row.result === 'fail',
      })),
    },
  ];
}

function nodeRows({ cluster, facts }: IncidentState): Row[] {
  return cluster.hosts.flatMap((host): Row[] => {
    const seen = facts[host.name];
    if (seen === undefined) return [];
    if (!seen.reachable)
      return [
        { cells: [host.name, host.role, seen.problem?.what ?? 'no answer', '', '', '', seen.os ?? ''], bad: true },
      ];
    const server = host.role === 'server';
    return [
      {
        cells: [
          host.name,
          host.role,
          seen.service?.version ?? 'not installed',
          unitText(seen),
          server ? etcdText(seen) : '',
          server ? (seen.apiReady === true ? 'ready' : 'not ready') : '',
          seen.os ?? '',
        ],
        bad: seen.service?.unit.crashLoop === true,
      },
    ];
  });
}

function unitText({ service, held }: HostFacts): string {
  if (service === undefined) return '';
  const { active, sub, crashLoop, restarts } = service.unit;
  return [
    `${active} (${sub})`,
    ...(crashLoop ? [`crash loop, ${restarts} restarts`] : []),
    ...(held === true ? ['held'] : []),
  ].join(', ');
}

function etcdText({ etcd, members }: HostFacts): string {
  if (etcd === undefined) return 'no answer';
  if (!etcd.healthy) return `not healthy: ${etcd.reason}`;
  return members === undefined ? 'healthy' : `healthy, ${members.filter((one) => !one.learner).length} vote`;
}

const commandRows = (state: IncidentState): Row[] =>
  state.commands.map((line) => ({
    cells: [
      clock(line.at),
      line.host,
      line.code === undefined ? '?' : String(line.code ?? ''),
      `\`${line.argv.join(' ').replaceAll('`', 'ˋ').slice(0, 300)}\``,
    ],
    bad: line.code !== undefined && line.code !== null && line.code !== 0,
  }));

export const place = (host: string): string => (host === HERE ? 'here' : host);
