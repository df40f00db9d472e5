import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import type { JournalLine } from '../../src/incident/journal.js';
import { followJournals } from '../../src/journal/follow.js';
import type { Host } from '../../src/remote/host.js';

/** A host whose journal is these messages, and then silence. */
function talking(name: string, messages: readonly string[]): { host: Host; service: string } {
  const stream: Host['stream'] = ({ onLine, signal }) => {
    for (const [index, message] of messages.entries())
      onLine(
        JSON.stringify({
          __CURSOR: `${name}${index}`,
          __REALTIME_TIMESTAMP: `${1_795_000_000_000_000 + index}`,
          _SYSTEMD_UNIT: 'k3s.service',
          MESSAGE: message,
        }),
      );
    return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(0)));
  };
  return { host: { name, stream } as unknown as Host, service: 'k3s' };
}

test('a host that floods drowns neither the others nor its own errors, and what was left out is said', async () => {
  const abort = new AbortController();
  const lines: JournalLine[] = [];
  const flood = Array.from({ length: 5_000 }, (_, index) => `level=info msg="line ${index}"`);
  flood[4_000] = 'time="x" level=error msg="it broke" secret=hunter2';
  const following = followJournals({
    hosts: [talking('loud', flood), talking('quiet', ['one', 'two'])],
    clock: systemClock,
    signal: abort.signal,
    redact: (text) => text.replaceAll('hunter2', '•••'),
    match: () => [],
    onLines: (batch) => void lines.push(...batch),
  });
  abort.abort(new Error('seen enough'));
  await following;
  expect(lines.filter((one) => one.host === 'quiet').map((one) => one.text)).toEqual(['one', 'two']);
  const loud = lines.filter((one) => one.host === 'loud');
  const broke = loud.find((one) => one.severity === 'error');
  expect(broke).toMatchObject({ text: 'it broke', fields: { secret: '•••' } });
  const said = loud.at(-1)?.text ?? '';
  const left = Number(/^… ([\d,]+) lines more/.exec(said)?.[1]?.replaceAll(',', ''));
  expect(loud.length - 1 + left).toBe(5_000);
});
