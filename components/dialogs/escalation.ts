import { findStep } from '../../src/incident/plan.js';
import { cellKey, isSettled } from '../../src/incident/state.js';
import type { ConsoleState } from '../../src/store/store.js';
import { type Line, labelled, line, pad, seg } from '../line.js';
import { journalCounts, plainLine } from '../panes/journal.js';
import { clockSpan } from '../words.js';

/** Calling for help: the runbook's five steps, whom to call, and what to tell them, prepared from the facts. */
export function escalationLines(state: ConsoleState, width: number): Line[] {
  const { contacts } = state.cluster;
  const vendor = contacts.filter((one) => /vendor|support|hersteller/i.test(`${one.role ?? ''} ${one.name}`));
  const people = contacts.filter((one) => !vendor.includes(one));
  const step = (number: number, title: string): Line => line(seg(`${number}  `, 'accent'), seg(title, 'strong'));
  const called = (list: typeof contacts): Line[] =>
    list.map((one) =>
      line(seg('   '), seg(pad(one.name, 22)), seg(pad(one.how, 30), 'accent'), seg(one.role ?? '', 'dim')),
    );
  return [
    step(1, 'Check logs'),
    ...labelled(
      '',
      `The journals of all nodes are in the journal pane (5): ${journalCounts(state.journal)}.`,
      width,
      3,
      'dim',
    ),
    step(2, 'Document errors'),
    ...labelled(
      '',
      'w writes the text below with the errors to a file; r in the panes writes the report. Every command and answer is in the record.',
      width,
      3,
      'dim',
    ),
    step(3, 'Escalate to team lead'),
    ...(people.length === 0
      ? labelled('', 'The inventory names nobody: add contacts to it.', width, 3, 'warn')
      : called(people)),
    step(4, 'Engage vendor support'),
    ...(vendor.length === 0
      ? labelled('', 'If there is a contract: no contact with the role support is in the inventory.', width, 3, 'dim')
      : called(vendor)),
    step(5, 'Consider alternative recovery'),
    ...alternatives(state).flatMap((text) => labelled(' ·', text, width, 3)),
    [],
    line(seg('What to tell them', 'strong'), seg('   y copies it   w writes it to a file', 'accent')),
    ...escalationText(state).flatMap((text) => (text === '' ? [[]] : labelled('', text, width, 3, 'dim'))),
  ];
}

/** What else could be done, safest first. */
function alternatives(state: ConsoleState): string[] {
  const { incident, triage } = state;
  const others = triage.options.filter((one) => one.id !== incident?.scenario && one.against === undefined);
  const chosen = incident?.scenario;
  return [
    'Stop here and think: held servers stay held, nothing runs on by itself, and the run can be gone on with later (q).',
    ...(incident?.begun === true && incident.undoing === undefined
      ? ['Undo what was done (u), where the point of no return is not passed.']
      : []),
    ...others.map((one) => `${one.title}: ${one.when}`),
    ...(chosen === undefined
      ? []
      : [`By hand, from paper: blackstart plan ${chosen} --format shell writes every command.`]),
    'Another backup, or the safety copies and the data that was moved aside: nothing was deleted.',
    'Rebuild: a new cluster and the applications applied again, when data is in no way to be had back.',
  ];
}

/** The facts as plain lines: short enough to read on a phone, nothing secret in it. */
export function escalationText(state: ConsoleState): string[] {
  const { incident, scenario, attention, triage, cluster } = state;
  const trouble = attention.kind === 'trouble' ? attention : undefined;
  const cell = trouble === undefined ? undefined : incident?.cells[cellKey(trouble.step, trouble.host)];
  const title = trouble === undefined || scenario === undefined ? undefined : findStep(scenario, trouble.step)?.title;
  const cells = Object.values(incident?.cells ?? {});
  const hosts = cluster.hosts.map(({ name, role }) => {
    const facts = state.live[name]?.facts;
    const { service } = facts ?? {};
    const k3s =
      service === undefined
        ? 'no K3s seen'
        : `K3s ${service.version} ${service.unit.crashLoop ? 'crash loop' : service.unit.active}`;
    const what =
      facts?.reachable === true ? `${k3s}${facts.held === true ? ', held' : ''}` : (facts?.problem?.what ?? 'not seen');
    return `${name} (${role}): ${what}`;
  });
  const errors = state.journal.filter((one) => one.severity === 'error').slice(-5);
  return [
    `K3s cluster ${cluster.name}${cluster.drill ? ' (a drill)' : ''}: ${triage.word}. ${triage.evidence.join('; ')}.`,
    `Open since ${new Date(incident?.openedAt ?? state.openedAt).toISOString()} (${clockSpan(state.now - (incident?.openedAt ?? state.openedAt))}), run ${incident?.runId ?? 'none'}, ${incident?.operator ?? ''} on ${incident?.machine ?? ''}.`,
    ...(scenario === undefined
      ? ['No scenario was chosen yet; nothing was changed.']
      : [
          `Scenario: ${scenario.title}, ${incident?.begun === true ? `${cells.filter(isSettled).length} steps done` : 'not begun; nothing was changed'}${incident?.choices.primary === undefined ? '' : `, on ${incident.choices.primary}`}${incident?.choices.snapshot === undefined ? '' : `, from ${incident.choices.snapshot}`}.`,
        ]),
    ...(trouble === undefined
      ? []
      : [
          `Stands at: ${title ?? trouble.step} on ${trouble.host}, ${trouble.why}. ${cell?.trouble?.what ?? cell?.evidence.join('; ') ?? ''}`,
          ...(cell?.trouble?.left === undefined ? [] : [`Left behind: ${cell.trouble.left}`]),
        ]),
    '',
    ...hosts,
    ...(errors.length === 0 ? [] : ['', 'Last errors:', ...errors.map(plainLine)]),
  ];
}
