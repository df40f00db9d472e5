import type { ReactNode } from 'react';
import { clock } from '../src/incident/times.js';
import type { ConsoleState } from '../src/store/store.js';
import { Lines } from './Lines.js';
import { type Line, type Segment, seg, spread, type Tone } from './line.js';
import { worstNode } from './panes/nodes.js';
import { planCount } from './panes/plan.js';
import { GLYPH } from './symbols.js';
import { longSpan } from './words.js';

/** Always there: cluster, mode, scenario and step, time since the incident was opened, UTC clock, one status word. */
export function Header({ state, width }: { readonly state: ConsoleState; readonly width: number }): ReactNode {
  return <Lines lines={[headerLine(state, width)]} />;
}

export function headerLine(state: ConsoleState, width: number): Line {
  const { incident, scenario, mode } = state;
  const { done, all } = planCount(state.plan);
  const plan = incident?.begun === true && scenario !== undefined ? `${scenario.title} ${done}/${all}` : '';
  const small = width < 110 ? (worstNode(state) ?? '') : '';
  const { word, tone } = statusWord(state);
  const left: Segment[] = [
    seg(' blackstart ', 'strong'),
    seg(` ${state.cluster.name} `),
    seg(` ${mode} `, mode === 'LIVE' ? 'bad' : mode === 'DRILL' ? 'accent' : mode === 'REPLAY' ? 'warn' : 'good'),
    seg(replayPart(state), 'warn'),
    seg(plan === '' ? '' : ` ${plan} `, 'accent'),
    seg(state.observing === undefined ? '' : ` ${state.observing} `, 'warn'),
    seg(lockPart(state), 'dim'),
    seg(state.warning === undefined ? (small === '' ? '' : ` ${small}`) : ` ! ${state.warning}`, 'warn'),
  ];
  const since = longSpan(state.now - (incident?.openedAt ?? state.openedAt));
  const right: Segment[] = [
    seg(width < 110 ? ` ${since}  ` : ` incident ${since}   `, 'dim'),
    seg(`${clock(state.now)}   `, 'dim'),
    seg(`${word} `, tone),
  ];
  return spread(left, right, width);
}

/** How a replay plays, and where it stands. */
function replayPart({ replay }: ConsoleState): string {
  if (replay === undefined) return '';
  const { playing, speed, at, of, event } = replay;
  return ` ${playing ? GLYPH.running : GLYPH.paused} ${speed}x ${at}/${of} ${event} `;
}

/** Servers that could not carry the lock: said as long as it is so. */
function lockPart({ incident }: ConsoleState): string {
  const lock = incident?.ended === undefined ? incident?.lock : undefined;
  return lock === undefined || lock.without.length === 0
    ? ''
    : ` lock ${lock.on.length}/${lock.on.length + lock.without.length} `;
}

function statusWord(state: ConsoleState): { word: string; tone: Tone } {
  const { incident, attention } = state;
  if (incident?.ended !== undefined)
    return {
      word: incident.ended.outcome.toUpperCase(),
      tone: incident.ended.outcome === 'recovered' ? 'good' : 'warn',
    };
  if (state.vacant !== undefined && state.mode === 'OBSERVE') return { word: 'NOBODY ACTS', tone: 'bad' };
  if (attention.kind === 'trouble')
    return { word: attention.why === 'late' ? 'LATE' : attention.why === 'doubt' ? 'IN DOUBT' : 'FAILED', tone: 'bad' };
  if (attention.kind === 'gate') return { word: 'GATE WAITS', tone: 'warn' };
  if (incident?.paused === true) return { word: 'PAUSED', tone: 'warn' };
  if (incident?.undoing !== undefined) return { word: 'UNDOING', tone: 'warn' };
  if (incident?.begun === true) return { word: 'RUNNING', tone: 'accent' };
  return {
    word: state.triage.word,
    tone: state.triage.healthy ? 'good' : state.triage.word === 'LOOKING' ? 'dim' : 'bad',
  };
}
