import { type Command, madeText } from '../incident/command.js';
import { findStep, planOf } from '../incident/plan.js';
import { contextOf, type IncidentState, isSettled } from '../incident/state.js';
import type { Scenario, Step } from '../incident/step.js';
import { NOTICE_FILE } from '../k3s/paths.js';
import { HOME } from '../papers/places.js';
import { quoteArgv } from '../remote/quote.js';

/** The plan as something to read, keep on paper, or follow by hand if this console were lost. Nothing is executed. */

export interface PlanCommand {
  readonly host: string;
  readonly argv: readonly string[];
  /** What is put, for a file. */
  readonly content?: string;
}

export interface PlanStep {
  readonly id: string;
  readonly title: string;
  readonly phase: string;
  readonly runbook: string;
  readonly effect: Step['effect'];
  readonly gate: string | null;
  readonly hosts: readonly string[];
  /** Hosts where it is over already: none before a run. */
  readonly done: readonly string[];
  readonly commands: readonly PlanCommand[];
  readonly undo: string;
  readonly why: string;
}

export interface Placed {
  readonly path: string;
  readonly what: string;
  readonly until: string;
}

/** Nothing else of ours is written on any host; the hosts lab compares. */
export const PLACES: readonly Placed[] = [
  { path: `${HOME}/lock`, what: 'on every server: who acts, so that only one console does', until: 'the run ends' },
  {
    path: `${HOME}/lock-*`,
    what: 'on every server: the program that keeps this lock, and locks that were broken',
    until: 'you remove it',
  },
  {
    path: `${HOME}/RUN/`,
    what: 'on every server: plan, what was done, how to undo and to finish by hand, journal of the run; safety copies and receipts of the steps',
    until: 'you remove it',
  },
  { path: NOTICE_FILE, what: 'on every server: tells who logs in that a restore is on', until: 'the run ends' },
];

export interface PlanDocument {
  readonly scenario: string;
  readonly title: string;
  readonly cluster: string;
  /** What must still be chosen, so that the plan is not complete. */
  readonly missing: readonly string[];
  /** What blackstart itself puts on the hosts besides what the steps say. */
  readonly places: readonly Placed[];
  readonly steps: readonly PlanStep[];
}

export function planDocument(scenario: Scenario, state: IncidentState): PlanDocument {
  const steps = planOf(scenario, state).flatMap((phase) =>
    phase.steps.map(({ step, hosts }): PlanStep => {
      const concerned = hosts.filter((one) => one.when.run !== 'no').map((one) => one.host);
      const commands = hosts
        .filter((one) => one.when.run !== 'no')
        .flatMap(({ host, cell }) =>
          (cell?.commands ?? step.run?.(contextOf(state, host, Math.max(1, cell?.attempt ?? 1), true)) ?? []).map(
            (command) => planCommand(command, host),
          ),
        );
      return {
        id: step.id,
        title: step.title,
        phase: phase.phase.title,
        runbook: step.runbook,
        effect: step.effect,
        gate: step.gate ?? null,
        hosts: concerned,
        done: hosts.filter((one) => isSettled(one.cell)).map((one) => one.host),
        commands,
        undo: 'none' in step.undo ? `none: ${step.undo.none}` : step.undo.title,
        why: step.why,
      };
    }),
  );
  return {
    scenario: scenario.id,
    title: scenario.title,
    cluster: state.cluster.name,
    missing: state.begun ? [] : scenario.missing(contextOf(state, 'here', 1, true)),
    places: PLACES,
    steps: steps.filter((step) => findStep(scenario, step.id) !== undefined),
  };
}

function planCommand(command: Command, host: string): PlanCommand {
  switch (command.kind) {
    case 'exec':
      return { host: command.on ?? host, argv: command.argv };
    case 'put': {
      const content =
        'text' in command.content
          ? command.content.text
          : 'file' in command.content
            ? (command.content.what ?? 'the proven snapshot')
            : 'made' in command.content
              ? madeText(command.content)
              : 'K3S_TOKEN="•••"';
      return {
        host,
        argv: ['install', '-D', '-m', command.mode.toString(8).padStart(4, '0'), 'FILE', command.path],
        content,
      };
    }
    case 'task':
      return { host: 'here', argv: ['blackstart', command.task] };
  }
}

const MARK: Record<Step['effect'], string> = { observe: ' ', change: '◇', destroy: '◆' };

export function planText(plan: PlanDocument): string {
  const lines = [`${plan.title} on ${plan.cluster}`, '◇ changes something   ◆ destructive: asks for a typed name', ''];
  if (plan.missing.length > 0) lines.push('Not complete yet:', ...plan.missing.map((line) => `  - ${line}`), '');
  let phase = '';
  for (const [index, step] of plan.steps.entries()) {
    if (step.phase !== phase) lines.push(`${step.phase}`);
    phase = step.phase;
    lines.push(
      `${String(index + 1).padStart(3)} ${MARK[step.effect]} ${step.title}  [${step.hosts.join(', ') || 'nobody'}]`,
      `      ${step.runbook}`,
      `      why: ${step.why}`,
    );
    for (const command of step.commands) lines.push(`      ${command.host}$ ${quoteArgv(command.argv)}`);
    lines.push(`      undo: ${step.undo}`, '');
  }
  lines.push(
    'blackstart itself also places',
    ...plan.places.map((one) => `  ${one.path}  ${one.what} (until ${one.until})`),
  );
  return lines.join('\n');
}

export function planMarkdown(plan: PlanDocument): string {
  const lines = [`# ${plan.title} on ${plan.cluster}`, ''];
  if (plan.missing.length > 0) lines.push('**Not complete yet:**', '', ...plan.missing.map((line) => `- ${line}`), '');
  for (const [index, step] of plan.steps.entries()) {
    lines.push(`## ${index + 1}. ${step.title}${step.effect === 'destroy' ? ' — destructive' : ''}`, '');
    lines.push(`*${step.runbook}*`, '', step.why, '');
    if (step.done.length > 0) lines.push(`**Done on ${step.done.join(', ')}.**`, '');
    for (const host of step.hosts) {
      const own = step.commands.filter((command) => command.host === host);
      if (own.length > 0)
        lines.push(`On **${host}**:`, '', '```sh', ...own.map((command) => quoteArgv(command.argv)), '```', '');
    }
    lines.push(`Undo: ${step.undo}`, '');
  }
  lines.push('## What blackstart itself places', '');
  for (const one of plan.places) lines.push(`- \`${one.path}\`: ${one.what}; until ${one.until}`);
  return lines.join('\n');
}

/** As comment lines: an argument of several lines must not become a command. */
const commented = (text: string): string[] => text.split('\n').map((line) => `# ${line}`);

/** A script a person follows by hand: it prints each command with its host, and asks before each destructive step. */
export function planShell(plan: PlanDocument): string {
  const lines = [
    '#!/bin/sh',
    `# ${plan.title} on ${plan.cluster}, written by blackstart. Run the commands through ssh with your own user; set SSH to change how.`,
    'set -eu',
    `SSH=\${SSH:-ssh}`,
    'confirm() { printf "%s\\nType %s to go on: " "$1" "$2"; read -r typed; [ "$typed" = "$2" ] || { echo "stopped"; exit 1; }; }',
    'on() { host=$1; shift; printf "%s\\$ %s\\n" "$host" "$*"; $SSH "$host" "$*"; }',
    '',
  ];
  for (const [index, step] of plan.steps.entries()) {
    lines.push(`# ${index + 1}. ${step.title}: ${step.runbook}`, `# ${step.why}`);
    if (step.effect === 'destroy' && step.hosts.some((host) => !step.done.includes(host)))
      lines.push(
        `confirm ${quoteArgv([`${index + 1}. ${step.title} (destructive)`])} ${quoteArgv([step.hosts[0] ?? plan.cluster])}`,
      );
    for (const command of step.commands) {
      if (step.done.includes(command.host)) {
        lines.push(...commented(`done on ${command.host}: ${quoteArgv(command.argv)}`));
        continue;
      }
      if (command.host === 'here' || command.content !== undefined) {
        lines.push(...commented(`on ${command.host}: ${quoteArgv(command.argv)}`));
        if (command.content !== undefined)
          lines.push(
            ...command.content
              .trimEnd()
              .split('\n')
              .map((line) => `#   | ${line}`),
          );
      } else lines.push(`on ${quoteArgv([command.host])} ${quoteArgv([quoteArgv(command.argv)])}`);
    }
    lines.push('');
  }
  return lines.join('\n');
}
