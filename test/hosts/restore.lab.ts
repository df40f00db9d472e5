import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IncidentEvent } from '../../src/incident/event.js';
import { listRuns, type RunFile, readRun } from '../../src/record/runs.js';
import { quoteArgv } from '../../src/remote/quote.js';
import { coatsOf } from '../support/coats.js';
import { LabBucket } from './lab/bucket.js';
import { LabCluster } from './lab/cluster.js';
import { driveKilled } from './lab/drive.js';
import { writeInventory } from './lab/inventory.js';
import { Lab } from './lab/lab.js';
import { leaksHere, leaksOn, tokenBelongs, watchArguments } from './lab/leaks.js';
import { changesOf, listMachine, saidByThePlan } from './lab/listing.js';
import type { Machine } from './lab/machine.js';
import { meet, restoreByKeys, sitDown } from './lab/person.js';

/** Data comes back: a real etcd cluster is destroyed and restored by the program, over real SSH, sudo and systemd. */

let lab: Lab;
let cluster: LabCluster;
let bucket: LabBucket;

beforeAll(async () => {
  lab = await Lab.boot({ k3s: 'off' });
  cluster = new LabCluster(lab);
  bucket = await LabBucket.open(lab);
  await cluster.form();
  never = [lab.secrets.passphrase, lab.secrets.sudoPassword, bucket.storage.secretKey].flatMap(coatsOf);
});
afterAll(async () => {
  await bucket?.close();
  await lab?.down();
});

let run: RunFile | undefined;
/** What stands after the restore is judged only where there was one: the cluster would be waited for in vain. */
function restored(): RunFile {
  if (run === undefined) throw new Error('the restore by keypresses, whose end this needs, did not come to one');
  return run;
}
/** Everything the console wrote to its terminal. */
let screen = '';
let watched: ReturnType<typeof watchArguments>;
/** What may be nowhere but in the files the program was given. */
let never: string[];
const before = new Map<string, Set<string>>();

/** Programs that change something, as they stand behind `env LC_ALL=C` and sudo. */
const CHANGES =
  /(?:^| )(?:mv|rm|cp|install|systemd-run|mkdir|sed|systemctl (?:start|stop|restart|daemon-reload|reset-failed|enable|disable))(?: |$)/;
/** How a file is put in its place, and the papers and the lock of the run: each said in the record as one line of its own. */
const PLACES = /\.blackstart-stage|\.part(?: |$)|\.part' |\/var\/lib\/blackstart|\/etc\/profile\.d\/zz-blackstart\.sh/;

const PREFIX = '/registry/configmaps/lab/';

/** Pulls the cable for a minute as soon as the snapshot is on its way. */
async function cutInDelivery(first: Machine): Promise<void> {
  await first.isAsked(/server\/db\/snapshots\/blackstart-\S+\.part/, 3);
  await first.cut();
  await new Promise((resolve) => setTimeout(resolve, 60_000));
  await first.heal();
}

/** How the delivery ended, and how long after it began. */
function deliveryOf(events: readonly { readonly type: string; readonly mono: number }[]): {
  readonly outcome: string;
  readonly seconds: number;
} {
  const own = (events as readonly IncidentEvent[]).filter((event) => 'step' in event && event.step === 'deliver');
  const began = own.find((event) => event.type === 'step-begun');
  const ended = own.find((event) => event.type === 'step-ended');
  return {
    outcome: ended?.type === 'step-ended' ? ended.outcome : 'never ended',
    seconds: ((ended?.mono ?? 0) - (began?.mono ?? 0)) / 1000,
  };
}

describe('full restore', () => {
  it('by keypresses from first contact on: brings back exactly the keys of the backup, and says before what is lost', {
    timeout: 600_000,
  }, async () => {
    for (let n = 0; n < 20; n++) await cluster.put(`${PREFIX}kept-${n}`, `value ${n}`);
    await bucket.upload(await cluster.snapshot());
    const backup = await cluster.read(PREFIX);
    for (let n = 0; n < 5; n++) await cluster.put(`${PREFIX}late-${n}`, 'after the backup');
    await cluster.put(`${PREFIX}kept-0`, 'changed after the backup');
    expect((await cluster.read(PREFIX, 'node-2')).size).toBe(25);
    await cluster.snapshot('node-2');
    await cluster.destroy(['node-1', 'node-3']);
    await cluster.tear('node-2');
    for (const machine of lab.machines.values()) before.set(machine.host.name, await listMachine(machine));

    watched = watchArguments(lab, [...never, lab.secrets.token]);
    const inventory = writeInventory(lab, { backups: bucket.lines, knownHosts: 'met_hosts' });
    const state = `${lab.home}/console`;
    mkdirSync(state, { recursive: true });
    const person = sitDown(['--inventory', inventory], { state, size: { columns: 160, rows: 45 } });
    await meet(person, lab, `${lab.home}/met_hosts`);
    const [{ gates }] = await Promise.all([restoreByKeys(person), cutInDelivery(lab.machine('node-1'))]);
    expect(gates.map(({ title }) => title)).toEqual([
      'Stop and hold every server, save what is there',
      'Reset etcd from the snapshot',
      'Start the restored server',
      'Release the other servers and the agents',
      'Clean up',
    ]);
    const lost = gates[1]?.screen.replace(/[║\s]+/g, ' ') ?? '';
    expect(lost).toContain('5 objects made since are gone, 1 go back to older content, 0 deleted since come back');
    for (let n = 0; n < 5; n++) expect(lost).toContain(`configmaps lab/late-${n}`);
    expect(lost).toContain('configmaps lab/kept-0');
    await person.waitFor('3 of 3 servers vote: tolerates 1 failure');
    await person.pressUntil('q', () => person.exit !== undefined);
    screen = person.raw;
    const [kept] = listRuns(join(state, 'blackstart'));
    if (kept === undefined) throw new Error('no record was kept');
    run = kept;

    // The network was away for a minute while the snapshot was brought: what was on its way came whole, behind a new connection.
    const delivered = deliveryOf(readRun(kept.path).events);
    expect(delivered.outcome).toBe('done');
    expect(delivered.seconds).toBeGreaterThan(30);

    expect(backup.size).toBe(20);
    for (const server of cluster.servers) expect(await cluster.read(PREFIX, server.host.name)).toEqual(backup);
    const members = await cluster.members();
    expect(members.map((member) => [member.ip, member.learner]).sort()).toEqual([
      ['10.77.0.11', false],
      ['10.77.0.12', false],
      ['10.77.0.13', false],
    ]);
  });

  it('changed nothing on the hosts but what its plan says', async () => {
    const { id } = restored();
    for (const machine of lab.machines.values()) {
      const said = saidByThePlan(machine, id);
      const changes = changesOf(before.get(machine.host.name) ?? new Set(), await listMachine(machine));
      expect([machine.host.name, changes.filter((path) => !said.test(path))]).toEqual([machine.host.name, []]);
      const units = await machine.act([
        'systemctl',
        'list-units',
        '--all',
        '--plain',
        '--no-legend',
        '--no-pager',
        'blackstart-*',
      ]);
      for (const line of units.split('\n').filter(Boolean)) expect(line).toMatch(new RegExp(`^\\W*blackstart-${id}-`));
      expect((await machine.inside(['ls', `/run/blackstart-${id}`])).code).not.toBe(0);
    }
  });

  it('asked sshd for byte for byte what its gates and its record show, and for nothing that changes besides', () => {
    const { events } = readRun(restored().path);
    const sent = events.flatMap((event) =>
      event.type === 'sent' && (event as IncidentEvent & { type: 'sent' }).command.kind === 'exec'
        ? [(event as IncidentEvent & { type: 'sent' }).command]
        : [],
    );
    // About sixty; how many exactly depends on what the nodes are found like, a unit that failed is reset, another is not.
    expect(sent.length, sent.map(({ host, argv }) => `${host}$ ${argv.join(' ')}`).join('\n')).toBeGreaterThan(40);
    for (const machine of lab.machines.values()) {
      const asked = machine.asked();
      const own = sent
        .filter((command) => command.host === machine.host.name)
        .map((command) => quoteArgv(command.argv));
      const unasked = own.filter((text) => !asked.some((line) => line.endsWith(` ${text}`)));
      expect([machine.host.name, unasked]).toEqual([machine.host.name, []]);
      // What only looks is asked over and over; what moves, removes, starts or stops is in the record, or was never asked for.
      const changing = asked.filter((line) => CHANGES.test(line));
      const unsaid = changing.filter((line) => !own.some((text) => line.endsWith(` ${text}`)) && !PLACES.test(line));
      expect([machine.host.name, unsaid]).toEqual([machine.host.name, []]);
    }
  });

  it('left no secret in arguments, journals, files, or its own record', async () => {
    expect(await watched.stop()).toEqual([]);
    for (const machine of lab.machines.values()) {
      expect([machine.host.name, await leaksOn(machine, never)]).toEqual([machine.host.name, []]);
      const token = (await leaksOn(machine, [lab.secrets.token])).filter((path) => !tokenBelongs(path));
      expect([machine.host.name, token]).toEqual([machine.host.name, []]);
    }
    expect(await leaksHere(lab, [...never, ...coatsOf(lab.secrets.token)])).toEqual([]);
    for (const pattern of [...never, lab.secrets.token]) expect(screen).not.toContain(pattern);
  });

  it('with a server that is dead from the start, and a console that is killed again and again: two voters, one reset', {
    timeout: 900_000,
  }, async () => {
    restored();
    await bucket.upload(await cluster.snapshot());
    const backup = await cluster.read(PREFIX);
    await lab.machine('node-3').powerOff();
    await cluster.destroy(['node-1', 'node-2']);
    const ended = await driveKilled(lab, writeInventory(lab, { backups: bucket.lines }), 20, 1);
    process.stdout.write(`the console was killed ${ended.killed} times\n`);
    expect(ended.killed).toBe(20);
    expect(ended.recovered, ended.why).toBe(true);
    expect(await cluster.read(PREFIX)).toEqual(backup);
    expect((await cluster.members()).map((member) => [member.ip, member.learner]).sort()).toEqual([
      ['10.77.0.11', false],
      ['10.77.0.12', false],
    ]);
    const { chain } = readRun(ended.record);
    expect(chain.ok).toBe(true);
    // What must not run twice did not, whatever the record says: sshd was asked for it once.
    const resets = lab
      .machine('node-1')
      .asked()
      .filter((line) => line.includes(`--unit=blackstart-${ended.runId}-reset`));
    expect(resets).toHaveLength(1);
    for (const server of cluster.servers.filter(({ host }) => host.name !== 'node-3'))
      expect((await server.inside(['test', '-e', '/var/lib/blackstart/lock'])).code).toBe(1);
  });
});
