import type { Readiness } from '../incident/acting.js';
import type { Progress } from '../incident/attention.js';
import type { Command } from '../incident/command.js';
import type { Offer, Payload, Trouble } from '../incident/event.js';
import type { Json } from '../incident/json.js';
import { type Cell, cellKey, contextOf, type IncidentState } from '../incident/state.js';
import type { Judgement, Scenario, Step } from '../incident/step.js';
import { ask } from './asking.js';
import { type Decision, decide } from './decide.js';
import { commandText, digest, excerpt } from './describe.js';
import type { HostAnswer, Ports } from './ports.js';

export interface Work {
  readonly scenario: Scenario;
  readonly ports: Ports;
  readonly signal: AbortSignal;
  state(): IncidentState;
  append(payload: Payload): void;
  progress(progress: Progress | undefined): void;
  /** Just before a command with consequences is sent; false: the right to act is lost. */
  ready(how: Readiness): Promise<boolean>;
  /** This console only looks by now: what waits stops waiting. */
  stopped(): boolean;
}

type Doing = Extract<Decision, { do: 'ask' | 'send' | 'resolve' | 'fail' }>;

/** Carries one decision out. Everything it finds becomes an event; it decides nothing about what comes after. */
export async function perform(decision: Decision, work: Work): Promise<void> {
  switch (decision.do) {
    case 'ask':
      return askStep(decision, work);
    case 'send':
      return send(decision, work);
    case 'resolve':
      return resolve(decision, work);
    case 'fail':
      return fail(decision, work);
  }
}

function cellOf(work: Work, decision: Doing): Cell {
  const cell = work.state().cells[cellKey(decision.step.id, decision.host)];
  if (cell === undefined) throw new Error(`${decision.step.id} was not begun on ${decision.host}`);
  return cell;
}

/** Asks until there is an answer that changes something: yes, a clear no before running, or failed. */
async function askStep(decision: Extract<Doing, { do: 'ask' }>, work: Work): Promise<void> {
  const { step, host, when } = decision;
  let steadySince: number | undefined;
  for (;;) {
    const cell = cellOf(work, decision);
    const { judgement, silent } = await ask(
      work.ports,
      step.done,
      contextOf(work.state(), host, cell.attempt),
      work.signal,
    );
    noteAnswer(work, step, cell, judgement);
    if (judgement.answer === 'yes') {
      steadySince ??= work.ports.clock.mono();
      const steady = when === 'before' && step.run !== undefined ? 0 : (step.steadyMs ?? 0);
      if (work.ports.clock.mono() - steadySince >= steady) return endWell(work, step, host, when, judgement);
    } else {
      steadySince = undefined;
      if (judgement.answer === 'failed') return endBadly(work, step, host, 'failed', judgement);
      if (judgement.answer === 'unknown' && !silent) return endBadly(work, step, host, 'doubt', judgement);
      // A first "no" clears the step to run, or a waiting step to wait.
      if (judgement.answer === 'no' && when === 'before') return;
    }
    checkDeadline(work, step, host);
    await work.ports.clock.sleep(step.pollMs, work.signal);
    if (!stillAsked(work, decision)) return;
  }
}

/** The operator may have answered, skipped or given up meanwhile. */
function stillAsked(work: Work, decision: Doing): boolean {
  if (work.stopped()) return false;
  const status = cellOf(work, decision).status;
  return status === 'begun' || status === 'running';
}

/** Recorded only when it differs from the last answer: a poll every second must not fill the record. */
function noteAnswer(work: Work, step: Step, cell: Cell, judgement: Judgement): void {
  const evidence = judgement.evidence.map((line) => work.ports.redact(line));
  const same = cell.lastAnswer === judgement.answer && JSON.stringify(cell.evidence) === JSON.stringify(evidence);
  if (same && (cell.clear || judgement.answer !== 'no')) return;
  work.append({
    type: 'asked',
    step: step.id,
    host: cell.host,
    attempt: cell.attempt,
    answer: judgement.answer,
    evidence,
  });
}

function checkDeadline(work: Work, step: Step, host: string): void {
  const cell = work.state().cells[cellKey(step.id, host)];
  if (cell === undefined || cell.late || cell.deadlineFrom === undefined) return;
  const waitedMs = work.ports.clock.now() - cell.deadlineFrom;
  if (waitedMs > step.withinMs) work.append({ type: 'deadline', step: step.id, host, attempt: cell.attempt, waitedMs });
}

function endWell(work: Work, step: Step, host: string, when: 'before' | 'after', judgement: Judgement): void {
  const cell = work.state().cells[cellKey(step.id, host)];
  // A waiting step that is true at once is simply done; one that would have run was already done.
  const outcome = when === 'before' && step.run !== undefined && cell?.sent.length === 0 ? 'already' : 'done';
  work.append({
    type: 'step-ended',
    step: step.id,
    host,
    attempt: cell?.attempt ?? 1,
    outcome,
    evidence: judgement.evidence.map((line) => work.ports.redact(line)),
    learned: judgement.learned ?? {},
  });
}

function endBadly(
  work: Work,
  step: Step,
  host: string,
  outcome: 'failed' | 'doubt',
  judgement: Judgement & { readonly offer?: Offer },
): void {
  const cell = work.state().cells[cellKey(step.id, host)];
  const evidence = judgement.evidence.map((line) => work.ports.redact(line));
  const trouble: Trouble = {
    what: evidence[0] ?? `${step.title} did not succeed`,
    ...(judgement.left === undefined ? {} : { left: judgement.left }),
    next:
      judgement.next ??
      (outcome === 'doubt'
        ? 'Nobody can tell whether it is done. Look at the host, then look again.'
        : 'Look at the journal, then retry or undo.'),
    lookup: [...(judgement.lookup ?? []), ...step.lookup],
    ...(judgement.handOver === undefined ? {} : { handOver: judgement.handOver }),
    ...(judgement.offer === undefined ? {} : { offer: judgement.offer }),
  };
  work.append({
    type: 'step-ended',
    step: step.id,
    host,
    attempt: cell?.attempt ?? 1,
    outcome,
    evidence,
    learned: judgement.learned ?? {},
    trouble,
  });
}

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 15_000;

/**
 * What must be sure before a command is sent. What destroys, what must never run twice, and what begins a step stands on the servers first, and
 * before what destroys the papers do, and the lock is looked at; a harmless command after that may be lost with this console: whoever takes over sends it again, and a round trip to every server is saved.
 * In a step whose act must never run twice, what comes before it only prepares it.
 */
function readiness({ step, command, index }: Extract<Doing, { do: 'send' }>, commands: readonly Command[]): Readiness {
  if (step.effect !== 'destroy') return index > 0 && command.again !== 'never' ? 'fresh' : 'told';
  if (command.again === 'never') return 'certain';
  if (!commands.slice(index).some((one) => one.again === 'never')) return 'certain';
  return index > 0 ? 'fresh' : 'told';
}

/** Records, then sends. While a host cannot be reached nothing was sent, so it is tried again until the operator says otherwise. */
async function send(decision: Extract<Doing, { do: 'send' }>, work: Work): Promise<void> {
  const { step, host, index, command } = decision;
  const { attempt } = cellOf(work, decision);
  const { undoing } = work.state();
  const before = cellOf(work, decision).sent.find((one) => one.index === index);
  // After a lost connection a harmless command is repeated, but not in a tight loop.
  if (before?.returned?.doubt === true) await work.ports.clock.sleep(FIRST_PAUSE * 2, work.signal);
  const text = commandText(command, host);
  if (step.effect !== 'observe' && command.kind !== 'task' && work.ports.right !== undefined) {
    // It stands in the journal on the servers before it is sent: whoever takes over finds it in doubt, and not as never begun.
    work.append({ type: 'announced', step: step.id, host, attempt, index, command: text });
    if (
      !(await work.ready(readiness(decision, cellOf(work, decision).commands ?? []))) ||
      !stillToSend(work, decision, undoing)
    )
      return;
  }
  work.append({ type: 'sent', step: step.id, host, attempt, index, command: text });
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    const answer = await carry(work, command, host);
    if (!answer.notSent) {
      work.progress(undefined);
      return returned(work, step, host, { attempt, index, command, answer });
    }
    noteSilence(work, step, host, answer);
    checkDeadline(work, step, host);
    await work.ports.clock.sleep(pause, work.signal);
    if (work.stopped()) return;
  }
}

/** While the servers were asked, the operator may have paused, skipped, undone: then it is not sent. */
function stillToSend(
  work: Work,
  { step, host, index }: Extract<Doing, { do: 'send' }>,
  undoing: IncidentState['undoing'],
): boolean {
  if (work.stopped() || work.state().undoing !== undoing) return false;
  return decide(work.scenario, work.state()).some(
    (one) => one.do === 'send' && one.step.id === step.id && one.host === host && one.index === index,
  );
}

function noteSilence(work: Work, step: Step, host: string, answer: HostAnswer): void {
  const cell = work.state().cells[cellKey(step.id, host)];
  const evidence = [`not sent yet: ${answer.silent ?? 'no connection'}`];
  if (cell === undefined || JSON.stringify(cell.evidence) === JSON.stringify(evidence)) return;
  work.append({ type: 'asked', step: step.id, host, attempt: cell.attempt, answer: 'unknown', evidence });
}

async function carry(work: Work, command: Command, host: string): Promise<HostAnswer> {
  switch (command.kind) {
    case 'exec':
      return work.ports.hosts.exec(command.on ?? host, command, work.signal);
    case 'put':
      return work.ports.hosts.put(host, command, work.signal, work.progress);
    case 'task': {
      const from = work.ports.clock.mono();
      const { ok, text, result } = await work.ports.tasks.run(command, work.signal, work.progress);
      return {
        argv: [command.task],
        code: ok ? 0 : 1,
        stdout: ok ? text : '',
        stderr: ok ? '' : text,
        ms: work.ports.clock.mono() - from,
        doubt: false,
        notSent: false,
        result,
      };
    }
  }
}

interface Returned {
  readonly attempt: number;
  readonly index: number;
  readonly command: Command;
  readonly answer: HostAnswer;
}

function returned(work: Work, step: Step, host: string, { attempt, index, command, answer }: Returned): void {
  const expected = command.kind === 'exec' ? (command.expect ?? [0]) : [0];
  const ok = !answer.doubt && answer.code !== null && expected.includes(answer.code);
  const secret = command.kind === 'exec' && command.secretOutput === true;
  const text = answer.silent ?? [answer.stdout, answer.stderr].filter((part) => part !== '').join('\n');
  work.append({
    type: 'returned',
    step: step.id,
    host,
    attempt,
    index,
    ok,
    code: answer.code,
    ms: Math.round(answer.ms),
    digest: secret ? '' : digest(text),
    excerpt: secret ? '' : excerpt(work.ports.redact(text)),
    doubt: answer.doubt,
    ...(answer.result === undefined ? {} : { result: answer.result }),
  });
}

/** A command that must not run twice is in doubt: the postcondition or its receipt decides, never a second try. */
async function resolve(decision: Extract<Doing, { do: 'resolve' }>, work: Work): Promise<void> {
  const { step, host, index } = decision;
  for (;;) {
    const cell = cellOf(work, decision);
    const { judgement, silent } = await ask(
      work.ports,
      step.done,
      contextOf(work.state(), host, cell.attempt),
      work.signal,
    );
    if (judgement.answer === 'yes') return endWell(work, step, host, 'after', judgement);
    if (judgement.answer === 'failed') return endBadly(work, step, host, 'failed', judgement);
    if (judgement.underWay === true) {
      noteAnswer(work, step, cell, judgement);
      return foundUnderWay(work, cell, index, 'found under way after the connection was lost');
    }
    if (!silent) {
      return endBadly(work, step, host, 'doubt', {
        ...judgement,
        evidence: [`It is not known whether "${step.title}" was carried out on ${host}.`, ...judgement.evidence],
        next: 'It is not repeated by itself. Look at the host; "look again" asks once more, "retry" makes a new attempt.',
      });
    }
    noteAnswer(work, step, cell, judgement);
    checkDeadline(work, step, host);
    await work.ports.clock.sleep(step.pollMs, work.signal);
    if (!stillAsked(work, decision)) return;
  }
}

/** What was sent runs: the step waits for its end. */
function foundUnderWay(work: Work, { step, host, attempt }: Cell, index: number, excerpt: string): void {
  work.append({
    type: 'returned',
    step,
    host,
    attempt,
    index,
    ok: true,
    code: null,
    ms: 0,
    digest: '',
    excerpt,
    doubt: false,
  });
}

/** A command ended with a code it must not end with: ask what that left behind, then say so. */
async function fail(decision: Extract<Doing, { do: 'fail' }>, work: Work): Promise<void> {
  const { step, host, index } = decision;
  const cell = cellOf(work, decision);
  const sent = cell.sent.find((one) => one.index === index);
  const { judgement } = await ask(work.ports, step.done, contextOf(work.state(), host, cell.attempt), work.signal);
  if (judgement.answer === 'yes') return endWell(work, step, host, 'after', judgement);
  // Sent once more after the connection was lost, and refused because the first try runs.
  if (judgement.underWay === true) return foundUnderWay(work, cell, index, 'refused, since it is under way');
  const problem = problemOf(sent?.returned?.result);
  if (problem !== undefined) {
    const { what, ...rest } = problem;
    return endBadly(work, step, host, 'failed', { ...rest, answer: 'failed', evidence: [what] });
  }
  const said = lastLine(sent?.returned?.excerpt ?? '');
  const code = sent?.returned?.code ?? 'no exit code';
  const what = `${sent?.command.argv[0] ?? 'a command'} on ${sent?.command.host ?? host} ended with ${code}${said === '' ? '' : `: ${said}`}`;
  endBadly(work, step, host, 'failed', { ...judgement, answer: 'failed', evidence: [what, ...judgement.evidence] });
}

/** The problem a task on this machine ended with. */
function problemOf(result: Json | undefined): { what: string; left?: string; next: string; offer?: Offer } | undefined {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return undefined;
  const { what, left, next, offer } = result as Record<string, Json | undefined>;
  if (typeof what !== 'string' || typeof next !== 'string') return undefined;
  return {
    what,
    next,
    ...(typeof left === 'string' ? { left } : {}),
    ...(isOffer(offer) ? { offer } : {}),
  };
}

function isOffer(value: unknown): value is Offer {
  const { key, value: chosen, because } = (value ?? {}) as { [K in keyof Offer]?: unknown };
  return (key === 'snapshot' || key === 'primary') && typeof chosen === 'string' && typeof because === 'string';
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim() ?? '';
