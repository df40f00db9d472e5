import { handoverOf, handoverText } from '../incident/handover.js';
import { contextOf, type IncidentState } from '../incident/state.js';
import type { Scenario } from '../incident/step.js';
import { undoScenario } from '../incident/undo.js';
import { k3sPaths, NOTICE_FILE } from '../k3s/paths.js';
import { runDir } from '../k3s/scripts.js';
import { HOME, paperFile } from '../papers/places.js';
import type { Paper } from '../papers/site.js';
import { quoteArgv } from '../remote/quote.js';
import { planDocument, planMarkdown, planShell } from './plan-text.js';

/** What stands on every server for whoever has to finish without this console: no secret, and nothing that needs blackstart. */

export interface PapersInput {
  /** The chosen scenario, not its undoing. */
  readonly scenario: Scenario | undefined;
  readonly state: IncidentState;
  readonly host: string;
}

export function papersFor(input: PapersInput): Paper[] {
  const { scenario, state, host } = input;
  const run = state.runId;
  const papers: Paper[] = [{ path: paperFile(run, 'README.md'), text: readme(input), mode: 0o644 }];
  if (scenario !== undefined) {
    const plan = planDocument(scenario, state);
    papers.push(
      { path: paperFile(run, 'plan.md'), text: planMarkdown(plan), mode: 0o644 },
      { path: paperFile(run, 'plan.sh'), text: planShell(plan), mode: 0o755 },
    );
  }
  if (noticeStands(state, host)) papers.push({ path: NOTICE_FILE, text: noticeText(state), mode: 0o644 });
  return papers;
}

/** From the first command until our own overrides are removed; after "stop here" it stays, since servers may be held. */
function noticeStands(state: IncidentState, host: string): boolean {
  if (!state.begun || state.ended?.outcome === 'recovered' || state.ended?.outcome === 'undone') return false;
  return (
    state.cells[`overrides@${host}`]?.sent.length === undefined || state.cells[`overrides@${host}`]?.sent.length === 0
  );
}

/** Read by login shells; says nothing to scripts. */
export function noticeText(state: IncidentState): string {
  const lines = [
    `blackstart: cluster ${state.cluster.name} is being restored by ${state.operator} on ${state.machine} (run ${state.runId}).`,
    'K3s may be held here on purpose. Before you start, stop or delete anything, read (as root):',
    `  ${paperFile(state.runId, 'README.md')}`,
  ];
  return [
    '# Placed by blackstart, removed when its run ends.',
    'case $- in',
    `*i*) printf '%s\\n' ${quoteArgv(lines)} ;;`,
    'esac',
    '',
  ].join('\n');
}

function readme({ scenario, state }: PapersInput): string {
  const directory = runDir(state.runId);
  return [
    `# blackstart run ${state.runId} on ${state.cluster.name}`,
    '',
    `Written by ${state.operator} on ${state.machine}, last event ${new Date(state.lastAt).toISOString()} (number ${state.lastSeq}).`,
    'To go on with the console from another machine: `blackstart take-over --inventory FILE`.',
    `To finish by hand: \`${directory}/plan.sh\` from a machine that reaches every host by ssh; it shows each command and asks before each destructive step. What is done is marked in \`plan.md\`.`,
    '',
    ...handoverText(handoverOf(scenario, state)).map((line) =>
      line !== '' && !line.startsWith(' ') ? `## ${line}\n` : line.replace(/^ {2}/, ''),
    ),
    ...changed(scenario, state),
    ...undoLines(scenario, state),
    ...holdLines(state),
    '## Files',
    '',
    `- \`${directory}/journal-*\`: every event of the run, one JSON line each, chained by hash`,
    `- \`${HOME}/lock\`: who acts; to remove a dead console's lock by hand: \`rm -r ${HOME}/lock\``,
    `- \`${NOTICE_FILE}\`: what you read when you logged in`,
    '',
  ].join('\n');
}

/** What was carried out so far, in the order of the plan, with what was seen: also what was moved where. */
function changed(scenario: Scenario | undefined, state: IncidentState): string[] {
  if (scenario === undefined) return [];
  const steps = scenario.phases.flatMap((phase) => phase.steps).filter((step) => step.effect !== 'observe');
  const lines = steps.flatMap((step) =>
    Object.values(state.cells)
      .filter((cell) => cell.step === step.id && cell.sent.length > 0)
      .flatMap((cell) => [
        `- ${step.title} on ${cell.host}: ${cell.status}${cell.evidence.length > 0 ? ` (${cell.evidence.join('; ')})` : ''}`,
        ...cell.sent.map(({ command, returned }) => {
          const how =
            returned === undefined ? 'not known' : returned.doubt ? 'connection lost' : `exit ${returned.code ?? '?'}`;
          return `  - ${command.host}$ ${quoteArgv(command.argv)}  (${how})`;
        }),
      ]),
  );
  return ['## Carried out so far', '', ...(lines.length === 0 ? ['nothing'] : lines), ''];
}

function undoLines(scenario: Scenario | undefined, state: IncidentState): string[] {
  const past =
    scenario === undefined
      ? undefined
      : scenario.phases.flatMap((phase) => phase.steps).find((step) => step.id === scenario.pointOfNoReturn);
  const passed =
    past !== undefined && Object.values(state.cells).some((cell) => cell.step === past.id && cell.sent.length > 0);
  if (scenario === undefined) return [];
  if (passed)
    return ['## Undo', '', `None any more: "${past.title}" has begun, the restored cluster is the only one.`, ''];
  const phases = undoScenario(scenario, state).phases;
  const lines = phases.flatMap((phase) =>
    phase.steps.flatMap((step) =>
      phase.hosts(contextOf(state, 'here', 1, true)).flatMap((host) => {
        const attempt = Math.max(1, state.cells[`${step.id.replace(/^undo:/, '')}@${host}`]?.attempt ?? 1);
        const commands = step.run?.(contextOf(state, host, attempt, true)) ?? [];
        return [
          `- ${step.title} (${host})`,
          ...commands.flatMap((command) =>
            command.kind === 'exec' ? [`  - ${command.on ?? host}$ ${quoteArgv(command.argv)}`] : [],
          ),
        ];
      }),
    ),
  );
  return ['## Undo, in this order', '', ...(lines.length === 0 ? ['nothing to undo'] : lines), ''];
}

function holdLines(state: IncidentState): string[] {
  return [
    '## Lift the hold of a server',
    '',
    'Only when it is its turn, or when everything was put back. As root on that server:',
    '',
    ...state.cluster.hosts
      .filter((host) => host.role === 'server')
      .map(({ name, dataDir, service }) => {
        const paths = k3sPaths(state.facts[name]?.service?.dataDir ?? dataDir, service);
        return `- ${name}: \`rm -f ${paths.holdFile} ${paths.holdDropIn} && systemctl daemon-reload\``;
      }),
    '',
  ];
}
