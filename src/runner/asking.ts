import type { CheckedFact } from '../incident/attention.js';
import type { Answer, ExecCommand, TaskCommand } from '../incident/command.js';
import type { GateCheck, Judgement, Question, StepContext } from '../incident/step.js';
import type { Ports } from './ports.js';

/**
 * Asking a question: sends what it asks, all at once, and lets its pure judge decide. The answers of one look are not from one
 * moment: a unit that ends in between is seen ended, and its receipt not yet. So a failure counts when a second look agrees.
 */
export async function ask(ports: Ports, question: Question, context: StepContext, signal: AbortSignal): Promise<Asked> {
  const first = await look(ports, question, context, signal);
  return first.judgement.answer === 'failed' ? look(ports, question, context, signal) : first;
}

async function look(ports: Ports, question: Question, context: StepContext, signal: AbortSignal): Promise<Asked> {
  const commands = question.ask(context);
  const answers = await Promise.all(commands.map((command) => answerOf(ports, command, context.host, signal)));
  return { judgement: question.judge(answers, context), silent: answers.some((one) => one.silent !== undefined) };
}

export interface Asked {
  readonly judgement: Judgement;
  /** At least one host gave no answer: asking again may help. */
  readonly silent: boolean;
}

async function answerOf(
  ports: Ports,
  command: ExecCommand | TaskCommand,
  host: string,
  signal: AbortSignal,
): Promise<Answer> {
  if (command.kind === 'exec') return ports.hosts.exec(command.on ?? host, command, signal);
  const { ok, text } = await ports.tasks.run(command, signal, () => {});
  return { argv: [command.task], code: ok ? 0 : 1, stdout: text, stderr: '' };
}

export async function checkFacts(
  ports: Ports,
  checks: readonly GateCheck[],
  contextFor: (host: string) => StepContext,
  signal: AbortSignal,
): Promise<CheckedFact[]> {
  return Promise.all(
    checks.map(async ({ title, host, question }) => {
      const { judgement } = await ask(ports, question, contextFor(host), signal);
      return { title, host, ok: judgement.answer === 'yes', text: judgement.evidence.join('; ') || judgement.answer };
    }),
  );
}

export const factLine = (fact: CheckedFact): string =>
  `${fact.ok ? 'ok' : 'NOT OK'} ${fact.title} (${fact.host}): ${fact.text}`;
