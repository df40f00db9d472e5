import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  diskFree,
  diskUsed,
  listDirectory,
  listProcesses,
  listSockets,
  mountPointOf,
  readFile,
  sha256,
  showUnit,
  statFile,
} from '../../src/k3s/ask.js';
import { parseDf, parseEntries, parseListeners, parseProcesses } from '../../src/k3s/listing.js';
import { holdDropInText, k3sPaths } from '../../src/k3s/paths.js';
import { stripConfigCommand } from '../../src/k3s/reset.js';
import { PUT_BACK_SCRIPT, SAVE_SCRIPT } from '../../src/k3s/scripts.js';
import { parseProperties, parseTimestamp, parseUnit, UNIT_PROPERTIES } from '../../src/k3s/systemd.js';
import type { Host } from '../../src/remote/host.js';
import { as, BothKinds, did, putText } from './lab/both.js';
import { until } from './lab/sh.js';

/** Every command the console sends means the same on a practice node and on a real host. */

let both: BothKinds;
beforeAll(async () => {
  both = await BothKinds.open();
  // Nothing here is about a running K3s, nor about how it ended: stopped while it starts, it may count as failed.
  await Promise.all(
    both.all.map(async (host) => {
      await as(host, ['systemctl', 'stop', 'k3s.service'], 120_000);
      await as(host, ['systemctl', 'reset-failed', 'k3s.service']);
    }),
  );
});
afterAll(() => both?.close());

/** Asks all of them and expects one answer. */
async function same<T>(ask: (host: Host) => Promise<T>): Promise<T> {
  const practice = await ask(both.practiceHost);
  for (const host of both.realHosts) expect([host.name, await ask(host)]).toEqual([host.name, practice]);
  return practice;
}

const DIR = '/var/lib/blackstart/conformance';

describe('looking', () => {
  it('systemctl show, of a unit and of none', async () => {
    await same(async (host) => {
      const said = await as(host, showUnit('k3s.service'));
      const properties = parseProperties(said.stdout);
      const unit = parseUnit(said.stdout);
      return {
        code: said.code,
        keys: [...properties.keys()].sort(),
        stamps: ['ActiveEnterTimestamp', 'InactiveExitTimestamp'].map((name) => {
          const text = properties.get(name);
          return text === '' || text === 'n/a' || parseTimestamp(text) !== null;
        }),
        load: unit.load,
        active: unit.active,
        enabled: unit.enabled,
        mainPid: unit.mainPid,
        dropIns: unit.dropIns,
        execStart: unit.execStart,
      };
    });
    const none = await same(async (host) => {
      const said = await as(host, showUnit('no-such-unit.service'));
      const unit = parseUnit(said.stdout);
      return { code: said.code, unit: { ...unit, restarts: 0 }, keys: [...parseProperties(said.stdout).keys()].sort() };
    });
    expect(none.unit.load).toBe('not-found');
    expect(UNIT_PROPERTIES.filter((name) => !none.keys.includes(name))).toEqual(['ExecStart']);
  });

  it('ss and ps', async () => {
    await same(async (host) => {
      const sockets = parseListeners(await did(host, listSockets()));
      const sshd = sockets.find((one) => one.process === 'sshd');
      return { sshd: sshd !== undefined && sshd.pid > 0, k3s: sockets.filter((one) => one.port === 6443).length };
    });
    await same(async (host) => {
      const text = await did(host, listProcesses());
      const processes = parseProcesses(text);
      return {
        parsed: processes.length === text.split('\n').filter(Boolean).length,
        first: processes.find((one) => one.pid === 1)?.user,
        itself: processes.some((one) => one.command.includes('ps -eo')),
      };
    });
  });

  it('find, stat, du, df, sha256sum, cat, on what is there and on what is not', async () => {
    await Promise.all(
      both.all.map(async (host) => {
        await did(host, ['mkdir', '-p', '-m', '0700', `${DIR}/looked/sub`]);
        await putText(host, `${DIR}/looked/file with space`, 'eleven byte', 0o640);
      }),
    );
    await same(async (host) => {
      const entries = parseEntries(await did(host, listDirectory(`${DIR}/looked`)));
      const now = Number(await did(host, ['date', '+%s']));
      return entries
        .map(({ name, type, size, modified }) => ({
          name,
          type,
          ...(type === 'f' ? { size } : {}),
          recent: Math.abs(now - modified) < 600,
        }))
        .sort((a, b) => a.name.localeCompare(b.name));
    });
    await same(async (host) =>
      (await did(host, statFile(`${DIR}/looked/file with space`))).replace(/\d+\n$/, 'TIME\n'),
    );
    await same(async (host) => did(host, ['stat', '-c', '%F', `${DIR}/looked`]));
    await same(async (host) => did(host, ['stat', '-c', '%s %U %a %F', `${DIR}/looked/file with space`]));
    await same(async (host) => did(host, sha256(`${DIR}/looked/file with space`)));
    await same(async (host) => did(host, mountPointOf(`${DIR}/looked`)));
    await same(async (host) => /^\d+\t\S+\n$/.test(await did(host, diskUsed(DIR))));
    await same(async (host) => {
      const rows = parseDf(await did(host, diskFree('/var/lib')));
      return rows.map((row) => ({
        ...row,
        source: row.source !== '',
        type: row.type !== '',
        size: row.size > 1e6,
        available: row.available > 1e6,
      }));
    });
    const gone = `${DIR}/not-there`;
    for (const argv of [
      listDirectory(gone),
      statFile(gone),
      sha256(gone),
      diskUsed(gone),
      diskFree(gone),
      readFile(gone),
      mountPointOf(gone),
      ['tail', '-n', '200', gone],
    ]) {
      await same(async (host) => {
        const { code, stdout, stderr } = await as(host, argv);
        return { argv, code, stdout, said: stderr.includes('No such file or directory') };
      });
    }
  });

  it('date, hostname, machine-id, os-release', async () => {
    await same(async (host) => /^\d{10}\.\d{9}\n$/.test(await did(host, ['date', '+%s.%N'])));
    await same(async (host) => (await did(host, ['hostname'])).trim().replace(/\d$/, ''));
    await same(async (host) => (await did(host, readFile('/etc/machine-id'))).trim().length);
    await same(async (host) => /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(await did(host, readFile('/etc/os-release')))?.[1]);
  });
});

describe('files', () => {
  it('put leaves owner, mode and content, also over an older file', async () => {
    const hostile = `a'b"c$d\`e\\\n\ttab ü\n`;
    await same(async (host) => {
      await putText(host, `${DIR}/put/new`, 'first', 0o600);
      await putText(host, `${DIR}/put/new`, hostile, 0o755);
      return [
        await did(host, readFile(`${DIR}/put/new`)),
        await did(host, ['stat', '-c', '%U %a', `${DIR}/put/new`]),
        parseEntries(await did(host, listDirectory(`${DIR}/put`))).length,
      ];
    });
  });

  it('a config file is copied without the settings a reset must not see', async () => {
    const config = `token: secret-token\n"server": https://10.77.0.11:6443\nserver+: x\n  server: nested stays\nnode-ip: 10.77.0.11\n'etcd-s3' : true\ncluster-reset: true\ncluster-reset-restore-path: /x\nserverless: stays\ntls-san:\n  - a\n`;
    const kept = await same(async (host) => {
      await putText(host, `${DIR}/config.yaml`, config, 0o600);
      await did(host, ['install', '-m', '0600', '/dev/null', `${DIR}/stripped.yaml`]);
      const printed = await did(host, stripConfigCommand(`${DIR}/config.yaml`, `${DIR}/stripped.yaml`, true));
      return {
        printed,
        text: await did(host, readFile(`${DIR}/stripped.yaml`)),
        mode: await did(host, ['stat', '-c', '%a', `${DIR}/stripped.yaml`]),
      };
    });
    expect(kept).toEqual({
      printed: '',
      mode: '600\n',
      text: '  server: nested stays\nnode-ip: 10.77.0.11\nserverless: stays\ntls-san:\n  - a\n',
    });
  });

  it('save.sh and put-back.sh', async () => {
    const server = '/var/lib/blackstart/conformance/k3s/server';
    const files = async (host: Host): Promise<string[]> =>
      (await did(host, ['find', '/var/lib/blackstart/conformance/k3s', '-printf', '%p %y\\n']))
        .split('\n')
        .filter(Boolean)
        .sort();
    await same(async (host) => {
      await putText(host, `${DIR}/save.sh`, SAVE_SCRIPT, 0o700);
      await putText(host, `${DIR}/put-back.sh`, PUT_BACK_SCRIPT, 0o700);
      await putText(host, `${server}/token`, 'old token', 0o600);
      await putText(host, `${server}/cred/passwd`, 'old passwd', 0o600);
      await putText(host, `${server}/tls/server-ca.crt`, 'old ca');
      await putText(host, `${server}/db/etcd/name`, 'old name', 0o600);
      const saved = await as(host, [
        '/bin/sh',
        `${DIR}/save.sh`,
        `${DIR}/k3s/safety`,
        `${server}/db/etcd`,
        `${server}/tls`,
        `${server}/cred`,
        `${server}/token`,
        `${server}/nothing`,
      ]);
      await did(host, ['mv', '-T', `${server}/db/etcd`, `${server}/db/etcd-old-1795342600`]);
      await putText(host, `${server}/db/etcd/name`, 'new name', 0o600);
      await putText(host, `${server}/db/reset-flag`, '', 0o600);
      await putText(host, `${server}/token`, 'new token', 0o600);
      const back = await as(host, [
        '/bin/sh',
        `${DIR}/put-back.sh`,
        server,
        `${DIR}/k3s/safety`,
        `${server}/db/etcd-old-1795342600`,
        'undone-x',
      ]);
      const again = await as(host, [
        '/bin/sh',
        `${DIR}/put-back.sh`,
        server,
        `${DIR}/k3s/safety`,
        `${server}/db/etcd-old-1795342600`,
        'undone-y',
      ]);
      return [
        saved.code,
        saved.stdout,
        back.code,
        back.stdout,
        again.code,
        again.stdout,
        await files(host),
        await did(host, readFile(`${server}/token`)),
        await did(host, readFile(`${server}/db/etcd/name`)),
      ];
    });
    // The shells of practice nodes know no umask, so this one is asked of real hosts alone.
    for (const host of both.realHosts)
      expect(await did(host, ['stat', '-c', '%U %a', `${DIR}/k3s/safety`])).toBe('root 700\n');
  });

  it('mv -T, rm, mkdir with a mode, install, as the steps send them', async () => {
    await same(async (host) => {
      await did(host, ['mkdir', '-p', '-m', '0700', `${DIR}/moves/a`]);
      const onto = await as(host, ['mv', '-T', `${DIR}/moves/none`, `${DIR}/moves/b`]);
      await did(host, ['mv', '-T', `${DIR}/moves/a`, `${DIR}/moves/b`]);
      await did(host, ['mkdir', '-p', `${DIR}/moves/a/full`]);
      // A directory that is not empty is never written into.
      const full = await as(host, ['mv', '-T', `${DIR}/moves/b`, `${DIR}/moves/a`]);
      const removed = [
        await as(host, ['rm', '-f', `${DIR}/moves/none`]),
        await as(host, ['rm', '-rf', `${DIR}/moves`]),
      ].map(({ code }) => code);
      return [onto.code, full.code, full.stderr !== '', removed];
    });
  });

  it('restorecon is not there, and says so with a code the step expects', async () => {
    // Through sudo it is sudo that does not find it: 1.
    for (const host of both.all) expect([1, 127]).toContain((await as(host, ['restorecon', `${DIR}/save.sh`])).code);
  });
});

describe('the hold', () => {
  it('refuses a start by hand, a restart, and lets go again', async () => {
    const paths = (host: Host): ReturnType<typeof k3sPaths> =>
      k3sPaths(host === both.real3 ? '/data/k3s' : '/var/lib/rancher/k3s', 'k3s');
    const held = await same(async (host) => {
      const path = paths(host);
      await did(host, ['mkdir', '-p', `${path.unitFile}.d`]);
      await putText(host, path.holdFile, 'held by blackstart run conformance\n', 0o600);
      await putText(host, path.holdDropIn, holdDropInText(path));
      await did(host, ['systemctl', 'daemon-reload']);
      const start = await as(host, ['systemctl', 'start', 'k3s.service']);
      const behind = await as(host, ['systemctl', 'restart', '--no-block', 'k3s.service']);
      const properties = await until('the refused restart', async () => {
        const found = parseProperties(await did(host, showUnit('k3s.service')));
        return found.get('AssertResult') === 'no' && found.get('ActiveState') === 'inactive' ? found : undefined;
      });
      return {
        start: start.code,
        said: start.stderr.includes('Assertion failed on job for k3s.service.'),
        behind: behind.code,
        dropIns: properties.get('DropInPaths'),
        enabled: properties.get('UnitFileState'),
        sub: properties.get('SubState'),
      };
    });
    expect(held).toMatchObject({ start: 1, said: true, behind: 0, enabled: 'enabled' });
    await same(async (host) => {
      const path = paths(host);
      await did(host, ['rm', '-f', path.holdFile]);
      await did(host, ['rm', '-f', path.holdDropIn]);
      await did(host, ['systemctl', 'daemon-reload']);
      const unit = parseUnit(await did(host, showUnit('k3s.service')));
      return [unit.dropIns, unit.load, unit.active];
    });
  });

  it('stop of a stopped unit and of none', async () => {
    await same(async (host) => [
      (await as(host, ['systemctl', 'stop', 'k3s.service'])).code,
      (await as(host, ['systemctl', 'stop', 'no-such-unit.service'])).code,
    ]);
  });
});
