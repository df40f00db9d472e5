import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { realSnapshot } from '../support/snapshots.js';
import { Cli, folder, practice } from './practice-process.js';

/** A recorded snapshot as a file of this machine. */
function snapshotFile(which: 's1' | 's3'): string {
  const path = join(folder(), `${which}.db`);
  writeFileSync(path, realSnapshot(which));
  return path;
}

const ON_DEMAND = 'node-1:on-demand-node-1-1795342572';
const ZIP = 'node-1:pre-upgrade-node-1-1795342556.zip';

describe('sources of backups', () => {
  it('servers, through a sudo that asks: listed with the bucket, fetched, proven, nothing left', async () => {
    const cluster = await practice('sudo-password');
    const cli = new Cli();
    const listed = JSON.parse((await cli.run('backups', '--json', '--inventory', cluster.inventory)).stdout);
    const ids = listed.backups.map((one: { id: string }) => one.id);
    expect(ids).toEqual(expect.arrayContaining([ON_DEMAND, ZIP]));
    expect(ids.some((id: string) => /^snapshot-daily-\d{14}\.db\.gpg$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [name, format] of [
      [ON_DEMAND, 'etcd-snapshot'],
      [ZIP.replace('node-1:', ''), 'etcd-snapshot'],
    ]) {
      const said = await cli.run('verify', name ?? '', '--json', '--inventory', cluster.inventory);
      expect(said.code).toBe(0);
      const proof = JSON.parse(said.stdout);
      expect(proof).toMatchObject({ ok: true, format, sha256: { ok: true }, identity: { verdict: 'this-cluster' } });
      expect(proof.token).toMatchObject({ opens: true, candidate: 'the inventory', expectedHash: '90a69bb34d8c' });
    }
    expect(cli.left()).toEqual([]);
  });

  it('a source that fails is a remark while another has something; all of them failing is a failure', async () => {
    const cluster = await practice('missing-bucket');
    const cli = new Cli();
    const some = await cli.run('backups', '--inventory', cluster.inventory);
    expect(some.code).toBe(0);
    expect(some.stdout).toContain(ON_DEMAND);
    expect(some.stdout).toContain('the bucket gave no list: The bucket k3s-backups does not exist there.');
    const none = await cli.run('backups', '--no-hosts', '--inventory', cluster.inventory);
    expect(none).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('does not exist there') });
  });

  it('a dead server and one that lets nobody become root are remarks', async () => {
    const [dead, denied] = await Promise.all([practice('dead-server'), practice('sudo-denied')]);
    const cli = new Cli();
    expect((await cli.run('backups', '--inventory', dead.inventory)).stdout).toMatch(
      /node-3 gave no list: node-3 cannot/,
    );
    const said = await cli.run('backups', '--inventory', denied.inventory);
    expect(said).toMatchObject({ code: 0, stdout: expect.stringMatching(/node-1 gave no list: .*root.*\.\n/) });
    expect(said.stdout).toMatch(/snapshot-weekly-\d{14}\.db\.gpg/);
  });

  it('a folder of this machine: ids of their own, also where the bucket has the same name', async () => {
    const cluster = await practice();
    const cli = new Cli();
    const named = JSON.parse(
      (await cli.run('backups', '--no-hosts', '--json', '--inventory', cluster.inventory)).stdout,
    );
    const name: string = named.backups[0].name;
    const at = join(cluster.folder, 'kept');
    mkdirSync(join(at, 'daily'), { recursive: true });
    const real = snapshotFile('s3');
    cpSync(real, join(at, name.replace('.gpg', '')));
    cpSync(real, join(at, 'daily', name.replace('.gpg', '')));
    const inventory = cluster.with('folder.yaml', (text) => `${text}snapshots: { folder: ./kept }\n`);
    const listed = JSON.parse((await cli.run('backups', '--no-hosts', '--json', '--inventory', inventory)).stdout);
    const ids: string[] = listed.backups.map((one: { id: string }) => one.id);
    expect(ids).toEqual(
      expect.arrayContaining([name, `file:${name.replace('.gpg', '')}`, `file:daily/${name.replace('.gpg', '')}`]),
    );
    const bare = await cli.run('verify', name.replace('.gpg', ''), '--no-hosts', '--inventory', inventory);
    expect(bare).toMatchObject({ code: 3, stderr: expect.stringContaining('lies in several places') });
    expect((await cli.run('verify', `file:daily/${name.replace('.gpg', '')}`, '--inventory', inventory)).code).toBe(0);
  });
});

describe('the bucket through a node', () => {
  it('as the inventory says, by name or any; and what it says when no node reaches it', async () => {
    const cluster = await practice('dead-server');
    const cli = new Cli();
    for (const through of ['node-2', 'any', 'node-4']) {
      const inventory = cluster.with(`${through}.yaml`, (text) =>
        text.replace('bucket: {', `bucket: { through: ${through},`),
      );
      const said = await cli.run('verify', '--latest', '--inventory', inventory);
      expect(said).toMatchObject({ code: 0, stdout: expect.stringContaining('restorable') });
    }
    const dead = cluster.with('dead.yaml', (text) => text.replace('bucket: {', 'bucket: { through: node-3,'));
    const said = await cli.run('verify', '--latest', '--inventory', dead);
    expect(said).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('through node-3: node-3 cannot be reached'),
    });
    const nowhere = cluster.with('nowhere.yaml', (text) =>
      text.replace(/endpoint: http:\/\/127\.0\.0\.1:\d+/, 'endpoint: http://127.0.0.1:9'),
    );
    const both = await cli.run('verify', '--latest', '--inventory', nowhere);
    expect(both.code).toBe(3);
    expect(both.stderr).toMatch(/ECONNREFUSED 127\.0\.0\.1:9\. .* through node-1, node-2, node-3: From node-1, /);
    expect(both.stderr).not.toContain('through: any');
    const alone = await cli.run('verify', '--latest', '--no-hosts', '--inventory', nowhere);
    expect(alone.stderr).toContain('say bucket: { through: any } in the inventory');
    expect(cli.left()).toEqual([]);
  });
});

describe('tokens', () => {
  it('names every place by host, file and hash, never a token; a configured one that is wrong is seen', async () => {
    const cluster = await practice('wrong-token');
    const cli = new Cli();
    const said = await cli.run('tokens', '--inventory', cluster.inventory);
    expect(said.code).toBe(0);
    expect(said.stdout).toMatch(/^inventory +token: +05ac27be3d35 +no$/m);
    expect(said.stdout).toMatch(/^node-1 +\/var\/lib\/rancher\/k3s\/server\/token +90a69bb34d8c +yes$/m);
    expect(said.stdout).toMatch(/^node-5 +\/etc\/rancher\/k3s\/config.yaml +90a69bb34d8c +yes$/m);
    expect(said.stdout).toMatch(/needs 90a69bb34d8c: found\.\n$/);
    expect(said.stdout + said.stderr).not.toMatch(/blackstart-lab-token|not-the-right-token/);
    const json = JSON.parse((await cli.run('tokens', '--json', '--inventory', cluster.inventory)).stdout);
    expect(json).toMatchObject({ needs: '90a69bb34d8c', opens: true, silent: [], problem: null });
    expect(cli.left()).toEqual([]);
  });

  it('says what could not be tried, and by which hosts it was not told', async () => {
    const cluster = await practice('wrong-passphrase', 'dead-server');
    const cli = new Cli();
    const said = await cli.run('tokens', '--inventory', cluster.inventory);
    expect(said.code).toBe(3);
    expect(said.stdout).toMatch(/node-3 was not asked: node-3 cannot be reached/);
    expect(said.stdout).toMatch(/could not be proven, so nothing was tried on it: The passphrase/);
    expect(said.stdout).toMatch(/90a69bb34d8c +\?$/m);
  });
});

describe('diff', () => {
  it('files, encrypted names and a survivor, each in its own words', async () => {
    const cluster = await practice('lost-quorum');
    const cli = new Cli();
    const own = await cli.run('diff', ON_DEMAND, 'live:node-1', '--inventory', cluster.inventory);
    expect(own.code).toBe(0);
    expect(own.stdout).toMatch(/^From node-1:on-demand\S+ to live:node-1: \d+ created, \d+ changed, \d+ deleted/m);
    expect(own.stderr).toContain('K3s runs on node-1: the file may have been copied in the middle of a write');
    const [a, b] = [snapshotFile('s1'), snapshotFile('s3')];
    const files = JSON.parse((await cli.run('diff', a, b, '--json')).stdout);
    expect(files.created.length).toBeGreaterThan(0);
    const zipped = await cli.run('diff', ON_DEMAND, ZIP, '--inventory', cluster.inventory);
    expect(zipped.stdout).toMatch(/^From node-1:on-demand\S+ to node-1:pre-upgrade\S+\.zip: \d+ created/m);
    const away = await cli.run('diff', b, 'live:node-2', '--inventory', cluster.inventory);
    expect(away).toMatchObject({ code: 3, stderr: expect.stringContaining('node-2') });
    const unknown = await cli.run('diff', b, 'live:node-9', '--inventory', cluster.inventory);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('Servers: node-1, node-2, node-3.') });
    expect(cli.left()).toEqual([]);
  });

  it('a survivor whose database is damaged is said so', async () => {
    const cluster = await practice();
    const cli = new Cli();
    const said = await cli.run('diff', snapshotFile('s3'), 'live:node-1', '--inventory', cluster.inventory);
    expect(said).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('live:node-1: The file cannot be compared'),
    });
    expect(cli.left()).toEqual([]);
  });
});

describe('verify of files, and what a monitor reads', () => {
  it('a snapshot with its token: no inventory needed; metrics in one piece, also for a no', async () => {
    const cli = new Cli();
    const at = folder();
    const file = snapshotFile('s3');
    writeFileSync(join(at, 'token'), 'blackstart-lab-token-1\n', { mode: 0o600 });
    const metrics = join(at, 'verify.prom');
    const args = ['verify', file, '--token-file', join(at, 'token'), '--metrics', metrics];
    expect((await cli.run(...args)).code).toBe(0);
    const text = readFileSync(metrics, 'utf8');
    expect(text).toContain('blackstart_verify_restorable{cluster=""} 1\n');
    expect(text).toMatch(/^blackstart_backup_revision\{cluster=""\} \d+$/m);
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+\{cluster="[^"]*"\} -?[\d.]+)$/);
    writeFileSync(join(at, 'token'), 'another\n');
    expect((await cli.run(...args)).code).toBe(1);
    expect(readFileSync(metrics, 'utf8')).toContain('blackstart_verify_restorable{cluster=""} 0\n');
  });

  it('a survivor’s database, SQLite, and a snapshot in an envelope', async () => {
    const cli = new Cli();
    const at = folder();
    const snapshot = readFileSync(snapshotFile('s3'));
    writeFileSync(join(at, 'db'), snapshot.subarray(0, snapshot.length - 32));
    expect(await cli.run('verify', join(at, 'db'))).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('plain copy of a live database (member/snap/db)'),
    });
    writeFileSync(join(at, 'state.db'), 'SQLite format 3\0'.padEnd(4096, '\0'));
    expect(await cli.run('verify', join(at, 'state.db'))).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('SQLite datastore of a single-server K3s'),
    });
    try {
      execFileSync('gpg', ['--version'], { stdio: 'ignore' });
    } catch {
      return;
    }
    writeFileSync(join(at, 'pass'), 'correct horse\n', { mode: 0o600 });
    cpSync(snapshotFile('s3'), join(at, 'in.db'));
    const gpg = ['--homedir', at, '--batch', '--pinentry-mode', 'loopback', '--passphrase-file', join(at, 'pass')];
    execFileSync('gpg', [...gpg, '-o', join(at, 'sealed'), '--symmetric', join(at, 'in.db')], { stdio: 'ignore' });
    const said = await cli.run('verify', join(at, 'sealed'), '--passphrase-file', join(at, 'pass'), '--json');
    expect(JSON.parse(said.stdout)).toMatchObject({ ok: true, format: 'etcd-snapshot', bytes: snapshot.length });
    expect(cli.left()).toEqual([]);
  });

  it('a reader that has seen enough ends nothing early', async () => {
    const cli = new Cli();
    const main = new URL('../../dist/src/cli/main.js', import.meta.url).pathname;
    const line = `set -o pipefail; ${process.execPath} ${main} verify ${snapshotFile('s3')} | true`;
    // Throws on any exit code but 0.
    execFileSync('bash', ['-c', line], { env: { ...process.env, XDG_STATE_HOME: cli.state } });
    expect(cli.left()).toEqual([]);
  });
});
