import { spawnSync } from 'node:child_process';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { noticeText } from '../../src/cli/papers-text.js';
import { rebuild } from '../../src/cli/rebuild.js';
import { NOTICE_FILE } from '../../src/k3s/paths.js';
import { parseJournal } from '../../src/papers/read.js';
import { TOKEN } from '../../src/practice/node/layout.js';
import { verifyChain } from '../../src/record/chain.js';
import { PracticeHost } from '../support/practice-host.js';
import { provenSnapshot } from '../support/practice-ports.js';
import { Rig, RUN } from '../support/rig.js';
import { expectShell } from '../support/shell.js';

/** What stands on the servers while a run is on, and after it. */

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
beforeAll(async () => void (await provenSnapshot()));

const SERVERS = ['node-1', 'node-2', 'node-3'];
const at = (name: string): string => `/var/lib/blackstart/${RUN}/${name}`;

async function begun(): Promise<Rig> {
  const rig = await Rig.start({ operator: 'alice' });
  ends.push(() => rig.close());
  await rig.choose();
  rig.runner.begin();
  return rig;
}

const read = async (rig: Rig, node: string, path: string): Promise<string> =>
  (await rig.run(node, `cat ${path}`)).stdout;

describe('while a run is on', () => {
  test('every server says, before the reset is sent: what was done, what is in doubt, what is next, how to undo and to lift the hold', async () => {
    const rig = await begun();
    await rig.play(() =>
      rig.events.some((event) => event.type === 'returned' && event.step === 'reset' && event.index > 6),
    );
    for (const node of SERVERS) {
      const readme = await read(rig, node, at('README.md'));
      expect(readme).toContain(`run ${RUN} on practice`);
      expect(readme).toContain('it is not known yet whether this ran: systemd-run');
      expect(readme).toMatch(/Stop and hold K3s on node-2: done/);
      expect(readme).toContain('put-back.sh /var/lib/rancher/k3s/server');
      expect(readme).toMatch(/node-3: `rm -f .*blackstart-hold .*zz-blackstart-hold.conf && systemctl daemon-reload`/);
      expect(await read(rig, node, NOTICE_FILE)).toContain(at('README.md'));
      expect(await read(rig, node, at('plan.md'))).toContain('**Done on node-1, node-2, node-3.**');
    }
    const shell = await read(rig, 'node-2', at('plan.sh'));
    expectShell(shell);
    expect(shell).toContain('# done on node-1: systemctl stop k3s.service');
  });

  test('no secret stands in any of it', async () => {
    const rig = await begun();
    await rig.play();
    for (const node of SERVERS) {
      const all = await rig.run(node, `cat ${at('README.md')} ${at('plan.md')} ${at('plan.sh')} ${at('journal-*/*')}`);
      expect(all.stdout.length).toBeGreaterThan(50_000);
      expect(all.stdout).not.toContain(TOKEN);
      expect(all.stdout).not.toContain(TOKEN.split(':').at(-1));
    }
  });

  test('the login notice speaks to people and not to scripts', async () => {
    const rig = await begun();
    const run = (...flags: string[]): string =>
      spawnSync('/bin/sh', [...flags, '-c', `. /dev/stdin`], { input: noticeText(rig.runner.state), encoding: 'utf8' })
        .stdout;
    expect(run()).toBe('');
    expect(noticeText(rig.runner.state)).toContain('is being restored by alice on here');
  });
});

test('whoever takes over from a console that died while it brought its journal has all of the run, not what had arrived', async () => {
  const rig = await begun();
  await rig.play(() => rig.events.some((event) => event.type === 'step-ended' && event.step === 'reset'));
  const recorded = rig.events.length;
  await rig.die();
  await rig.wait(5_000);
  // Another went on, holds the lock, and brought ten events before it died, too.
  const later = 'deadbeefdeadbeef';
  const made = await rig.run(
    'node-1',
    `cd /var/lib/blackstart/${RUN} && mkdir journal-${later} && cat journal-*/*.jsonl | head -n 10 > journal-${later}/000000001.jsonl`,
  );
  expect(made.code).toBe(0);
  for (const node of SERVERS)
    await rig.run(node, `sed -i 's/"id":"[0-9a-f]*"/"id":"${later}"/' /var/lib/blackstart/lock/owner`);
  const stop = rig.clock.runFree();
  const hosts = SERVERS.map((name) => new PracticeHost(() => rig.cluster.node(name), rig.clock));
  const rebuilt = await rebuild(hosts, AbortSignal.timeout(60_000));
  stop();
  expect(rebuilt?.holder?.id).toBe(later);
  expect(rebuilt?.events.length).toBeGreaterThan(recorded - 20);
  expect(
    rebuilt?.events.some((event) => event.type === 'step-ended' && 'step' in event && event.step === 'reset'),
  ).toBe(true);
});

describe('when it has ended', () => {
  test('the journal is the whole record, lock and notice are gone, the papers stay', async () => {
    const rig = await begun();
    await rig.play();
    await rig.wait(5_000);
    expect(rig.runner.state.ended?.outcome).toBe('recovered');
    for (const node of SERVERS) {
      const rows = parseJournal((await rig.run(node, `cat ${at('journal-*/*')}`)).stdout);
      const end = rig.events.find((event) => event.type === 'run-ended')?.seq ?? 0;
      expect(rows.length).toBeGreaterThanOrEqual(end);
      expect(verifyChain(rows)).toMatchObject({ ok: true });
      expect(rows).toEqual(rig.record.rowsAfter(0).slice(0, rows.length));
      for (const path of [NOTICE_FILE, '/var/lib/blackstart/lock'])
        expect((await rig.run(node, `test -e ${path}`)).code, `${node} ${path}`).not.toBe(0);
      expect(await read(rig, node, at('README.md'))).toContain('recovered');
    }
  });

  test('a server whose papers cannot be written is named, and the rescue goes on', async () => {
    const rig = await Rig.start({ operator: 'alice' });
    ends.push(() => rig.close());
    await rig.choose();
    await rig.run('node-3', `mkdir -p /var/lib/blackstart/${RUN}/README.md/in-the-way`);
    rig.runner.begin();
    await rig.play();
    expect(rig.runner.state.ended?.outcome).toBe('recovered');
    const kept = rig.events.flatMap((event) => (event.type === 'papers-kept' ? [event] : []));
    expect(kept.some((event) => event.without.some((one) => one.host === 'node-3'))).toBe(true);
  });
});
