import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toProblem } from '../../src/base/problem.js';
import type { HostFacts } from '../../src/incident/facts.js';
import { followCommand } from '../../src/journal/follow.js';
import { parseJournalLine } from '../../src/journal/parse.js';
import { readFile, showUnit } from '../../src/k3s/ask.js';
import { holdDropInText, k3sPaths } from '../../src/k3s/paths.js';
import { RECEIPT_WRAPPER } from '../../src/k3s/reset.js';
import { parseProperties, parseUnit } from '../../src/k3s/systemd.js';
import type { Host } from '../../src/remote/host.js';
import { as, BothKinds, did, putText } from './lab/both.js';
import type { Machine } from './lab/machine.js';
import { setWeather } from './lab/network.js';
import { REPOSITORY } from './lab/places.js';
import { run, until } from './lab/sh.js';

/** What goes wrong on real hosts: reboots, killed sshd, cut networks. Every wait is for a condition. */

let both: BothKinds;
beforeAll(async () => {
  both = await BothKinds.open({ keepaliveMs: 500 });
});
afterAll(() => both?.close());

const DIR = '/var/lib/blackstart/faults';
const hostOf = (name: string): Host => {
  const host = both.realHosts.find((one) => one.name === name);
  if (host === undefined) throw new Error(`no host ${name}`);
  return host;
};

/** What a call failed with; undefined when it did not. */
const problemOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => toProblem(error).id,
  );

/** Answers again after whatever happened to it. */
const back = (host: Host): Promise<string> =>
  until(`${host.name} to answer`, () =>
    as(host, ['hostname'], 5_000).then(
      ({ stdout }) => stdout,
      () => undefined,
    ),
  );

async function reboot(machine: Machine): Promise<void> {
  const { boots } = machine;
  await machine.inside(['systemctl', 'reboot']);
  await until(`the reboot of ${machine.host.name}`, () => machine.boots > boots || undefined);
  await machine.answersSsh();
}

describe('a reboot', () => {
  it('does not start a held server', async () => {
    const host = hostOf('node-2');
    const paths = k3sPaths('/var/lib/rancher/k3s', 'k3s');
    await putText(host, paths.holdFile, 'held\n', 0o600);
    await putText(host, paths.holdDropIn, holdDropInText(paths));
    await did(host, ['systemctl', 'daemon-reload']);
    await did(host, ['systemctl', 'stop', 'k3s.service']);
    await reboot(both.lab.machine('node-2'));
    await back(host);
    const unit = await until('the refused start', async () => {
      const found = parseProperties(await did(host, showUnit('k3s.service')));
      return found.get('AssertResult') === 'no' ? found : undefined;
    });
    expect([unit.get('ActiveState'), unit.get('UnitFileState'), unit.get('MainPID')]).toEqual([
      'inactive',
      'enabled',
      '0',
    ]);
  });

  it('in the middle of a transient unit leaves its directory without a receipt, and the attempt cannot begin again', async () => {
    const host = hostOf('node-3');
    await did(host, ['mkdir', '-p', '-m', '0700', DIR]);
    await putText(host, `${DIR}/with-receipt.sh`, RECEIPT_WRAPPER, 0o700);
    const start = [
      'systemd-run',
      '--unit=blackstart-cut',
      '-p',
      'RemainAfterExit=yes',
      '--',
      '/bin/sh',
      `${DIR}/with-receipt.sh`,
      `${DIR}/cut`,
    ];
    await did(host, [...start, 'sleep', '1000']);
    await until('its first act', async () =>
      (await as(host, readFile(`${DIR}/cut/started`))).code === 0 ? true : undefined,
    );
    await both.lab.machine('node-3').powerOff();
    both.lab.machine('node-3').boot();
    await both.lab.machine('node-3').answersSsh();
    await back(host);
    expect(parseUnit(await did(host, showUnit('blackstart-cut.service'))).load).toBe('not-found');
    expect((await as(host, readFile(`${DIR}/cut/started`))).code).toBe(0);
    expect((await as(host, readFile(`${DIR}/cut/receipt`))).code).toBe(1);
    await did(host, [...start, 'true']);
    const again = await until('the second start', async () => {
      const unit = parseUnit(await did(host, showUnit('blackstart-cut.service')));
      return unit.active === 'failed' ? unit : undefined;
    });
    expect(again.exitStatus).toBe(96);
  });
});

describe('sshd killed in the middle', () => {
  it('of a command leaves it in doubt, and the host comes back by itself', async () => {
    const host = hostOf('node-2');
    await back(host);
    const running = problemOf(as(host, ['sleep', '1000'], 60_000));
    await until('the command', async () =>
      (await both.lab.machine('node-2').inside(['pgrep', '-f', 'sleep 1000'])).code === 0 ? true : undefined,
    );
    await both.lab.machine('node-2').inside(['pkill', '-KILL', '-f', 'sshd: ops']);
    expect(await running).toBe('connection-lost');
    expect(await back(host)).toBe('node-2\n');
  });

  it('of a file being put: it arrives whole', async () => {
    const host = hostOf('node-2');
    const bytes = Buffer.alloc(64 * 1024 * 1024, 'blackstart ');
    let cut = false;
    await host.put({
      path: `${DIR}/big`,
      mode: 0o600,
      root: true,
      source: { bytes },
      onProgress: (done, total) => {
        if (cut || done < total / 4) return;
        cut = true;
        void both.lab.machine('node-2').inside(['pkill', '-KILL', '-f', 'sshd: ops']);
      },
    });
    expect(cut).toBe(true);
    const here = createHash('sha256').update(bytes).digest('hex');
    expect(await did(host, ['sha256sum', `${DIR}/big`])).toBe(`${here}  ${DIR}/big\n`);
  });
});

describe('a disk that hangs', () => {
  it('does not cost a host with two sessions all of them: what hangs there is left behind with its connection', async () => {
    const host = hostOf('node-3');
    await back(host);
    // As root, out of reach for the signal that sshd passes on: its session is taken until it ends.
    const hangs = (seconds: string): Promise<string | undefined> =>
      problemOf(host.exec({ argv: ['sleep', seconds], root: true, timeoutMs: 500, lane: 'watch' }));
    expect(await Promise.all([hangs('300'), hangs('301')])).toEqual(['command-timeout', 'command-timeout']);
    // A command waits for the new connection; a look may find it in between, and is taken again.
    const command = host.exec({ argv: ['hostname'], root: true, timeoutMs: 30_000, lane: 'runner' });
    expect((await command).stdout).toBe('node-3\n');
    const look = (): Promise<string | undefined> =>
      host.exec({ argv: ['hostname'], root: true, timeoutMs: 5_000, lane: 'watch' }).then(
        ({ stdout }) => stdout,
        () => undefined,
      );
    expect(await until('a look', look)).toBe('node-3\n');
    // Nothing more is laid beside what hangs.
    expect(await hangs('300')).toBe('command-timeout');
    const left = await both.lab.machine('node-3').inside(['pgrep', '-c', '-x', 'sleep']);
    expect(Number(left.stdout)).toBeLessThanOrEqual(2);
    await both.lab.machine('node-3').inside(['pkill', '-KILL', '-x', 'sleep']);
  });
});

describe('a cut network', () => {
  it('is noticed by keepalives; what runs as a unit goes on, and its receipt is there after', async () => {
    const host = hostOf('node-3');
    await back(host);
    const start = [
      'systemd-run',
      '--unit=blackstart-net',
      '-p',
      'RemainAfterExit=yes',
      '--',
      '/bin/sh',
      `${DIR}/with-receipt.sh`,
      `${DIR}/net`,
    ];
    await did(host, [...start, 'sleep', '3']);
    const hanging = problemOf(as(host, ['sleep', '1000'], 60_000));
    await both.lab.machine('node-3').cut();
    await until('the console to notice', () => host.connection().state === 'down' || undefined);
    expect(await hanging).toBe('connection-lost');
    await both.lab.machine('node-3').heal();
    await back(host);
    const receipt = await until('the receipt', async () => {
      const said = await as(host, readFile(`${DIR}/net/receipt`));
      return said.code === 0 ? said.stdout : undefined;
    });
    expect(receipt).toContain('exit=0');
  });
});

interface Status {
  readonly hosts: Readonly<Record<string, HostFacts>>;
}

/** `blackstart status --json` over the lab. */
async function status(): Promise<Status> {
  const said = await run([
    `${REPOSITORY}/bin/blackstart`,
    'status',
    '--json',
    '--inventory',
    `${both.lab.home}/cluster.yaml`,
  ]);
  if (!said.stdout.startsWith('{')) throw new Error(`exit ${said.code}: ${said.stderr}`);
  return JSON.parse(said.stdout) as Status;
}

describe('a host that takes the connection and says nothing', () => {
  it('is named for what it does, and the others are seen all the same', async () => {
    const machine = both.lab.machine('node-3');
    await machine.act(['systemctl', 'kill', '--kill-whom=main', '--signal=STOP', 'ssh.service']);
    try {
      const seen = await status();
      expect(seen.hosts['node-3']).toMatchObject({ reachable: false });
      expect(seen.hosts['node-3']?.problem?.what).toMatch(/takes connections|does not speak|says nothing|no greeting/i);
      for (const name of ['node-1', 'node-2', 'node-4']) expect(seen.hosts[name]?.reachable).toBe(true);
    } finally {
      await machine.act(['systemctl', 'kill', '--kill-whom=main', '--signal=CONT', 'ssh.service']);
    }
  });
});

describe('a full disk', () => {
  it('refuses a file with the reason, and leaves no part of it behind', async () => {
    for (const host of both.realHosts) {
      const small = `${DIR}/small`;
      await back(host);
      await did(host, ['mkdir', '-p', small]);
      await did(host, ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small]);
      const failed = await host
        .put({ path: `${small}/big`, mode: 0o600, root: true, source: { bytes: Buffer.alloc(4_000_000, 'x') } })
        .then(
          () => undefined,
          (error: unknown) => toProblem(error),
        );
      expect([host.name, failed?.what]).toEqual([host.name, expect.stringMatching(/no space left/i)]);
      expect(await did(host, ['ls', '-A', small])).toBe('');
      await did(host, ['umount', small]);
    }
  });
});

describe('a clock that is wrong', () => {
  it('is told from the network’s delay, in seconds', async () => {
    // Machines of one kernel share its clock: this one’s `date` is ten minutes ahead.
    const machine = both.lab.machine('node-2');
    await machine.act(['mv', '/usr/bin/date', '/usr/bin/date.real']);
    const ahead = '#!/bin/sh\nexec /usr/bin/date.real --date="10 minutes" "$@"\n';
    await machine.act(['sh', '-c', 'cat > /usr/bin/date && chmod 755 /usr/bin/date'], ahead);
    try {
      const seen = await status();
      expect(Math.round((seen.hosts['node-2']?.clockOffsetMs ?? 0) / 60_000)).toBe(10);
      expect(Math.round((seen.hosts['node-3']?.clockOffsetMs ?? 1e9) / 60_000)).toBe(0);
    } finally {
      await machine.act(['mv', '/usr/bin/date.real', '/usr/bin/date']);
    }
  });
});

describe('a journal that is limited', () => {
  it('says how many lines journald dropped', async () => {
    const host = hostOf('node-3');
    await back(host);
    const lines: string[] = [];
    const stop = new AbortController();
    const streaming = host
      .stream({
        argv: followCommand('blackstart-flood', ''),
        root: true,
        signal: stop.signal,
        onLine: (line) => {
          const parsed = parseJournalLine(line);
          if (parsed !== undefined) lines.push(parsed.text);
        },
      })
      .catch(() => undefined);
    const flood = 'i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; sleep 2; echo the end';
    const limits = ['-p', 'LogRateLimitIntervalSec=1s', '-p', 'LogRateLimitBurst=100'];
    await did(host, ['systemd-run', '--unit=blackstart-flood', ...limits, '--', 'sh', '-c', flood]);
    await until('the end of the flood', () => lines.includes('the end') || undefined);
    stop.abort();
    await streaming;
    expect(lines.filter((line) => line.startsWith('line ')).length).toBeLessThan(5_000);
    expect(lines.find((line) => /^Suppressed \d+ messages/.test(line))).toBeDefined();
  });
});

describe('200 ms of delay and 2 % of loss', () => {
  it('slow a file down and do not change it', { timeout: 300_000 }, async (context) => {
    const machine = both.lab.machine('node-2');
    const why = await setWeather(machine.places, machine.host, ['delay', '200ms', 'loss', '2%']);
    if (why !== undefined) return context.skip(`no netem in this kernel: ${why}`);
    const host = hostOf('node-2');
    await back(host);
    const bytes = Buffer.alloc(2_000_000, 'blackstart ');
    await host.put({ path: `${DIR}/weather`, mode: 0o600, root: true, source: { bytes } });
    const here = createHash('sha256').update(bytes).digest('hex');
    expect(await did(host, ['sha256sum', `${DIR}/weather`])).toBe(`${here}  ${DIR}/weather\n`);
    expect((await status()).hosts['node-2']?.reachable).toBe(true);
    await setWeather(machine.places, machine.host, []);
  });
});
