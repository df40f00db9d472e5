import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IncidentEvent } from '../../src/incident/event.js';
import { readRun } from '../../src/record/runs.js';
import { quoteArgv } from '../../src/remote/quote.js';
import { coatsOf } from '../support/coats.js';
import { LabBucket } from './lab/bucket.js';
import { LabCluster } from './lab/cluster.js';
import { type Drive, type Driven, drive } from './lab/drive.js';
import { writeInventory } from './lab/inventory.js';
import { Lab } from './lab/lab.js';
import { leaksHere, leaksOn, tokenBelongs, watchArguments } from './lab/leaks.js';
import { changesOf, listMachine, saidByThePlan } from './lab/listing.js';
import { ASKED_LOG } from './lab/system.js';

/** Data comes back: a real etcd cluster is destroyed and restored by the program, over real SSH, sudo and systemd. */

let lab: Lab;
let cluster: LabCluster;
let bucket: LabBucket;

beforeAll(async () => {
  lab = await Lab.boot({ k3s: 'off' });
  cluster = new LabCluster(lab);
  bucket = await LabBucket.open(lab);
  await cluster.form();
  never = [...coatsOf(lab.secrets.passphrase), ...coatsOf(lab.secrets.sudoPassword)];
});
afterAll(async () => {
  await bucket?.close();
  await lab?.down();
});

let run: Drive;
let result: Driven;
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

describe('full restore', () => {
  it('brings back exactly the keys of the backup, on three voters', { timeout: 300_000 }, async () => {
    for (let n = 0; n < 20; n++) await cluster.put(`${PREFIX}kept-${n}`, `value ${n}`);
    await bucket.upload(await cluster.snapshot());
    const backup = await cluster.read(PREFIX);
    for (let n = 0; n < 5; n++) await cluster.put(`${PREFIX}late-${n}`, 'after the backup');
    await cluster.put(`${PREFIX}kept-0`, 'changed after the backup');
    await cluster.destroy();
    for (const machine of lab.machines.values()) before.set(machine.host.name, await listMachine(machine));

    watched = watchArguments(lab, [...never, lab.secrets.token]);
    run = drive(lab, writeInventory(lab, { backups: bucket.lines }));
    result = await run.ended;
    expect(result.recovered, `${result.why}\n${run.said()}`).toBe(true);

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
    for (const machine of lab.machines.values()) {
      const said = saidByThePlan(machine, result.runId);
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
      for (const line of units.split('\n').filter(Boolean))
        expect(line).toMatch(new RegExp(`^\\W*blackstart-${result.runId}-`));
      expect((await machine.inside(['ls', `/run/blackstart-${result.runId}`])).code).not.toBe(0);
    }
  });

  it('asked sshd for byte for byte what its gates and its record show, and for nothing that changes besides', () => {
    const { events } = readRun(result.record);
    const sent = events.flatMap((event) =>
      event.type === 'sent' && (event as IncidentEvent & { type: 'sent' }).command.kind === 'exec'
        ? [(event as IncidentEvent & { type: 'sent' }).command]
        : [],
    );
    expect(sent.length).toBeGreaterThan(60);
    for (const machine of lab.machines.values()) {
      const asked = readFileSync(`${machine.root}${ASKED_LOG}`, 'utf8').split('\0');
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
    for (const pattern of [...never, lab.secrets.token]) expect(run.said()).not.toContain(pattern);
  });

  it('restores with a server that is dead from the start: two voters', { timeout: 300_000 }, async () => {
    await bucket.upload(await cluster.snapshot());
    const backup = await cluster.read(PREFIX);
    await lab.machine('node-3').powerOff();
    await cluster.destroy(['node-1', 'node-2']);
    const second = drive(lab, writeInventory(lab, { backups: bucket.lines }));
    const ended = await second.ended;
    expect(ended.recovered, `${ended.why}\n${second.said()}`).toBe(true);
    expect(await cluster.read(PREFIX)).toEqual(backup);
    expect((await cluster.members()).map((member) => [member.ip, member.learner]).sort()).toEqual([
      ['10.77.0.11', false],
      ['10.77.0.12', false],
    ]);
  });
});
