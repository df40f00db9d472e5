import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followCommand } from '../../src/journal/follow.js';
import { type ParsedLine, parseJournalLine } from '../../src/journal/parse.js';
import { readFile, showUnit } from '../../src/k3s/ask.js';
import { JOURNAL_NAME, parseReceipt, RECEIPT_WRAPPER, systemdWord } from '../../src/k3s/reset.js';
import { parseUnit, type UnitState } from '../../src/k3s/systemd.js';
import type { Host } from '../../src/remote/host.js';
import { as, BothKinds, did, putText } from './lab/both.js';
import { until } from './lab/sh.js';

/** Transient units, their receipts and their journal: the same on a practice node and on real hosts. */

let both: BothKinds;
beforeAll(async () => {
  both = await BothKinds.open();
  await Promise.all(
    both.all.map(async (host) => {
      await as(host, ['systemctl', 'stop', 'k3s.service']);
      await did(host, ['mkdir', '-p', '-m', '0700', DIR]);
      await putText(host, `${DIR}/with-receipt.sh`, RECEIPT_WRAPPER, 0o700);
    }),
  );
});
afterAll(() => both?.close());

const DIR = '/var/lib/blackstart/units';

async function same<T>(ask: (host: Host) => Promise<T>): Promise<T> {
  const practice = await ask(both.practiceHost);
  for (const host of both.realHosts) expect([host.name, await ask(host)]).toEqual([host.name, practice]);
  return practice;
}

const start = (
  unit: string,
  attempt: string,
  command: readonly string[],
  properties: readonly string[] = [],
): string[] => [
  'systemd-run',
  `--unit=${unit}`,
  '--description=blackstart: conformance',
  '-p',
  'RemainAfterExit=yes',
  '-p',
  'LogRateLimitIntervalSec=0',
  ...properties.flatMap((one) => ['-p', one]),
  '--',
  '/bin/sh',
  `${DIR}/with-receipt.sh`,
  `${DIR}/${attempt}`,
  ...command.map(systemdWord),
];

const PROPERTIES = ['LoadState', 'ActiveState', 'SubState', 'Result', 'ExecMainStatus'];

const ended = (host: Host, unit: string): Promise<UnitState> =>
  until(`the end of ${unit} on ${host.name}`, async () => {
    const state = parseUnit(await did(host, showUnit(`${unit}.service`, PROPERTIES)));
    return state.sub === 'running' || state.active === 'activating' ? undefined : state;
  });

const receiptOf = async (host: Host, attempt: string): Promise<unknown> => {
  const receipt = parseReceipt(await did(host, readFile(`${DIR}/${attempt}/receipt`)));
  return receipt === undefined ? undefined : { ...receipt, ended: receipt.ended > 1_700_000_000 };
};

describe('a transient unit with a receipt', () => {
  it('passes arguments on as they are', async () => {
    const words = [
      'plain',
      'a$b',
      '$HOME',
      ['$', '{HOME}'].join(''),
      '$$',
      '%n %i %%',
      'two words',
      `quo'te`,
      'dou"ble',
      'back\\slash',
      'semi;colon',
      '*',
      '',
    ];
    const seen = await same(async (host) => {
      const run = await as(host, start('blackstart-words', 'words', ['printf', '<%s>\\n', ...words]));
      const state = await ended(host, 'blackstart-words');
      return {
        code: run.code,
        said: /Running as unit: blackstart-words\.service/.test(run.stderr),
        state: { ...state },
        output: await did(host, readFile(`${DIR}/words/output`)),
        receipt: await receiptOf(host, 'words'),
      };
    });
    expect(seen.output).toBe(words.map((word) => `<${word}>\n`).join(''));
    expect(seen).toMatchObject({
      code: 0,
      said: true,
      state: { active: 'active', sub: 'exited', result: 'success', exitStatus: 0 },
      receipt: { exit: 0, marker: false },
    });
  });

  it('leaves a receipt of a failure, and of the marker and the moved database', async () => {
    const failed = await same(async (host) => {
      await did(host, start('blackstart-fails', 'fails', ['sh', '-c', 'echo out; echo err >&2; exit 3']));
      return {
        state: await ended(host, 'blackstart-fails'),
        receipt: await receiptOf(host, 'fails'),
        output: await did(host, readFile(`${DIR}/fails/output`)),
      };
    });
    expect(failed).toMatchObject({
      state: { active: 'failed', result: 'exit-code', exitStatus: 3 },
      receipt: { exit: 3 },
      output: 'out\nerr\n',
    });
    const lines =
      'time="x" level=info msg="Pre-restore etcd database moved to /data/k3s/server/db/etcd-old-1795342600"\ntime="x" level=error msg="restart without --cluster-reset flag now"\n';
    const marked = await same(async (host) => {
      await putText(host, `${DIR}/lines`, lines);
      await did(host, start('blackstart-marker', 'marker', ['cat', `${DIR}/lines`]));
      await ended(host, 'blackstart-marker');
      return receiptOf(host, 'marker');
    });
    expect(marked).toEqual({ exit: 0, marker: true, moved: '/data/k3s/server/db/etcd-old-1795342600', ended: true });
  });

  it('takes its secret from a file, and no variable it must not see', async () => {
    await same(async (host) => {
      await did(host, ['mkdir', '-p', '-m', '0700', '/run/blackstart-units']);
      await putText(
        host,
        '/run/blackstart-units/env',
        'K3S_URL=https://x:6443\nK3S_CLUSTER_RESET=true\nK3S_TOKEN="odd \\"\\\\\\$\\` token"\n',
        0o600,
      );
      const properties = [
        'EnvironmentFile=-/etc/not/there',
        'EnvironmentFile=/run/blackstart-units/env',
        'UnsetEnvironment=K3S_URL K3S_CLUSTER_RESET K3S_TOKEN_FILE',
      ];
      await did(
        host,
        start('blackstart-env', 'env', ['sh', '-c', 'echo "[$K3S_TOKEN][$K3S_URL][$K3S_CLUSTER_RESET]"'], properties),
      );
      await ended(host, 'blackstart-env');
      return did(host, readFile(`${DIR}/env/output`));
    });
  });

  it('refuses a name that is taken, and an attempt that was begun before', async () => {
    const refused = await same(async (host) => {
      const taken = await as(host, start('blackstart-words', 'words-2', ['true']));
      await did(host, ['systemctl', 'stop', 'blackstart-words.service']);
      const freed = await as(host, start('blackstart-words', 'words', ['true']));
      const state = await ended(host, 'blackstart-words');
      return { taken: taken.code, freed: freed.code, state, receipt: await receiptOf(host, 'words') };
    });
    expect(refused).toMatchObject({ taken: 1, freed: 0, state: { active: 'failed', exitStatus: 96 } });
  });

  it('ends with systemctl stop, without a receipt', async () => {
    await same(async (host) => {
      await did(host, start('blackstart-long', 'long', ['sleep', '1000']));
      await until('the first act', async () =>
        (await as(host, readFile(`${DIR}/long/started`))).code === 0 ? true : undefined,
      );
      const running = parseUnit(await did(host, showUnit('blackstart-long.service', PROPERTIES)));
      const stopped = await as(host, ['systemctl', 'stop', 'blackstart-long.service']);
      const state = parseUnit(await did(host, showUnit('blackstart-long.service', PROPERTIES)));
      return {
        running,
        stopped: stopped.code,
        load: state.load,
        active: state.active,
        receipt: (await as(host, readFile(`${DIR}/long/receipt`))).code,
      };
    });
  });
});

describe('the journal', () => {
  it('is followed, and after a drop from the last cursor on', async () => {
    const run = async (host: Host, name: string, text: string): Promise<void> => {
      await did(host, [
        'systemd-run',
        `--unit=${name}`,
        '-p',
        'RemainAfterExit=yes',
        '-p',
        `SyslogIdentifier=${JOURNAL_NAME}`,
        '--',
        '/bin/sh',
        '-c',
        `echo '${text}'`,
      ]);
    };
    await same(async (host) => {
      const first = await follow(
        host,
        '',
        () => run(host, 'blackstart-speaks-1', 'first words'),
        (line) => line.text === 'first words',
      );
      await run(host, 'blackstart-speaks-2', 'between');
      const second = await follow(
        host,
        first.at(-1)?.cursor ?? '',
        () => run(host, 'blackstart-speaks-3', 'last words'),
        (line) => line.text === 'last words',
      );
      const mine = (lines: ParsedLine[]): unknown[] =>
        lines
          .filter((line) => /words|between/.test(line.text) && !/blackstart:/.test(line.text))
          .map((line) => [line.unit, line.severity, line.text, line.cursor !== '', line.at > 1.7e12]);
      return [mine(first), mine(second), second.some((line) => line.text === 'first words')];
    });
  });
});

/** Follows until a line came, then hangs up. */
async function follow(
  host: Host,
  cursor: string,
  then: () => Promise<void>,
  last: (line: ParsedLine) => boolean,
): Promise<ParsedLine[]> {
  const stop = new AbortController();
  const lines: ParsedLine[] = [];
  const streaming = host
    .stream({
      argv: followCommand('k3s', cursor),
      root: true,
      signal: stop.signal,
      onLine: (line) => {
        const parsed = parseJournalLine(line);
        if (parsed !== undefined) lines.push(parsed);
      },
    })
    .catch(() => undefined);
  await then();
  const index = await until(
    `the journal of ${host.name}`,
    () => {
      const found = lines.findIndex(last);
      return found < 0 ? undefined : found;
    },
    { withinMs: 20_000 },
  );
  stop.abort();
  await streaming;
  return lines.slice(0, index + 1);
}
