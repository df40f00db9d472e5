import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type PlanDocument, planDocument, planMarkdown, planShell, planText } from '../../src/cli/plan-text.js';
import { TOKEN } from '../../src/practice/node/layout.js';
import { provenSnapshot } from '../support/practice-ports.js';
import { Rig } from '../support/rig.js';
import { expectShell } from '../support/shell.js';

const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

let plan: PlanDocument;
beforeAll(async () => {
  await provenSnapshot();
  const rig = await Rig.start();
  await rig.choose();
  const { scenario, state } = rig.runner;
  if (scenario === undefined) throw new Error('it was chosen');
  plan = planDocument(scenario, state);
  await rig.close();
});

/** Runs the shell form with a pretended ssh that writes down what it is asked; `typed` is what the person answers. */
function follow(typed: string): { status: number | null; asked: string[]; stdout: string } {
  const folder = mkdtempSync(join(tmpdir(), 'blackstart-plan-'));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const ssh = join(folder, 'ssh');
  writeFileSync(ssh, `#!/bin/sh\nhost=$1; shift\nprintf '%s %s\\n' "$host" "$*" >> ${folder}/asked\n`, { mode: 0o700 });
  writeFileSync(join(folder, 'plan.sh'), planShell(plan));
  const said = spawnSync('/bin/sh', [join(folder, 'plan.sh')], {
    input: typed,
    encoding: 'utf8',
    env: { ...process.env, SSH: ssh },
  });
  const asked = spawnSync('cat', [join(folder, 'asked')], { encoding: 'utf8' }).stdout;
  return { status: said.status, asked: asked.split('\n').filter((line) => line !== ''), stdout: said.stdout };
}

describe('the plan on paper', () => {
  test('is complete, and holds no secret in any form', () => {
    expect(plan.missing).toEqual([]);
    for (const form of [planText(plan), planMarkdown(plan), planShell(plan), JSON.stringify(plan)]) {
      expect(form).not.toContain(TOKEN);
      expect(form).toContain('--cluster-reset');
    }
  });

  test('every step stands in every form, in order', () => {
    for (const form of [planText(plan), planMarkdown(plan), planShell(plan)]) {
      let from = 0;
      for (const step of plan.steps) {
        from = form.indexOf(step.title, from);
        expect(from, step.title).toBeGreaterThanOrEqual(0);
      }
    }
  });
});

describe('the shell form', () => {
  test('is a script that /bin/sh can read, and shellcheck where it is installed', () => {
    expectShell(planShell(plan));
  });

  test('stops at the first destructive step unless its name is typed', () => {
    const { status, asked, stdout } = follow('no\n');
    expect(status).not.toBe(0);
    expect(stdout).toContain('Reset etcd from the snapshot (destructive)');
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.some((line) => line.includes('--cluster-reset'))).toBe(false);
  });

  test('runs every command of the plan in its order when each is confirmed', () => {
    const names = plan.steps.filter((step) => step.effect === 'destroy').map((step) => step.hosts[0] ?? '');
    const { status, asked } = follow(`${names.join('\n')}\n`);
    expect(status).toBe(0);
    const commands = plan.steps.flatMap((step) =>
      step.commands.filter((one) => one.host !== 'here' && one.content === undefined),
    );
    expect(asked).toHaveLength(commands.length);
    for (const [index, command] of commands.entries())
      expect(asked[index]?.startsWith(`${command.host} ${command.argv[0]}`), asked[index]).toBe(true);
  });
});
