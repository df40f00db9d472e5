import type { ReactNode } from 'react';
import type { ConsoleState } from '../src/store/store.js';
import type { PaneId, ViewState } from '../src/store/view.js';
import { frame } from './frame.js';
import { Lines } from './Lines.js';
import type { Line } from './line.js';
import { backupsLines } from './panes/backups.js';
import { checklistCount, checklistLines } from './panes/checklist.js';
import { commandsLines } from './panes/commands.js';
import { journalCounts, journalLines, journalTitle } from './panes/journal.js';
import { nodesLines } from './panes/nodes.js';
import { currentRow, planCount, planLines, planRows } from './panes/plan.js';
import { stepLines } from './panes/step.js';
import { optionCursor, triageLines } from './panes/triage.js';

interface Props {
  readonly pane: PaneId;
  readonly state: ConsoleState;
  readonly view: ViewState;
  readonly width: number;
  readonly height: number;
}

/** One pane in its frame. */
export function Pane({ pane, state, view, width, height }: Props): ReactNode {
  const focused = view.focus === pane;
  const { title, right, lines } = content({ pane, state, view, width: width - 4, height: height - 2 }, focused);
  return <Lines lines={frame(lines, { title, right, width, height, tone: focused ? 'accent' : 'dim' })} />;
}

function content(
  { pane, state, view, width, height }: Props,
  focused: boolean,
): { title: string; right: string; lines: readonly Line[] } {
  const cursor = view.cursor[pane];
  switch (pane) {
    case 'nodes':
      return { title: 'Nodes', right: '', lines: nodesLines(state, width, height, focused ? cursor : undefined) };
    case 'plan':
      if (state.incident?.begun !== true)
        return {
          title: 'What fits',
          right: state.triage.word,
          lines: triageLines(state, width, optionCursor(state, view), focused),
        };
      return {
        title:
          state.incident.undoing !== undefined
            ? 'Undo'
            : state.estimates.size === 0
              ? 'Plan'
              : 'Plan · ~ times from drills',
        right: count(state),
        lines: planLines(state, width, height, planCursor(state, view), focused),
      };
    case 'checklist':
      return {
        title: 'Pre-restore checklist',
        right: checklistCount(state.checklist),
        lines: checklistLines(state, width, height, cursor, focused),
      };
    case 'step': {
      const row = planRows(state.plan)[planCursor(state, view)];
      const lines = stepLines(state, row?.planned, width);
      return {
        title: row?.planned === undefined ? 'Step' : `Step ${row.planned.number} · ${row.title}`,
        right: row?.planned?.step.effect ?? '',
        lines: focused ? lines.slice(cursor) : lines,
      };
    }
    case 'journal':
      return {
        title: journalTitle(state.journal, view.journal),
        right: journalCounts(state.journal),
        lines: journalLines(state.journal, view.journal, width, height, focused),
      };
    case 'backups':
      return {
        title: 'Backups',
        right: state.backups.state === 'listed' ? `${state.backups.rows.length} listed` : '',
        lines: backupsLines(state, width, height, cursor, focused),
      };
    case 'commands':
      return { title: 'Commands sent', right: chainText(state), lines: commandsLines(state, width, height) };
  }
}

const count = (state: ConsoleState): string => {
  const { done, all } = planCount(state.plan);
  return `${done}/${all}`;
};

/** The plan's cursor follows the work until somebody moves it. */
export function planCursor(state: ConsoleState, view: ViewState): number {
  const rows = planRows(state.plan);
  return view.focus === 'plan' && view.cursor.plan > 0 ? Math.min(view.cursor.plan, rows.length - 1) : currentRow(rows);
}

/** The chain's head in short: enough to compare by eye with what an export says. */
const chainText = ({ chain }: ConsoleState): string =>
  chain === undefined ? '' : `record ${chain.events} · ${chain.head.slice(0, 12)}`;
