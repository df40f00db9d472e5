import type { PlannedStep } from '../../src/incident/plan.js';
import { cellKey, cellSpan, contextOf } from '../../src/incident/state.js';
import { HERE } from '../../src/incident/step.js';
import type { ConsoleState } from '../../src/store/store.js';
import { quotedForPeople } from '../command-text.js';
import { type Line, labelled, line, seg, spread } from '../line.js';
import { statusGlyph } from '../symbols.js';
import { clockSpan, shortBytes } from '../words.js';
import { shownStatus } from './plan.js';

/** One step: what it does, where, with which commands, how far it is, how it is undone. */
export function stepLines(state: ConsoleState, planned: PlannedStep | undefined, width: number): Line[] {
  if (planned === undefined) return [line(seg('Choose a step of the plan to see its commands.', 'dim'))];
  const { step } = planned;
  return [
    ...labelled('why', step.why, width, 9),
    ...planned.hosts
      .filter((one) => one.when.run !== 'no')
      .flatMap((one) => hostLines(state, planned, one.host, width)),
    ...labelled('runbook', step.runbook, width, 9, 'dim'),
    ...labelled('undo', 'none' in step.undo ? `none: ${step.undo.none}` : step.undo.title, width, 9, 'dim'),
    line(seg('commands', 'dim')),
    ...commandLines(state, planned, width),
  ];
}

function hostLines(state: ConsoleState, planned: PlannedStep, host: string, width: number): Line[] {
  const cell = state.incident?.cells[cellKey(planned.step.id, host)];
  const { glyph, tone, word } = statusGlyph(shownStatus(cell));
  const span = cellSpan(cell, state.now);
  const took = span === undefined ? '' : clockSpan(span);
  const progress = state.progress.get(cellKey(planned.step.id, host));
  const far =
    progress === undefined || progress.total === 0
      ? ''
      : `${progress.stage} ${Math.floor((progress.done / progress.total) * 100)} % · ${shortBytes(progress.bytesPerSecond)}/s${progress.secondsLeft === undefined ? '' : ` · ${Math.ceil(progress.secondsLeft)} s left`}`;
  const lines: Line[] = [
    spread(
      [seg(`${glyph} `, tone), seg(`${host === HERE ? 'here' : host}  `), seg(far === '' ? word : far, tone)],
      [seg(took, 'dim')],
      width,
    ),
  ];
  if (cell?.trouble !== undefined) {
    lines.push(...labelled('  failed', cell.trouble.what, width, 10, 'bad'));
    if (cell.trouble.left !== undefined) lines.push(...labelled('  left', cell.trouble.left, width, 10));
    lines.push(...labelled('  next', cell.trouble.next, width, 10, 'accent'));
  } else for (const text of cell?.evidence ?? []) lines.push(...labelled('', text, width, 2, 'dim'));
  const facts = state.live[host]?.facts;
  if (facts?.problem !== undefined)
    lines.push(...labelled('  host', `${facts.problem.what} ${facts.problem.next}`, width, 10, 'warn'));
  return lines;
}

function commandLines(state: ConsoleState, planned: PlannedStep, width: number): Line[] {
  const { incident } = state;
  if (incident === undefined || planned.step.run === undefined)
    return [line(seg('  none: it only looks and waits', 'dim'))];
  const hosts = planned.hosts.filter((one) => one.when.run !== 'no');
  return hosts.flatMap(({ host, cell }) => {
    const commands =
      cell?.commands ?? planned.step.run?.(contextOf(incident, host, Math.max(1, cell?.attempt ?? 1), true)) ?? [];
    return commands.flatMap((command) =>
      labelled('', `${host === HERE ? 'here' : host}$ ${quotedForPeople(command)}`, width, 2),
    );
  });
}
