import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toProblem } from '../../src/base/problem.js';
import { readFile, showUnit } from '../../src/k3s/ask.js';
import { holdDropInText, k3sPaths } from '../../src/k3s/paths.js';
import { RECEIPT_WRAPPER } from '../../src/k3s/reset.js';
import { parseProperties, parseUnit } from '../../src/k3s/systemd.js';
import type { Host } from '../../src/remote/host.js';
import { as, BothKinds, did, putText } from './lab/both.js';
import type { Machine } from './lab/machine.js';
import { until } from './lab/sh.js';

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
